import { expect, test } from 'vitest'
import { copySlice, type Slice, sliceOf } from '../../base/slice.ts'
import { checkFamily } from './check.ts'
import { AddressSpace, slabShift } from './address-space.ts'
import { ChunkSource } from './chunk-source.ts'
import { MemoryStore } from './memory.ts'
import { RecordArena } from './record-arena.ts'
import { recordInts, setRecordHeader } from './record-layout.ts'

/** Of which 256 fill a slab; the first slab has one less. */
const payloadBytes = 1000

test('a slab that was given to another part of the epochs is not given out for the one that it was of', () => {
  const space = new AddressSpace()
  const arena = new RecordArena(space, new ChunkSource(), (note) => space.place(note), true, 0)
  const many = (count: number, epochHigh: number): number[] => {
    return Array.from({ length: count }, () => {
      const record = arena.allocate(payloadBytes, epochHigh)
      setRecordHeader(recordInts(space, record), record, 1, epochHigh, 10, payloadBytes - 10)
      return record
    })
  }
  const slabOf = (record: number): number => record >>> slabShift
  const first = many(255, 0)
  const second = many(1, 0)
  expect([slabOf(first[254]!), slabOf(second[0]!)]).toEqual([0, 1])
  // It waits for records of its part of the epochs, then goes, and comes to wait for those of the other part.
  for (const record of first) arena.free(record)
  const others = many(256, 1)
  expect([slabOf(others[0]!), slabOf(others[255]!)]).toEqual([0, 2])
  arena.free(others[7]!)
  for (const record of many(300, 0)) expect(space.slabEpochs[slabOf(record)]).toBe(0)
  for (const record of many(300, 1)) expect(space.slabEpochs[slabOf(record)]).toBe(1)
})

const key = (n: number): Slice => sliceOf(Buffer.from(`key ${n}`))

function fill(store: MemoryStore, from: number, to: number, text: string): void {
  for (let n = from; n < to; n++) store.put(key(n), sliceOf(Buffer.from(`${text} ${n}`)))
  store.publish(store.sequence + 1)
}

function read(store: MemoryStore, n: number): string {
  return Buffer.from(copySlice(store.current.get(key(n))!)).toString()
}

test('records of a fork and its parent on both sides of a border of the epochs share chunks', () => {
  const store = new MemoryStore({ monotonic: () => 0, poison: true, from: { epoch: 2 ** 32 - 100, recordChunk: 6000 } })
  fill(store, 0, 10, 'base')
  const fork = store.forkMemory()
  while (store.versions.epochHigh === 0) {
    fill(store, 0, 1, 'seal')
    store.snapshot().release()
  }
  const { reservedBytes } = store.family
  for (let n = 100; n < 400; n++) {
    fill(store, n, n + 1, 'parent')
    fill(fork, n, n + 1, 'fork')
  }
  expect(fork.versions.epochHigh).toBe(0)
  expect([read(store, 399), read(fork, 399), read(fork, 3)]).toEqual(['parent 399', 'fork 399', 'base 3'])
  expect(store.family.reservedBytes).toBe(reservedBytes)
  checkFamily(store.family, [store, fork])
  fork.close()
  store.close()
})

test('records of all lengths are read, overwritten and freed in chunks of both signs, small and large', () => {
  for (const recordChunk of [0, 6000]) {
    const store = new MemoryStore({ monotonic: () => 0, poison: true, from: { epoch: 1, recordChunk } })
    const bytes = (n: number, fillWith: number): Slice => sliceOf(new Uint8Array(n).fill(fillWith))
    const lengths = [0, 1, 100, 255, 256, 257, 32_000, 32_750, 32_768, 40_000, 65_535, 65_536, 200_000]
    for (const [n, length] of lengths.entries()) store.put(key(n), bytes(length, n))
    // One less is overwritten in place, where there is anything.
    for (const [n, length] of lengths.entries()) store.put(key(n), bytes(Math.max(0, length - 1), n + 100))
    store.publish(1)
    const cursor = store.current.scan({ start: sliceOf(new Uint8Array(0)), end: sliceOf(new Uint8Array([255])) })
    const scanned = new Map<string, number>()
    while (cursor.next()) {
      scanned.set(Buffer.from(copySlice(cursor.key)).toString(), cursor.value.end - cursor.value.start)
    }
    for (const [n, length] of lengths.entries()) {
      const expected = Buffer.alloc(Math.max(0, length - 1), n + 100)
      expect(expected.equals(copySlice(store.current.get(key(n))!)), `${length} bytes`).toBe(true)
      expect(scanned.get(`key ${n}`)).toBe(expected.length)
    }
    checkFamily(store.family, [store])
    for (let n = 0; n < lengths.length; n++) store.delete(key(n))
    store.publish(2)
    store.snapshot().release()
    while (store.reclaim(0));
    expect(store.statistics()['records']).toBe(0)
    store.close()
  }
})
