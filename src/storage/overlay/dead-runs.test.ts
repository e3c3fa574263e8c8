import { beforeEach, describe, expect, test } from 'vitest'
import { copySlice, sliceOf, type KeyRange, type Slice } from '../../base/slice.ts'
import { SeededRandom } from '../../host/simulated/random.ts'
import { NaiveBase } from '../contract/naive-base.ts'
import { NaiveStore } from '../contract/naive-store.ts'
import { isMiss, type Cursor, type Mark, type Reader, type ScanOptions, type Snapshot } from '../store.ts'
import { passedBetweenPauses, pausePage } from './dead-runs.ts'
import { Overlay } from './overlay.ts'

const keys = 6 * passedBetweenPauses
const key = (n: number): Slice => sliceOf(Buffer.from(String(n).padStart(6, '0')))
const numberOf = (slice: Slice): number => Number(Buffer.from(copySlice(slice)).toString())
const value = sliceOf(Buffer.from('value'))
const range = (from: number, to: number): KeyRange => ({ start: key(from), end: key(to) })

let overlay: Overlay
let sequence: number

beforeEach(async () => {
  overlay = new Overlay(new NaiveStore(), new NaiveBase())
  sequence = 0
  // Beside deleted keys of the base there are some that it never had.
  for (let n = 0; n < keys; n += 1 + (n % 2)) overlay.put(key(n), value)
  publish()
  await overlay.handOver()
  while (overlay.reclaim(1e6));
})

function publish(): void {
  overlay.publish(++sequence)
}

/** Waits for each page, and counts the pauses. */
async function walk(reader: Snapshot, cursor: Cursor, pauses: { count: number }): Promise<number[]> {
  const found: number[] = []
  for (;;) {
    try {
      if (!cursor.next()) return found
      found.push(numberOf(cursor.key))
    } catch (error) {
      if (!isMiss(error)) throw error
      if (error.page === pausePage) pauses.count++
      const pin = await reader.load(error)
      pin.release()
    }
  }
}

async function shown(from = 0, to = keys, options?: ScanOptions): Promise<number[]> {
  const snapshot = overlay.snapshot()
  const found = await walk(snapshot, snapshot.scan(range(from, to), options), { count: 0 })
  snapshot.release()
  return found
}

function deleteAll(from: number, to: number): void {
  for (let n = from; n < to; n++) overlay.delete(key(n))
}

describe.each([{ reverse: false }, { reverse: true }])('a scan over many deleted keys (%j)', (options) => {
  const left = options.reverse ? 0 : keys - 1

  beforeEach(() => {
    deleteAll(options.reverse ? 1 : 0, options.reverse ? keys : keys - 1)
    overlay.put(key(left), value)
    publish()
  })

  test('pauses after each thousand, and goes over them in one step once that is known', async () => {
    const snapshot = overlay.snapshot()
    const first = { count: 0 }
    expect(await walk(snapshot, snapshot.scan(range(0, keys), options), first)).toEqual([left])
    expect(first.count).toBe(Math.floor((keys - 2) / passedBetweenPauses))
    const again = { count: 0 }
    expect(await walk(snapshot, snapshot.scan(range(0, keys), options), again)).toEqual([left])
    expect(again.count).toBeLessThanOrEqual(1)
    snapshot.release()
  })

  test('that is begun anew after each pause comes to its end', async () => {
    const snapshot = overlay.snapshot()
    for (let attempts = 1; ; attempts++) {
      expect(attempts).toBeLessThan(20)
      try {
        const cursor = snapshot.scan(range(0, keys), options)
        const pins: unknown[] = []
        while (!(await nextThroughPages(snapshot, cursor, pins)));
        break
      } catch (error) {
        if (!isMiss(error)) throw error
      }
    }
    snapshot.release()
  })

  test('skips no more than it says, in pauses too', async () => {
    const snapshot = overlay.snapshot()
    const { passed, pauses } = await skipAll(snapshot, snapshot.scan(range(0, keys), options))
    expect(passed).toBe(1)
    expect(pauses).toBe(Math.floor((keys - 2) / passedBetweenPauses))
    snapshot.release()
  })
})

async function skipAll(reader: Snapshot, cursor: Cursor): Promise<{ passed: number; pauses: number }> {
  let pauses = 0
  let passed = 0
  for (;;) {
    try {
      const skipped = cursor.skip(100)
      if (skipped === 0) return { passed, pauses }
      passed += skipped
    } catch (error) {
      if (!isMiss(error)) throw error
      if (error.page === pausePage) pauses++
      await reader.load(error)
    }
  }
}

/** The base's pages, but no pause. */
async function nextThroughPages(reader: Snapshot, cursor: Cursor, pins: unknown[]): Promise<boolean> {
  for (;;) {
    try {
      return cursor.next()
    } catch (error) {
      if (!isMiss(error) || error.page === pausePage) throw error
      pins.push(await reader.load(error))
    }
  }
}

describe('where live keys lie between deleted ones', () => {
  const live = Array.from({ length: keys / 100 }, (_, i) => i * 100 + 1)

  beforeEach(() => {
    for (let n = 0; n < keys; n++) if (n % 100 !== 1) overlay.delete(key(n))
    publish()
  })

  test('they do not hide that many were passed over', async () => {
    const snapshot = overlay.snapshot()
    const pauses = { count: 0 }
    expect(await walk(snapshot, snapshot.scan(range(0, keys)), pauses)).toEqual(live)
    expect(pauses.count).toBeGreaterThanOrEqual(4)
    snapshot.release()
  })

  test('nor do they from who skips them', async () => {
    const snapshot = overlay.snapshot()
    const found = await skipAll(snapshot, snapshot.scan(range(0, keys)))
    expect(found.passed).toBe(live.length)
    expect(found.pauses).toBeGreaterThanOrEqual(4)
    snapshot.release()
  })

  test('who begins anew after each pause comes to the end', async () => {
    const snapshot = overlay.snapshot()
    let found: number[] = []
    for (let attempts = 1; found.length < live.length; attempts++) {
      expect(attempts).toBeLessThan(20)
      found = await untilPause(snapshot, snapshot.scan(range(0, keys)))
    }
    expect(found).toEqual(live)
    snapshot.release()
  })
})

async function untilPause(reader: Snapshot, cursor: Cursor): Promise<number[]> {
  const found: number[] = []
  const pins: unknown[] = []
  try {
    while (await nextThroughPages(reader, cursor, pins)) found.push(numberOf(cursor.key))
  } catch (error) {
    if (!isMiss(error)) throw error
  }
  return found
}

/** What the newest state shows is found out in it, so that runs are known there. */
async function lookThrough(current: Reader, options: ScanOptions): Promise<void> {
  const cursor = current.scan(range(0, keys), options)
  for (;;) {
    try {
      if (!cursor.next()) return
    } catch (error) {
      if (!isMiss(error)) throw error
      const snapshot = overlay.snapshot()
      await snapshot.load(error)
      snapshot.release()
    }
  }
}

test.each([1, 2, 3, 4])('whatever happens to a state, its scans show what is there (seed %i)', async (seed) => {
  const random = new SeededRandom(seed)
  let there = new Set<number>()
  for (let n = 0; n < keys; n += 1 + (n % 2)) there.add(n)
  let held: { readonly mark: Mark; readonly there: Set<number>; readonly sequence: number } | undefined
  for (let round = 0; round < 25; round++) {
    const from = random.below(keys)
    const to = Math.min(keys, from + random.below(4 * passedBetweenPauses))
    const dice = random.below(10)
    if (dice < 5) {
      deleteAll(from, to)
      for (let n = from; n < to; n++) there.delete(n)
    } else if (dice < 8) {
      overlay.put(key(from), value)
      there.add(from)
    } else {
      overlay.deleteRange(range(from, to))
      for (let n = from; n < to; n++) there.delete(n)
    }
    publish()
    const next = random.below(5)
    if (held === undefined && next === 0) held = { mark: overlay.mark(), there: new Set(there), sequence }
    else if (held === undefined && next === 1) await overlay.handOver()
    else if (held !== undefined && next < 2) {
      held.mark.rollback()
      held.mark.release()
      ;({ there, sequence } = held)
      held = undefined
    }
    await lookThrough(overlay.current, { reverse: random.chance(0.5) })
    const expected = [...there].sort((a, b) => a - b)
    expect(await shown()).toEqual(expected)
    const part = expected.filter((n) => n >= from && n < to)
    expect(await shown(from, to, { reverse: true })).toEqual(part.reverse())
  }
})
