import { beforeEach, expect, test } from 'vitest'
import type { SimulatedProcess } from '../../host/simulated/simulated-process.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import { type Leader, LogError } from '../../log/commit-log.ts'
import { Lease } from './lease.ts'

const ttlMs = 90

let world: SimulatedWorld
let host: SimulatedProcess
let answer: 'yes' | 'unavailable' | 'nothing'
let renewals: number
let lapsedAtMs: number | undefined
let lost: AbortController

const nowMs = (): number => world.timeUs / 1000

beforeEach(() => {
  world = new SimulatedWorld(3)
  host = world.startProcess('server')
  answer = 'yes'
  renewals = 0
  lapsedAtMs = undefined
  lost = new AbortController()
})

function open(): Lease {
  const renew = (): Promise<void> => {
    renewals++
    if (answer === 'nothing') return new Promise(() => undefined)
    return answer === 'yes' ? Promise.resolve() : Promise.reject(new LogError('unavailable', 'not now'))
  }
  return new Lease(host, { renew, lost: lost.signal } as unknown as Leader, ttlMs, () => {
    expect(lapsedAtMs).toBeUndefined()
    lapsedAtMs = nowMs()
  })
}

async function pass(ms: number): Promise<void> {
  await world.complete(new Promise<void>((resolve) => void host.at(ms, resolve)))
}

test('is renewed three times within its time', async () => {
  const lease = open()
  await pass(10 * ttlMs)
  expect(renewals).toBeGreaterThanOrEqual(28)
  expect(renewals).toBeLessThanOrEqual(31)
  expect(lapsedAtMs).toBeUndefined()
  lease.end()
  const before = renewals
  await pass(ttlMs)
  expect(renewals).toBe(before)
})

test.each(['unavailable', 'nothing'] as const)(
  'lapses when it could not be renewed for all of it: %s',
  async (trouble) => {
    open()
    await pass(2 * ttlMs)
    const fromMs = nowMs()
    answer = trouble
    await pass(3 * ttlMs)
    expect(lapsedAtMs).toBeGreaterThanOrEqual(fromMs + ttlMs * 0.6)
    expect(lapsedAtMs).toBeLessThanOrEqual(fromMs + ttlMs * 1.2)
  },
)

test('outlives trouble that is shorter, and counts anew from then on', async () => {
  open()
  for (let round = 0; round < 5; round++) {
    await pass(ttlMs)
    answer = 'unavailable'
    await pass(ttlMs / 2)
    answer = 'yes'
  }
  expect(lapsedAtMs).toBeUndefined()
})

test('does not lapse where the log has said already that it is lost', async () => {
  open()
  await pass(ttlMs)
  answer = 'unavailable'
  lost.abort(new LogError('fenced', 'another one leads'))
  await pass(3 * ttlMs)
  expect(lapsedAtMs).toBeUndefined()
})

test('of no time is never asked for', async () => {
  const lease = new Lease(host, { renew: () => renewals++ } as unknown as Leader, 0, () => undefined)
  await pass(1_000)
  lease.end()
  expect(renewals).toBe(0)
})
