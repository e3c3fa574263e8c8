/** What stands behind a dump of Redis, of a key or of libraries: the version of its form, and a checksum of all before. */
import type { Slice } from '../../base/slice.ts'
import { charge } from '../../base/work.ts'
import type { StatementSteps } from '../../database/contract.ts'
import { Crc64 } from '../../model/keyvalue/rdb/crc64.ts'
import { eachStep } from '../../model/keyvalue/walk.ts'
import type { Call } from './call.ts'
import { CommandError } from './errors.ts'

/** What Redis 7.0 writes, and those that can be read: 7.2 writes 11, 7.4 writes 12, as what it alone has is written. */
export const writtenVersion = 10
export const newestVersion = 12
const versionBytes = 2
const checksumBytes = 8

const checkedAtOnce = 64 * 1024
const byteUnits = 4

export function* checksumOf(call: Call, parts: readonly Slice[]): StatementSteps<Uint8Array> {
  const checksum = new Crc64()
  for (const { bytes, start, end } of parts) {
    yield* eachStep(call.tx, start, end, checkedAtOnce, (at) => {
      const to = Math.min(end, at + checkedAtOnce)
      charge((to - at) * byteUnits)
      checksum.add({ bytes, start: at, end: to })
    })
  }
  return checksum.toBytes()
}

/** What was dumped, without what stands behind it. Errors: `CommandError`. */
export function* checkPayload(call: Call, payload: Slice): StatementSteps<Slice> {
  const { bytes, start, end } = payload
  const footer = end - versionBytes - checksumBytes
  if (footer < start || (bytes[footer]! | (bytes[footer + 1]! << 8)) > newestVersion) throw wrongFooter()
  const sum = yield* checksumOf(call, [{ bytes, start, end: end - checksumBytes }])
  if (Buffer.compare(sum, bytes.subarray(end - checksumBytes, end)) !== 0) throw wrongFooter()
  return { bytes, start, end: footer }
}

function wrongFooter(): CommandError {
  return new CommandError('ERR DUMP payload version or checksum are wrong')
}
