import { describe, expect, test } from 'vitest'
import { copySlice, sliceOf } from '../../base/slice.ts'
import type { Slice } from '../../base/slice.ts'
import type { ChunkNote } from './address-space.ts'
import { MemoryStore } from './memory.ts'
import { SharedReader } from './shared-reader.ts'

const key = (n: number): Slice => sliceOf(Buffer.from(`key ${String(n).padStart(6, '0')}`))

function fill(store: MemoryStore, keys: number, text: string, length = 0): void {
  for (let n = 0; n < keys; n++) store.put(key(n), sliceOf(Buffer.from(text.padEnd(length))))
  store.publish(store.sequence + 1)
}

/** A reader as another thread would have it: its chunks come by notes. */
function attach(store: MemoryStore): { reader: SharedReader; notes: ChunkNote[]; end(): void } {
  const notes: ChunkNote[] = []
  const { handle, end } = store.share((note) => notes.push(note))
  const reader = new SharedReader(handle, { takeNotes: () => notes.splice(0) })
  return { reader, notes, end }
}

function read(reader: SharedReader, n: number): string | undefined {
  const found = reader.get(key(n))
  return found === undefined ? undefined : Buffer.from(copySlice(found)).toString().trimEnd()
}

describe('a shared reader', () => {
  test('sees what was published when it pinned', () => {
    const store = new MemoryStore({ monotonic: () => 0, poison: true })
    fill(store, 1000, 'first')
    const { reader, end } = attach(store)
    reader.pin()
    expect([reader.sequence, read(reader, 7)]).toEqual([1, 'first'])
    fill(store, 1000, 'second')
    store.deleteRange({ start: key(0), end: key(500) })
    expect([reader.sequence, read(reader, 7)]).toEqual([1, 'first'])
    reader.unpin()
    expect(() => reader.get(key(7))).toThrow('without a pin')
    reader.pin()
    expect([reader.sequence, read(reader, 7)]).toEqual([2, 'second'])
    end()
    store.close()
  })

  test('learns of chunks that came after it', () => {
    const store = new MemoryStore({ monotonic: () => 0, poison: true })
    const { reader, notes, end } = attach(store)
    fill(store, 20_000, 'long', 400)
    store.put(key(1), sliceOf(new Uint8Array(100_000).fill(0x61)))
    store.publish(store.sequence + 1)
    expect(notes.length).toBeGreaterThan(2)
    reader.pin()
    const cursor = reader.scan({ start: key(0), end: key(99_999) })
    let count = 0
    while (cursor.next()) count++
    expect(count).toBe(20_000)
    expect(read(reader, 1)).toHaveLength(100_000)
    end()
    store.close()
  })

  test('that died holds nothing once its share is ended', () => {
    const store = new MemoryStore({ monotonic: () => 0, poison: true })
    fill(store, 3000, 'first')
    const { records } = store.statistics()
    const { reader, end } = attach(store)
    reader.pin()
    fill(store, 3000, 'second')
    while (store.reclaim(0));
    expect(store.statistics()['records']).toBe(2 * 3000 + (records! - 3000))
    end()
    while (store.reclaim(0));
    expect(store.statistics()['records']).toBe(records)
    expect(store.statistics()['retiredObjects']).toBe(0)
    store.close()
  })
})
