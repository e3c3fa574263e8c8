/** What the audit counts, tells and loses: rows by a database that can fail, time by hand. */
import { expect, test } from 'vitest'
import type { Transaction } from '../database/contract.ts'
import type { Host } from '../host/host.ts'
import type { Catalog } from '../database/catalog/catalog.ts'
import type { Reader } from '../storage/store.ts'
import { Audit, type AuditEntry } from './audit.ts'

interface World {
  readonly audit: Audit
  /** What stderr shows. */
  readonly lines: { readonly message: string; readonly fields: Record<string, unknown> }[]
  /** Calls of `change`, which fail as long as `isFull`. */
  writes: number
  isFull: boolean
  leads: boolean
  pass(ms: number): void
}

function open(isThere = true): World {
  let nowMs = 0
  let timers: { atMs: number; run: () => void }[] = []
  const host = {
    now: () => nowMs,
    at: (delayMs: number, run: () => void) => {
      const timer = { atMs: nowMs + delayMs, run }
      timers.push(timer)
      return () => void (timers = timers.filter((one) => one !== timer))
    },
    turn: (run: () => void) => setImmediate(run),
    log: (_: string, message: string, fields: Record<string, unknown>) => void world.lines.push({ message, fields }),
  } as unknown as Host
  const world: World = {
    audit: new Audit({
      host,
      current: () => (isThere ? { reader: {} as Reader, catalog: {} as Catalog } : undefined),
      writes: () => world.leads,
      change: (_run: (transaction: Transaction) => void) => {
        world.writes++
        return world.isFull ? Promise.reject(new Error('full')) : Promise.resolve()
      },
    }),
    lines: [],
    writes: 0,
    isFull: false,
    leads: true,
    pass: (ms) => {
      nowMs += ms
      const due = timers.filter(({ atMs }) => atMs <= nowMs)
      timers = timers.filter(({ atMs }) => atMs > nowMs)
      for (const { run } of due) run()
    },
  }
  return world
}

function failure(user: string, remote = '10.0.0.1:1'): AuditEntry {
  return { event: 'login failed', by: { user, door: 'redis', remote } }
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}

test('a million failures of one name are two rows, the second with the count', async () => {
  const world = open()
  for (let i = 0; i < 1_000_000; i++) world.audit.record(failure('ada', `10.0.0.1:${i % 50_000}`))
  expect(world.lines).toHaveLength(1)
  world.pass(60_000)
  expect(world.lines[1]!.fields).toMatchObject({ principal: 'ada', remote: '10.0.0.1', count: 999_999 })
  await turns()
  expect(world.writes).toBe(1)
  world.pass(60_000)
  world.pass(60_000)
  expect(world.lines).toHaveLength(2)
  world.audit.record(failure('ada'))
  expect(world.lines).toHaveLength(3)
})

test('of names without end a few are told apart, and the rest are counted as one', () => {
  const world = open()
  for (let minute = 0; minute < 3; minute++) {
    for (let i = 0; i < 20_000; i++) world.audit.record(failure(`name ${minute} ${i}`))
    world.pass(60_000)
  }
  expect(world.lines.length).toBeLessThan(3 * 66)
  const all = world.lines.reduce((sum, { fields }) => sum + (fields['count'] as number), 0)
  expect(all).toBe(60_000)
})

test('failures without end hide no login, and no change of a role', () => {
  const world = open()
  for (let i = 0; i < 1000; i++) world.audit.record(failure(`name ${i}`))
  const before = world.lines.length
  const by = { user: 'ada', door: 'postgres', remote: '10.0.0.2:1' }
  world.audit.record({ event: 'login', by })
  world.audit.record({ event: 'privilege granted', by, object: 'table t' })
  world.audit.record({ event: 'privilege granted', by, object: 'table t' })
  expect(world.lines.slice(before).map(({ message }) => message)).toEqual([
    'login',
    'privilege granted',
    'privilege granted',
  ])
})

test('names and texts are cut', () => {
  const world = open()
  const by = { user: 'x'.repeat(1_000_000), door: 'redis', remote: 'y'.repeat(1000) }
  world.audit.record({ event: 'access denied', by, object: 'o'.repeat(100_000), detail: 'd'.repeat(100_000) })
  expect(JSON.stringify(world.lines).length).toBeLessThan(1000)
})

test('what cannot be written waits, and what is too much for that is counted', async () => {
  const world = open()
  world.isFull = true
  const by = { user: 'ada', door: 'postgres', remote: '' }
  for (let i = 0; i < 1500; i++) world.audit.record({ event: 'privilege granted', by, object: `${i}` })
  await turns()
  const failed = world.writes
  expect(failed).toBeGreaterThan(0)
  world.isFull = false
  await world.audit.settle()
  expect(world.writes - failed).toBe(10)
  await world.audit.settle()
  expect(world.writes - failed).toBe(10)
})

test('a follower writes lines only, and where nobody is a user nothing is told', async () => {
  const follower = open()
  follower.leads = false
  follower.audit.record(failure('ada'))
  await turns()
  expect([follower.lines.length, follower.writes]).toEqual([1, 0])
  const empty = open(false)
  empty.audit.record(failure('ada'))
  expect(empty.lines).toEqual([])
})

test('the end tells what was counted', async () => {
  const world = open()
  for (let i = 0; i < 5; i++) world.audit.record(failure('ada'))
  await world.audit.settle()
  expect(world.lines.map(({ fields }) => fields['count'])).toEqual([1, 4])
})
