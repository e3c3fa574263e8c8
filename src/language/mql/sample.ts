/** `$sample`: some documents by chance, each as likely as any other; and `$redact`, which leaves out parts of them. */
import { bsonType, type BsonValue, elementsOf, fieldsOf, getField } from '../../model/document/bson.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import { readString, stringValue, toDouble } from '../../model/document/values.ts'
import { compileExpression } from './expression.ts'
import { nextChance } from './expression-bits.ts'
import { arrayOf, type Expression, objectOf } from './expression-contract.ts'
import { Gathered } from './gathered.ts'
import { rootScope, type Variables } from './scope.ts'
import type { DocumentStage, Stage } from './stage.ts'

export function compileSample(specification: BsonValue): Stage {
  if (specification.type !== bsonType.object) {
    throw mongoError(28_745, 'the $sample stage specification must be an object')
  }
  const size = getField(specification, 'size')
  if (size === undefined) throw mongoError(28_749, '$sample stage must specify a size')
  if (!size.isNumber) throw mongoError(28_746, 'size argument to $sample must be a number')
  const count = Math.trunc(toDouble(size))
  if (!(count > 0)) throw mongoError(28_747, 'size argument to $sample must be a positive integer')
  return (input) => new Gathered('$sample', input, (documents) => drawn(documents, count))
}

/** A shuffle that ends when there are enough. */
function* drawn(documents: BsonValue[], count: number): Generator<BsonValue, void, void> {
  const most = Math.min(count, documents.length)
  for (let i = 0; i < most; i++) {
    const other = i + Math.floor(nextChance() * (documents.length - i))
    const taken = documents[other]!
    documents[other] = documents[i]!
    yield taken
  }
}

/** What `$$KEEP` and its kin are while `$redact` asks. */
const verdicts = { KEEP: 'keep', PRUNE: 'prune', DESCEND: 'descend' } as const

export function compileRedact(specification: BsonValue, variables: Variables): DocumentStage {
  const bound = new Map(variables)
  for (const [name, verdict] of Object.entries(verdicts)) bound.set(name, stringValue(verdict))
  const expression = compileExpression(specification)
  const expand = function* (document: BsonValue): Generator<BsonValue, void, void> {
    const left = redacted(document, document, expression, bound)
    if (left !== undefined) yield left
  }
  return { kind: 'expand', expand }
}

function redacted(
  document: BsonValue,
  root: BsonValue,
  expression: Expression,
  variables: Variables,
): BsonValue | undefined {
  const here = new Map(variables)
  here.set('CURRENT', document)
  const value = expression({ ...rootScope(root, here) })
  const verdict = value.type === bsonType.string ? readString(value) : ''
  if (verdict === verdicts.KEEP) return document
  if (verdict === verdicts.PRUNE) return undefined
  if (verdict !== verdicts.DESCEND) {
    throw mongoError(
      17_053,
      "$redact's expression should not return anything aside from the variables $$KEEP, $$DESCEND, and $$PRUNE",
    )
  }
  const fields: [string, BsonValue][] = []
  for (const [name, field] of fieldsOf(document)) {
    const left = redactedValue(field, root, expression, variables)
    if (left !== undefined) fields.push([name, left])
  }
  return objectOf(fields)
}

function redactedValue(
  value: BsonValue,
  root: BsonValue,
  expression: Expression,
  variables: Variables,
): BsonValue | undefined {
  if (value.type === bsonType.object) return redacted(value, root, expression, variables)
  if (value.type !== bsonType.array) return value
  const left = elementsOf(value).flatMap((one) => redactedValue(one, root, expression, variables) ?? [])
  return arrayOf(left)
}
