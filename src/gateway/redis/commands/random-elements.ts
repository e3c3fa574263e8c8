/** HRANDFIELD, SRANDMEMBER and ZRANDMEMBER: one, some different ones, or (a negative count) any number with repeats. */
import { MutableSlice, type Slice, sliceOf } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import type { Kind } from '../../../model/keyvalue/codec.ts'
import { decodeLastElement, elementOffset, elementRange, type Keyspace } from '../../../model/keyvalue/keys.ts'
import { livingEntries } from '../../../model/keyvalue/field-expiry.ts'
import { findCollection } from '../../../model/keyvalue/keyvalue.ts'
import { findValue } from '../../../model/keyvalue/long-values.ts'
import { Pieces } from '../../../model/keyvalue/pieces.ts'
import { randomBelow, randomEntry, sampleDistinct, sampleOf } from '../../../model/keyvalue/sample.ts'
import { eachStep } from '../../../model/keyvalue/walk.ts'
import type { Call, Steps } from '../call.ts'
import { CommandError, syntaxError } from '../errors.ts'
import { replyWithPieces } from './long-values.ts'

interface Second {
  readonly space: Keyspace
  /** Writes what stands beside an element, from the value of its entry. */
  readonly write: (value: Slice) => void
}

const lowest = -0x8000_0000_0000_0000n
const highestCount = 0x3fff_ffff_ffff_ffffn

/** `withOption` is the option that asks for what `second` writes; undefined where the command has none. */
export function* randomElements(
  call: Call,
  of: Kind,
  withOption: string | undefined,
  index: number,
  second: Second,
): StatementSteps<void> {
  const { reply, tx } = call
  const counted = call.count === 2 ? undefined : parseCount(call, withOption)
  const header = findCollection(tx, second.space, call.arg(1), of)
  const range = header === undefined ? undefined : elementRange(second.space, index, header.generation)
  const offset = header === undefined ? 0 : elementOffset(second.space, index, header.generation)
  const living = header !== undefined && header.lapsed > 0 ? yield* livingEntries(tx, second.space, header) : undefined
  const count = living?.length ?? header?.count ?? 0
  const drawOne = function* (): StatementSteps<Uint8Array | undefined> {
    if (living !== undefined) return living[randomBelow(tx.services, living.length)]
    return range === undefined ? undefined : yield* randomEntry(tx, range, count)
  }
  const element = new MutableSlice()
  const write = (entry: Uint8Array): void => reply.bulk(decodeLastElement(sliceOf(entry), offset, element))
  if (counted === undefined) {
    const entry = yield* drawOne()
    if (entry === undefined) reply.null()
    else write(entry)
    return
  }
  const { wanted, withSecond } = counted
  if (range === undefined || wanted === 0) {
    reply.array(0)
    return
  }
  const writePair = (entry: Uint8Array): Steps => {
    const value = withSecond ? findValue(tx, second.space, header!, sliceOf(entry))! : undefined
    if (withSecond && reply.protocol === 3) reply.array(2)
    write(entry)
    if (value instanceof Pieces) return replyWithPieces(call, value)
    if (value !== undefined) second.write(value)
  }
  const number = wanted < 0 ? -wanted : Math.min(wanted, count)
  reply.array(withSecond && reply.protocol === 2 ? 2 * number : number)
  if (wanted > 0) {
    const entries =
      living === undefined ? yield* sampleDistinct(tx, range, count, number) : yield* sampleOf(tx, living, number)
    yield* eachStep(tx, 0, entries.length, 1, (at) => writePair(entries[at]!))
    return
  }
  for (let i = 0; i < number; i++) {
    if (i % 64 === 63 && tx.slice.spend(64)) yield undefined
    const entry = yield* drawOne()
    const longer = yield* inPlace(tx, () => writePair(entry!))
    if (longer !== undefined) yield* longer
  }
}

function parseCount(call: Call, withOption: string | undefined): { wanted: number; withSecond: boolean } {
  if (withOption === undefined && call.count > 3) throw syntaxError()
  const long = call.long(2)
  if (long === lowest) {
    throw new CommandError(`ERR value is out of range, value must between ${lowest + 1n} and ${-(lowest + 1n)}`)
  }
  if (call.count > 4 || (call.count > 3 && call.option(3) !== withOption)) throw syntaxError()
  if (call.count > 3 && (long < -highestCount || long > highestCount))
    throw new CommandError('ERR value is out of range')
  return { wanted: Number(long), withSecond: call.count > 3 }
}
