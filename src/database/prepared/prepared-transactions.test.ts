/** Prepared transactions in the kernel: who holds the locks, after restarts and refusals too, and what the log says of them. */
import { describe, expect, test } from 'vitest'
import { sliceOf, sliceToLatin1 } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import { createRealHost } from '../../host/real/real-host.ts'
import { openMemoryLog } from '../../log/memory-log.ts'
import { openMemoryStore } from '../../storage/memory/memory.ts'
import { LockWait, type Isolation } from '../contract.ts'
import { Database } from '../database.ts'
import type { KernelLimits } from '../kernel.ts'
import { openTestDatabase } from '../testing.ts'
import type { KernelTransaction } from '../transaction/transaction.ts'

const by = { owner: 'me', ownerId: undefined }
const keyOf = (name: string): KeyWriter => new KeyWriter(32).begin(20, 1).string(name)

function begin(database: Database, isolation: Isolation = 'read committed'): KernelTransaction {
  const transaction = database.begin({ isolation, readOnly: false, interactive: true })
  transaction.beginStatement()
  return transaction
}

function put(transaction: KernelTransaction, name: string, value: string | undefined): void {
  if (value === undefined) transaction.delete(keyOf(name))
  else transaction.put(keyOf(name), sliceOf(Buffer.from(value)))
}

function write(database: Database, name: string, value: string, isolation?: Isolation): 'written' | 'waits' {
  const transaction = begin(database, isolation)
  try {
    put(transaction, name, value)
    transaction.endStatement()
    void transaction.commit()
    return 'written'
  } catch (error) {
    transaction.rollback()
    if (error instanceof LockWait) return 'waits'
    throw error
  }
}

async function prepare(database: Database, gid: string, ...names: string[]): Promise<number> {
  const transaction = begin(database)
  for (const name of names) put(transaction, name, gid)
  transaction.endStatement()
  try {
    return await database.prepared.prepare(transaction, gid, by)
  } finally {
    transaction.rollback()
  }
}

function read(database: Database, name: string): string | undefined {
  const found = database.newest.get(keyOf(name))
  return found === undefined ? undefined : sliceToLatin1(found)
}

async function settled(database: Database): Promise<void> {
  await database.pipeline.settled()
}

/** A start of the same log, with nothing else. */
async function restart(database: Database, limits?: Partial<KernelLimits>): Promise<Database> {
  await database.pipeline.settled()
  const host = createRealHost()
  const { name, log } = database
  return Database.open({ host, name, log, store: await openMemoryStore(host, undefined), ...(limits && { limits }) })
}

/** Has read `read`, which is there, and written `written`. */
function readingWriter(database: Database): ReturnType<typeof begin> {
  write(database, 'read', 'x')
  const reader = begin(database, 'serializable')
  reader.get(keyOf('read'))
  put(reader, 'written', 'x')
  reader.endStatement()
  return reader
}

describe('a prepared transaction', () => {
  test('is seen by nobody and keeps its locks, until it is committed', async () => {
    const database = await openTestDatabase()
    write(database, 'a', 'before')
    await prepare(database, 'one', 'a', 'b')
    expect([read(database, 'a'), read(database, 'b')]).toEqual(['before', undefined])
    expect([write(database, 'a', 'x'), write(database, 'b', 'x'), write(database, 'c', 'x')]).toEqual([
      'waits',
      'waits',
      'written',
    ])
    await database.prepared.finish('one', true)
    expect([read(database, 'a'), read(database, 'b')]).toEqual(['one', 'one'])
    await settled(database)
    expect(write(database, 'a', 'after')).toBe('written')
    expect([...database.prepared.list()]).toEqual([])
    expect(database.locks.isEmpty).toBe(true)
  })

  test('is gone when it is rolled back, with all its entries', async () => {
    const database = await openTestDatabase()
    write(database, 'a', 'before')
    const before = [...entriesOf(database)]
    await prepare(database, 'one', 'a', 'b')
    await database.prepared.finish('one', false)
    expect([...entriesOf(database)]).toEqual(before)
    await settled(database)
    expect(write(database, 'a', 'after')).toBe('written')
  })

  test('outlives a restart, whatever has been written since', async () => {
    const database = await openTestDatabase()
    await prepare(database, 'one', 'a')
    await prepare(database, 'two', 'b')
    write(database, 'c', 'other')
    const again = await restart(database)
    expect([...again.prepared.list()].map(({ gid, owner }) => [gid, owner])).toEqual([
      ['one', 'me'],
      ['two', 'me'],
    ])
    expect([write(again, 'a', 'x'), write(again, 'b', 'x')]).toEqual(['waits', 'waits'])
    await again.prepared.finish('one', true)
    await settled(again)
    const third = await restart(again)
    expect([read(third, 'a'), read(third, 'b')]).toEqual(['one', undefined])
    expect([write(third, 'a', 'x'), write(third, 'b', 'x')]).toEqual(['written', 'waits'])
  })

  test('is in the log as one record of its writes, when it is committed', async () => {
    const database = await openTestDatabase()
    write(database, 'before', 'x')
    const prepared = await prepare(database, 'one', 'a', 'b')
    await database.prepared.finish('one', true)
    await settled(database)
    const found: [number, string[]][] = []
    for await (const { sequence, changes } of database.feed({ from: prepared, to: database.newestSequence })) {
      found.push([
        sequence,
        changes.map((change) => ('collection' in change ? `${change.kind} ${change.collection}` : '')),
      ])
    }
    expect(found).toEqual([
      [prepared, []],
      [prepared + 1, ['put 20', 'put 20']],
    ])
  })

  test('may be as large as any transaction, in parts', async () => {
    const database = await openTestDatabase({ limits: { largeCommitWrites: 100, largeCommitBytes: 100_000 } })
    const transaction = begin(database)
    for (let i = 0; i < 2_500; i++) put(transaction, `key ${i}`, `${i} `.repeat(60))
    put(transaction, 'long', 'x'.repeat(700_000))
    transaction.endStatement()
    await database.prepared.prepare(transaction, 'large', by)
    expect(database.prepared.find('large').parts[0]).toBe(3)
    const again = await restart(database, { largeCommitWrites: 100 })
    expect(write(again, 'key 2499', 'x')).toBe('waits')
    await again.prepared.finish('large', true)
    expect([read(again, 'key 7'), read(again, 'long')?.length]).toEqual(['7 '.repeat(60), 700_000])
    await settled(again)
    expect(write(again, 'key 2499', 'x')).toBe('written')
    expect([...entriesOf(again)].some((key) => key.startsWith('\x00\x0b') || key.startsWith('\x00\x0c'))).toBe(false)
  })

  test('is ended by one at a time', async () => {
    const database = await openTestDatabase({ limits: { largeCommitWrites: 2 } })
    await prepare(database, 'one', 'a', 'b', 'c', 'd')
    const first = database.prepared.finish('one', true)
    await expect(database.prepared.finish('one', false)).rejects.toThrow(/is busy/)
    await first
    await expect(database.prepared.finish('one', true)).rejects.toThrow(/does not exist/)
  })

  test('has an identifier of its own, which is free again once it has ended', async () => {
    const database = await openTestDatabase({ limits: { preparedTransactions: 2 } })
    await prepare(database, 'one', 'a')
    await expect(prepare(database, 'one', 'b')).rejects.toThrow(/already in use/)
    await prepare(database, 'two', 'c')
    await expect(prepare(database, 'three', 'd')).rejects.toThrow(/maximum number/)
    await database.prepared.finish('one', true)
    await prepare(database, 'one', 'd')
    expect(database.prepared.size).toBe(2)
  })

  test('keeps the numbers of what it has made from others, after a restart too', async () => {
    const database = await openTestDatabase()
    const transaction = begin(database)
    const namespace = transaction.createNamespace('mine')
    const made = transaction.createCollection(namespace, 'made', 'document', {}).id
    transaction.endStatement()
    await database.prepared.prepare(transaction, 'ddl', by)
    const again = await restart(database)
    expect(again.nextCollectionId()).toBeGreaterThan(made)
    await again.prepared.finish('ddl', true)
    expect(again.catalog.collectionById(made)?.name).toBe('made')
  })

  test('that has read serializably keeps serializable writers away from that, after a restart too', async () => {
    const database = await openTestDatabase()
    const reader = readingWriter(database)
    await database.prepared.prepare(reader, 'reader', by)
    const check = (each: Database): void => {
      expect(() => write(each, 'read', 'y', 'serializable')).toThrow(/could not serialize/)
      expect(write(each, 'else', 'y', 'serializable')).toBe('written')
    }
    check(database)
    check(await restart(database))
  })

  test('is not prepared where what it has read has changed, and lets its locks go', async () => {
    const database = await openTestDatabase()
    const reader = readingWriter(database)
    reader.leaveTurn(false)
    write(database, 'read', 'y')
    await expect(database.prepared.prepare(reader, 'reader', by)).rejects.toThrow(/could not serialize/)
    reader.rollback()
    expect(write(database, 'written', 'y')).toBe('written')
    expect([...database.prepared.list()]).toEqual([])
  })
})

test('who takes a log over holds the locks of what is prepared in it', async () => {
  const host = createRealHost()
  const log = openMemoryLog()
  const database = await openTestDatabase({ host, log })
  const follower = await Database.follow({ host, name: 'b', log, store: await openMemoryStore(host, undefined) })
  const sequence = await prepare(database, 'one', 'a')
  await settled(database)
  await follower.role.waitFor(sequence)
  expect([...follower.prepared.list()].map(({ gid }) => gid)).toEqual(['one'])
  await database.pipeline.settled()
  await follower.lead()
  expect(write(follower, 'a', 'x')).toBe('waits')
  await follower.prepared.finish('one', true)
  expect(read(follower, 'a')).toBe('one')
})

/** All keys of the newest state. */
function* entriesOf(database: Database): Generator<string> {
  const cursor = database.newest.scan({ start: sliceOf(new Uint8Array(0)), end: sliceOf(new Uint8Array([0xff])) })
  while (cursor.next()) yield sliceToLatin1(cursor.key)
}
