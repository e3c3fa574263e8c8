/** Libraries that stand on Redis, unmodified: locks, limits of a rate, sessions, caches, Bull's queues, and socket.io's servers. As redis-server answers. */
import { expect, test } from 'vitest'
import { librariesOf } from '../libraries.ts'

const outputOf = librariesOf(import.meta.dirname)

test('redlock: locks exclude each other, expire, and are given back by their holder only', () => {
  const error = 'ExecutionError'
  expect(outputOf('redlock')).toEqual({ second: error, isExtended: true, late: error, most: 1 })
})

test('rate-limiter-flexible counts, blocks and bursts', () => {
  expect(outputOf('rateLimiter')).toEqual({
    passed: 5,
    remainingPoints: 0,
    consumedPoints: 12,
    blocked: true,
    bursts: [true, true, true, false],
    forgotten: true,
  })
})

test('connect-redis keeps sessions', () => {
  const all = ['ada', 'bob']
  const found = { user: 'ada', hasTtl: true, length: 2, ids: ['a', 'b'], all, gone: null, left: 0 }
  expect(outputOf('sessions')).toEqual(found)
})

test('keyv caches, and forgets in time', () => {
  const many = [{ n: 1 }, 'x', 'y', null]
  const names = ['a', 'c', 'd']
  expect(outputOf('keyv')).toEqual({
    before: [1, 2],
    after: null,
    many,
    has: true,
    names,
    deleted: true,
    cleared: null,
  })
})

test('Bull retries, delays, limits its rate, pauses, and does each job once', () => {
  expect(outputOf('bull')).toEqual({
    sum: 4140,
    doubled: 0,
    attempts: [0, 1, 0],
    waited: true,
    failure: 'Error: not yet',
    completed: 62,
    failed: 1,
    state: 'paused',
  })
})

test('two servers of socket.io reach the clients of both, by channels, by shards and by a stream', () => {
  const heard = [
    ['to all', 'to others'],
    ['to all', 'to the odd', 'to the late'],
  ]
  const reached = { heard, answers: [0, 1], sums: [3] }
  expect(outputOf('socketIo')).toEqual({ channels: reached, shards: reached, streams: reached })
})
