/** `$group`: documents with equal `_id` expressions become one, in the order in which groups were first met. */
import { resumable } from '../../base/resumption.ts'
import { charge } from '../../base/work.ts'
import type { BsonValue } from '../../model/document/bson.ts'
import { bsonType, fieldsOf } from '../../model/document/bson.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import { keyText } from '../../model/document/order.ts'
import { int32Value, integerValue, nullValue } from '../../model/document/values.ts'
import { type Accumulator, compileAccumulator, type CompiledAccumulator } from './accumulators.ts'
import { compileExpression } from './expression.ts'
import { objectOf, type Expression } from './expression-contract.ts'
import { rootScope, type Variables } from './scope.ts'
import { type AggregatePlan, HashAggregate } from '../../query/aggregate.ts'
import type { Run } from '../../query/operator.ts'
import { CountDocuments, documentFormat, keptBytes } from './documents.ts'
import type { Stage } from './stage.ts'

const groupBytes = 200
const accumulatorBytes = 100
/** Of a field for a document, and of a value of a result. */
const unitsPerField = 200
const unitsPerResult = 500

interface Field extends CompiledAccumulator {
  readonly name: string
}

export function compileGroup(specification: BsonValue, variables: Variables): Stage {
  if (specification.type !== bsonType.object)
    throw mongoError(15_947, "a group's fields must be specified in an object")
  const fields = fieldsOf(specification)
  const idSpecification = fields.find(([name]) => name === '_id')?.[1]
  if (idSpecification === undefined) throw mongoError(15_955, 'a group specification must include an _id')
  const id = compileExpression(idSpecification)
  const outputs = compileFields(fields, variables)
  const onlyCounts = isScalar(idSpecification) && outputs.every(({ counts }) => counts)
  if (onlyCounts) return countedGroup(idSpecification, outputs)
  return groupStage(id, outputs, variables)
}

/** By an expression that is compiled. */
export function compileGroupBy(
  id: Expression,
  fields: readonly (readonly [string, BsonValue])[],
  variables: Variables,
): Stage {
  return groupStage(id, compileFields(fields, variables), variables)
}

function groupStage(id: Expression, outputs: readonly Field[], variables: Variables): Stage {
  const plan = groupPlan(id, outputs, variables)
  return (input) => new HashAggregate(input, plan)
}

function compileFields(fields: readonly (readonly [string, BsonValue])[], variables: Variables): Field[] {
  return fields.filter(([name]) => name !== '_id').map(([name, value]) => compileField(name, value, variables))
}

function compileField(name: string, value: BsonValue, variables: Variables): Field {
  if (name.includes('.')) throw mongoError(40_235, `The field name '${name}' cannot contain '.'`)
  if (name.startsWith('$')) throw mongoError(40_236, `The field name '${name}' cannot be an operator name`)
  if (value.type !== bsonType.object) {
    throw mongoError(40_234, `The field '${name}' must be an accumulator object`)
  }
  const operators = fieldsOf(value)
  if (operators.length !== 1) throw mongoError(40_238, `The field '${name}' must specify one accumulator`)
  const [[operator, operand]] = operators as [[string, BsonValue]]
  const accumulator = compileAccumulator(operator, operand, variables)
  if (accumulator === undefined) throw mongoError(15_952, `unknown group operator '${operator}'`)
  return { name, ...accumulator }
}

/** A constant that is written as itself. */
function isScalar(specification: BsonValue): boolean {
  return specification.type === bsonType.null || specification.isNumber
}

/** One group, of which nothing is asked but how many there are: what drivers' `countDocuments` sends. */
function countedGroup(id: BsonValue, fields: readonly Field[]): Stage {
  const made = (count: number): BsonValue | undefined => {
    if (count === 0) return undefined
    return objectOf([['_id', id], ...fields.map(({ name }): [string, BsonValue] => [name, integerValue(count)])])
  }
  return (input) => new CountDocuments(input, made)
}

interface Group {
  readonly id: BsonValue
  readonly accumulators: readonly Accumulator[]
}

function groupPlan(
  id: Expression,
  fields: readonly Field[],
  variables: Variables,
): AggregatePlan<BsonValue, Group, BsonValue, Run> {
  const idOf = (document: BsonValue): BsonValue => id(rootScope(document, variables))
  return {
    format: documentFormat,
    keyOf: (document) => keyText(idOf(document)),
    begin: (document) => {
      const value = idOf(document!)
      const own = value.isMissing ? nullValue : value.copy()
      return { id: own, accumulators: fields.map(({ make }) => make(own)) }
    },
    groupBytes: (group) => groupBytes + keptBytes(group.id) + fields.length * accumulatorBytes,
    evaluate: (document) => {
      charge(unitsPerField * fields.length)
      const scope = rootScope(document, variables)
      return fields.map(({ input }) => input(scope))
    },
    add: (group, values) => {
      let grown = 0
      for (let i = 0; i < fields.length; i++) grown += group.accumulators[i]!.add(values[i] as BsonValue)
      return grown
    },
    finish: resumable((group: Group) => {
      charge(unitsPerResult * (1 + fields.length))
      return objectOf([
        ['_id', group.id],
        ...group.accumulators.map((one, i): [string, BsonValue] => [fields[i]!.name, one.result()]),
      ])
    }),
  }
}

/** `$count`: one document, or none where nothing came. */
export function countStage(name: string): Stage {
  const made = (count: number): BsonValue | undefined => {
    return count === 0 ? undefined : objectOf([[name, integerValue(count)]])
  }
  return (input) => new CountDocuments(input, made)
}

/** `$sortByCount`'s first half: the specification of its group. */
export function countPerValue(expression: BsonValue): BsonValue {
  return objectOf([
    ['_id', expression],
    ['count', objectOf([['$sum', int32Value(1)]])],
  ])
}
