import { expect, test } from 'vitest'
import type { Host } from '../host/host.ts'
import type { OrderedStore } from '../storage/store.ts'
import { Reclaimer } from './reclaimer.ts'

function tried(): {
  reclaimer: Reclaimer
  store: { reservedBytes: number; retiredObjects: number; undoEntries: number; slices: number }
  told: number[]
  /** Of what waits; what was canceled is not there. */
  delays: () => number[]
  run: () => void
} {
  const store = { reservedBytes: 0, retiredObjects: 0, undoEntries: 0, slices: 0 }
  const told: number[] = []
  const waiting = new Map<() => void, number>()
  const at = (delayMs: number, run: () => void): (() => void) => {
    waiting.set(run, delayMs)
    return () => void waiting.delete(run)
  }
  const host = { at, turn: (run: () => void) => void at(0, run) } as unknown as Host
  const whole = { statistics: () => store, reclaim: () => --store.slices > 0 } as unknown as OrderedStore
  const reclaimer = new Reclaimer(host, whole, (bytes) => told.push(bytes))
  const run = (): void => {
    const [next] = waiting.keys()
    waiting.delete(next!)
    next!()
  }
  return { reclaimer, store, told, delays: () => [...waiting.values()], run }
}

test('tells what the store has let go of, once', () => {
  const { reclaimer, store, told, delays, run } = tried()
  store.reservedBytes = 100
  store.slices = 3
  reclaimer.schedule()
  run()
  store.reservedBytes = 140
  run()
  store.reservedBytes = 30
  run()
  expect([told, delays()]).toEqual([[110], []])
  store.reservedBytes = 20
  reclaimer.schedule()
  run()
  expect(told).toEqual([110, 10])
  store.reservedBytes = 50
  reclaimer.schedule()
  run()
  expect(told).toEqual([110, 10])
})

test('compares with what the store had before it was written to', () => {
  const { reclaimer, store, told, run } = tried()
  store.reservedBytes = 100
  reclaimer.schedule()
  run()
  // Freed by who wrote.
  store.reservedBytes = 10
  reclaimer.schedule()
  run()
  expect(told).toEqual([90])
})

test('looks again for what cannot go yet, less and less often, until somebody writes', () => {
  for (const kept of ['retiredObjects', 'undoEntries'] as const) {
    const { reclaimer, store, delays, run } = tried()
    store[kept] = 1
    reclaimer.schedule()
    const seen: number[] = []
    for (let looks = 0; delays().length > 0; looks++) {
      seen.push(...delays())
      run()
      expect(looks).toBeLessThan(20)
    }
    expect(seen).toEqual([20, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10240])
    reclaimer.schedule()
    run()
    run()
    expect(delays()).toEqual([40])
    reclaimer.schedule()
    expect(delays()).toEqual([20])
    run()
    store[kept] = 0
    run()
    expect(delays()).toEqual([])
  }
})

test('leaves nothing waiting when it is stopped', () => {
  const { reclaimer, store, delays, run } = tried()
  store.retiredObjects = 1
  reclaimer.schedule()
  run()
  reclaimer.stop()
  expect(delays()).toEqual([])
})
