import { expect, test } from 'vitest'
import { chunkBytes } from './address-space.ts'
import { ChunkSource, chunksPerRegion, type Chunk } from './chunk-source.ts'

function take(source: ChunkSource, count: number): Chunk[] {
  return Array.from({ length: count }, () => source.take())
}

test('chunks of a region lie side by side, and regions are larger than what an allocator keeps', () => {
  const source = new ChunkSource()
  const chunks = take(source, chunksPerRegion + 1)
  const [first] = chunks
  const offsets = chunks.slice(0, -1).map(({ buffer, offset }) => [buffer === first!.buffer, offset / chunkBytes])
  expect(offsets).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((n) => [true, n]))
  expect(chunks.at(-1)!.buffer).not.toBe(first!.buffer)
  expect(source.regions).toBe(2)
  // glibc's largest threshold.
  expect(first!.buffer.byteLength).toBeGreaterThan(32 << 20)
})

test('a chunk that came back is taken again, in the first region that has room', () => {
  const source = new ChunkSource()
  const chunks = take(source, 2 * chunksPerRegion)
  const back = [chunks[12]!, chunks[3]!, chunks[5]!]
  for (const chunk of back) source.release(chunk)
  expect(take(source, 3)).toEqual([chunks[3], chunks[5], chunks[12]])
  expect(source.regions).toBe(2)
})

test('an empty region goes where another one has room, and the last one stays', () => {
  const source = new ChunkSource()
  const chunks = take(source, 2 * chunksPerRegion)
  for (const chunk of chunks.slice(chunksPerRegion)) source.release(chunk)
  expect(source.regions).toBe(2)
  source.release(source.take())
  expect(source.regions).toBe(2)
  for (const chunk of chunks.slice(0, 2)) source.release(chunk)
  // The empty one was found when something came back there last; now it is used first again, and left.
  const [other] = take(source, 3).slice(2)
  source.release(chunks[1]!)
  source.release(other!)
  expect(source.regions).toBe(1)
  for (const chunk of [...chunks.slice(2, chunksPerRegion), chunks[0]!]) source.release(chunk)
  expect(source.regions).toBe(1)
})

test('nobody gives a chunk back twice', () => {
  const source = new ChunkSource()
  const [chunk] = take(source, 2)
  source.release(chunk!)
  expect(() => source.release(chunk!)).toThrow('given back twice')
  expect(() => source.release({ buffer: new SharedArrayBuffer(8), offset: 0 })).toThrow('given back twice')
})
