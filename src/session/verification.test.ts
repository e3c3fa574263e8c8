/** A whole database: its data beside other work, and its files after they were damaged under it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { emptySlice, sliceOf } from '../base/slice.ts'
import type { Statement } from '../database/contract.ts'
import type { Database } from '../database/database.ts'
import { Instance } from '../database/instance.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { ensureNamespace } from '../model/document/document.ts'
import { writeExpiryKey } from '../model/keyvalue/keys.ts'
import { setString } from '../model/keyvalue/strings.ts'
import { KeyWriter } from '../base/tuple.ts'
import { Sessions } from './sessions.ts'
import type { DatabaseReport } from '../database/verification/verify.ts'
import { verifyDatabase } from './verification.ts'

const bytes = (text: string): ReturnType<typeof sliceOf> => sliceOf(Buffer.from(text))

let folder: string
let instance: Instance
let database: Database
let sessions: Sessions

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'polylog-verify-'))
  instance = await Instance.open({ host: createRealHost(), directory: folder, segmentBytes: 64 * 1024 }, 'polylog')
  database = instance.databases.get('polylog')!
  sessions = new Sessions(database.host, () => instance.databases)
  await run((tx) => tx.createCollection(ensureNamespace(tx, 'redis'), 'db0', 'keyvalue', {}))
  for (let i = 0; i < 30; i++) await set(`key ${i}`, `value ${i} `.repeat(20))
  await database.pipeline.settled()
})

afterEach(async () => {
  sessions.close()
  await instance.close()
  rmSync(folder, { recursive: true })
})

async function run<T>(statement: Statement<T>): Promise<T> {
  const session = sessions.openSession({ user: 'test', door: 'test' })
  try {
    return await session.run(statement)
  } finally {
    session.close()
  }
}

function set(key: string, value: string): Promise<unknown> {
  return run((tx) =>
    setString(tx, tx.catalog.findCollection('redis', 'db0')!, bytes(key), bytes(value), 99_999_999_999_999n),
  )
}

const verified = (): Promise<DatabaseReport> => verifyDatabase(sessions, database)

/** Paths of the database's files in a folder of its own. */
function filesIn(name: string): string[] {
  const databases = join(folder, 'databases')
  const base = join(databases, readdirSync(databases)[0]!, name)
  return readdirSync(base, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

/** Flips a bit of the first byte of `text` in one of the files. */
function damage(name: string, text: string): void {
  for (const path of filesIn(name)) {
    const content = readFileSync(path)
    const at = content.indexOf(text)
    if (at < 0) continue
    content[at]! ^= 1
    writeFileSync(path, content)
    return
  }
  throw new Error(`no file has ${text}`)
}

describe('verifying a database', () => {
  test('says how much it has looked at', async () => {
    const before = await verified()
    expect(before).toMatchObject({ differences: [], total: 0, entries: 0, sequence: database.newestSequence })
    expect(before.records).toBe(database.newestSequence)
    expect(before.keys).toBe(database.store.statistics().keys)
    await database.checkpoint()
    expect(await verified()).toMatchObject({ differences: [], entries: before.keys })
  })

  test('goes on beside others: it sees one state, and they do not wait', async () => {
    const state = { writes: 0, isOver: false }
    const writing = (async () => {
      while (!state.isOver) {
        await set(`key ${state.writes % 30}`, `again ${state.writes++}`)
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    for (let i = 0; i < 10; i++) expect((await verified()).differences).toEqual([])
    const during = state.writes
    state.isOver = true
    await writing
    expect(during).toBeGreaterThan(0)
  })

  test('a checkpoint that is wanted meanwhile waits for it', async () => {
    const [report, sequence] = await Promise.all([database.verifyFiles(), database.checkpoint()])
    expect(report.differences).toEqual([])
    expect(sequence).toBe(database.newestSequence)
    expect((await database.verifyFiles()).entries).toBeGreaterThan(0)
  })

  test('names what is wrong with the data', async () => {
    await run((tx) => {
      const space = tx.catalog.findCollection('redis', 'db0')!
      tx.put(writeExpiryKey(new KeyWriter(32), space, 1n, bytes('nobody')), emptySlice, 'derived')
    })
    const { differences } = await verified()
    expect(differences.map(({ kind, where, index }) => [kind, where, index])).toEqual([
      ['extra', 'redis.db0', 'expiry'],
    ])
  })

  test('names a record of the log that the disk has changed since', async () => {
    damage('log', 'value 7 ')
    const { differences, total } = await verified()
    expect(total).toBe(1)
    expect(differences[0]).toMatchObject({ kind: 'unreadable', where: 'log' })
    expect(differences[0]!.message).toMatch(/\d/)
  })

  test('names a checkpoint that the disk has changed since', async () => {
    await database.checkpoint()
    damage('checkpoint', 'value 7 ')
    const { differences } = await verified()
    expect(differences).toHaveLength(1)
    expect(differences[0]).toMatchObject({ kind: 'unreadable', where: 'checkpoint' })
    expect(differences[0]!.message).toContain('checksum')
  })
})
