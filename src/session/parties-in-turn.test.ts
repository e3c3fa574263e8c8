import { afterEach, beforeEach, expect, test } from 'vitest'
import { sliceOf } from '../base/slice.ts'
import type { StatementSteps, Transaction } from '../database/contract.ts'
import { findString, setString } from '../model/keyvalue/strings.ts'
import type { Session } from './contract.ts'
import { Sight } from './sight.ts'
import { openTestSessions, type TestSessions } from './testing.ts'

const bytes = (text: string): ReturnType<typeof sliceOf> => sliceOf(Buffer.from(text))

let parts: TestSessions
const open = (): Session => parts.sessions.openSession({ user: 'test', door: 'test' })

beforeEach(async () => {
  parts = await openTestSessions()
  const session = open()
  await session.run((tx) => void tx.createCollection(tx.createNamespace('redis'), 'db0', 'keyvalue', {}))
  session.close()
})
afterEach(() => parts.close())

const set = (key: string) => (tx: Transaction) =>
  setString(tx, tx.catalog.findCollection('redis', 'db0')!, bytes(key), bytes('v'))
const has = (key: string) => (tx: Transaction) =>
  findString(tx, tx.catalog.findCollection('redis', 'db0')!, bytes(key)) !== undefined

test('statements of all parties run in the order in which they arrive', async () => {
  const session = open()
  session.begin()
  const token = session.token()
  const order: number[] = []
  function* slow(): StatementSteps<void> {
    for (let i = 0; i < 3; i++) yield undefined
    order.push(0)
  }
  const running: Promise<void>[] = [Promise.resolve(session.run(slow))]
  for (let i = 1; i <= 4; i++) {
    const party = open()
    party.join(token)
    running.push(Promise.resolve(party.run(() => void order.push(i))))
  }
  await Promise.all(running)
  expect(order).toEqual([0, 1, 2, 3, 4])
  await session.rollback()
})

test('of savepoints of one name the newest counts, until it is released', async () => {
  const session = open()
  session.begin()
  for (const key of ['a', 'b', 'c']) {
    await session.run(set(key))
    await session.savepoint('s')
  }
  await session.run(set('d'))
  await session.rollbackTo('s')
  const found = async (): Promise<boolean[]> => {
    const answers: boolean[] = []
    for (const key of ['a', 'b', 'c', 'd']) answers.push(await session.run(has(key)))
    return answers
  }
  expect(await found()).toEqual([true, true, true, false])
  await session.releaseSavepoint('s')
  await session.rollbackTo('s')
  expect(await found()).toEqual([true, true, false, false])
  await session.rollback()
})

test('what was seen is the highest sequence, not the last', () => {
  const sight = new Sight()
  for (const sequence of [3, 7, 5]) sight.saw(sequence)
  expect(sight.sequence).toBe(7)
})
