/**
 * FUNCTION DUMP and RESTORE: libraries as Redis's files have them. Of each the byte 245 and a string, its code; then what stands
 * behind any dump (`dump-footer.ts`).
 */
import { charge, isTurnOver } from '../../../base/work.ts'
import { latin1ToBytes, type Slice, sliceLength, sliceOf } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { BadData } from '../../../model/keyvalue/rdb/bad-data.ts'
import { RdbInput } from '../../../model/keyvalue/rdb/rdb-input.ts'
import { lengthBytes } from '../../../model/keyvalue/rdb/rdb-output.ts'
import type { Call } from '../call.ts'
import { checkPayload, checksumOf, writtenVersion } from '../dump-footer.ts'
import { CommandError } from '../errors.ts'
import { type Library, mostAllBytes, mostCodeBytes } from './libraries.ts'

const libraryMark = 245
const oldLibraryMark = 246
/** Beside the codes. */
const mostFrameBytes = 64 * 1024

const unitsPerByte = 4

export function* dumpLibraries(call: Call, libraries: readonly Library[]): StatementSteps<Uint8Array> {
  const parts: Uint8Array[] = []
  for (const { code } of libraries) {
    parts.push(Uint8Array.of(libraryMark), lengthBytes(code.length), latin1ToBytes(code))
    charge(unitsPerByte * code.length)
    if (isTurnOver()) yield undefined
  }
  parts.push(Uint8Array.of(writtenVersion, 0))
  return Buffer.concat([...parts, yield* checksumOf(call, parts.map(sliceOf))])
}

/** The codes of the libraries. Errors: `CommandError`. */
export function* readDump(call: Call, payload: Slice): StatementSteps<Uint8Array[]> {
  if (sliceLength(payload) > mostAllBytes + mostFrameBytes) {
    throw new CommandError(`ERR the libraries of a database would be larger than ${mostAllBytes} bytes`)
  }
  const dumped = yield* checkPayload(call, payload)
  try {
    return yield* readLibraries(new RdbInput(dumped, mostCodeBytes))
  } catch (error) {
    throw error instanceof BadData ? new CommandError('ERR failed loading the given functions payload') : error
  }
}

function* readLibraries(input: RdbInput): StatementSteps<Uint8Array[]> {
  const codes: Uint8Array[] = []
  let total = 0
  while (!input.isAtEnd) {
    const mark = yield* input.byte()
    if (mark === oldLibraryMark) throw new CommandError('ERR Pre-release function format not supported')
    if (mark !== libraryMark) throw new CommandError('ERR given type is not a function')
    const code = yield* input.string()
    total += code.length
    if (total > mostAllBytes) throw new CommandError('ERR failed loading the given functions payload')
    codes.push(code)
    charge(unitsPerByte * code.length)
    if (isTurnOver()) yield undefined
  }
  return codes
}
