/** What is prepared, and ended, on a disk that is full: the locks are held as long as the log says. */
import { describe, expect, test } from 'vitest'
import { sliceOf, sliceToLatin1 } from '../base/slice.ts'
import { KeyWriter } from '../base/tuple.ts'
import { LockWait } from '../database/contract.ts'
import type { Database } from '../database/database.ts'
import { openTestDatabase } from '../database/testing.ts'
import { SmallDisk } from './testing.ts'

const keyOf = (name: string): KeyWriter => new KeyWriter(32).begin(20, 1).string(name)

function change<T>(database: Database, name: string, end: (transaction: ReturnType<Database['begin']>) => T): T {
  const transaction = database.begin({ isolation: 'read committed', readOnly: false, interactive: true })
  transaction.beginStatement()
  try {
    transaction.put(keyOf(name), sliceOf(Buffer.from('value')))
    transaction.endStatement()
    return end(transaction)
  } catch (error) {
    transaction.rollback()
    throw error
  }
}

function write(database: Database, name: string): 'written' | 'waits' {
  try {
    change(database, name, (transaction) => void transaction.commit())
    return 'written'
  } catch (error) {
    if (error instanceof LockWait) return 'waits'
    throw error
  }
}

function prepare(database: Database, gid: string, name: string): Promise<number> {
  return change(database, name, (transaction) =>
    database.prepared.prepare(transaction, gid, { owner: 'me', ownerId: undefined }),
  )
}

function read(database: Database, name: string): string | undefined {
  const found = database.newest.get(keyOf(name))
  return found === undefined ? undefined : sliceToLatin1(found)
}

describe('a log that refuses', () => {
  test('a PREPARE gives the locks back', async () => {
    const disk = new SmallDisk()
    const database = await openTestDatabase({ host: disk.host, log: disk.log })
    write(database, 'a')
    await database.pipeline.settled()
    disk.isFull = true
    const sequence = await prepare(database, 'one', 'a')
    await expect(database.synced(sequence)).rejects.toThrow()
    disk.empty()
    expect(write(database, 'a')).toBe('written')
    await database.pipeline.settled()
    await prepare(database, 'one', 'b')
  })

  test('a COMMIT PREPARED leaves it prepared, and its locks held throughout', async () => {
    const disk = new SmallDisk()
    const database = await openTestDatabase({ host: disk.host, log: disk.log })
    await prepare(database, 'one', 'a')
    await database.pipeline.settled()
    disk.isFull = true
    const sequence = await database.prepared.finish('one', true)
    expect(write(database, 'a')).toBe('waits')
    await expect(database.synced(sequence)).rejects.toThrow()
    expect(read(database, 'a')).toBeUndefined()
    disk.empty()
    expect(write(database, 'a')).toBe('waits')
    await database.prepared.finish('one', true)
    await database.pipeline.settled()
    expect(read(database, 'a')).toBe('value')
    expect(write(database, 'a')).toBe('written')
  })
})
