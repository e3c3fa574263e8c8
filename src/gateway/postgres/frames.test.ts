import fc from 'fast-check'
import { expect, it } from 'vitest'
import { MessageFrames } from './frames.ts'

function framed(type: string, body: Uint8Array): Buffer {
  const head = Buffer.alloc(5)
  head.write(type, 'latin1')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

it('gives the same messages however they are cut', () => {
  const message = fc.tuple(fc.constantFrom('Q', 'P', 'S', 'E'), fc.uint8Array({ maxLength: 300 }))
  fc.assert(
    fc.property(fc.array(message), fc.array(fc.integer({ min: 1, max: 100 })), (messages, cuts) => {
      const frames = new MessageFrames(1000)
      const all = Buffer.concat(messages.map(([type, body]) => framed(type, body)))
      const seen: [string, number[]][] = []
      let at = 0
      for (const cut of [...cuts, all.length]) {
        // A copy: the chunk's owner may use its buffer again for other bytes.
        frames.push(new Uint8Array(all.subarray(at, at + cut)))
        at = Math.min(all.length, at + cut)
        while (frames.next()) {
          seen.push([
            String.fromCharCode(frames.type),
            [...frames.bytes.subarray(frames.payloadStart, frames.payloadEnd)],
          ])
        }
      }
      expect(seen).toEqual(messages.map(([type, body]) => [type, [...body]]))
      expect(frames.bufferedBytes).toBe(0)
    }),
  )
})

it('refuses lengths beyond the limit of their type before it waits for them', () => {
  const frames = new MessageFrames(50_000)
  frames.push(Buffer.from([0x51, 0, 0, 0xc3, 0x50]))
  expect(frames.next()).toBe(false)
  const small = new MessageFrames(50_000)
  small.push(Buffer.from([0x53, 0, 0, 0xc3, 0x50]))
  expect(() => small.next()).toThrow('invalid message length')
})

it('sees what comes next only where it has arrived', () => {
  const frames = new MessageFrames(1000)
  frames.push(
    Buffer.concat([framed('E', new Uint8Array(3)), framed('C', new Uint8Array(2)), framed('S', new Uint8Array(0))]),
  )
  frames.next()
  expect(frames.peekType(0x43)).toBe(0x53)
  expect(frames.peekType(0)).toBe(0x43)
  frames.next()
  frames.next()
  expect(frames.peekType(0x43)).toBe(0)
})
