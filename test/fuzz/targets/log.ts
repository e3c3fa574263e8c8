/** What lies in the log: records, and the frames that hold them. */
import { crc32 } from 'node:zlib'
import { sliceOf } from '../../../src/base/slice.ts'
import type { SeededRandom } from '../../../src/host/simulated/random.ts'
import { LogError } from '../../../src/log/commit-log.ts'
import { decodeFrame, padded, plausibleFrameLength, recordOffsets, sealFrame } from '../../../src/log/file/frame.ts'
import { decodeSegmentHeader, encodeSegmentHeader } from '../../../src/log/file/segment-header.ts'
import { decodeRecord, origins } from '../../../src/log/record.ts'
import { RecordWriter } from '../../../src/log/record-writer.ts'
import { refusing, Unexpected, type Target } from '../target.ts'

function records(): Uint8Array[] {
  const of = (write: (writer: RecordWriter) => void): Uint8Array => {
    const writer = new RecordWriter(16)
    writer.begin(origins.client, 3, Buffer.from('session'))
    write(writer)
    writer.end()
    return writer.bytes.slice(0, writer.length)
  }
  const slice = (text: string) => sliceOf(Buffer.from(text))
  return [
    of(() => undefined),
    of((writer) => {
      writer.put(1, slice('abc'), slice('value'))
      writer.put(300, slice('abd'), slice(''), 0x40, null)
      writer.delete(1, slice('abde'), 0, slice('was'))
      writer.deleteRange(1, slice('b1'), slice('b2'))
    }),
    of((writer) => {
      writer.delta(1, slice('c'), slice('+1'))
      writer.notify(slice('channel'), slice('hi'))
      writer.catalogPut(0, slice('x'), slice('y'))
      writer.catalogDelete(0, slice('x'))
    }),
  ]
}

export const recordTarget: Target = {
  name: 'log-record',
  title: 'a transaction as the log keeps it',
  mostBytes: 2048,
  steps: { fixed: 2000, perByte: 60 },
  open: () =>
    Promise.resolve({
      seeds: records(),
      words: [Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f), Uint8Array.of(0x80, 0x01), Uint8Array.of(0x83)],
      // The body's length stands first: where it lies nothing behind it is looked at.
      repair(input: Uint8Array) {
        const body = input.subarray(1)
        const length = Buffer.alloc(body.length < 0x80 ? 1 : 2)
        length[0] = body.length < 0x80 ? body.length : (body.length & 0x7f) | 0x80
        if (body.length >= 0x80) length[1] = body.length >> 7
        return body.length < 0x4000 ? Buffer.concat([length, body]) : input
      },
      run(input: Uint8Array) {
        const record = refusing(() => decodeRecord(input, 0, input.length), LogError)
        for (const { key, value } of record?.operations ?? []) {
          if (key.length + (value?.length ?? 0) > 2 * input.length) throw new Unexpected('more bytes than came')
        }
      },
    }),
}

const segment = { number: 7, key: undefined }
const offset = 1024

function frames(): Uint8Array[] {
  return [1, 2, 3].map((count) => {
    const payload = Buffer.concat(records().slice(0, count))
    const bytes = new Uint8Array(padded(44 + payload.length))
    bytes.set(payload, 44)
    const head = { first: 9, transactions: count, clock: 5n, syncedOffset: 512, term: 1 }
    sealFrame(bytes, new DataView(bytes.buffer), 0, payload.length, segment, offset, head, 0)
    return bytes.slice(0, 44 + payload.length)
  })
}

function header(): Uint8Array {
  return encodeSegmentHeader({
    databaseId: new Uint8Array(16),
    segment: 3,
    firstSequence: 1,
    createdMs: 5,
    previousChecksum: 0,
  })
}

/** A frame by its checksum, or the header of a segment: whichever the first byte says. */
export const frameTarget: Target = {
  name: 'log-frame',
  title: "frames of the log's segments, and the segments' headers",
  mostBytes: 2048,
  steps: { fixed: 1000, perByte: 40 },
  open: () =>
    Promise.resolve({
      seeds: [...frames(), header()],
      words: [header().subarray(0, 8)],
      repair(input: Uint8Array, random: SeededRandom) {
        const bytes = Buffer.from(input)
        if (bytes.length >= 64 && bytes.readUInt32LE(0) === 0x474f4c50) {
          bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60)
        } else if (bytes.length >= 44) {
          if (random.chance(0.8)) bytes.writeUInt32LE(bytes.length, 4)
          const end = Math.min(bytes.length, bytes.readUInt32LE(4))
          bytes.writeUInt32LE(crc32(bytes.subarray(4, Math.max(4, end)), segment.number), 0)
        }
        return bytes
      },
      run(input: Uint8Array) {
        decodeSegmentHeader(input)
        if (input.length < 44) return
        const bytes = Uint8Array.from(input)
        const view = new DataView(bytes.buffer)
        const length = plausibleFrameLength(bytes, view, 0, bytes.length, undefined)
        if (length === 0) return
        const frame = decodeFrame(bytes, view, 0, length, segment, offset)
        if (frame === undefined || frame.part !== undefined) return
        const offsets = recordOffsets(frame.payload, frame.transactions) ?? []
        for (const [i, start] of offsets.entries()) {
          const end = offsets[i + 1] ?? frame.payload.length
          refusing(() => decodeRecord(frame.payload, start, end), LogError)
        }
      },
    }),
}
