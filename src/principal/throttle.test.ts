import { expect, test } from 'vitest'
import type { Host } from '../host/host.ts'
import { Throttle } from './throttle.ts'

function open(): { throttle: Throttle; pass(ms: number): void } {
  let nowUs = 0
  const throttle = new Throttle({ monotonic: () => nowUs } as Host)
  return { throttle, pass: (ms) => void (nowUs += 1000 * ms) }
}

test('who fails time and again waits longer and longer, up to a bound', () => {
  const { throttle } = open()
  const delays: number[] = []
  for (let i = 0; i < 12; i++) {
    delays.push(throttle.delayMs('ada', '10.0.0.1'))
    throttle.failed('ada', '10.0.0.1')
  }
  expect(delays.slice(0, 3)).toEqual([0, 0, 0])
  expect(delays.slice(3, 7)).toEqual([100, 200, 400, 800])
  expect(delays.at(-1)).toBe(2000)
})

test('an address waits for all names, a name for all addresses, and nobody else', () => {
  const { throttle } = open()
  for (let i = 0; i < 5; i++) throttle.failed(`name ${i}`, '10.0.0.1')
  for (let i = 0; i < 5; i++) throttle.failed('bob', `10.0.1.${i}`)
  expect(throttle.delayMs('ada', '10.0.0.1')).toBe(400)
  expect(throttle.delayMs('bob', '10.0.0.9')).toBe(400)
  expect(throttle.delayMs('ada', '10.0.0.9')).toBe(0)
  // One right password does not let its address try those of others.
  throttle.succeeded('ada')
  expect(throttle.delayMs('ada', '10.0.0.1')).toBe(400)
  throttle.succeeded('bob')
  expect(throttle.delayMs('bob', '10.0.0.9')).toBe(0)
})

test('time heals', () => {
  const { throttle, pass } = open()
  for (let i = 0; i < 8; i++) throttle.failed('ada', '10.0.0.1')
  pass(60_000)
  expect(throttle.delayMs('ada', '10.0.0.1')).toBe(200)
  pass(600_000)
  expect(throttle.delayMs('ada', '10.0.0.1')).toBe(0)
})

test('what is remembered is bounded: who has failed longest ago is forgotten', () => {
  const { throttle } = open()
  for (let i = 0; i < 5; i++) throttle.failed('old', 'old')
  for (let i = 0; i < 20_000; i++) throttle.failed(`name ${i}`, `address ${i}`)
  expect(throttle.delayMs('old', 'old')).toBe(0)
  for (let i = 0; i < 4; i++) throttle.failed('name 19999', 'address 19999')
  expect(throttle.delayMs('name 19999', 'x')).toBe(400)
})
