import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Transaction } from '../database/contract.ts'
import { sliceOf } from '../base/slice.ts'
import { createRealHost } from '../host/real/real-host.ts'
import type { Host } from '../host/host.ts'
import type { Session } from './contract.ts'
import { openTestSessions, type TestSessions } from './testing.ts'

let opened: TestSessions
let passedUs = 0

beforeEach(async () => {
  passedUs = 0
  const real = createRealHost()
  const host: Host = { ...real, monotonic: () => passedUs }
  opened = await openTestSessions({ host })
})
afterEach(() => opened.close())

const key = sliceOf(Uint8Array.of(40, 1, 1))
const put = (tx: Transaction): void => tx.put(key, sliceOf(Buffer.from('value')))

function open(door = 'test'): Session {
  const session = opened.sessions.openSession({ user: 'me', door })
  session.describer = { describeStatement: () => 'the statement' }
  return session
}

function evidence(session: Session, name: string): Record<string, unknown>[] {
  const { columns, rows } = session.evidence.find((table) => table.name === name)!
  return [...rows()].map((row) => Object.fromEntries(columns.map((column, i) => [column.name, row[i]])))
}

const turn = (): Promise<void> => new Promise((resolve) => opened.sessions.host.turn(resolve))

test('statements, their errors, commits and rollbacks are counted', async () => {
  const session = open()
  await session.run(put)
  expect(() =>
    session.run(() => {
      throw new Error('no')
    }),
  ).toThrow('no')
  session.begin()
  await session.run(put)
  await session.commit()
  session.begin()
  await session.rollback()
  session.begin()
  session.close()
  const other = open('other')
  expect(evidence(other, 'doors')).toEqual([
    expect.objectContaining({ door: 'test', statements: 3n, failures: 1n }),
    expect.objectContaining({ door: 'other', statements: 0n, failures: 0n }),
  ])
  expect(evidence(other, 'database_activity')).toEqual([
    { database: 'polylog', commits: 2n, rollbacks: 3n, deadlocks: 0n },
  ])
})

test('what has to wait is seen to run, with its text and what it waits for, until it ends', async () => {
  const holder = open('holder')
  holder.begin()
  await holder.run(put)
  const waiter = open('waiter')
  const waiting = waiter.run(put)
  passedUs += 40_000
  const row = (): Record<string, unknown> | undefined =>
    evidence(holder, 'sessions').find(({ door }) => door === 'waiter')
  expect(row()).toMatchObject({ statement: 'the statement', statement_ms: 40n, waits_for: 'lock' })
  expect(opened.sessions.activity.running.size).toBe(1)
  await holder.commit()
  await waiting
  expect(row()).toMatchObject({ statement: null, statement_ms: null, waits_for: null })
  expect(opened.sessions.activity.running.size).toBe(0)
  expect(evidence(holder, 'slow_statements')).toEqual([])
})

test('a statement that ends with an error is no longer running, and one that took long is remembered', async () => {
  const session = open()
  const running = session.run(function* () {
    yield undefined
    passedUs += 250_000
    throw new Error('late')
  })
  await expect(running).rejects.toThrow('late')
  await turn()
  expect(opened.sessions.activity.running.size).toBe(0)
  expect(evidence(session, 'slow_statements')).toEqual([
    expect.objectContaining({ door: 'test', statement: 'the statement', took_ms: 250n, failed: true }),
  ])
})

test('of slow statements the newest are kept, and of long texts the beginning', async () => {
  const session = open()
  session.describer = { describeStatement: () => 'x'.repeat(100_000) }
  for (let i = 0; i < 140; i++) {
    await session.run(function* () {
      yield undefined
      passedUs += 100_000
    })
  }
  const { slow } = opened.sessions.activity
  expect(slow).toHaveLength(128)
  expect(slow[0]!.text.length).toBeLessThan(1100)
})
