/** What has to be known of the earlier of two states, to say how a key came from it to the later one. */
import { copySlice, sliceOf } from '../../../base/slice.ts'
import { KeyReader } from '../../../base/tuple-reader.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { Header, kind } from '../codec.ts'
import { index, type Keyspace } from '../keys.ts'
import { offsetIn, readPosition, wholeRange } from '../lists.ts'
import { eachStep, walk, type SlicedReader } from '../walk.ts'
import { type ChangedElements, type ChangedSpace, copyHeader, keyBytes, readHeader } from './changed-keys.ts'

export interface KeyBefore {
  readonly header: Header
  /** Of changed elements that were there. Of groups of a stream with what was there. */
  readonly elements: ReadonlyMap<string, Uint8Array | undefined>
  /** Of a list: the positions of its first items, and of its last ones from the end: one more than have changed, if there are. */
  readonly head: readonly number[]
  readonly tail: readonly number[]
}

/** Of the index that an element lies in. */
export function indexOf(element: Uint8Array): number {
  const reader = new KeyReader(sliceOf(element))
  reader.orderedVarint()
  return reader.orderedVarint()
}

/** Of all changed keys, as they are in this state; removed ranges become their elements. */
export function* lookBefore(
  reader: SlicedReader,
  space: Keyspace,
  changed: ChangedSpace,
): StatementSteps<Map<string, KeyBefore>> {
  const found = new Map<string, KeyBefore>()
  const keys = [...changed.keys]
  const header = new Header()
  yield* eachStep(reader, 0, keys.length, 1, (at) => {
    const key = keys[at]!
    if (!readHeader(reader, space, keyBytes(key), header)) return undefined
    const copy = copyHeader(header)
    const elements = header.isInline ? undefined : changed.generations.get(header.generation)
    if (elements === undefined) {
      found.set(key, { header: copy, elements: new Map(), head: [], tail: [] })
      return undefined
    }
    return lookAtElements(reader, space, copy, elements, (before) => found.set(key, before))
  })
  return found
}

function* lookAtElements(
  reader: SlicedReader,
  space: Keyspace,
  header: Header,
  changed: ChangedElements,
  take: (before: KeyBefore) => void,
): StatementSteps<void> {
  for (const { start, end } of changed.ranges.splice(0)) {
    yield* walk(reader, { start: sliceOf(start), end: sliceOf(end) }, (key) => {
      changed.keys.add(Buffer.from(copySlice(key)).toString('latin1'))
    })
  }
  const elements = new Map<string, Uint8Array | undefined>()
  let head: number[] = []
  let tail: number[] = []
  if (header.kind === kind.list || header.kind === kind.stream) {
    const names = [...changed.keys]
    yield* eachStep(reader, 0, names.length, 1, (at) => {
      const name = names[at]!
      const stored = reader.get(sliceOf(keyBytes(name)))
      if (stored === undefined) return
      elements.set(name, indexOf(keyBytes(name)) === index.group ? copySlice(stored) : undefined)
    })
  }
  if (header.kind === kind.list) {
    head = yield* edgeOf(reader, space, header, elements.size + 1, false)
    tail = yield* edgeOf(reader, space, header, elements.size + 1, true)
  }
  take({ header, elements, head, tail })
}

function* edgeOf(
  reader: SlicedReader,
  space: Keyspace,
  list: Header,
  limit: number,
  reverse: boolean,
): StatementSteps<number[]> {
  const positions: number[] = []
  const offset = offsetIn(space, list)
  yield* walk(reader, wholeRange(space, list), (key) => void positions.push(readPosition(key, offset)), {
    limit,
    reverse,
  })
  return positions
}
