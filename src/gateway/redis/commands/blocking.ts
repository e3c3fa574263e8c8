/** What the commands that wait for data share: for how long, and how they pop. */
import type { Header, Kind } from '../../../model/keyvalue/codec.ts'
import { parseShortInteger } from '../../../model/keyvalue/integer-text.ts'
import { findHeaderOf } from '../../../model/keyvalue/keyvalue.ts'
import { parseLongDouble } from '../../../model/keyvalue/long-double.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { looked, type Looked } from '../../../database/transaction/key-waits.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import type { BlockedKind } from '../blocked-command.ts'
import type { Call } from '../call.ts'
import { CommandError } from '../errors.ts'
import { findFirst } from './pop-options.ts'

const mostMs = 2n ** 63n - 1n

/** Seconds, to milliseconds, rounded up; 0: for ever. */
export function readTimeoutSeconds(call: Call, position: number): number {
  const whole = parseShortInteger(call.arg(position))
  if (whole >= 0) return 1000 * whole
  const seconds = parseLongDouble(call.text(position))
  if (seconds === undefined) throw new CommandError('ERR timeout is not a float or out of range')
  const ms = seconds === 'infinite' ? mostMs + 1n : toMs(seconds.mantissa, seconds.exponent)
  // Beyond 64 bits C has a negative number.
  if (ms < 0n || ms > mostMs) throw new CommandError('ERR timeout is negative')
  return Number(ms)
}

/** Of so many seconds × 2^exponent, rounded up. */
function toMs(mantissa: bigint, exponent: number): bigint {
  if (exponent >= 0) return exponent > 64 ? (mantissa < 0n ? -1n : mostMs + 1n) : (mantissa * 1000n) << BigInt(exponent)
  // A shift rounds down: of what is negated it rounds up.
  return -((-mantissa * 1000n) >> BigInt(-exponent))
}

/** How a command pops from one of several keys. */
export interface BlockingPop {
  readonly kind: BlockedKind
  readonly of: Kind
  /** Its keys are the arguments from `first` up to `end`. */
  readonly first: number
  readonly end: number
  readonly timeoutMs: number
  /** Takes from what is under the key, and answers. */
  readonly pop: (call: Call, position: number, from: Header) => StatementSteps<void>
}

/** From the first key that has something, now or later. */
export function* popOrBlock(
  call: Call,
  popping: BlockingPop,
  find: (position: number) => Header | undefined,
): StatementSteps<void> {
  const { kind, of, first, end, timeoutMs, pop } = popping
  const found = yield* findFirst(call, first, end, find)
  const isBehind = found !== undefined && call.isBehindOthers(found.at, kind)
  if (found !== undefined && !isBehind) {
    yield* pop(call, found.at, found.collection)
    return
  }
  call.block({
    kind,
    first,
    end,
    timeoutMs,
    isBehind,
    serve: (later, position) => popLater(later, position, of, pop),
    writeNull: (reply) => reply.nullArray(),
  })
}

function* popLater(call: Call, position: number, of: Kind, pop: BlockingPop['pop']): StatementSteps<Looked> {
  const from = yield* inPlace(call.tx, () => findHeaderOf(call.tx, call.space, call.arg(position), of))
  if (from === undefined) return looked.nothing
  yield* pop(call, position, from)
  return from.count === 0 ? looked.last : looked.served
}
