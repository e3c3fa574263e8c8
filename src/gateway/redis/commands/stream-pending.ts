/** XPENDING, XCLAIM and XAUTOCLAIM: what consumers were given and have not acknowledged. */
import { copySlice, type Slice, sliceOf } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import {
  countPending,
  decodePending,
  dropPending,
  findConsumer,
  findPending,
  listConsumers,
  type Pending,
  putPending,
  saveGroup,
} from '../../../model/keyvalue/stream-groups.ts'
import { greatestId, type StreamId } from '../../../model/keyvalue/stream-ids.ts'
import { idOfKey, ownedRange, pendingRange } from '../../../model/keyvalue/stream-keys.ts'
import { hasEntry } from '../../../model/keyvalue/streams.ts'
import { eachStep, walk } from '../../../model/keyvalue/walk.ts'
import type { Call, DataHandler, Steps } from '../call.ts'
import { CommandError, syntaxError } from '../errors.ts'
import { findId, readFrom, readId, readTo } from './stream-arguments.ts'
import { findOpenGroup, meetConsumer, type OpenGroup, saveOpenGroup } from './stream-groups.ts'
import { replyWithEntry, replyWithId } from './stream-replies.ts'

function getOpenGroup(call: Call): OpenGroup {
  const found = findOpenGroup(call, 1, 2)
  if (found !== undefined) return found
  throw new CommandError(`NOGROUP No such key '${call.shown(1)}' or consumer group '${call.shown(2)}'`)
}

function now({ tx }: Call): bigint {
  return BigInt(Math.floor(tx.timeMs))
}

function isIdle(call: Call, { deliveredMs }: Pending, leastIdleMs: number): boolean {
  return Number(now(call) - deliveredMs) >= leastIdleMs
}

// ---- XPENDING

interface PendingRange {
  readonly leastIdleMs: number
  readonly from: StreamId
  readonly to: StreamId
  readonly count: number
  /** 0: of all. */
  readonly consumerAt: number
}

function parsePending(call: Call): PendingRange | undefined {
  const { count } = call
  if (count === 3) return undefined
  if (count < 6 || count > 9) throw syntaxError()
  const hasIdle = call.option(3) === 'IDLE'
  const leastIdleMs = hasIdle ? call.integer(4) : 0
  if (hasIdle && count < 8) throw syntaxError()
  const at = hasIdle ? 5 : 3
  const wanted = Math.max(0, call.integer(at + 2))
  const from = readFrom(call, at)
  return { leastIdleMs, from, to: readTo(call, at + 1), count: wanted, consumerAt: at + 3 < count ? at + 3 : 0 }
}

function* pending(call: Call): StatementSteps<void> {
  const range = parsePending(call)
  const found = getOpenGroup(call)
  if (range === undefined) yield* summarize(call, found)
  else yield* listPending(call, found, range)
}

/** To count a list is as much work as some keys. */
const keysPerCount = 4

function* summarize(call: Call, { space, stream, group }: OpenGroup): StatementSteps<void> {
  const { reply, tx } = call
  const all = pendingRange(space, stream.generation, group.number)
  const total = yield* countPending(tx, space, stream, group)
  const ends: StreamId[] = []
  for (const reverse of [false, true]) {
    yield* walk(tx, all, (key) => void ends.push(idOfKey(key)), { reverse, limit: 1 })
  }
  const consumers = total === 0 ? [] : yield* listConsumers(tx, space, stream, group)
  const owners: { name: Uint8Array; count: number }[] = []
  for (const { name } of consumers) {
    const count = yield* countPending(tx, space, stream, group, sliceOf(name))
    if (count > 0) owners.push({ name, count })
    if (tx.slice.spend(keysPerCount)) yield undefined
  }
  reply.array(4)
  reply.integer(total)
  if (total === 0) {
    reply.null()
    reply.null()
    reply.nullArray()
    return
  }
  for (const id of ends) replyWithId(call, id)
  reply.array(owners.length)
  yield* eachStep(tx, 0, owners.length, 1, (at) => {
    const { name, count } = owners[at]!
    reply.array(2)
    reply.bulk(sliceOf(name))
    reply.bulkInteger(count)
  })
}

function* listPending(call: Call, { space, stream, group }: OpenGroup, wanted: PendingRange): StatementSteps<void> {
  const { reply, tx } = call
  const { from, to, consumerAt, leastIdleMs } = wanted
  const consumer = consumerAt === 0 ? undefined : call.arg(consumerAt)
  if (consumer !== undefined && findConsumer(tx, space, stream, group, consumer) === undefined) return reply.array(0)
  if (from > to || wanted.count === 0) return reply.array(0)
  const range =
    consumer === undefined
      ? pendingRange(space, stream.generation, group.number, from, to)
      : ownedRange(space, stream.generation, group.number, consumer, from, to)
  let count = 0
  const visit = (key: Slice, value: Slice): boolean => {
    const id = idOfKey(key)
    const found = consumer === undefined ? decodePending(value) : findPending(tx, space, stream, group, id)
    if (found === undefined || (leastIdleMs !== 0 && !isIdle(call, found, leastIdleMs))) return true
    replyWithPending(call, id, found)
    return ++count < wanted.count
  }
  yield* reply.counted(
    (length) => reply.array(length),
    function* () {
      yield* walk(tx, range, visit)
      return count
    },
  )
}

function replyWithPending(call: Call, id: StreamId, { consumer, deliveredMs, deliveries }: Pending): void {
  const { reply } = call
  const elapsed = now(call) - deliveredMs
  reply.array(4)
  replyWithId(call, id)
  reply.bulk(sliceOf(consumer))
  reply.integer(elapsed < 0n ? 0 : elapsed)
  reply.integer(deliveries)
}

// ---- claiming

interface ClaimOptions {
  readonly leastIdleMs: number
  deliveredMs: bigint
  /** Undefined: one more than it was. */
  deliveries: bigint | undefined
  force: boolean
  justIds: boolean
  lastId: StreamId
}

/** Claims what is pending for one consumer, which it makes with the first. */
class Claims {
  readonly taken: StreamId[] = []
  readonly #call: Call
  readonly #found: OpenGroup
  readonly #options: ClaimOptions
  readonly #consumer: Uint8Array
  #isSeen = false

  constructor(call: Call, found: OpenGroup, options: ClaimOptions) {
    this.#call = call
    this.#found = found
    this.#options = options
    this.#consumer = copySlice(call.arg(3))
  }

  /** `gone`: its entry was deleted, and so it is pending no more. */
  take(id: StreamId): 'taken' | 'left' | 'gone' {
    const { tx } = this.#call
    const { space, stream, group } = this.#found
    const { leastIdleMs, force, justIds, deliveredMs } = this.#options
    if (!hasEntry(tx, space, stream, id)) {
      return dropPending(tx, space, stream, group, id) ? 'gone' : 'left'
    }
    const before = findPending(tx, space, stream, group, id)
    if (before === undefined && !force) return 'left'
    if (before !== undefined && leastIdleMs !== 0 && !isIdle(this.#call, before, leastIdleMs)) return 'left'
    this.#see()
    const counted = before?.deliveries ?? 1n
    const deliveries = this.#options.deliveries ?? (justIds ? counted : counted + 1n)
    putPending(tx, space, stream, group, id, before, { deliveredMs, deliveries, consumer: this.#consumer })
    this.taken.push(id)
    return 'taken'
  }

  #see(): void {
    if (this.#isSeen) return
    meetConsumer(this.#call, 1, this.#found, sliceOf(this.#consumer))
    this.#isSeen = true
  }

  *reply(): StatementSteps<void> {
    const { reply, tx } = this.#call
    const { space, stream } = this.#found
    const { taken } = this
    reply.array(taken.length)
    yield* eachStep(tx, 0, taken.length, 1, (at): Steps => {
      if (!this.#options.justIds) return replyWithEntry(this.#call, space, stream, taken[at]!) || undefined
      replyWithId(this.#call, taken[at]!)
    })
  }
}

function* claim(call: Call): StatementSteps<void> {
  const found = getOpenGroup(call)
  const { space, stream, group } = found
  const leastIdleMs = Math.max(0, call.integer(4, 'ERR Invalid min-idle-time argument for XCLAIM'))
  const ids: StreamId[] = []
  let end = 5
  yield* eachStep(call.tx, 5, call.count, 1, (at) => {
    const id = end === at ? findId(call, at) : undefined
    if (id === undefined) return
    ids.push(id)
    end = at + 1
  })
  const options = parseClaimOptions(call, end, leastIdleMs)
  const claims = new Claims(call, found, options)
  yield* eachStep(call.tx, 0, ids.length, 1, (at) => void claims.take(ids[at]!))
  yield* inPlace(call.tx, () => {
    if (options.lastId > group.lastId) saveGroup(call.tx, space, stream, { ...group, lastId: options.lastId })
    saveOpenGroup(call, 1, found)
  })
  yield* claims.reply()
}

function parseClaimOptions(call: Call, first: number, leastIdleMs: number): ClaimOptions {
  const options: ClaimOptions = {
    leastIdleMs,
    deliveredMs: -1n,
    deliveries: undefined,
    force: false,
    justIds: false,
    lastId: 0n,
  }
  const invalid = (name: string): string => `ERR Invalid ${name} option argument for XCLAIM`
  for (let at = first; at < call.count; at++) {
    const option = call.option(at)
    const hasMore = at < call.count - 1
    if (option === 'FORCE') options.force = true
    else if (option === 'JUSTID') options.justIds = true
    else if (option === 'IDLE' && hasMore) options.deliveredMs = now(call) - call.long(++at, invalid('IDLE'))
    else if (option === 'TIME' && hasMore) options.deliveredMs = call.long(++at, invalid('TIME'))
    else if (option === 'RETRYCOUNT' && hasMore) {
      const given = call.long(++at, invalid('RETRYCOUNT'))
      options.deliveries = given >= 0n ? given : undefined
    } else if (option === 'LASTID' && hasMore) options.lastId = readId(call, ++at)
    else throw new CommandError(`ERR Unrecognized XCLAIM option '${call.shown(at)}'`)
  }
  if (options.deliveredMs < 0n || options.deliveredMs > now(call)) options.deliveredMs = now(call)
  return options
}

const mostClaims = 576_460_752_303_423_487n
/** Of what is claimed, so many are looked at. */
const looksPerClaim = 10
const looksAtOnce = 1000

function* autoClaim(call: Call): StatementSteps<void> {
  const leastIdleMs = Math.max(0, call.integer(4, 'ERR Invalid min-idle-time argument for XAUTOCLAIM'))
  const from = readFrom(call, 5)
  const { count, justIds } = parseAutoClaim(call)
  const found = getOpenGroup(call)
  const options = { leastIdleMs, deliveredMs: now(call), deliveries: undefined, force: false, justIds, lastId: 0n }
  const claims = new Claims(call, found, options)
  const gone: StreamId[] = []
  const next = yield* claimFrom(call, found, claims, gone, from, count)
  yield* inPlace(call.tx, () => saveOpenGroup(call, 1, found))
  call.reply.array(3)
  replyWithId(call, next)
  yield* claims.reply()
  call.reply.array(gone.length)
  yield* eachStep(call.tx, 0, gone.length, 1, (at) => replyWithId(call, gone[at]!))
}

function parseAutoClaim(call: Call): { count: number; justIds: boolean } {
  let count = 100
  let justIds = false
  for (let at = 6; at < call.count; at++) {
    const option = call.option(at)
    if (option === 'COUNT' && at + 1 < call.count) {
      const given = call.long(++at, 'ERR COUNT must be > 0')
      if (given < 1n || given > mostClaims) throw new CommandError('ERR COUNT must be > 0')
      count = Number(given)
    } else if (option === 'JUSTID') justIds = true
    else throw syntaxError()
  }
  return { count, justIds }
}

/** Looks at what is pending from an id on; where the next look begins, 0-0 at the end. */
function* claimFrom(
  call: Call,
  { space, stream, group }: OpenGroup,
  claims: Claims,
  gone: StreamId[],
  from: StreamId,
  count: number,
): StatementSteps<StreamId> {
  const { tx } = call
  let at = from
  let left = count
  for (let looks = count * looksPerClaim; ;) {
    const ids: StreamId[] = []
    const range = pendingRange(space, stream.generation, group.number, at)
    yield* walk(tx, range, (key) => void ids.push(idOfKey(key)), { limit: looksAtOnce })
    let seen = 0
    for (; seen < ids.length && left > 0 && looks > 0; seen++, looks--) {
      const id = ids[seen]!
      const outcome = yield* inPlace(tx, () => claims.take(id))
      if (outcome === 'gone') gone.push(id)
      if (outcome !== 'left') left--
      if (tx.slice.spend(1)) yield undefined
    }
    if (seen < ids.length) return ids[seen]!
    const last = ids.at(-1)
    if (ids.length < looksAtOnce || last === undefined || last === greatestId) return 0n
    at = last + 1n
  }
}

export const streamPendingCommands: Readonly<Record<string, DataHandler>> = {
  xpending: pending,
  xclaim: claim,
  xautoclaim: autoClaim,
}
