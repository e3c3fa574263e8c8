/** The update operators on arrays. */
import { gatherInParts } from '../../base/resumption.ts'
import { charge } from '../../base/work.ts'
import type { BsonValue } from '../../model/document/bson.ts'
import { bsonType, bsonTypeName, elementsOf, FieldCursor, fieldsOf, getField } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { compareValues, keyText } from '../../model/document/order.ts'
import { toSafeInteger } from '../../model/document/values.ts'
import { compileValueTest } from './filter.ts'
import { longElementsOf, longFieldsOf } from './long-lists.ts'
import { compileComparator } from './sort-order.ts'
import { changeValue, type FieldChange } from './update-contract.ts'
import { ArrayNode, openNode, toValue, type TreeNode } from './update-tree.ts'

/** The array that is there, opened; an empty one where nothing is. */
function arrayAt(operator: string, name: string, before: TreeNode | undefined): ArrayNode {
  if (before === undefined) return new ArrayNode()
  const opened = openNode(before)
  if (opened instanceof ArrayNode) return opened
  const type = bsonTypeName(toValue(opened).type)
  if (operator === '$push' || operator === '$addToSet') {
    throw mongoError(mongoCode.badValue, `The field '${name}' must be an array but is of type ${type} in document`)
  }
  if (operator === '$pop') {
    const message = `Path '${name}' contains an element of non-array type '${type}'`
    throw mongoError(mongoCode.typeMismatch, message, 'wrong_type')
  }
  throw mongoError(mongoCode.badValue, `Cannot apply ${operator} to a non-array value`)
}

function withItems(items: TreeNode[]): ArrayNode {
  const node = new ArrayNode()
  node.items = items
  return node
}

interface PushModifiers {
  readonly each: Elements
  readonly position: number | undefined
  readonly slice: number | undefined
  readonly compare: ((a: BsonValue, b: BsonValue) => number) | undefined
}

function hasEach(operand: BsonValue): boolean {
  if (operand.type !== bsonType.object) return false
  const first = FieldCursor.of(operand)
  return first.next() && first.name === '$each'
}

/** A list of a million is read where it is needed: mostly that is on another thread. */
type Elements = () => readonly BsonValue[]

function eachOf(operator: string, value: BsonValue | undefined): Elements {
  if (value?.type === bsonType.array) return () => elementsOf(value)
  throw mongoError(mongoCode.typeMismatch, `The argument to $each in ${operator} must be an array`, 'wrong_type')
}

function parsePush(operand: BsonValue): PushModifiers {
  const hasModifiers = operand.type === bsonType.object && getField(operand, '$each') !== undefined
  if (!hasModifiers) return { each: () => [operand], position: undefined, slice: undefined, compare: undefined }
  const modifiers = new Map(longFieldsOf(operand))
  for (const name of modifiers.keys()) {
    if (!['$each', '$slice', '$sort', '$position'].includes(name)) {
      throw mongoError(mongoCode.badValue, `Unrecognized clause in $push: ${name}`)
    }
  }
  return {
    each: eachOf('$push', modifiers.get('$each')),
    position: integer('$position', modifiers.get('$position')),
    slice: integer('$slice', modifiers.get('$slice')),
    compare: comparatorOf(modifiers.get('$sort')),
  }
}

function integer(name: string, value: BsonValue | undefined): number | undefined {
  if (value === undefined) return undefined
  const number = toSafeInteger(value)
  if (number === undefined) throw mongoError(mongoCode.badValue, `The value for ${name} must be an integer value`)
  return number
}

function comparatorOf(sort: BsonValue | undefined): PushModifiers['compare'] {
  if (sort === undefined) return undefined
  if (sort.type === bsonType.object) return compileComparator(sort)
  const sign = toSafeInteger(sort)
  if (sign !== 1 && sign !== -1) throw mongoError(mongoCode.badValue, 'The $sort element value must be either 1 or -1')
  return (a, b) => compareValues(a, b) * sign
}

/** Of one that is moved and written. */
const unitsPerElement = 50

const push: FieldChange = (name, operand) => {
  const { each, position, slice, compare } = parsePush(operand)
  return changeValue((before) => {
    const added = each()
    const present = arrayAt('$push', name, before).items
    charge(unitsPerElement * (present.length + added.length))
    const at = position ?? present.length
    let items = [...present.slice(0, at), ...added, ...present.slice(at)]
    if (compare !== undefined) items = items.map(toValue).sort(compare)
    if (slice !== undefined) items = slice >= 0 ? items.slice(0, slice) : items.slice(slice)
    return withItems(items)
  })
}

const addToSet: FieldChange = (name, operand) => {
  if (hasEach(operand) && fieldsOf(operand).length > 1) {
    throw mongoError(mongoCode.badValue, `Found unexpected fields after $each in $addToSet: '${name}'`)
  }
  const values = hasEach(operand) ? eachOf('$addToSet', new Map(fieldsOf(operand)).get('$each')) : () => [operand]
  return changeValue((before) => {
    const { items } = arrayAt('$addToSet', name, before)
    const known = new Set(items.map((item) => keyText(toValue(item))))
    const added = values().filter((value) => {
      const key = keyText(value)
      return !known.has(key) && known.add(key) !== undefined
    })
    return withItems([...items, ...added])
  })
}

/** Leaves a field alone that is not there. */
function onExisting(operator: string, name: string, change: (items: TreeNode[]) => TreeNode[]) {
  return changeValue((before) => {
    if (before === undefined) return undefined
    return withItems(change(arrayAt(operator, name, before).items))
  })
}

const pop: FieldChange = (name, operand) => {
  const end = toSafeInteger(operand)
  if (end !== 1 && end !== -1) throw mongoError(mongoCode.failedToParse, `$pop expects 1 or -1, found: ${end}`)
  return onExisting('$pop', name, (items) => (end === 1 ? items.slice(0, -1) : items.slice(1)))
}

const pull: FieldChange = (name, operand, variables) => {
  const test = compileValueTest(operand, variables)
  return onExisting('$pull', name, (items) => items.filter((item) => !test(toValue(item))))
}

const pullAll: FieldChange = (name, operand) => {
  if (operand.type !== bsonType.array) throw mongoError(mongoCode.badValue, '$pullAll requires an array argument')
  const pulled = gatherInParts(
    longElementsOf(operand),
    () => new Set<string>(),
    (keys, element) => void keys.add(keyText(element)),
  )
  return onExisting('$pullAll', name, (items) => items.filter((item) => !pulled.has(keyText(toValue(item)))))
}

export const arrayChanges: ReadonlyMap<string, FieldChange> = new Map<string, FieldChange>([
  ['$push', push],
  ['$addToSet', addToSet],
  ['$pop', pop],
  ['$pull', pull],
  ['$pullAll', pullAll],
])
