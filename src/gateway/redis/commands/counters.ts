/** Strings that hold numbers. */
import { incrementString, incrementStringByFloat } from '../../../model/keyvalue/strings.ts'
import { parseShortInteger } from '../../../model/keyvalue/integer-text.ts'
import type { Call, DataHandler } from '../call.ts'
import { CommandError } from '../errors.ts'

function increment(call: Call, by: number | bigint): void {
  call.reply.integer(incrementString(call.tx, call.writableSpace, call.arg(1), by))
}

function delta(call: Call): number | bigint {
  const short = parseShortInteger(call.arg(2))
  return Number.isNaN(short) ? call.long(2) : short
}

function decrementBy(call: Call): void {
  const by = delta(call)
  if (by === -0x8000_0000_0000_0000n) throw new CommandError('ERR decrement would overflow')
  increment(call, -by)
}

function incrementByFloat(call: Call): void {
  call.reply.bulkText(incrementStringByFloat(call.tx, call.writableSpace, call.arg(1), call.arg(2)))
}

export const counterCommands: Readonly<Record<string, DataHandler>> = {
  incr: (call) => increment(call, 1),
  decr: (call) => increment(call, -1),
  incrby: (call) => increment(call, delta(call)),
  decrby: decrementBy,
  incrbyfloat: incrementByFloat,
}
