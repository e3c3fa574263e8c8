import fs from 'node:fs'
import { constants } from 'node:os'
import { describe, expect, test } from 'vitest'
import { toDiskError } from './disk-errors.ts'
import { createRealHost } from './real-host.ts'

const host = createRealHost()

test.each(Array.from({ length: 10 }, (_, round) => round))(
  'garbage that is old goes with all of it, at once (%i)',
  () => {
    // What the tests before have left would go with it.
    host.collectGarbage('all')
    const before = host.memory().bufferBytes
    let kept: Uint8Array[] | undefined = Array.from({ length: 40 }, () => new Uint8Array(1024 * 1024))
    // Old is what has lived through two collections of the young.
    for (let i = 0; i < 3; i++) host.collectGarbage('young')
    expect(host.memory().bufferBytes - before).toBeGreaterThan(30 * 1024 * 1024)
    expect(kept.length).toBe(40)
    kept = undefined
    host.collectGarbage('young')
    expect(host.memory().bufferBytes - before).toBeGreaterThan(30 * 1024 * 1024)
    host.collectGarbage('all')
    expect(host.memory().bufferBytes - before).toBeLessThan(10 * 1024 * 1024)
  },
)

describe('time', () => {
  test('timers come in the order of their times, and not when canceled', async () => {
    const order: string[] = []
    const cancel = host.at(1, () => order.push('canceled'))
    // Beyond what a single timer of Node can wait for; Node would fire it at once.
    const cancelFar = host.at(2 ** 31 + 1000, () => order.push('far'))
    cancel()
    await new Promise<void>((resolve) => {
      host.at(30, () => {
        order.push('later')
        resolve()
      })
      host.at(2, () => order.push('sooner'))
      // Timers do not hold the process; the test has to.
      const hold = setInterval(() => {}, 5)
      host.at(31, () => clearInterval(hold))
    })
    cancelFar()
    expect(order).toEqual(['sooner', 'later'])
  })

  test('a turn comes after the microtasks, in order', async () => {
    const order: string[] = []
    await new Promise<void>((resolve) => {
      host.turn(() => order.push('first'))
      host.turn(() => {
        order.push('second')
        resolve()
      })
      void Promise.resolve().then(() => order.push('microtask'))
      order.push('now')
    })
    expect(order).toEqual(['now', 'microtask', 'first', 'second'])
  })

  test('the monotonic clock counts whole microseconds and does not go back', () => {
    let last = host.monotonic()
    for (let count = 0; count < 1000; count += 1) {
      const next = host.monotonic()
      expect(Number.isSafeInteger(next) && next >= last).toBe(true)
      last = next
    }
    expect(Number.isSafeInteger(host.now())).toBe(true)
  })

  test('random bytes fill what they are given', () => {
    const one = new Uint8Array(32)
    const other = new Uint8Array(32)
    host.random(one)
    host.random(other)
    expect(one).not.toEqual(other)
    expect(new Set(one).size).toBeGreaterThan(8)
  })
})

describe('what the system says of a disk', () => {
  test.runIf(fs.existsSync('/dev/full'))('no space, from a device that has none', async () => {
    const file = await host.disk.open('/dev/full', { mode: 'write' })
    await expect(file.writeAt(0, new Uint8Array(10))).rejects.toMatchObject({ code: 'no-space', path: '/dev/full' })
    expect(() => file.writeAtSync(0, new Uint8Array(10))).toThrow(/full/)
    // The device cannot be synced either: the first failure stands for all later calls.
    const first: unknown = await file.sync().catch((error: unknown) => error)
    const second: unknown = await file.sync().catch((error: unknown) => error)
    expect(first).toMatchObject({ code: 'io' })
    expect(second).toBe(first)
    await file.close()
  })

  test('errors by name, and the quota by number', () => {
    const codeOf = (error: object): string => toDiskError(Object.assign(new Error('said'), error), 'p').code
    expect(codeOf({ code: 'EACCES' })).toBe('access')
    expect(codeOf({ code: 'EROFS' })).toBe('access')
    expect(codeOf({ code: 'ENOSPC' })).toBe('no-space')
    expect(codeOf({ code: 'Unknown system error -122', errno: -constants.errno.EDQUOT })).toBe('no-space')
    expect(codeOf({ code: 'EIO' })).toBe('io')
    expect(codeOf({})).toBe('io')
  })
})
