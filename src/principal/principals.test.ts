import { expect, test } from 'vitest'
import type { Host } from '../host/host.ts'
import { Principals } from './principals.ts'

const host = { monotonic: () => 0, random: (into: Uint8Array) => into.fill(1) } as unknown as Host
const done = (): Promise<void> => Promise.resolve()

test('where it is not known who the users are nobody is believed', () => {
  let exists = false
  const principals = new Principals({
    host,
    catalog: () => undefined,
    state: () => undefined,
    exists: () => exists,
    change: done,
    attempt: () => Promise.reject(new Error('nothing is tried')),
    checkUnused: done,
  })
  expect(principals.areProved).toBe(false)
  exists = true
  expect(principals.areProved).toBe(true)
  expect(principals.roles).toEqual([])
})
