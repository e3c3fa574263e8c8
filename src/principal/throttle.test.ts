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

test('this machine is no address that others would wait for', () => {
  const { throttle } = open()
  for (let i = 0; i < 9; i++) throttle.failed(`name ${i}`, '127.0.0.1')
  expect(throttle.delayMs('ada', '127.0.0.1')).toBe(0)
  for (let i = 0; i < 4; i++) throttle.failed('ada', '::1')
  expect(throttle.delayMs('ada', '127.0.0.1')).toBe(200)
})

test('however often somebody fails, the name is free again some minutes later', () => {
  const { throttle, pass } = open()
  for (let i = 0; i < 10_000; i++) throttle.failed('ada', '127.0.0.1')
  pass(4 * 60_000)
  expect(throttle.delayMs('ada', '127.0.0.1')).toBe(0)
})

test('tries of one name from one place are looked at one after another, and not many wait', async () => {
  const { throttle } = open()
  const order: string[] = []
  const enter = (name: string, address: string): Promise<() => void> =>
    throttle.enter(name, address).then((leave) => {
      order.push(`${name} ${address}`)
      return leave
    })
  const [first, second, other] = [enter('ada', 'a'), enter('ada', 'a'), enter('bob', 'a')]
  const leave = await first
  await other
  expect(order).toEqual(['ada a', 'bob a'])
  leave()
  ;(await second)()
  expect(order).toEqual(['ada a', 'bob a', 'ada a'])
  const waiting = Array.from({ length: 1000 }, () => throttle.enter('ada', 'a'))
  const next = throttle.enter('ada', 'a').catch((error: unknown) => error)
  const turn = new Promise((resolve) => setImmediate(resolve))
  expect(await Promise.race([next, turn.then(() => 'it waits')])).toMatchObject({ code: 'denied' })
  for (const one of waiting) (await one)()
  ;(await throttle.enter('ada', 'a'))()
})

test('time heals', () => {
  const { throttle, pass } = open()
  for (let i = 0; i < 8; i++) throttle.failed('ada', '10.0.0.1')
  pass(60_000)
  expect(throttle.delayMs('ada', '10.0.0.1')).toBeGreaterThan(0)
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
