/**
 * Projections: which fields of a document a reader gets, and computed ones.
 *
 * A specification becomes a tree by path components, which is applied to documents (`project-document.ts`). Three modes say
 * what happens to fields that the tree does not name: `include` drops them, `exclude` and `add` ($addFields) keep them. A
 * tree applied to an array applies to each of its documents.
 */
import {
  bsonType,
  type BsonValue,
  elementsOf,
  FieldCursor,
  getField,
  isEmptyDocument,
} from '../../model/document/bson.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import { splitPath } from '../../model/document/path.ts'
import { isTruthy, missingValue, readString, toSafeInteger } from '../../model/document/values.ts'
import { gatherInParts, mapInParts } from '../../base/resumption.ts'
import { charge } from '../../base/work.ts'
import { compileExpression } from './expression.ts'
import { arrayOf } from './expression-contract.ts'
import { compileValueTest, matchedPosition, type Filter } from './filter.ts'
import { findElement, longElementsOf, longFieldsOf } from './long-lists.ts'
import { type Branch, type Mode, newBranch, type Node, projectDocument } from './project-document.ts'
import { rootScope, type Variables } from './scope.ts'

export type Projection = (document: BsonValue) => BsonValue

const listed: Node = { kind: 'listed' }

type Field = readonly [string, BsonValue]

/** `find`'s projection, or `$project`'s. `filter` is the query's, for the positional operator. */
export function compileProjection(specification: BsonValue, variables: Variables, filter?: Filter): Projection {
  const fields = flattened(specification)
  const mode = modeOf(fields, filter)
  const begin = (): { root: Branch; idWish: boolean | undefined } => ({ root: newBranch(), idWish: undefined })
  const { root, idWish } = gatherInParts(fields, begin, (made, [name, value]) => {
    charge(unitsPerField)
    if (name === '_id' && isFlag(value)) made.idWish = isTruthy(value)
    else addNode(made.root, name, value, filter)
  })
  const namesId = mode === 'include' ? idWish !== false : idWish === false
  if (namesId && !root.children.has('_id')) root.children.set('_id', listed)
  return (document) => projectDocument(document, root, mode, rootScope(document, variables))
}

export function compileAddFields(specification: BsonValue, variables: Variables): Projection {
  const root = gatherInParts(flattened(specification), newBranch, (made, [name, value]) => {
    charge(unitsPerField)
    setNode(made, name, { kind: 'computed', expression: compileExpression(value) })
  })
  return (document) => projectDocument(document, root, 'add', rootScope(document, variables))
}

export function compileUnset(names: readonly string[]): Projection {
  const root = gatherInParts(names, newBranch, (made, name) => {
    charge(unitsPerField)
    setNode(made, name, listed)
  })
  return (document) => projectDocument(document, root, 'exclude', rootScope(document, new Map()))
}

const unitsPerField = 1000

function isFlag(value: BsonValue): boolean {
  return value.isNumber || value.type === bsonType.boolean
}

function operatorOf(value: BsonValue): string | undefined {
  if (value.type !== bsonType.object) return undefined
  const first = FieldCursor.of(value)
  const name = first.next() ? first.name : undefined
  return name?.startsWith('$') === true ? name : undefined
}

function modeOf(fields: readonly Field[], filter: Filter | undefined): Mode {
  const begin = (): { mode: Mode | undefined; id: BsonValue | undefined } => ({ mode: undefined, id: undefined })
  const found = gatherInParts(fields, begin, (state, [name, value]) => {
    charge(unitsPerField)
    if (name === '_id') state.id ??= value
    if ((name === '_id' && isFlag(value)) || isEmptyObject(value) || isFindSlice(value, filter)) return
    const own: Mode = isFlag(value) && !isTruthy(value) ? 'exclude' : 'include'
    if (state.mode !== undefined && state.mode !== own) {
      const kind = own === 'exclude' ? 'exclusion on field' : 'inclusion on field'
      const place = state.mode === 'include' ? 'in inclusion projection' : 'in exclusion projection'
      throw mongoError(own === 'exclude' ? 31_254 : 31_253, `Cannot do ${kind} ${name} ${place}`)
    }
    state.mode = own
  })
  if (found.mode !== undefined) return found.mode
  return found.id !== undefined && isFlag(found.id) && isTruthy(found.id) ? 'include' : 'exclude'
}

function isEmptyObject(value: BsonValue): boolean {
  return value.type === bsonType.object && isEmptyDocument(value)
}

/** Nested documents that are no operators stand for dotted paths; empty ones stay. */
function flattened(specification: BsonValue): readonly Field[] {
  return gatherInParts<Field, Field[]>(
    longFieldsOf(specification),
    () => [],
    (fields, [name, value]) => {
      charge(unitsPerField)
      const isOne = value.type !== bsonType.object || operatorOf(value) !== undefined || isEmptyDocument(value)
      const inner = isOne ? undefined : flattened(value)
      if (inner === undefined) fields.push([name, value])
      else for (const [rest, one] of inner) fields.push([`${name}.${rest}`, one])
    },
  )
}

function addNode(root: Branch, name: string, value: BsonValue, filter: Filter | undefined): void {
  if (isFlag(value)) {
    if (name.endsWith('.$')) return setNode(root, name.slice(0, -2), positional(name, filter))
    return setNode(root, name, listed)
  }
  if (isFindSlice(value, filter)) return setNode(root, name, sliced(value))
  if (operatorOf(value) === '$elemMatch' && filter !== undefined) return setNode(root, name, firstMatch(value))
  if (isEmptyObject(value)) {
    throw mongoError(51_270, `An empty sub-projection is not a valid value. Found empty object at path '${name}'`)
  }
  setNode(root, name, { kind: 'computed', expression: compileExpression(value) })
}

function setNode(root: Branch, name: string, node: Node): void {
  const components = splitPath(name)
  if (name.endsWith('.')) throw mongoError(40_353, "FieldPath must not end with a '.'.")
  if (components.includes('')) throw mongoError(15_998, 'FieldPath field names may not be empty strings.')
  if (components.some((one) => one.startsWith('$'))) {
    throw mongoError(16_410, `FieldPath field names may not start with '$': ${name}`)
  }
  const computes = node.kind === 'computed'
  let branch = root
  branch.computes ||= computes
  for (const [i, component] of components.slice(0, -1).entries()) {
    const found = branch.children.get(component)
    if (found !== undefined && found.kind !== 'nested') {
      const rest = components.slice(i + 1).join('.')
      throw mongoError(31_249, `Path collision at ${name} remaining portion ${rest}`)
    }
    const next = found ?? newBranch()
    next.computes ||= computes
    branch.children.set(component, next)
    branch = next
  }
  const last = components.at(-1)!
  if (branch.children.has(last)) throw mongoError(31_250, `Path collision at ${name}`)
  branch.children.set(last, node)
}

/** `find` has a `$slice` of its own; with an array to be cut it is the expression there too. */
function isFindSlice(value: BsonValue, filter: Filter | undefined): boolean {
  return filter !== undefined && operatorOf(value) === '$slice' && !isExpressionSlice(value)
}

function isExpressionSlice(value: BsonValue): boolean {
  const operand = getField(value, '$slice')!
  const [first] = operand.type === bsonType.array ? elementsOf(operand) : []
  return first !== undefined && !first.isNumber
}

function sliced(value: BsonValue): Node {
  const operand = getField(value, '$slice')!
  const [first, second] =
    operand.type === bsonType.array ? elementsOf(operand).map(toSafeInteger) : [toSafeInteger(operand)]
  if (first === undefined) throw mongoError(28_667, 'First argument to $slice must be an integer')
  if (operand.type === bsonType.array && (second === undefined || second <= 0)) {
    throw mongoError(28_724, '$slice limit must be positive')
  }
  return {
    kind: 'changed',
    change: (array) => {
      if (array.type !== bsonType.array) return array
      const elements = longElementsOf(array)
      if (second === undefined) return arrayOf(first >= 0 ? elements.slice(0, first) : elements.slice(first))
      const from = first < 0 ? Math.max(0, elements.length + first) : first
      return arrayOf(elements.slice(from, from + second))
    },
  }
}

function firstMatch(value: BsonValue): Node {
  const test = compileValueTest(getField(value, '$elemMatch')!, new Map())
  return {
    kind: 'changed',
    change: (array) => {
      const found = array.type === bsonType.array ? findElement(array, test) : undefined
      return found === undefined ? missingValue : arrayOf([found.element])
    },
  }
}

function positional(name: string, filter: Filter | undefined): Node {
  if (filter === undefined) throw mongoError(31_324, `positional projection '${name}' is allowed in find only`)
  return {
    kind: 'changed',
    change: (array, document) => {
      if (array.type !== bsonType.array) return array
      const position = matchedPosition(filter, document)
      if (position === undefined) {
        throw mongoError(
          51_246,
          "Executor error during find command :: caused by :: positional operator '.$' couldn't find a matching element in the array",
        )
      }
      const element = findElement(array, (_, at) => at === position)?.element
      return element === undefined ? array : arrayOf([element])
    },
  }
}

export function fieldNames(value: BsonValue): string[] {
  return value.type === bsonType.array ? mapInParts(longElementsOf(value), readString) : [readString(value)]
}
