/**
 * What a stream has become, from what it was: entries behind its last one, entries that went, groups, consumers and what is pending.
 * The counters that Redis keeps beside the entries are told where the commands would not bring them about.
 */
import { sliceOf } from '../../../base/slice.ts'
import { KeyReader } from '../../../base/tuple-reader.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { elementOffset, index } from '../keys.ts'
import { gatherPieces, Pieces } from '../pieces.ts'
import { entryStrings } from '../stream-entries.ts'
import { decodeGroup, decodePending, type Group, listGroups, unknownCount } from '../stream-groups.ts'
import { formatStreamId, type StreamId } from '../stream-ids.ts'
import { idOfKey } from '../stream-keys.ts'
import { edgeId, findEntry, hasEntry, stateOf } from '../streams.ts'
import { eachStep } from '../walk.ts'
import { indexOf } from './key-before.ts'
import { Gathered, type KeyChange } from './key-change.ts'

/** False where the stream has to be told whole. */
export function* streamCommands(change: KeyChange): StatementSteps<boolean> {
  const byIndex = new Map<number, Uint8Array[]>()
  for (const element of change.elements) {
    const of = indexOf(element)
    const found = byIndex.get(of)
    if (found === undefined) byIndex.set(of, [element])
    else found.push(element)
  }
  const groups = new Map<number, Group>()
  for (const group of yield* listGroups(change.reader, change.space, change.after)) groups.set(group.number, group)
  const pending = byIndex.get(index.pending) ?? []
  // Redis makes nothing pending of which the entry is gone.
  if (yield* refersToGone(change, pending)) return false
  if (!(yield* entryCommands(change, byIndex.get(index.entry) ?? []))) return false
  yield* groupCommands(change, byIndex.get(index.group) ?? [])
  yield* consumerCommands(change, groups, byIndex.get(index.consumer) ?? [])
  yield* pendingCommands(change, groups, pending)
  yield* goneConsumers(change, groups, byIndex.get(index.consumer) ?? [])
  return true
}

function* refersToGone({ reader, space, after }: KeyChange, pending: readonly Uint8Array[]): StatementSteps<boolean> {
  let isGone = false
  yield* eachStep(reader, 0, pending.length, 1, (at) => {
    const element = sliceOf(pending[at]!)
    if (reader.get(element) !== undefined && !hasEntry(reader, space, after, idOfKey(element))) isGone = true
  })
  return isGone
}

// ---- entries

function* entryCommands(change: KeyChange, elements: readonly Uint8Array[]): StatementSteps<boolean> {
  const { key, before, after, emit } = change
  const was = stateOf(before.header)
  const is = stateOf(after)
  let lastId = was.lastId
  let added = was.entriesAdded
  const gone: StreamId[] = []
  const ids = elements.map((element) => idOfKey(sliceOf(element))).sort((a, b) => (a < b ? -1 : 1))
  for (const id of ids) {
    const strings = yield* entryAt(change, id)
    if (strings === undefined) {
      if (id <= was.lastId) gone.push(id)
      continue
    }
    if (id <= lastId) return false
    emit('XADD', key, formatStreamId(id), ...strings)
    lastId = id
    added++
  }
  const first = yield* firstId(change)
  const isTrimmed = gone.every((id) => first === undefined || id < first)
  // As the replica will have it.
  let deletedId = was.maxDeletedId
  if (gone.length > 0 && isTrimmed && is.maxDeletedId === was.maxDeletedId) {
    emit('XTRIM', key, 'MINID', formatStreamId(first ?? is.lastId + 1n))
  } else if (gone.length > 0) {
    const removed = new Gathered(emit, 'XDEL', key)
    for (const id of gone) removed.add(formatStreamId(id))
    removed.end()
    deletedId = gone.reduce((most, id) => (id > most ? id : most), deletedId)
  }
  if (lastId === is.lastId && added === is.entriesAdded && deletedId === is.maxDeletedId) return true
  // XSETID takes 0-0 for nothing that was said.
  if (is.maxDeletedId === 0n && deletedId !== 0n) return false
  const more = is.maxDeletedId === 0n ? [] : ['MAXDELETEDID', formatStreamId(is.maxDeletedId)]
  emit('XSETID', key, formatStreamId(is.lastId), 'ENTRIESADDED', is.entriesAdded, ...more)
  return true
}

function* firstId({ reader, space, after }: KeyChange): StatementSteps<StreamId | undefined> {
  let first: StreamId | undefined
  yield* eachStep(reader, 0, 1, 1, () => {
    first = edgeId(reader, space, after, 'first')
  })
  return first
}

function* entryAt({ reader, space, after }: KeyChange, id: StreamId): StatementSteps<Uint8Array[] | undefined> {
  let strings: Uint8Array[] | undefined
  let pieces: Pieces | undefined
  yield* eachStep(reader, 0, 1, 1, () => {
    const entry = findEntry(reader, space, after, id)
    if (entry instanceof Pieces) pieces = entry
    else strings = entry && entryStrings(entry)
  })
  return pieces === undefined ? strings : entryStrings(sliceOf(yield* gatherPieces(reader, pieces)))
}

// ---- groups

function* groupCommands(change: KeyChange, elements: readonly Uint8Array[]): StatementSteps<void> {
  const { reader, space, key, before, after, emit } = change
  const offset = elementOffset(space, index.group, after.generation)
  yield* eachStep(reader, 0, elements.length, 1, (at) => {
    const element = elements[at]!
    const name = new KeyReader({ bytes: element, start: offset, end: element.length }).byteString()
    const stored = reader.get(sliceOf(element))
    const is = stored && decodeGroup(name, stored)
    const old = before.elements.get(Buffer.from(element).toString('latin1'))
    const was = old && decodeGroup(name, sliceOf(old))
    if (was !== undefined && was.number !== is?.number) emit('XGROUP', 'DESTROY', key, name)
    if (is === undefined) return
    const verb = was?.number === is.number ? 'SETID' : 'CREATE'
    const read = is.entriesRead === unknownCount ? [] : ['ENTRIESREAD', is.entriesRead]
    emit('XGROUP', verb, key, name, formatStreamId(is.lastId), ...read)
  })
}

interface OfGroup {
  readonly group: Group | undefined
  readonly rest: KeyReader
}

function inGroup(
  { space, after }: KeyChange,
  groups: ReadonlyMap<number, Group>,
  of: number,
  element: Uint8Array,
): OfGroup {
  const offset = elementOffset(space, of, after.generation)
  const rest = new KeyReader({ bytes: element, start: offset, end: element.length })
  return { group: groups.get(rest.integer()), rest }
}

function* consumerCommands(
  change: KeyChange,
  groups: ReadonlyMap<number, Group>,
  elements: readonly Uint8Array[],
): StatementSteps<void> {
  const { reader, key, before, emit } = change
  yield* eachStep(reader, 0, elements.length, 1, (at) => {
    const element = elements[at]!
    const { group, rest } = inGroup(change, groups, index.consumer, element)
    if (group === undefined || reader.get(sliceOf(element)) === undefined) return
    if (before.elements.has(Buffer.from(element).toString('latin1'))) return
    emit('XGROUP', 'CREATECONSUMER', key, group.name, rest.byteString())
  })
}

function* goneConsumers(
  change: KeyChange,
  groups: ReadonlyMap<number, Group>,
  elements: readonly Uint8Array[],
): StatementSteps<void> {
  const { reader, key, emit } = change
  yield* eachStep(reader, 0, elements.length, 1, (at) => {
    const element = elements[at]!
    const { group, rest } = inGroup(change, groups, index.consumer, element)
    if (group === undefined || reader.get(sliceOf(element)) !== undefined) return
    emit('XGROUP', 'DELCONSUMER', key, group.name, rest.byteString())
  })
}

function* pendingCommands(
  change: KeyChange,
  groups: ReadonlyMap<number, Group>,
  elements: readonly Uint8Array[],
): StatementSteps<void> {
  const { reader, key, emit } = change
  yield* eachStep(reader, 0, elements.length, 1, (at) => {
    const element = sliceOf(elements[at]!)
    const { group } = inGroup(change, groups, index.pending, elements[at]!)
    if (group === undefined) return
    const id = formatStreamId(idOfKey(element))
    const stored = reader.get(element)
    if (stored === undefined) {
      emit('XACK', key, group.name, id)
      return
    }
    const { consumer, deliveredMs, deliveries } = decodePending(stored)
    const how = ['TIME', deliveredMs, 'RETRYCOUNT', deliveries, 'FORCE', 'JUSTID'] as const
    emit('XCLAIM', key, group.name, consumer, 0, id, ...how)
  })
}
