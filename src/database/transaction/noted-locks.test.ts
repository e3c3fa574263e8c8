import { expect, test } from 'vitest'
import { sliceOf } from '../../base/slice.ts'
import type { AnyLockMode } from './lock-modes.ts'
import { NotedLocks } from './noted-locks.ts'

const key = (text: string): Parameters<NotedLocks['addKey']>[0] => sliceOf(Buffer.from(text, 'latin1'))

function notedIn(noted: NotedLocks): [string, AnyLockMode][] {
  const found: [string, AnyLockMode][] = []
  noted.each((name, mode) => found.push([name, mode]))
  return found
}

test('keys and names come back in the order in which they were noted', () => {
  const noted = new NotedLocks()
  const buffer = Buffer.from('--first--')
  noted.addKey({ bytes: buffer, start: 2, end: 7 }, 'key share')
  buffer.fill(0)
  noted.addName('räume: 部屋', 'exclusive')
  noted.addKey(key(''), 'update')
  noted.addKey(key('\xff\x00last'), 'share')
  expect(notedIn(noted)).toEqual([
    ['first', 'key share'],
    ['räume: 部屋', 'exclusive'],
    ['', 'update'],
    ['\xff\x00last', 'share'],
  ])
})

test('the next transaction finds nothing of the one before, however much that was', () => {
  const noted = new NotedLocks()
  for (const count of [3, 2, 5000, 1]) {
    const expected: [string, AnyLockMode][] = []
    for (let i = 0; i < count; i++) {
      const name = `${count}: ${i}`
      if (i % 2 === 0) noted.addKey(key(name), 'share')
      else noted.addName(name, 'update')
      expected.push([name, i % 2 === 0 ? 'share' : 'update'])
    }
    expect(notedIn(noted)).toEqual(expected)
    noted.clear()
    expect(notedIn(noted)).toEqual([])
  }
})
