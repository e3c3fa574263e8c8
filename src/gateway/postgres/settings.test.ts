import { expect, it } from 'vitest'
import { MemoryAccount } from '../../base/memory-account.ts'
import { Settings } from './settings.ts'

const noLimit = { account: new MemoryAccount('all') }

it('prefers local values until the transaction ends', () => {
  const changed: string[] = []
  const settings = new Settings((name) => changed.push(name), noLimit)
  settings.set('a', '1', 'session')
  const before = settings.state
  settings.set('a', '2', 'transaction')
  settings.set('b', '3', 'transaction')
  expect([settings.get('a'), settings.get('b')]).toEqual(['2', '3'])
  settings.dropLocal()
  expect([settings.get('a'), settings.get('b')]).toEqual(['1', undefined])
  settings.set('a', '4', 'session')
  settings.restore(before)
  expect(settings.get('a')).toBe('1')
  settings.reset()
  expect(settings.get('a')).toBeUndefined()
  expect(changed).toEqual(['a', 'a', 'b', 'a', 'b', 'a', 'a', 'a'])
})

it('forgets a local value where the session sets its own', () => {
  const settings = new Settings(() => undefined, noLimit)
  settings.set('a', 'local', 'transaction')
  settings.set('a', 'session', 'session')
  expect(settings.get('a')).toBe('session')
})

it('is charged for what is set, and for nothing that has gone back', () => {
  const account = new MemoryAccount('the session', undefined, { limitBytes: 1_000_000, quantumBytes: 1 })
  const settings = new Settings(() => undefined, { account })
  settings.set('a', 'x'.repeat(1000), 'session')
  const before = settings.state
  const held = account.usedBytes
  expect(held).toBeGreaterThan(2000)
  settings.set('a', 'x'.repeat(3000), 'transaction')
  settings.set('b', 'x'.repeat(3000), 'session')
  expect(account.usedBytes).toBeGreaterThan(held + 12_000)
  expect(() => settings.set('c', 'x'.repeat(600_000), 'session')).toThrow(
    expect.objectContaining({ code: 'out_of_memory' }),
  )
  expect(settings.get('c')).toBeUndefined()
  settings.dropLocal()
  settings.restore(before)
  expect(account.usedBytes).toBeLessThan(held + 4096)
  settings.set('a', undefined, 'session')
  settings.reset()
  expect(account.usedBytes).toBeLessThan(4096)
})
