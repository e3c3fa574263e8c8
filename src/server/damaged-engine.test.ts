/** A file of an engine that the disk has changed: what cannot be read is named, and everything else is looked at. */
import { expect, test } from 'vitest'
import { copySlice, sliceOf, type Slice } from '../base/slice.ts'
import { keyspaceRange, KeyWriter } from '../base/tuple.ts'
import type { Transaction } from '../database/contract.ts'
import type { Database } from '../database/database.ts'
import { Instance } from '../database/instance.ts'
import { throughMisses } from '../database/transaction/pinned-pages.ts'
import type { Disk } from '../host/host.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { createMemoryDisk } from '../host/simulated/memory-disk.ts'
import { EmbeddedDatabase } from '../library/library.ts'
import { Sessions } from '../session/sessions.ts'

/** A bit of the first byte of `text`. */
async function flip(disk: Disk, text: string): Promise<void> {
  const [uuid] = await disk.list('data/databases')
  const folder = `data/databases/${uuid}/sorted`
  const [state] = await disk.list(folder)
  const file = await disk.open(`${folder}/${state}`, { mode: 'write' })
  const bytes = new Uint8Array(await file.size())
  await file.readAt(0, bytes)
  const at = Buffer.from(bytes).indexOf(text)
  expect(at).toBeGreaterThan(0)
  await file.writeAt(at, Uint8Array.of(bytes[at]! ^ 1))
  await file.close()
}

/** Takes away the last entry of the table's only index, and puts a key of no index, past the table's rules. */
function loseLastEntry(database: Database, name: string): Promise<unknown> {
  const change = (tx: Transaction): void => {
    const collection = tx.catalog.findCollection('public', name)!
    const cursor = tx.scan(keyspaceRange(collection.id, collection.indexes[0]!.id), { reverse: true })
    expect(cursor.next()).toBe(true)
    const key: Slice = sliceOf(copySlice(cursor.key))
    tx.delete(key)
    // For the walk over the store, which looks at collections only.
    tx.put(new KeyWriter(16).begin(collection.id, 99), sliceOf(new Uint8Array(1)))
  }
  return throughMisses(database.store, () => {
    const tx = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
    tx.beginStatement()
    try {
      change(tx)
      return Promise.resolve(tx.commit())
    } catch (error) {
      tx.rollback()
      throw error
    }
  })
}

test('the verifier goes round what it cannot read', async () => {
  const host = { ...createRealHost(), disk: createMemoryDisk() }
  const instance = await Instance.open({ host, directory: 'data' }, 'polylog')
  const database = instance.databases.get('polylog')!
  const sessions = new Sessions(host, () => instance.databases)
  const library = new EmbeddedDatabase(database, sessions, () => Promise.resolve())
  const tables = { damaged: "WITH (engine = 'sorted')", behind: "WITH (engine = 'sorted')", beside: '' }
  for (const [name, options] of Object.entries(tables)) {
    const text = `'${name} row ' || g || repeat('.', 60)`
    await library.write(async (tx) => {
      await tx.sql(`CREATE TABLE ${name} (id int PRIMARY KEY, v int, text text) ${options}`)
      await tx.sql(`CREATE INDEX ON ${name} (v)`)
      await tx.sql(`INSERT INTO ${name} SELECT g, g, ${text} FROM generate_series(1, 1000) g`)
    })
  }
  for (const name of Object.keys(tables)) await loseLastEntry(database, name)
  await database.checkpoint()
  const strays = Object.keys(tables).map((name) => [
    'extra',
    `public.${name}`,
    'there are keys of an index 99, which is none',
  ])
  const lost = Object.keys(tables).map((name) => ['missing', `public.${name}`, 'a row has no entry'])
  const found = async (): Promise<unknown[][]> =>
    (await library.verify()).differences.map(({ kind, where, message }) => [kind, where, message])

  await flip(host.disk, 'damaged row 500.')
  const differences = await found()
  const unreadable = differences.filter(([kind]) => kind === 'unreadable')
  expect(differences.filter(([kind]) => kind !== 'unreadable')).toEqual([...strays.slice(1), ...lost])
  const places = new Set(unreadable.map(([, where]) => where))
  expect(places).toEqual(new Set(['engine sorted', 'store', 'public.damaged']))
  for (const [, , message] of unreadable) expect(message).toMatch(/state-\d+ is damaged at byte \d+/)
  // The walk over the rows, once, and each entry of a row that lies in the damaged block: some forty of a thousand.
  expect(unreadable.length).toBeGreaterThan(10)
  expect(unreadable.length).toBeLessThan(100)
  await flip(host.disk, 'eamaged row 500.')
  expect(await found()).toEqual([...strays, ...lost])
  await library.close()
  sessions.close()
  await instance.close()
})
