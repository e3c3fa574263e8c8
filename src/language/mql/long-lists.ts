/**
 * Lists in what clients send, which may be as long as a message: read and gone through in parts (`base/resumption.ts`).
 */
import { charge, isBounded, isTurnOver } from '../../base/work.ts'
import { gatherInParts, part } from '../../base/resumption.ts'
import { suspended } from '../../database/transaction/wait.ts'
import {
  bsonType,
  type BsonValue,
  elementsOf,
  FieldCursor,
  fieldsOf,
  getField,
  isNestedType,
} from '../../model/document/bson.ts'
import { SortedRuns } from '../../query/sorted-runs.ts'

/** What is shorter is read at once, and evaluated as one. */
const shortBytes: number = 16 * 1024

export function isLong({ start, end }: BsonValue): boolean {
  return end - start > shortBytes
}

const elementsAtOnce = 256
const unitsPerElement = 100

/** As `elementsOf`. */
export function longElementsOf(value: BsonValue): BsonValue[] {
  if (!isLong(value) || !isNestedType(value.type)) return elementsOf(value)
  return readInParts(value, (cursor) => cursor.value.reference())
}

/** As `fieldsOf`. */
export function longFieldsOf(value: BsonValue): [string, BsonValue][] {
  if (!isLong(value) || !isNestedType(value.type)) return fieldsOf(value)
  return readInParts(value, (cursor) => [cursor.name, cursor.value.reference()])
}

/**
 * Whether a long object or array is a value as it stands, in which nothing is to be evaluated: no text that begins with $,
 * no name that does or has a dot. It need not be taken apart then, nor put together for each document.
 */
export function isLongLiteral(value: BsonValue): boolean {
  if (!isLong(value) || !isNestedType(value.type)) return false
  const begin = () => ({ path: [levelOf(value)], isLiteral: true })
  return part(begin, (state) => {
    const { path } = state
    for (let i = 0; i < elementsAtOnce; i++) {
      const level = path.at(-1)
      if (level === undefined) return true
      const { cursor, isArray } = level
      if (!cursor.next()) {
        path.pop()
        continue
      }
      state.isLiteral = !isEvaluated(cursor, isArray)
      if (!state.isLiteral) return true
      if (isNestedType(cursor.value.type)) path.push(levelOf(cursor.value))
    }
    return false
  }).isLiteral
}

interface Level {
  readonly cursor: FieldCursor
  readonly isArray: boolean
}

function levelOf(value: BsonValue): Level {
  return { cursor: FieldCursor.of(value), isArray: value.type === bsonType.array }
}

const dollar = 0x24
const dot = 0x2e

function isEvaluated({ value, nameStart, nameEnd }: FieldCursor, isElement: boolean): boolean {
  const { bytes, start, type } = value
  // Behind the text's length.
  if (type === bsonType.string && bytes[start + 4] === dollar) return true
  return !isElement && (bytes[nameStart] === dollar || bytes.subarray(nameStart, nameEnd).includes(dot))
}

/** As `getField`. */
export function longField(document: BsonValue, name: string): BsonValue | undefined {
  if (!isLong(document)) return getField(document, name)
  return part(
    () => ({ cursor: FieldCursor.of(document), found: undefined as BsonValue | undefined }),
    (state) => {
      const { cursor } = state
      for (let i = 0; i < elementsAtOnce; i++) {
        if (!cursor.next()) return true
        if (cursor.nameEnd - cursor.nameStart !== name.length || cursor.name !== name) continue
        state.found = cursor.value.reference()
        return true
      }
      return false
    },
  ).found
}

interface FoundElement {
  readonly element: BsonValue
  readonly position: number
}

/** The first element that a test accepts, and its position. */
export function findElement(
  array: BsonValue,
  test: (element: BsonValue, position: number) => boolean,
): FoundElement | undefined {
  const begin = () => ({
    cursor: FieldCursor.of(array),
    position: -1,
    element: undefined as BsonValue | undefined,
    isFound: false,
  })
  const { element, position, isFound } = part(begin, (state) => {
    for (let i = 0; i < elementsAtOnce; i++) {
      if (state.element === undefined) {
        if (!state.cursor.next()) return true
        state.element = state.cursor.value.reference()
        state.position++
        charge(unitsPerElement)
      }
      // A test that is interrupted is made again.
      state.isFound = test(state.element, state.position)
      if (state.isFound) return true
      state.element = undefined
    }
    return false
  })
  return isFound ? { element: element!, position } : undefined
}

function readInParts<T>(value: BsonValue, read: (cursor: FieldCursor) => T): T[] {
  const { list } = part(
    () => ({ cursor: FieldCursor.of(value), list: [] as T[] }),
    (state) => {
      const before = state.list.length
      let isDone = false
      while (!isDone && state.list.length - before < elementsAtOnce) {
        isDone = !state.cursor.next()
        if (!isDone) state.list.push(read(state.cursor))
      }
      charge(unitsPerElement * (state.list.length - before))
      return isDone
    },
  )
  return list
}

/** Sorted, and stable: in parts where it is long. */
export function sortedInParts<T>(list: readonly T[], compare: (a: T, b: T) => number): readonly T[] {
  const sorting = gatherInParts(
    list,
    () => new SortedRuns<T>(compare, () => undefined),
    (runs, element) => {
      charge(unitsPerSorted)
      runs.add(element)
    },
  )
  const { all } = part(
    () => ({ all: [] as readonly T[] }),
    (state) => {
      const moved = sorting.step()
      charge(unitsPerSorted * moved)
      if (moved === 0) state.all = sorting.takeAll()
      return moved === 0
    },
  )
  return all
}

const unitsPerSorted = 300

export type DocumentTest = (document: BsonValue) => boolean

/** A list of tests that is longer may be interrupted between two of them. */
const fewTests = 256
const unitsPerTest = 400

/**
 * Whether one of the tests answers `wanted`. Where there are many, and the turn is over on the way, the same document
 * goes on at the test where it was.
 */
export function someTest(tests: readonly DocumentTest[], wanted: boolean): DocumentTest {
  if (tests.length <= fewTests) {
    return (document) => {
      for (const test of tests) if (test(document) === wanted) return true
      return false
    }
  }
  let kept: { readonly document: BsonValue; readonly at: number } | undefined
  return (document) => {
    const before = kept !== undefined && isSameDocument(kept.document, document) ? kept : undefined
    kept = undefined
    const from = before?.at ?? 0
    let at = from
    try {
      for (; at < tests.length; at++) {
        // It has come further than before, or it would not end.
        if (at > from && !isBounded() && isTurnOver()) throw suspended
        charge(unitsPerTest)
        if (tests[at]!(document) === wanted) return true
      }
      return false
    } catch (error) {
      kept = { document: before?.document ?? document.copy(), at }
      throw error
    }
  }
}

function isSameDocument(a: BsonValue, b: BsonValue): boolean {
  if (a.end - a.start !== b.end - b.start || a.type !== b.type) return false
  return Buffer.compare(a.bytes.subarray(a.start, a.end), b.bytes.subarray(b.start, b.end)) === 0
}
