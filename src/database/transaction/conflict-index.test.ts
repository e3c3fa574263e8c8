import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConflictIndex } from './conflict-index.ts'

interface Change {
  readonly start: string
  readonly end: string
  readonly sequence: number
}

/** Everything that was ever written, looked through from end to end. */
class NaiveIndex {
  changes: Change[] = []

  changed(start: string, end: string, since: number): boolean {
    return this.changes.some((change) => change.sequence > since && change.start < end && start < change.end)
  }

  lastChange(key: string): number {
    return Math.max(0, ...this.changes.filter((c) => c.start <= key && key < c.end).map((c) => c.sequence))
  }
}

const keyOf = (number: number): string => `key ${String(number).padStart(5, '0')}`

describe('the conflict index', () => {
  test('knows the changes of runs that were split', () => {
    const index = new ConflictIndex()
    index.open(0)
    for (let sequence = 1; sequence <= 2000; sequence++) index.add(keyOf((sequence * 7) % 2000), sequence)
    for (let sequence = 1; sequence <= 2000; sequence++) {
      const [start, end] = [keyOf((sequence * 7) % 2000), keyOf(((sequence * 7) % 2000) + 1)]
      const asked = [sequence - 1, sequence].map((since) => index.changed(start, end, since))
      expect(asked, `key ${sequence}`).toEqual([true, false])
    }
  })

  test('knows the changes of a run’s upper half, to which nothing is added after it was split off', () => {
    const index = new ConflictIndex()
    index.open(0)
    for (let number = 2000; number > 0; number--) index.add(keyOf(number), 2001 - number)
    for (let number = 1; number <= 2000; number++) {
      const asked = [2000 - number, 2001 - number].map((since) =>
        index.changed(keyOf(number), keyOf(number + 1), since),
      )
      expect(asked, `key ${number}`).toEqual([true, false])
    }
  })

  test('answers as a list of all changes does', () => {
    const numbers = fc.nat(400)
    const change = fc.record({
      at: numbers,
      length: fc.oneof({ weight: 30, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(40) }),
      ask: numbers,
      back: fc.nat(30),
    })
    const property = fc.property(fc.array(change, { minLength: 1, maxLength: 600, size: 'max' }), (changes) => {
      const index = new ConflictIndex()
      const naive = new NaiveIndex()
      index.open(0)
      for (const [i, { at, length, ask, back }] of changes.entries()) {
        const sequence = i + 1
        const [start, end] = [keyOf(at), length === 0 ? `${keyOf(at)}\0` : keyOf(at + length)]
        if (length === 0) index.add(start, sequence)
        else index.addRange(start, end, sequence)
        naive.changes.push({ start, end, sequence })
        const since = Math.max(0, sequence - back)
        const [low, high] = [keyOf(ask), keyOf(ask + back)]
        expect(index.lastChange(low)).toBe(naive.lastChange(low))
        if (low < high) expect(index.changed(low, high, since)).toBe(naive.changed(low, high, since))
      }
    })
    // Programs of some hundred changes may shrink for minutes: the seed says enough.
    fc.assert(property, { numRuns: 60, endOnFailure: true })
  })

  test('knows a key by its newest change, and a snapshot by its own sequence', () => {
    const index = new ConflictIndex()
    index.open(0)
    index.add('b', 1)
    index.add('b', 5)
    expect(index.lastChange('b')).toBe(5)
    expect(index.changed('a', 'c', 4)).toBe(true)
    expect(index.changed('a', 'c', 5)).toBe(false)
    index.add('d', 6)
    // What changed before stays no newer than it is, though its run has changed since.
    expect(index.changed('a', 'c', 5)).toBe(false)
    expect([index.changed('b', 'd', 4), index.changed('b\0', 'd', 4), index.changed('a', 'b', 4)]).toEqual([
      true,
      false,
      false,
    ])
    index.addRange('m', 'p', 7)
    expect([index.changed('p', 'q', 6), index.changed('a', 'm', 6), index.changed('o', 'q', 6)]).toEqual([
      false,
      false,
      true,
    ])
  })

  test('keeps what its oldest asker may ask for, and forgets the rest by generations', () => {
    const index = new ConflictIndex()
    index.open(0)
    for (let sequence = 1; sequence <= 20_000; sequence++) index.add(keyOf(sequence), sequence)
    expect(index.lastChange(keyOf(1))).toBe(1)
    index.open(20_000)
    index.close(0)
    for (let sequence = 20_001; sequence <= 60_000; sequence++) index.add(keyOf(sequence), sequence)
    expect(index.entries).toBeLessThan(45_000)
    expect(index.changed(keyOf(20_001), keyOf(20_002), 20_000)).toBe(true)
    expect(index.lastChange(keyOf(40_000))).toBe(40_000)
    index.close(20_000)
    expect(index.active).toBe(false)
    expect(index.entries).toBe(0)
  })

  test('counts its askers', () => {
    const index = new ConflictIndex()
    index.open(3)
    index.open(3)
    index.close(3)
    index.add('a', 4)
    expect(index.active).toBe(true)
    expect(index.changed('a', 'b', 3)).toBe(true)
    index.close(3)
    expect(index.active).toBe(false)
  })
})
