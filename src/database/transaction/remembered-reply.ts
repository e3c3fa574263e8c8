/**
 * An answered retryable write, kept so that its repetition answers the same: operation i64 · time ms f64 · reply bytes,
 * all little endian.
 */
import { ByteWriter } from '../../base/bytes.ts'
import { PolylogError } from '../../base/errors.ts'
import type { Slice } from '../../base/slice.ts'
import { replyKey } from '../catalog/catalog-entries.ts'
import type { Transaction } from '../contract.ts'

export interface RememberedReply {
  readonly operation: bigint
  readonly timeMs: number
  /** Where it lies. */
  readonly reply: Slice
}

const headerBytes = 16

/** A scratch buffer that grew for a large reply is not kept. */
const keptBytes = 64 * 1024

let scratch = new ByteWriter(1024)

/** Reused: hand it to `put` at once. */
export function encodeReply(operation: bigint, timeMs: number, reply: Slice): Slice {
  if (scratch.bytes.length > keptBytes) scratch = new ByteWriter(1024)
  scratch.reset()
  scratch.i64le(operation)
  scratch.f64le(timeMs)
  scratch.slice(reply)
  return scratch
}

/** Holds the place: a driver may repeat a write while it still runs. */
export function findReply(
  transaction: Pick<Transaction, 'get' | 'lock'>,
  sessionKey: string,
): RememberedReply | undefined {
  const key = replyKey(sessionKey)
  transaction.lock(key, 'update')
  const found = transaction.get(key)
  return found === undefined ? undefined : decodeReply(found)
}

const header = new Uint8Array(headerBytes)
const headerView = new DataView(header.buffer)

/** Every retryable write decodes the one before it: no reader of its own for sixteen bytes. */
export function decodeReply({ bytes, start, end }: Slice): RememberedReply {
  if (end - start < headerBytes) {
    throw new PolylogError('data_corrupted', `a remembered reply of ${end - start} bytes is cut short`)
  }
  for (let i = 0; i < headerBytes; i++) header[i] = bytes[start + i]!
  return {
    operation: headerView.getBigInt64(0, true),
    timeMs: headerView.getFloat64(8, true),
    reply: { bytes, start: start + headerBytes, end },
  }
}
