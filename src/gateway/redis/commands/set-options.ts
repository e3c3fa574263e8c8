/** Options of SET and GETEX, and expiries as arguments. */
import { never } from '../../../model/keyvalue/codec.ts'
import type { Call } from '../call.ts'
import { invalidExpiry, syntaxError } from '../errors.ts'

export interface SetOptions {
  onlyNew: boolean
  onlyExisting: boolean
  get: boolean
  keepExpiry: boolean
  persist: boolean
  /** Where the expiry stands, to be read by `readExpiry`; 0 where none is given. */
  expiryAt: number
  unit: ExpiryUnit
}

export type ExpiryUnit = 'EX' | 'PX' | 'EXAT' | 'PXAT'

const highest = 0x7fff_ffff_ffff_ffffn

const units: ReadonlySet<string> = new Set(['EX', 'PX', 'EXAT', 'PXAT'])

/** Which of the options exclude each other is Redis's rule: at most one of NX and XX, and one way to expire. */
export function parseSetOptions(call: Call, first: number, command: 'set' | 'getex'): SetOptions {
  const options: SetOptions = {
    onlyNew: false,
    onlyExisting: false,
    get: false,
    keepExpiry: false,
    persist: false,
    expiryAt: 0,
    unit: 'EX',
  }
  const ofSet = command === 'set'
  for (let at = first; at < call.count; at++) {
    const option = call.option(at)
    // Each may be said again, and the last one counts.
    const isKept = options.keepExpiry || options.persist
    const hasExpiry = options.expiryAt > 0
    if (ofSet && option === 'NX' && !options.onlyExisting) options.onlyNew = true
    else if (ofSet && option === 'XX' && !options.onlyNew) options.onlyExisting = true
    else if (ofSet && option === 'GET') options.get = true
    else if (ofSet && option === 'KEEPTTL' && !hasExpiry) options.keepExpiry = true
    else if (!ofSet && option === 'PERSIST' && !hasExpiry) options.persist = true
    else if (units.has(option) && !isKept && (!hasExpiry || options.unit === option) && at + 1 < call.count) {
      options.unit = option as ExpiryUnit
      options.expiryAt = ++at
    } else throw syntaxError()
  }
  return options
}

/** `never` where the options give no expiry. */
export function readOptionalExpiry(call: Call, options: SetOptions, command: 'set' | 'getex'): bigint {
  return options.expiryAt === 0 ? never : readExpiry(call, options.expiryAt, options.unit, command)
}

/** The moment that the argument names, in milliseconds since 1970. */
export function readExpiry(call: Call, position: number, unit: ExpiryUnit, command: string): bigint {
  let ms = call.long(position)
  const inSeconds = unit === 'EX' || unit === 'EXAT'
  if (ms <= 0n || (inSeconds && ms > highest / 1000n)) throw invalidExpiry(command)
  if (inSeconds) ms *= 1000n
  if (unit === 'EX' || unit === 'PX') ms += BigInt(Math.floor(call.tx.timeMs))
  if (ms > highest) throw invalidExpiry(command)
  return ms
}
