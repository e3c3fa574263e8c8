/**
 * Files of Redis: an RDB file of versions 1 to 12, and a file of commands (AOF), which may begin with one.
 *
 *   rdb   := "REDIS" version (four digits) part* FF checksum (u64 little-endian, from version 5 on)
 *   part  := FE length (database) | FB length length (sizes) | FA string string (a remark) | F5 string (functions)
 *          | [FD i32 | FC i64] [F8 length | F9 u8] type key value          when it expires, how it was used
 *   aof   := rdb? ( "*" count CRLF ("$" length CRLF bytes CRLF){count} | "#" a remark CRLF )*
 *
 * Modules' data is refused: nobody but the module can tell what it means.
 */
import type { StatementSteps } from '../../../database/contract.ts'
import { never } from '../codec.ts'
import { badData } from './bad-data.ts'
import type { RdbInput } from './rdb-input.ts'
import { readValue, type ValueTaker } from './rdb-value.ts'

const newestVersion = 12
const checkedFrom = 5

const part = {
  functions: 0xf5,
  idleTime: 0xf8,
  frequency: 0xf9,
  remark: 0xfa,
  sizes: 0xfb,
  expiryMs: 0xfc,
  expirySeconds: 0xfd,
  database: 0xfe,
  end: 0xff,
} as const

/** Takes what a file holds. */
export interface FileTaker {
  database(number: number): StatementSteps<void>
  /** Of one whose time is over by then nothing is told. */
  key(key: Uint8Array, expiresAtMs: bigint): StatementSteps<ValueTaker>
  /** The key is there with all that it holds. */
  endKey(): StatementSteps<void>
  functions(code: Uint8Array): StatementSteps<void>
  command(args: readonly Uint8Array[]): StatementSteps<void>
}

/** Up to and with its end, its checksum included: that is answered, if there is one. Errors: `BadData`. */
export function* readRdb(input: RdbInput, taker: FileTaker): StatementSteps<Uint8Array | undefined> {
  const head = Buffer.from(yield* input.bytes(9)).toString('latin1')
  const version = /^REDIS(\d{4})$/.exec(head)?.[1]
  if (version === undefined) throw badData('it does not begin as an RDB file does')
  if (Number(version) < 1 || Number(version) > newestVersion) {
    throw badData(`it is of version ${Number(version)}; those up to ${newestVersion} are known`)
  }
  let expiresAtMs: bigint = never
  for (;;) {
    const type = yield* input.byte()
    if (type === part.end) return Number(version) < checkedFrom ? undefined : yield* input.bytes(8)
    if (type === part.expiryMs) expiresAtMs = yield* input.i64()
    else if (type === part.expirySeconds) expiresAtMs = BigInt(yield* input.u32(true)) * 1000n
    else if (type >= part.functions) yield* readPart(input, type, taker)
    else {
      yield* readKey(input, type, expiresAtMs, taker)
      expiresAtMs = never
    }
  }
}

function* readPart(input: RdbInput, type: number, taker: FileTaker): StatementSteps<void> {
  if (type === part.database) yield* taker.database(yield* input.length())
  else if (type === part.functions) yield* taker.functions(yield* input.string())
  else if (type === part.idleTime) yield* input.length()
  else if (type === part.frequency) yield* input.byte()
  else if (type === part.sizes || type === part.remark) {
    const isSizes = type === part.sizes
    for (let i = 0; i < 2; i++) yield* isSizes ? input.length() : input.string()
  } else throw badData(`it has a part of type ${type}, which is a module's or not known`)
}

function* readKey(input: RdbInput, type: number, expiresAtMs: bigint, taker: FileTaker): StatementSteps<void> {
  const key = yield* input.string()
  yield* readValue(input, type, yield* taker.key(key, expiresAtMs))
  yield* taker.endKey()
}

const star = 0x2a
const hash = 0x23
const mostArguments = 1024 * 1024

/** Commands up to the end of the file. Errors: `BadData`; what is cut off at the end is told by its place. */
export function* readCommands(input: RdbInput, taker: Pick<FileTaker, 'command'>): StatementSteps<void> {
  while (!(yield* input.isOver())) {
    const first = yield* input.byte()
    const line = yield* input.line()
    if (first === hash) continue
    const count = first === star ? Number(line) : NaN
    if (!(Number.isInteger(count) && count > 0 && count <= mostArguments)) throw badData('a command is none')
    const args: Uint8Array[] = []
    for (let left = count; left > 0; left--) args.push(yield* readArgument(input))
    yield* taker.command(args)
  }
}

function* readArgument(input: RdbInput): StatementSteps<Uint8Array> {
  const length = /^\$(\d{1,10})$/.exec(yield* input.line())?.[1]
  if (length === undefined) throw badData('an argument is none')
  const argument = yield* input.bytes(Number(length))
  if ((yield* input.line()) !== '') throw badData('an argument is longer than it says')
  return argument
}
