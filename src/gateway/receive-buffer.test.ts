/** Messages of any length, cut into chunks of any length, come out as they were sent; long ones are not copied at once. */
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { MemoryAccount } from '../base/memory-account.ts'
import { ReceiveBuffer } from './receive-buffer.ts'

const headerBytes = 4
const mebibyte = 1024 * 1024

/** Messages that begin with their length. */
class Frames extends ReceiveBuffer {
  next(): Uint8Array | undefined {
    if (this.end - this.start < headerBytes) return undefined
    const length = new DataView(this.bytes.buffer, this.bytes.byteOffset + this.start).getUint32(0)
    if (this.end - this.start < length) {
      this.expect(length)
      return undefined
    }
    this.start += length
    return this.bytes.subarray(this.start - length, this.start)
  }
}

function message(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = headerBytes; i < length; i += 97) bytes[i] = (seed + i) % 251
  bytes.writeUInt32BE(length)
  return bytes
}

/** All of it in chunks of these lengths, over and over. */
function* chunksOf(bytes: Buffer, lengths: readonly number[]): Generator<Buffer> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = lengths[i % lengths.length]!
    yield Buffer.from(bytes.subarray(at, at + length))
    at += length
  }
}

const someLength = fc.oneof(
  fc.integer({ min: headerBytes, max: 300 }),
  fc.integer({ min: 400 * 1024, max: 3 * mebibyte }),
)
const chunkLength = fc.oneof(fc.integer({ min: 700, max: 70_000 }), fc.constant(64 * 1024))

test('what arrives in pieces is what was sent', () => {
  fc.assert(
    fc.property(
      fc.array(someLength, { minLength: 1, maxLength: 6 }),
      fc.array(chunkLength, { minLength: 1, maxLength: 5 }),
      (lengths, chunks) => {
        const sent = lengths.map((length, i) => message(length, i))
        const frames = new Frames(4 * mebibyte)
        const account = new MemoryAccount('the connection')
        frames.chargeTo({ account })
        let received = 0
        for (const chunk of chunksOf(Buffer.concat(sent), chunks)) {
          frames.push(chunk)
          for (let found = frames.next(); found !== undefined; found = frames.next()) {
            if (!sent[received++]!.equals(found))
              throw new Error(`message ${received - 1} came otherwise than it was sent`)
          }
          frames.rest()
        }
        expect(received).toBe(sent.length)
        expect(frames.bufferedBytes).toBe(0)
        expect(account.usedBytes).toBe(0)
      },
    ),
    { numRuns: 60 },
  )
})

test('a long message is charged by what has come of it, and no chunk copies much of it', () => {
  const frames = new Frames(64 * mebibyte)
  const account = new MemoryAccount('the connection', undefined, { quantumBytes: 1 })
  frames.chargeTo({ account })
  const copied = countCopies()
  let most = 0
  let came = 0
  for (const chunk of chunksOf(message(40 * mebibyte, 1), [64 * 1024])) {
    copied.bytes = 0
    frames.push(chunk)
    came += chunk.length
    most = Math.max(most, copied.bytes)
    if (came < 40 * mebibyte) expect(frames.next()).toBeUndefined()
    expect(account.usedBytes).toBeLessThanOrEqual(came)
    expect(account.usedBytes).toBeGreaterThanOrEqual(came - 128 * 1024)
  }
  copied.stop()
  expect(frames.next()?.length).toBe(40 * mebibyte)
  expect(most).toBeLessThanOrEqual(5 * 64 * 1024)
})

test('how long a message was to be says nothing of the next one', () => {
  const frames = new Frames(4 * mebibyte)
  const [long, short] = [message(600 * 1024, 1), message(2000, 2)]
  const all = Buffer.concat([long, short])
  let received = 0
  // The third chunk ends within the second message's length.
  for (const [from, to] of [
    [0, 200_000],
    [200_000, 614_402],
    [614_402, all.length],
  ] as const) {
    frames.push(Buffer.from(all.subarray(from, to)))
    while (frames.next() !== undefined) received++
  }
  expect(received).toBe(2)
})

test('where no memory is left the rest is refused, and what had come is given back', () => {
  const frames = new Frames(64 * mebibyte)
  const account = new MemoryAccount('the connection', undefined, { limitBytes: 2 * mebibyte })
  frames.chargeTo({ account })
  const send = (): void => {
    for (const chunk of chunksOf(message(40 * mebibyte, 1), [64 * 1024])) {
      frames.push(chunk)
      frames.next()
    }
  }
  expect(send).toThrow(/out of memory/)
  frames.drop()
  expect(account.usedBytes).toBe(0)
})

/** Bytes that are copied from one buffer to another, from here on until `stop`. */
function countCopies(): { bytes: number; stop(): void } {
  const original = Uint8Array.prototype.set
  const spy = vi.spyOn(Uint8Array.prototype, 'set')
  const counted = { bytes: 0, stop: (): void => spy.mockRestore() }
  spy.mockImplementation(function (this: Uint8Array, from: ArrayLike<number>, at?: number): void {
    counted.bytes += from.length
    original.call(this, from, at)
  })
  return counted
}
