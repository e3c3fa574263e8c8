/** How many a pop takes, and from which side: the options that lists, sets and sorted sets share. */
import type { StatementSteps } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import type { Header } from '../../../model/keyvalue/codec.ts'
import type { Call } from '../call.ts'
import { CommandError, syntaxError } from '../errors.ts'
import { readKeyCount } from './set-algebra.ts'

/** The count of LPOP, RPOP, SPOP, ZPOPMIN and ZPOPMAX, which is their second argument. */
export function readPopCount(call: Call): number {
  const long = call.long(2, 'ERR value is out of range, must be positive')
  if (long < 0n) throw new CommandError('ERR value is out of range, must be positive')
  return Number(long)
}

/** The first of the keys between the positions that has a collection. */
export function* findFirst(
  call: Call,
  first: number,
  end: number,
  find: (position: number) => Header | undefined,
): StatementSteps<{ at: number; collection: Header } | undefined> {
  for (let at = first; at < end; at++) {
    const collection = yield* inPlace(call.tx, () => find(at))
    if (collection !== undefined) return { at, collection }
    if (call.tx.slice.spend(1)) yield undefined
  }
  return undefined
}

export interface PopMany<Side extends string> {
  /** The keys stand at 2 and up to here. */
  readonly end: number
  readonly side: Side
  readonly wanted: number
}

/** LMPOP, ZMPOP, and the same where they wait: `numkeys key… side [COUNT count]` from `countAt` on. */
export function parsePopMany<Side extends string>(call: Call, one: Side, other: Side, countAt = 1): PopMany<Side> {
  const { end } = readKeyCount(call, countAt, syntaxError)
  const given = end < call.count ? call.option(end) : ''
  const side = given === one ? one : given === other ? other : undefined
  if (side === undefined) throw syntaxError()
  let wanted = 1
  if (end + 1 < call.count) {
    if (call.option(end + 1) !== 'COUNT' || call.count < end + 3) throw syntaxError()
    wanted = call.integer(end + 2, 'ERR count should be greater than 0')
    if (wanted <= 0) throw new CommandError('ERR count should be greater than 0')
    if (call.count > end + 3) throw syntaxError()
  }
  return { end, side, wanted }
}
