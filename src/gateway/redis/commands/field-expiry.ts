/** When fields of hashes expire: setting, reading, removing (Redis 7.4). Each answers a number for each field. */
import { type Header, kind, never } from '../../../model/keyvalue/codec.ts'
import { findFieldExpiry, setFieldExpiry } from '../../../model/keyvalue/field-expiry.ts'
import { deleteField, findField } from '../../../model/keyvalue/hashes.ts'
import { findCollection, saveCollection, touchCollection } from '../../../model/keyvalue/keyvalue.ts'
import type { Call, DataHandler, Steps } from '../call.ts'
import { CommandError, invalidExpiry } from '../errors.ts'
import { taken } from './long-values.ts'

/** Replies. */
const noField = -2
const noExpiry = -1
const notMet = 0
const done = 1
const deleted = 2

/** As far as Redis goes. */
const latestMs = 0x3fff_ffff_ffffn

/** FIELDS, how many, and they. */
function firstField(call: Call, wordAt: number, notANumber: string): number {
  if (call.option(wordAt) !== 'FIELDS') {
    throw new CommandError('ERR Mandatory argument FIELDS is missing or not at the right position')
  }
  const count = call.long(wordAt + 1, `ERR ${notANumber}`)
  if (count < 1n) throw new CommandError(`ERR ${notANumber}`)
  if (Number(count) !== call.count - wordAt - 2) {
    throw new CommandError('ERR The `numfields` parameter must match the number of arguments')
  }
  return wordAt + 2
}

function eachField(
  call: Call,
  hash: Header | undefined,
  first: number,
  step: (hash: Header, at: number) => Steps,
  finish: () => void,
): Steps {
  call.reply.array(call.count - first)
  return call.each(
    first,
    1,
    (at) => {
      if (hash !== undefined && findField(call.tx, call.space, hash, call.arg(at)) !== undefined) return step(hash, at)
      call.reply.integer(noField)
    },
    finish,
  )
}

function readMoment(call: Call, name: string, inSeconds: boolean, isRelative: boolean): bigint {
  let ms = call.long(2)
  if (ms < 0n) throw new CommandError('ERR invalid expire time, must be >= 0')
  if (ms > (inSeconds ? latestMs / 1000n : latestMs)) throw invalidExpiry(name)
  if (inSeconds) ms *= 1000n
  const base = isRelative ? BigInt(Math.floor(call.tx.timeMs)) : 0n
  if (ms > latestMs - base) throw invalidExpiry(name)
  return ms + base
}

const conditions: ReadonlySet<string> = new Set(['NX', 'XX', 'GT', 'LT'])

/** A field that does not expire is later than any moment. */
function holds(condition: string | undefined, before: bigint, after: bigint): boolean {
  if (condition === 'NX') return before === never
  if (condition === 'XX') return before !== never
  if (condition === 'GT') return before !== never && after > before
  return condition !== 'LT' || before === never || after < before
}

function expire(name: string, inSeconds: boolean, isRelative: boolean): DataHandler {
  return (call) => {
    const { tx, space } = call
    const hash = findCollection(tx, space, call.arg(1), kind.hash)
    const expiresAtMs = readMoment(call, name, inSeconds, isRelative)
    const condition = conditions.has(call.option(3)) ? call.option(3) : undefined
    const first = firstField(call, condition === undefined ? 3 : 4, 'Parameter `numFields` should be greater than 0')
    let changed = 0
    const step = (hash: Header, at: number): Steps => {
      const before = findFieldExpiry(tx, space, hash, call.arg(at))
      if (!holds(condition, before, expiresAtMs)) {
        call.reply.integer(notMet)
        return undefined
      }
      if (expiresAtMs <= tx.timeMs) {
        return taken(call, deleteField(tx, space, hash, call.arg(at)), () => call.reply.integer(deleted))
      }
      setFieldExpiry(tx, space, hash, call.arg(at), before, expiresAtMs)
      changed++
      call.reply.integer(done)
      return undefined
    }
    return eachField(call, hash, first, step, () => save(call, hash, changed))
  }
}

/** The header is written where a time has changed: who reclaims what has lapsed at the same time must wait for it. */
function save(call: Call, hash: Header | undefined, changed: number): void {
  if (hash === undefined) return
  const isGone = hash.count === 0
  if (changed > 0 || !hash.isAsStored) saveCollection(call.tx, call.space, call.arg(1), hash)
  if (changed > 0 && !isGone) touchCollection(call.tx, call.space, call.arg(1), hash)
}

function remaining(inSeconds: boolean, isRelative: boolean): DataHandler {
  return (call) => {
    const { tx, space } = call
    const hash = findCollection(tx, space, call.arg(1), kind.hash)
    const first = firstField(call, 2, 'Number of fields must be a positive integer')
    const base = isRelative ? BigInt(Math.floor(tx.timeMs)) : 0n
    const step = (hash: Header, at: number): void => {
      const expiresAtMs = findFieldExpiry(tx, space, hash, call.arg(at))
      if (expiresAtMs === never) call.reply.integer(noExpiry)
      else call.reply.integer(inSeconds ? (expiresAtMs - base + 999n) / 1000n : expiresAtMs - base)
    }
    return eachField(call, hash, first, step, () => undefined)
  }
}

function persist(call: Call): Steps {
  const { tx, space } = call
  const hash = findCollection(tx, space, call.arg(1), kind.hash)
  const first = firstField(call, 2, 'Number of fields must be a positive integer')
  let changed = 0
  const step = (hash: Header, at: number): void => {
    const before = findFieldExpiry(tx, space, hash, call.arg(at))
    if (before !== never) {
      setFieldExpiry(tx, space, hash, call.arg(at), before, never)
      changed++
    }
    call.reply.integer(before === never ? noExpiry : done)
  }
  return eachField(call, hash, first, step, () => save(call, hash, changed))
}

export const fieldExpiryCommands: Readonly<Record<string, DataHandler>> = {
  hexpire: expire('hexpire', true, true),
  hpexpire: expire('hpexpire', false, true),
  hexpireat: expire('hexpireat', true, false),
  hpexpireat: expire('hpexpireat', false, false),
  httl: remaining(true, true),
  hpttl: remaining(false, true),
  hexpiretime: remaining(true, false),
  hpexpiretime: remaining(false, false),
  hpersist: persist,
}
