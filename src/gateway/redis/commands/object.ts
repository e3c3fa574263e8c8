/**
 * OBJECT. A value has one form here, whatever its size; ENCODING tells which one Redis would have it in, by the parameters that say
 * so there.
 */
import type { StatementSteps } from '../../../database/contract.ts'
import { MutableSlice, type Slice, sliceLength } from '../../../base/slice.ts'
import { Header, kind } from '../../../model/keyvalue/codec.ts'
import { decodeLastElement, elementOffset, elementRange } from '../../../model/keyvalue/keys.ts'
import { elementIndex, findHeader } from '../../../model/keyvalue/keyvalue.ts'
import { parseInt64 } from '../../../model/keyvalue/integer-text.ts'
import { walk } from '../../../model/keyvalue/walk.ts'
import type { AccessKind, AccessTable } from '../eviction/access-table.ts'
import { CommandError } from '../errors.ts'
import type { Call, DataHandler, Steps } from '../call.ts'
import { writeHelp } from './help.ts'

/** Redis's longest text beside its header. */
const mostEmbeddedBytes = 44
const longestInteger = 20

function encodingOfString(value: Slice): string {
  const length = sliceLength(value)
  if (length <= longestInteger && parseInt64(value) !== undefined) return 'int'
  return length <= mostEmbeddedBytes ? 'embstr' : 'raw'
}

function* encodingOf(call: Call, header: Header): StatementSteps<string> {
  const { settings } = call.server
  switch (header.kind) {
    case kind.string:
      return header.isInline ? encodingOfString(header) : 'raw'
    case kind.list:
      return 'quicklist'
    case kind.set:
      if (header.count > settings.number('set-max-intset-entries')) return 'hashtable'
      return (yield* isEach(call, header, (member) => parseInt64(member) !== undefined)) ? 'intset' : 'hashtable'
    case kind.hash: {
      if (header.count > settings.number('hash-max-listpack-entries') || header.hasLong) return 'hashtable'
      const most = settings.number('hash-max-listpack-value')
      const isShort = (field: Slice, value: Slice): boolean => sliceLength(field) <= most && sliceLength(value) <= most
      return (yield* isEach(call, header, isShort)) ? 'listpack' : 'hashtable'
    }
    case kind.sortedSet: {
      if (header.count > settings.number('zset-max-listpack-entries')) return 'skiplist'
      const most = settings.number('zset-max-listpack-value')
      return (yield* isEach(call, header, (member) => sliceLength(member) <= most)) ? 'listpack' : 'skiplist'
    }
    default:
      return 'stream'
  }
}

function* isEach(
  call: Call,
  { kind: of, generation }: Header,
  test: (element: Slice, value: Slice) => boolean,
): StatementSteps<boolean> {
  const { space } = call
  const elements = elementIndex(of)
  const offset = elementOffset(space, elements, generation)
  const element = new MutableSlice()
  let isSo = true
  yield* walk(call.tx, elementRange(space, elements, generation), (key, value) => {
    isSo = test(decodeLastElement(key, offset, element), value)
    return isSo
  })
  return isSo
}

/** `answer` of a key that is there. */
function ofKey(answer: (call: Call, header: Header) => Steps): DataHandler {
  return (call) => {
    const header = new Header()
    if (findHeader(call.tx, call.space, call.arg(2), header)) return answer(call, header)
    call.reply.null()
  }
}

const switchingNote =
  'Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.'

/** What is noted of uses is so only where a policy asks for it: none is, and another one is not. */
function accessesOf(call: Call, kind: AccessKind): AccessTable {
  const { accesses } = call.server.eviction
  if (accesses?.kind === kind) return accesses
  if (kind === 'lfu') {
    throw new CommandError(
      `ERR An LFU maxmemory policy is not selected, access frequency not tracked. ${switchingNote}`,
    )
  }
  throw new CommandError(
    accesses === undefined
      ? 'ERR idle time is tracked where maxmemory-policy is one of LRU'
      : `ERR An LFU maxmemory policy is selected, idle time not tracked. ${switchingNote}`,
  )
}

function frequency(call: Call): void {
  const accesses = accessesOf(call, 'lfu')
  call.reply.integer(accesses.frequency(call.client.database, call.arg(2), call.server.now()))
}

function idleTime(call: Call): void {
  const accesses = accessesOf(call, 'lru')
  call.reply.integer(Math.floor(accesses.idleMs(call.client.database, call.arg(2), call.server.now()) / 1000))
}

export const objectCommands: Readonly<Record<string, DataHandler>> = {
  'object|encoding': ofKey(function* (call, header) {
    call.reply.bulkText(yield* encodingOf(call, header))
  }),
  'object|refcount': ofKey((call) => call.reply.integer(1)),
  'object|freq': ofKey(frequency),
  'object|idletime': ofKey(idleTime),
  'object|help': (call) => writeHelp(call, 'object'),
}
