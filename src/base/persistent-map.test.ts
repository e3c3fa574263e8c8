import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PersistentMap } from './persistent-map.ts'

const key = fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 0, max: 400 }) }, fc.double({ noNaN: true }))
const change = fc.oneof(
  { weight: 2, arbitrary: fc.tuple(fc.constant('with'), key, fc.integer()) },
  fc.tuple(fc.constant('without'), key, fc.constant(0)),
)

function ordered<K extends string | number, V>(map: ReadonlyMap<K, V>): [K, V][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Everything that two maps have in common, by all that one can ask. */
function expectSame<K extends string | number, V>(map: PersistentMap<K, V>, model: ReadonlyMap<K, V>): void {
  const entries = ordered(model)
  expect([...map]).toEqual(entries)
  expect([...map.keys()]).toEqual(entries.map(([each]) => each))
  expect([...map.values()]).toEqual(entries.map(([, value]) => value))
  expect(map.size).toBe(model.size)
  for (const [each, value] of model) expect([map.has(each), map.get(each)]).toEqual([true, value])
  for (const [i, entry] of entries.entries()) {
    expect([map.atOrBefore(entry[0]), map.after(entry[0])]).toEqual([entry, entries[i + 1]])
  }
}

/** What lies beside a key that may not be there. */
function expectNeighbours(map: PersistentMap<number, number>, model: ReadonlyMap<number, number>, at: number): void {
  const entries = ordered(model)
  expect(map.atOrBefore(at)).toEqual(entries.findLast(([each]) => each <= at))
  expect(map.after(at)).toEqual(entries.find(([each]) => each > at))
}

describe('a persistent map', () => {
  test('is what a Map is, after any changes, and so are all that it was before', () => {
    const property = fc.property(fc.array(change, { maxLength: 300 }), fc.nat(400), (changes, prefilled) => {
      const model = new Map<number, number>(Array.from({ length: prefilled }, (_, i) => [i, i]))
      let map = PersistentMap.from(model)
      const earlier: [PersistentMap<number, number>, Map<number, number>][] = []
      for (const [i, [kind, each, value]] of changes.entries()) {
        if (i % 50 === 0) earlier.push([map, new Map(model)])
        if (kind === 'with') model.set(each + 0, value)
        else model.delete(each)
        map = kind === 'with' ? map.with(each + 0, value) : map.without(each)
        expect(map.has(each)).toBe(kind === 'with')
        if (i % 10 === 0) expectNeighbours(map, model, each + 0.5)
      }
      for (const [was, then] of [...earlier, [map, model] as const]) expectSame(was, then)
    })
    fc.assert(property, { numRuns: 60 })
  })

  test('orders strings by their code units, whatever the name', () => {
    const names = ['__proto__', 'constructor', '', 'a', 'A', 'é', '\u{1f600}', '\uffff', '10', '9']
    const model = new Map(names.map((name, i) => [name, i]))
    expectSame(PersistentMap.from(model), model)
    let map = PersistentMap.empty<string, number>()
    for (const [name, i] of model) map = map.with(name, i)
    expectSame(map, model)
    expect(map.get('toString')).toBeUndefined()
    for (const name of names) map = map.without(name)
    expect(map.size).toBe(0)
    expect([...map]).toEqual([])
  })

  test('of entries in any order, the last of equal ones winning', () => {
    const map = PersistentMap.from([
      ['b', 1],
      ['a', 2],
      ['b', 3],
    ] as const)
    expect([...map]).toEqual([
      ['a', 2],
      ['b', 3],
    ])
  })

  test('is the same one where nothing changes', () => {
    const map = PersistentMap.from(Array.from({ length: 100 }, (_, i): [number, string] => [i, `${i}`]))
    expect(map.with(7, '7')).toBe(map)
    expect(map.without(100)).toBe(map)
  })

  test('shares all but a path with the one it comes from', () => {
    for (const size of [100, 1_000, 100_000]) {
      const map = PersistentMap.from(Array.from({ length: size }, (_, i): [number, number] => [i, i]))
      const depth = Math.ceil(Math.log(size) / Math.log(16)) + 1
      const before = map.nodes()
      for (let i = 0; i < size; i += Math.ceil(size / 20)) {
        for (const changed of [map.with(i, -1), map.with(i + 0.5, 0), map.without(i)]) {
          const made = [...changed.nodes()].filter((node) => !before.has(node))
          // A split, or a join, adds one at each level.
          expect(made.length, `${size} at ${i}`).toBeLessThanOrEqual(2 * depth)
        }
      }
    }
  })

  test('that shrinks loses its nodes', () => {
    let map = PersistentMap.from(Array.from({ length: 20_000 }, (_, i): [number, number] => [i, i]))
    for (let i = 0; i < 20_000; i++) if (i % 1000 !== 0) map = map.without((i * 7919) % 20_000)
    expect(map.nodes().size).toBeLessThan(60)
    expect(map.size).toBe(20)
  })
})
