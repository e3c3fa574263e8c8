/** Private writes against a list of them: what they say of keys, what goes into the record, what a savepoint takes back. */
import { describe, expect, test } from 'vitest'
import { MutableSlice, sliceOf, sliceToLatin1, type Slice } from '../../base/slice.ts'
import { SeededRandom } from '../../host/simulated/random.ts'
import { writeKinds, WriteSet } from './write-set.ts'

const slice = (text: string): Slice => sliceOf(Buffer.from(text, 'latin1'))
const into = new MutableSlice()

function textOf(found: Slice | null | undefined): string | null | undefined {
  return found === null || found === undefined ? found : sliceToLatin1(found)
}

/** Keys of different lengths that begin and end alike. */
const keys = [
  'a',
  'aa',
  'ab',
  'b',
  'ba',
  'bb',
  'c',
  'ca',
  'cc',
  'd',
  'da',
  'dd',
  'e',
  'ee',
  'eee',
  'f',
  'fa',
  'g',
  'h',
  'ha',
]

type Write = readonly [kind: 'put' | 'delete' | 'range', key: string, other: string]

/** Of a base where every key has its own name for a value. */
function applied(writes: readonly Write[]): Map<string, string> {
  const state = new Map(keys.map((key) => [key, key]))
  for (const [kind, key, other] of writes) {
    if (kind === 'put') state.set(key, other)
    else if (kind === 'delete') state.delete(key)
    else for (const one of keys) if (one >= key && one < other) state.delete(one)
  }
  return state
}

function perform(set: WriteSet, [kind, key, other]: Write): void {
  if (kind === 'put') set.put(slice(key), slice(other), false)
  else if (kind === 'delete') set.delete(slice(key), false)
  else set.deleteRange({ start: slice(key), end: slice(other) }, false)
}

function randomWrite(random: SeededRandom, number: number): Write {
  const [one, other] = [keys[random.below(keys.length)]!, keys[random.below(keys.length)]!]
  if (random.chance(0.6)) return ['put', one, `value ${number}`]
  if (random.chance(0.6) || one === other) return ['delete', one, '']
  return one < other ? ['range', one, other] : ['range', other, one]
}

/** What the record would make of the base, operation by operation. */
function recorded(set: WriteSet): { state: Map<string, string>; touched: string[] } {
  const writes: Write[] = []
  const touched: string[] = []
  set.forEachEffective((kind, key, operation) => {
    const [name, other] = [sliceToLatin1(key), sliceToLatin1(set.payloadOf(operation, into))]
    writes.push([kind === writeKinds.put ? 'put' : kind === writeKinds.delete ? 'delete' : 'range', name, other])
    if (kind !== writeKinds.deleteRange) touched.push(name)
  })
  return { state: applied(writes), touched }
}

function compare(set: WriteSet, writes: readonly Write[], what: string): void {
  const state = applied(writes)
  const base = { get: (key: Slice) => (keys.includes(sliceToLatin1(key)) ? key : undefined) }
  for (const key of keys) {
    const said = textOf(set.get(slice(key), into))
    expect(said === undefined ? key : (said ?? undefined), `${what}: ${key}`).toBe(state.get(key))
  }
  const { state: after, touched } = recorded(set)
  expect(after, what).toEqual(state)
  expect(new Set(touched).size, `${what}: a key is in the record twice`).toBe(touched.length)
  const counted = set.countChange({ start: slice('b'), end: slice('e') }, base)
  const inside = (all: Iterable<string>): number => [...all].filter((key) => key >= 'b' && key < 'e').length
  if (counted !== undefined) expect(counted, what).toBe(inside(state.keys()) - inside(keys))
}

describe('private writes', () => {
  test.each([6, 40, 200])('say what a list of them says, in programs of %i writes', (length) => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = new SeededRandom(seed)
      const set = new WriteSet()
      const writes: Write[] = []
      const marks: number[] = []
      for (let i = 0; i < length; i++) {
        const write = randomWrite(random, i)
        writes.push(write)
        perform(set, write)
        if (random.chance(0.1)) marks.push(writes.length)
        if (random.chance(0.05) && marks.length > 0) {
          const mark = marks.splice(random.below(marks.length))[0]!
          set.rollbackTo(mark)
          writes.length = mark
        }
        if (length < 50 || i % 10 === 0) compare(set, writes, `seed ${seed}, write ${i}`)
      }
      compare(set, writes, `seed ${seed}`)
    }
  })

  /** Rows in order, of each the entry that goes and the one that comes, as an UPDATE writes them; and now and then anywhere. */
  test.each(['rows and their entries', 'anywhere', 'backwards'])('in thousands say what a map says: %s', (kind) => {
    const random = new SeededRandom(7)
    const set = new WriteSet()
    const written: { key: string; value: string | null }[] = []
    const write = (key: string, value: string | null): void => {
      written.push({ key, value })
      if (value === null) set.delete(slice(key), true)
      else set.put(slice(key), slice(value), false)
    }
    const keyAt = (part: string, number: number): string => `\x20${part}${String(number).padStart(6, '0')}`
    const marks: number[] = []
    for (let i = 0; i < 3_000; i++) {
      const number = kind === 'anywhere' ? random.below(2_000) : kind === 'backwards' ? 9_000 - 3 * i : 3 * i
      write(keyAt('r', number), `row ${i}`)
      write(keyAt('e', number), null)
      write(keyAt('e', number + 1), `entry ${i}`)
      if (random.chance(0.02)) write(keyAt('r', random.below(9_000)), `again ${i}`)
      if (i === 3 || i === 900 || i === 2_000) marks.push(written.length)
    }
    const check = (): void => {
      const newest = new Map(written.map(({ key, value }, at) => [key, { value, at }]))
      for (const [key, { value }] of newest) expect(textOf(set.get(slice(key), into))).toBe(value)
      for (let n = 0; n < 200; n++) {
        const key = keyAt('r', random.below(9_100))
        expect(textOf(set.get(slice(key), into))).toBe(newest.get(key)?.value)
      }
      const effective: number[] = []
      set.forEachEffective((_, _key, operation) => effective.push(operation))
      expect(effective).toEqual([...newest.values()].map(({ at }) => at).sort((a, b) => a - b))
      const inOrder: string[] = []
      const { sorted } = set
      for (let at = sorted.first(slice(''), false); at >= 0; at = sorted.next(at, false)) {
        inOrder.push(sliceToLatin1(set.keyOf(sorted.at(at), into)))
      }
      expect(inOrder).toEqual([...newest.keys()].sort())
    }
    check()
    for (const mark of marks.reverse()) {
      set.rollbackTo(mark)
      written.length = mark
      check()
      write(keyAt('r', 4), 'after')
      check()
      set.rollbackTo(mark)
      written.length = mark
    }
  })

  test('leave their memory to the next once they are released, and nothing in it', () => {
    const first = new WriteSet()
    first.put(slice('a'), slice('1'), false)
    const { bytes } = first.keyOf(0, new MutableSlice())
    first.release()
    const second = new WriteSet()
    second.put(slice('b'), slice('2'), false)
    expect(second.keyOf(0, new MutableSlice()).bytes).toBe(bytes)
    first.put(slice('c'), slice('3'), false)
    expect(first.keyOf(0, new MutableSlice()).bytes).not.toBe(bytes)
    const into = new MutableSlice()
    expect(['a', 'b', 'c'].map((key) => first.get(slice(key), into) ?? undefined)).toEqual([undefined, undefined, into])
    expect(sliceToLatin1(second.get(slice('b'), into)!)).toBe('2')
    expect(second.find(slice('c'))).toBe(-1)
  })

  test('an estimate of a range is about how many of them are on its keys', () => {
    const writes = new WriteSet()
    const range = { start: slice('a'), end: slice('b') }
    expect(writes.estimate(range)).toBe(0)
    for (let i = 0; i < 1000; i++) {
      writes.put(slice(`${i % 4 === 0 ? 'a' : 'c'}${i}`), slice('value'), false)
      writes.notify(slice('a channel'), slice('payload'))
    }
    const estimate = writes.estimate(range)
    expect(estimate).toBeGreaterThan(125)
    expect(estimate).toBeLessThan(600)
    expect(writes.estimate({ start: slice('d'), end: slice('e') })).toBe(0)
  })

  test('what a later range delete covers is no part of the record', () => {
    const set = new WriteSet()
    for (const name of ['a', 'b', 'c']) set.put(slice(name), slice('1'), false)
    set.deleteRange({ start: slice('a'), end: slice('c') }, false)
    set.put(slice('b'), slice('2'), false)
    const record: string[] = []
    set.forEachEffective((kind, key, operation) => {
      record.push([kind, sliceToLatin1(key), sliceToLatin1(set.payloadOf(operation, into))].join(' '))
    })
    const { put, deleteRange } = writeKinds
    expect(record).toEqual([`${put} c 1`, `${deleteRange} a c`, `${put} b 2`])
  })

  test('a range delete at a savepoint is taken back with it, and one before it stays', () => {
    const set = new WriteSet()
    set.put(slice('b'), slice('1'), false)
    set.deleteRange({ start: slice('a'), end: slice('c') }, false)
    const mark = set.count
    set.deleteRange({ start: slice('c'), end: slice('e') }, false)
    set.rollbackTo(mark)
    expect([set.get(slice('b'), into), set.get(slice('c'), into)]).toEqual([null, undefined])
    set.rollbackTo(1)
    expect(textOf(set.get(slice('b'), into))).toBe('1')
    expect(set.hasRanges).toBe(false)
  })
})

test('what stood in the index of a transaction before is not found in the next one', () => {
  const set = new WriteSet()
  for (const rounds of [12, 40, 12, 1000, 12, 3, 12]) {
    for (let i = 0; i < rounds; i++) set.put(slice(`${rounds}: ${i}`), slice(`${i}`), false)
    for (const other of [12, 40, 1000]) {
      for (const place of [7, other - 1]) {
        const found = set.get(slice(`${other}: ${place}`), into)
        expect(textOf(found)).toBe(other === rounds ? `${place}` : undefined)
      }
    }
    set.put(slice(`${rounds}: 2`), slice('again'), false)
    expect(textOf(set.get(slice(`${rounds}: 2`), into))).toBe('again')
    set.reset()
    expect(set.get(slice(`${rounds}: 2`), into)).toBeUndefined()
  }
})
