import { expect, test } from 'vitest'
import { ByteWriter, decodeUtf8 } from './bytes.ts'
import { latin1ToBytes, MutableSlice, sliceToLatin1 } from './slice.ts'

const every = Uint8Array.from({ length: 256 }, (_, i) => i)

test('text of bytes, whatever memory they lie in', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(300), 7, 256)
  shared.set(every)
  const views = [every, Buffer.from(every), shared, new Uint8Array([9, ...every]).subarray(1)]
  for (const bytes of views) {
    const text = sliceToLatin1(new MutableSlice(bytes, 3, 256))
    expect(text).toHaveLength(253)
    expect([...latin1ToBytes(text)]).toEqual([...every.subarray(3)])
    expect(decodeUtf8(bytes, 65, 91)).toBe('ABCDEFGHIJKLMNOPQRSTUVWXYZ')
  }
})

test('a writer that grows keeps its text', () => {
  const writer = new ByteWriter(4)
  for (let i = 0; i < 20; i++) writer.utf8('né日𝄞 and some more text')
  expect(decodeUtf8(writer.bytes, 0, writer.end)).toBe('né日𝄞 and some more text'.repeat(20))
})
