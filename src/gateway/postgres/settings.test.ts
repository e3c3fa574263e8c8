import { expect, it } from 'vitest'
import { Settings } from './settings.ts'

it('prefers local values until the transaction ends', () => {
  const changed: string[] = []
  const settings = new Settings((name) => changed.push(name))
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
  const settings = new Settings(() => undefined)
  settings.set('a', 'local', 'transaction')
  settings.set('a', 'session', 'session')
  expect(settings.get('a')).toBe('session')
})
