/** Expiries of keys: setting, reading, removing. */
import { Header, never } from '../../../model/keyvalue/codec.ts'
import { setExpiry } from '../../../model/keyvalue/expiry.ts'
import { deleteKey, findHeader } from '../../../model/keyvalue/keyvalue.ts'
import type { Call, DataHandler } from '../call.ts'
import { CommandError, invalidExpiry } from '../errors.ts'

const highest = 0x7fff_ffff_ffff_ffffn

interface Conditions {
  nx: boolean
  xx: boolean
  gt: boolean
  lt: boolean
}

function parseConditions(call: Call): Conditions {
  const conditions = { nx: false, xx: false, gt: false, lt: false }
  for (let at = 3; at < call.count; at++) {
    const option = call.option(at).toLowerCase()
    if (option !== 'nx' && option !== 'xx' && option !== 'gt' && option !== 'lt') {
      throw new CommandError(`ERR Unsupported option ${call.shown(at)}`)
    }
    conditions[option] = true
  }
  if (conditions.nx && (conditions.xx || conditions.gt || conditions.lt)) {
    throw new CommandError('ERR NX and XX, GT or LT options at the same time are not compatible')
  }
  if (conditions.gt && conditions.lt) {
    throw new CommandError('ERR GT and LT options at the same time are not compatible')
  }
  return conditions
}

function readMoment(call: Call, name: string, inSeconds: boolean, isRelative: boolean): bigint {
  let ms = call.long(2)
  if (inSeconds) {
    if (ms > highest / 1000n || ms < -highest / 1000n) throw invalidExpiry(name)
    ms *= 1000n
  }
  const base = isRelative ? BigInt(Math.floor(call.tx.timeMs)) : 0n
  if (ms > highest - base) throw invalidExpiry(name)
  return ms + base
}

/** A key without expiry lives for ever: it is later than any moment. */
function holds(conditions: Conditions, before: bigint, after: bigint): boolean {
  if (conditions.nx && before !== never) return false
  if (conditions.xx && before === never) return false
  if (conditions.gt && (before === never || after <= before)) return false
  return !(conditions.lt && before !== never && after >= before)
}

function expire(name: string, inSeconds: boolean, isRelative: boolean): DataHandler {
  return (call) => {
    const conditions = parseConditions(call)
    const expiresAtMs = readMoment(call, name, inSeconds, isRelative)
    const key = call.arg(1)
    const header = new Header()
    const space = call.space
    if (!findHeader(call.tx, space, key, header) || !holds(conditions, header.expiresAtMs, expiresAtMs)) {
      call.reply.integer(0)
      return
    }
    if (expiresAtMs <= call.tx.timeMs) deleteKey(call.tx, space, key)
    else setExpiry(call.tx, space, key, header, expiresAtMs)
    call.reply.integer(1)
  }
}

function remaining(inSeconds: boolean, isRelative: boolean): DataHandler {
  return (call) => {
    const header = new Header()
    if (!findHeader(call.tx, call.space, call.arg(1), header)) {
      call.reply.integer(-2)
      return
    }
    if (header.expiresAtMs === never) {
      call.reply.integer(-1)
      return
    }
    const base = isRelative ? BigInt(Math.floor(call.tx.timeMs)) : 0n
    const ms = header.expiresAtMs > base ? header.expiresAtMs - base : 0n
    call.reply.integer(inSeconds ? (ms + 500n) / 1000n : ms)
  }
}

function persist(call: Call): void {
  const header = new Header()
  const space = call.space
  const found = findHeader(call.tx, space, call.arg(1), header) && header.expiresAtMs !== never
  if (found) setExpiry(call.tx, space, call.arg(1), header, never)
  call.reply.integer(found ? 1 : 0)
}

export const expiryCommands: Readonly<Record<string, DataHandler>> = {
  expire: expire('expire', true, true),
  pexpire: expire('pexpire', false, true),
  expireat: expire('expireat', true, false),
  pexpireat: expire('pexpireat', false, false),
  ttl: remaining(true, true),
  pttl: remaining(false, true),
  expiretime: remaining(true, false),
  pexpiretime: remaining(false, false),
  persist,
}
