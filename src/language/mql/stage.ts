/**
 * Stages of a pipeline, as operators of `query/` over the stage before.
 *
 * A stage that answers each document by itself also has another form, `each`: what a cursor does batch by batch, with the
 * position in its scan after every document.
 */
import { resumable } from '../../base/resumption.ts'
import type { BsonValue } from '../../model/document/bson.ts'
import type { Batch } from '../../query/operator.ts'
import { Expand, Filter, Project } from '../../query/row-operators.ts'
import { documentBytes, type Documents } from './documents.ts'
import { isLong } from './long-lists.ts'

export type Stage = (input: Documents) => Documents

/** One document for each, none or one, or any number. */
export type DocumentStage =
  | { readonly kind: 'change'; readonly change: (document: BsonValue) => BsonValue }
  | { readonly kind: 'match'; readonly matches: (document: BsonValue) => boolean }
  | { readonly kind: 'expand'; readonly expand: (document: BsonValue) => Iterator<BsonValue> }

export function operatorOf(stage: DocumentStage, input: Documents): Documents {
  if (stage.kind === 'change') return new Project(input, inTurns(stage.change), documentBytes)
  if (stage.kind === 'match') return new Filter(input, stage.matches)
  return new Expand(input, stage.expand, documentBytes)
}

/** A change of a long document goes on where its turn was over. */
function inTurns(change: (document: BsonValue) => BsonValue): (document: BsonValue) => BsonValue {
  const long = resumable(change)
  return (document) => (isLong(document) ? long(document) : change(document))
}

/** One document, as an operator; it must be in memory of its own. */
export class OneDocument implements Documents {
  readonly #document: BsonValue
  #isOut = false

  constructor(document: BsonValue) {
    this.#document = document
  }

  next(): Batch<BsonValue> {
    if (this.#isOut) return undefined
    this.#isOut = true
    return [this.#document]
  }

  reset(): void {
    this.#isOut = false
  }
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
