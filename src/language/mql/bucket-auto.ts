/**
 * `$bucketAuto`: so many buckets of about as many documents each.
 *
 * Documents are sorted by the value that they are grouped by. A bucket takes its share, and then those whose value is that
 * of its last; the last bucket takes what is left.
 */
import { bsonType, type BsonValue, fieldsOf, getField } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { equalValues } from '../../model/document/order.ts'
import { parsePath } from '../../model/document/path.ts'
import { int32Value, missingValue, nullValue, toSafeInteger } from '../../model/document/values.ts'
import { compileAccumulator, type CompiledAccumulator } from './accumulators.ts'
import { compileExpression } from './expression.ts'
import { objectOf } from './expression-contract.ts'
import { Gathered } from './gathered.ts'
import { rootScope, type Variables } from './scope.ts'
import { sortDocuments } from './sorting.ts'
import { operatorOf, type Stage } from './stage.ts'

interface Output extends CompiledAccumulator {
  readonly name: string
}

export function compileBucketAuto(specification: BsonValue, variables: Variables): Stage {
  if (specification.type !== bsonType.object) {
    throw mongoError(40_240, 'The argument to $bucketAuto must be an object')
  }
  const parts = new Map(fieldsOf(specification))
  for (const name of parts.keys()) {
    if (!['groupBy', 'buckets', 'output', 'granularity'].includes(name)) {
      throw mongoError(40_245, `Unrecognized option to $bucketAuto: ${name}`)
    }
  }
  if (parts.has('granularity')) {
    throw mongoError(mongoCode.commandNotSupported, "$bucketAuto: 'granularity' is not supported", 'unsupported')
  }
  const [by, buckets] = [parts.get('groupBy'), parts.get('buckets')]
  if (by === undefined || buckets === undefined) {
    throw mongoError(40_246, "$bucketAuto requires 'groupBy' and 'buckets' to be specified")
  }
  const count = toSafeInteger(buckets)
  if (count === undefined) throw mongoError(40_241, "The $bucketAuto 'buckets' field must be a numeric value")
  if (count < 1) throw mongoError(40_243, "The $bucketAuto 'buckets' field must be greater than 0")
  const groupBy = compileExpression(by)
  const outputs = outputsOf(parts.get('output'), variables)
  /** The value in an object, so that an array is compared whole; then what each output adds. */
  const pair = (document: BsonValue): BsonValue => {
    const scope = rootScope(document, variables)
    const value = groupBy(scope)
    return objectOf([
      ['v', objectOf([['v', value.isMissing ? nullValue : value]])],
      ...outputs.map(({ input }, i): [string, BsonValue] => [String(i), input(scope)]),
    ])
  }
  const order = [{ path: parsePath('v'), descending: false }]
  return (input) => {
    const pairs = sortDocuments(operatorOf({ kind: 'change', change: pair }, input), order)
    return new Gathered('$bucketAuto', pairs, (sorted) => filled(sorted, count, outputs))
  }
}

function outputsOf(output: BsonValue | undefined, variables: Variables): Output[] {
  const fields = output === undefined ? [] : fieldsOf(output)
  const given = output === undefined ? [['count', objectOf([['$sum', int32Value(1)]])] as const] : fields
  return given.map(([name, value]): Output => {
    const operators = value.type === bsonType.object ? fieldsOf(value) : []
    const [first] = operators
    if (first === undefined || operators.length > 1) {
      throw mongoError(40_234, `The field '${name}' must be an accumulator object`)
    }
    const accumulator = compileAccumulator(first[0], first[1], variables)
    if (accumulator === undefined) throw mongoError(15_952, `unknown group operator '${first[0]}'`)
    return { name, ...accumulator }
  })
}

function valueOf(pair: BsonValue): BsonValue {
  return getField(getField(pair, 'v')!, 'v')!
}

function* filled(
  sorted: readonly BsonValue[],
  buckets: number,
  outputs: readonly Output[],
): Generator<BsonValue, void, void> {
  const share = Math.max(1, Math.round(sorted.length / buckets))
  let at = 0
  for (let bucket = 1; at < sorted.length; bucket++) {
    const from = at
    at = bucket === buckets ? sorted.length : Math.min(sorted.length, at + share)
    while (at < sorted.length && equalValues(valueOf(sorted[at]!), valueOf(sorted[at - 1]!))) at++
    const id = objectOf([
      ['min', valueOf(sorted[from]!)],
      ['max', valueOf(sorted[Math.min(at, sorted.length - 1)]!)],
    ])
    const accumulators = outputs.map(({ make }) => make(id))
    for (let i = from; i < at; i++) {
      for (const [j, one] of accumulators.entries()) one.add(getField(sorted[i]!, String(j)) ?? missingValue)
    }
    yield objectOf([
      ['_id', id],
      ...accumulators.map((one, j): [string, BsonValue] => [outputs[j]!.name, one.result()]),
    ])
  }
}
