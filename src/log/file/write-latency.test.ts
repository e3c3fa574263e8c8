import { expect, it } from 'vitest'
import { WriteLatency } from './write-latency.ts'

function measured(us: number, writes = 100): WriteLatency {
  const latency = new WriteLatency()
  for (let i = 0; i < writes; i++) latency.note(us, false)
  return latency
}

it('trusts no disk that it has not measured', () => {
  expect(measured(50, 10).prefersThread(1, 512)).toBe(false)
  expect(measured(50).prefersThread(1, 512)).toBe(true)
})

it('keeps the thread for few waiters and small batches on a quick disk', () => {
  expect(measured(50).prefersThread(64, 512)).toBe(false)
  expect(measured(50).prefersThread(1, 100_000)).toBe(false)
  expect(measured(900).prefersThread(1, 512)).toBe(false)
})

it('leaves the thread for long after one stall on it, and then comes back', () => {
  const latency = measured(50)
  latency.note(30_000, true)
  for (let i = 0; i < 500; i++) {
    expect(latency.prefersThread(1, 512)).toBe(false)
    latency.note(50, false)
  }
  for (let i = 0; i < 600; i++) latency.prefersThread(1, 512)
  expect(latency.prefersThread(1, 512)).toBe(true)
})
