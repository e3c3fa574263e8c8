/** What a record must carry so that the state after a start is the one before it, and nothing is given out twice. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sliceOf, sliceToLatin1 } from '../../base/slice.ts'
import { KeyWriter, keyspaceRange } from '../../base/tuple.ts'
import { createRealHost } from '../../host/real/real-host.ts'
import { openMemoryLog } from '../../log/memory-log.ts'
import type { Transaction } from '../contract.ts'
import type { Database } from '../database.ts'
import { commitNow, openTestDatabase } from '../testing.ts'

const log = openMemoryLog
let kept: ReturnType<typeof log>
let database: Database

beforeEach(async () => {
  kept = log()
  database = await openTestDatabase({ log: kept })
})
afterEach(() => database.close())

function run<T>(statement: (tx: Transaction) => T): T {
  const tx = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  tx.beginStatement()
  const value = statement(tx)
  tx.endStatement()
  commitNow(tx)
  return value
}

/** As after a crash: the log is there, the store is made from it. */
async function restart(nowMs?: number): Promise<void> {
  await database.pipeline.settled()
  const host = createRealHost()
  if (nowMs !== undefined) host.now = () => nowMs
  database = await openTestDatabase({ log: kept, host })
}

const keyOf = (collection: number, number: number, index = 1): KeyWriter =>
  new KeyWriter(16).begin(collection, index).int64(number)

function keysOf(collection: number): string[] {
  const cursor = database.store.current.scan(keyspaceRange(collection))
  const found: string[] = []
  while (cursor.next()) found.push(sliceToLatin1(cursor.key))
  return found
}

test('a collection that is dropped is gone after a start, and its neighbours are there', async () => {
  const ids = run((tx) => {
    const namespace = tx.createNamespace('n')
    return ['a', 'b', 'c'].map((name) => tx.createCollection(namespace, name, 'document', {}).id)
  })
  run((tx) => {
    for (const id of ids) {
      for (let i = 0; i < 5; i++) tx.put(keyOf(id, i), sliceOf(Buffer.from(`${i}`)))
      for (const index of [17, 300]) tx.put(keyOf(id, 1, index), sliceOf(Buffer.from('entry')), 'derived')
    }
  })
  run((tx) => tx.dropCollection(tx.catalog.findCollection('n', 'b')!))
  await restart()
  expect(ids.map((id) => keysOf(id).length)).toEqual([7, 0, 7])
  expect(database.catalog.findCollection('n', 'b')).toBeUndefined()
})

test('neither numbers nor the numbers of collections are given out again', async () => {
  const collections = new Set<number>()
  const numbers = new Set<number>()
  run((tx) => tx.createNamespace('n'))
  for (let life = 0; life < 4; life++) {
    const [collection, number] = run((tx) => {
      const namespace = tx.catalog.namespaces.get('n')!
      const made = tx.createCollection(namespace, `c${life}`, 'document', {}).id
      const given = tx.services.nextNumber()
      tx.put(keyOf(made, given), sliceOf(Buffer.from('x')))
      return [made, given]
    })
    expect([collections.has(collection), numbers.has(number)]).toEqual([false, false])
    collections.add(collection)
    numbers.add(number)
    run((tx) => tx.dropCollection(tx.catalog.findCollection('n', `c${life}`)!))
    await restart()
  }
})

test('time does not go back over a start, whatever the clock of the machine says', async () => {
  await restart(2_000_000_000_000)
  run((tx) => tx.createNamespace('n'))
  await restart(1_000)
  expect(run((tx) => tx.timeMs)).toBeGreaterThanOrEqual(2_000_000_000_000)
})
