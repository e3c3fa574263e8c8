import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareSlices, copySlice, MutableSlice, sliceOf } from '../../base/slice.ts'
import { EntrySorter } from './entry-sorter.ts'

function sorted(keys: readonly Uint8Array[]): { readonly key: Uint8Array; readonly value: Uint8Array }[] {
  const sorter = new EntrySorter()
  for (const key of keys) sorter.add(sliceOf(key), sliceOf(Uint8Array.of(key.length & 0xff)))
  while (sorter.step() > 0);
  const [key, value] = [new MutableSlice(), new MutableSlice()]
  return keys.map((_, place) => {
    sorter.read(place, key, value)
    return { key: copySlice(key), value: copySlice(value) }
  })
}

function expectInOrder(keys: readonly Uint8Array[]): void {
  const wanted = keys.toSorted((a, b) => compareSlices(sliceOf(a), sliceOf(b)))
  expect(sorted(keys)).toEqual(wanted.map((key) => ({ key, value: Uint8Array.of(key.length & 0xff) })))
}

test('entries come in the order of their keys', () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 12 }), { maxLength: 200 }), (keys) => expectInOrder(keys)))
})

test('so do those of many runs, of which most have equal ranks', () => {
  const key = (i: number): Uint8Array => {
    const n = (i * 7919) % 20_011
    return Uint8Array.of(9, 9, n % 3, 0, 0, 0, 0, 1, n >> 8, n & 0xff)
  }
  expectInOrder(Array.from({ length: 20_000 }, (_, i) => key(i)))
})

test('a key that another one begins with comes before it, also behind zeros', () => {
  expectInOrder([Uint8Array.of(1, 0, 0), Uint8Array.of(1, 0), Uint8Array.of(1), Uint8Array.of(1, 0, 0, 0, 0, 0, 0)])
})

test('keys share no more than all of them do', () => {
  expectInOrder([Uint8Array.of(1, 2, 3, 9), Uint8Array.of(1, 0, 0, 255), Uint8Array.of(1, 2, 3, 4)])
})
