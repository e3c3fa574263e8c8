/**
 * Stages of a pipeline, as operators of `query/` over the stage before.
 *
 * A stage that answers each document by itself also has another form, `each`: what a cursor does batch by batch, with the
 * position in its scan after every document.
 */
import type { BsonValue } from '../../model/document/bson.ts'
import { Expand, Filter, Project } from '../../query/row-operators.ts'
import { documentBytes, type Documents } from './documents.ts'

export type Stage = (input: Documents) => Documents

/** One document for each, none or one, or any number. */
export type DocumentStage =
  | { readonly kind: 'change'; readonly change: (document: BsonValue) => BsonValue }
  | { readonly kind: 'match'; readonly matches: (document: BsonValue) => boolean }
  | { readonly kind: 'expand'; readonly expand: (document: BsonValue) => Iterator<BsonValue> }

export function operatorOf(stage: DocumentStage, input: Documents): Documents {
  if (stage.kind === 'change') return new Project(input, stage.change, documentBytes)
  if (stage.kind === 'match') return new Filter(input, stage.matches)
  return new Expand(input, stage.expand, documentBytes)
}

/** What comes out behind these stages for one document, in memory that may be the document's own. */
export function* eachOf(
  stages: readonly DocumentStage[],
  document: BsonValue,
  from = 0,
): Generator<BsonValue, void, void> {
  const stage = stages[from]
  if (stage === undefined) yield document
  else if (stage.kind === 'change') yield* eachOf(stages, stage.change(document), from + 1)
  else if (stage.kind === 'match') {
    if (stage.matches(document)) yield* eachOf(stages, document, from + 1)
  } else {
    const made = stage.expand(document)
    for (let step = made.next(); step.done !== true; step = made.next()) yield* eachOf(stages, step.value, from + 1)
  }
}
