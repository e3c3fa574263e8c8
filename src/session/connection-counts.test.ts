import { expect, test } from 'vitest'
import { PolylogError } from '../base/errors.ts'
import { AddressCount, ConnectionCounts } from './connection-counts.ts'

const from = (remote: string, isLocal = false): { remote: string; isLocal: boolean } => ({ remote, isLocal })

function messageOf(entered: PolylogError | AddressCount): string | undefined {
  return entered instanceof PolylogError ? entered.message : undefined
}

test('an address has so many, whatever its ports, and the others have theirs', () => {
  const counts = new ConnectionCounts({ mostPerAddress: 2 })
  const [first] = [counts.enter(from('10.0.0.1:1')), counts.enter(from('10.0.0.1:2'))]
  for (let i = 0; i < 3; i++) {
    expect(messageOf(counts.enter(from('10.0.0.1:3')))).toBe('too many connections from address 10.0.0.1')
  }
  expect(messageOf(counts.enter(from('10.0.0.2:1')))).toBeUndefined()
  if (first instanceof AddressCount) first.leave()
  expect(messageOf(counts.enter(from('10.0.0.1:4')))).toBeUndefined()
  expect(messageOf(counts.enter(from('10.0.0.1:5')))).toBeDefined()
})

test('this machine has no limit of its own unless one is asked for', () => {
  const counts = new ConnectionCounts()
  for (let i = 0; i < 1000; i++) {
    expect(messageOf(counts.enter(from(`10.0.0.1:${i}`)))).toBeUndefined()
    expect(messageOf(counts.enter(from(`127.0.0.1:${i}`, true)))).toBeUndefined()
  }
  expect(messageOf(counts.enter(from('10.0.0.1:1')))).toBeDefined()
  expect(messageOf(counts.enter(from('127.0.0.1:1', true)))).toBeUndefined()
})

test('all of them have a limit, which may become less than there are', () => {
  const counts = new ConnectionCounts({ most: 3 })
  const leaves = [1, 2, 3].map((i) => counts.enter(from(`10.0.0.${i}:1`)) as AddressCount)
  expect(messageOf(counts.enter(from('10.0.0.4:1')))).toBe('sorry, too many clients already')
  counts.most = 1
  for (const one of leaves.slice(1)) one.leave()
  expect(messageOf(counts.enter(from('10.0.0.4:1')))).toBeDefined()
  leaves[0]!.leave()
  expect(messageOf(counts.enter(from('10.0.0.4:1')))).toBeUndefined()
})
