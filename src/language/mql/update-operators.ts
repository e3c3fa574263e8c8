/** The update operators on fields. Each parses its operand once and answers changes to paths of a document's tree. */
import { bsonType, bsonTypeName, BsonValue, fieldsOf } from '../../model/document/bson.ts'
import { describeKey } from '../../model/document/describe-key.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { splitPath } from '../../model/document/path.ts'
import { compareValues } from '../../model/document/order.ts'
import { dateValue, int32Value, readString } from '../../model/document/values.ts'
import { addNumbers, multiplyNumbers, toBigint } from './arithmetic.ts'
import { arrayChanges } from './update-arrays.ts'
import { changeValue, type Change, type FieldChange, type PathChange } from './update-contract.ts'
import type { Variables } from './scope.ts'
import {
  ArrayNode,
  getChild,
  openNode,
  openParent,
  removeChild,
  setChild,
  toValue,
  type TreeNode,
} from './update-tree.ts'

/** From a field's name and operand. */
export type MakeChange = (name: string, operand: BsonValue) => PathChange[]

export function makeChange(operator: string, variables: Variables): MakeChange {
  if (operator === '$rename') return rename
  const make = fieldChanges.get(operator) ?? arrayChanges.get(operator)
  if (make === undefined) {
    throw mongoError(
      mongoCode.failedToParse,
      `Unknown modifier: ${operator}. Expected a valid update modifier or pipeline-style update specified as an array`,
    )
  }
  return (name, operand) => [{ path: name, change: make(name, operand, variables) }]
}

const set: FieldChange = (_, operand) => changeValue(() => operand)

const unset: FieldChange = () => (root, path) => {
  const parent = openParent(root, path, false)
  if (parent !== undefined) removeChild(parent, path.at(-1)!)
}

function arithmetic(operator: string, combine: (before: BsonValue, operand: BsonValue) => BsonValue): FieldChange {
  return (name, operand) => {
    if (!operand.isNumber) {
      const verb = operator === '$inc' ? 'increment' : 'multiply'
      throw mongoError(
        mongoCode.typeMismatch,
        `Cannot ${verb} with non-numeric argument: {${name}: ${describeKey(operand)}}`,
        'wrong_type',
      )
    }
    return changeValue((before) => {
      if (before === undefined) return operator === '$inc' ? operand : multiplyNumbers(operand, int32Value(0))
      const value = toValue(before)
      if (value.isNumber) return combine(value, operand)
      throw mongoError(
        mongoCode.typeMismatch,
        `Cannot apply ${operator} to a value of non-numeric type. The field '${name}' has non-numeric type ${bsonTypeName(value.type)}`,
        'wrong_type',
      )
    })
  }
}

function extreme(sign: number): FieldChange {
  return (_, operand) =>
    changeValue((before) =>
      before === undefined || compareValues(operand, toValue(before)) * sign > 0 ? operand : undefined,
    )
}

const currentDate: FieldChange = (name, operand) => {
  const kind = currentDateKind(name, operand)
  return changeValue((_, { timeMs }) => (kind === 'date' ? dateValue(BigInt(timeMs)) : timestampValue(timeMs)))
}

function currentDateKind(name: string, operand: BsonValue): 'date' | 'timestamp' {
  if (operand.type === bsonType.boolean) return 'date'
  const given = operand.type === bsonType.object ? new Map(fieldsOf(operand)).get('$type') : undefined
  const kind = given?.type === bsonType.string ? readString(given) : undefined
  if (kind === 'date' || kind === 'timestamp') return kind
  throw mongoError(
    mongoCode.badValue,
    `The '$type' string field of $currentDate is required to be 'date' or 'timestamp': {$currentDate: {${name}: …}}`,
  )
}

function timestampValue(timeMs: number): BsonValue {
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, 1, true)
  view.setUint32(4, Math.floor(timeMs / 1000), true)
  return new BsonValue(bsonType.timestamp, bytes)
}

const bit: FieldChange = (name, operand) => {
  const operations = operand.type === bsonType.object ? fieldsOf(operand) : []
  if (operations.length === 0)
    throw mongoError(mongoCode.badValue, `You must pass in at least one bitwise operation: {$bit: {${name}: …}}`)
  for (const [operation, value] of operations) {
    if (!['and', 'or', 'xor'].includes(operation)) {
      throw mongoError(mongoCode.badValue, `The $bit modifier only supports 'and', 'or', and 'xor', not '${operation}'`)
    }
    if (value.type !== bsonType.int32 && value.type !== bsonType.int64) {
      throw mongoError(mongoCode.badValue, 'The $bit modifier field must be an Integer(32/64 bit)')
    }
  }
  return changeValue((before) => {
    const start = before === undefined ? int32Value(0) : toValue(before)
    if (start.type !== bsonType.int32 && start.type !== bsonType.int64) {
      throw mongoError(mongoCode.badValue, `Cannot apply $bit to a value of non-integral type: ${name}`)
    }
    return operations.reduce((value, [operation, other]) => applyBit(operation, value, other), start)
  })
}

function applyBit(operation: string, a: BsonValue, b: BsonValue): BsonValue {
  const [left, right] = [toBigint(a), toBigint(b)]
  const result = operation === 'and' ? left & right : operation === 'or' ? left | right : left ^ right
  const isShort = a.type === bsonType.int32 && b.type === bsonType.int32
  // Adding nothing gives the result its type: int32 only where both are.
  return isShort ? int32Value(Number(result)) : addNumbers(longZero, bigintValue(result))
}

function bigintValue(value: bigint): BsonValue {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigInt64(0, value, true)
  return new BsonValue(bsonType.int64, bytes)
}

const longZero = bigintValue(0n)

/** Two changes: the old name goes, the new one comes; both take part in the check for conflicts. */
const rename: MakeChange = (name, operand) => {
  if (operand.type !== bsonType.string) {
    throw mongoError(
      mongoCode.badValue,
      `The 'to' field for $rename must be a string: ${name}: ${describeKey(operand)}`,
    )
  }
  const target = readString(operand)
  if (target === name) {
    throw mongoError(mongoCode.badValue, `The source and target field for $rename must differ: ${name}: "${target}"`)
  }
  if (target.split('.').some((part) => part === '' || part.startsWith('$')) || name.includes('$')) {
    throw mongoError(mongoCode.badValue, `The source and target of $rename may not be dynamic or empty: ${target}`)
  }
  const from = splitPath(name)
  const to = splitPath(target)
  if (`${target}.`.startsWith(`${name}.`) || `${name}.`.startsWith(`${target}.`)) {
    throw mongoError(
      mongoCode.badValue,
      `The source and target field for $rename must not be on the same path: ${name}: "${target}"`,
    )
  }
  const move: Change = (root) => {
    const parent = openParent(root, from, false)
    const moved = parent === undefined ? undefined : getChild(parent, from.at(-1)!)
    if (moved === undefined) return
    refuseArray(root, from, 'source')
    refuseArray(root, to, 'destination')
    removeChild(parent!, from.at(-1)!)
    setChild(openParent(root, to, true)!, to.at(-1)!, moved)
  }
  return [
    { path: name, change: move },
    { path: target, change: () => undefined },
  ]
}

function refuseArray(root: TreeNode, path: readonly string[], role: 'source' | 'destination'): void {
  let node: TreeNode | undefined = root
  for (const name of path) {
    if (node === undefined) return
    const opened = openNode(node)
    if (opened instanceof ArrayNode) {
      const message = `The ${role} field of $rename cannot be an array element, '${path.join('.')}' goes through an array`
      throw mongoError(mongoCode.badValue, message)
    }
    node = getChild(opened, name)
  }
}

export const fieldChanges: ReadonlyMap<string, FieldChange> = new Map<string, FieldChange>([
  ['$set', set],
  ['$setOnInsert', set],
  ['$unset', unset],
  ['$inc', arithmetic('$inc', (before, operand) => addNumbers(before, operand, 'error'))],
  ['$mul', arithmetic('$mul', (before, operand) => multiplyNumbers(before, operand, 'error'))],
  ['$min', extreme(-1)],
  ['$max', extreme(1)],
  ['$currentDate', currentDate],
  ['$bit', bit],
])
