/** The verifier over the memory store itself, whose pages are changed here. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { StatementSteps, Transaction } from '../database/contract.ts'
import type { Database } from '../database/database.ts'
import { openTestDatabase, runSteps } from '../database/testing.ts'
import { newTable, withPrimaryKey } from '../model/table/definition.ts'
import { insertRow } from '../model/table/rows.ts'
import { createTable } from '../model/table/schema.ts'
import type { MemoryStore } from '../storage/memory/memory.ts'
import { childrenAt, headsAt, keysAt, levelAt, pageBase, pageWordsOf } from '../storage/memory/page-layout.ts'
import { verifySnapshot } from './verifiers.ts'

let database: Database

function* createPeople(tx: Transaction): StatementSteps<void> {
  const columns = newTable([{ name: 'id', type: 20, notNull: true }])
  const definition = withPrimaryKey(columns, { name: 'person_pkey', columns: [1] })
  const table = createTable(tx, tx.createNamespace('public'), 'person', definition)
  for (let id = 0; id < 1_000; id++) insertRow(tx, table, [BigInt(id)])
  yield undefined
}

beforeEach(async () => {
  database = await openTestDatabase({ limits: { largeCommitWrites: 100_000 } })
  await runSteps(database, createPeople)
})

afterEach(() => database.close())

async function found(): Promise<string[]> {
  const { differences } = await runSteps(database, verifySnapshot, true)
  return differences.map(({ kind, where, message }) => `${kind} ${where}: ${message}`)
}

/** The words and the base of the second leaf. */
function leafOf({ tree: { space, root } }: MemoryStore): { words: Int32Array; base: number } {
  let page = root
  for (;;) {
    const words = pageWordsOf(space, page)
    const base = pageBase(page)
    if (words[base + levelAt] === 1) {
      const leaf = words[base + childrenAt + 1]!
      return { words: pageWordsOf(space, leaf), base: pageBase(leaf) }
    }
    page = words[base + childrenAt]!
  }
}

test('a page that counts one key too many', async () => {
  const { words, base } = leafOf(database.store as MemoryStore)
  const count = words[base + keysAt]!
  words[base + keysAt] = count + 1
  const counted = (await found()).find((one) => one.startsWith('count store:'))
  const [really, told] =
    /(\d+) keys from here on are counted as (\d+)/
      .exec(counted ?? '')
      ?.slice(1)
      .map(Number) ?? []
  expect(told).toBe(really! + 1)
  words[base + keysAt] = count
  expect(await found()).toEqual([])
})

test('a key that scans show and look-ups do not', async () => {
  const { words, base } = leafOf(database.store as MemoryStore)
  words[base + headsAt + 3]! ^= 0xffff
  expect(await found()).toContain('missing store: a scan shows the key, a look-up does not')
})
