/**
 * Data on people's disks has rights: a directory of every format version opens for ever, with everything in it.
 *
 * `golden/<version>` holds a directory as a killed server left it (a checkpoint, and a log after it), and `expected.json`
 * what must be found in it. `REWRITE=1` writes the one of the present version anew, which is only right before that
 * version has been released; older ones are never written again.
 */
import assert from 'node:assert'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Slice, sliceOf, sliceToLatin1 } from '../../src/base/slice.ts'
import type { Collection } from '../../src/database/catalog/catalog.ts'
import type { Database } from '../../src/database/database.ts'
import { formatVersion } from '../../src/database/directory/data-directory.ts'
import type { StatementSteps } from '../../src/database/contract.ts'
import { runSteps } from '../../src/database/testing.ts'
import type { KernelTransaction } from '../../src/database/transaction/transaction.ts'
import { inPlace } from '../../src/database/transaction/wait.ts'
import { type Header, kind } from '../../src/model/keyvalue/codec.ts'
import { findCollection, openCollection, saveCollection } from '../../src/model/keyvalue/keyvalue.ts'
import { insertItem, locateItem, pushItem, walkItems } from '../../src/model/keyvalue/lists.ts'
import { Instance } from '../../src/database/instance.ts'
import { createRealHost } from '../../src/host/real/real-host.ts'
import { EmbeddedDatabase, type EmbeddedTransaction } from '../../src/library/library.ts'
import { Sessions } from '../../src/session/sessions.ts'

const goldens = join(import.meta.dirname, 'golden')
/** Of the present version, with this key. */
const encrypted = 'encrypted'
const keyOf = (name: string): Uint8Array | undefined => (name === encrypted ? new Uint8Array(32).fill(0x42) : undefined)

/** A few dozen rows are a large commit, of several pieces. */
const limits = { largeCommitWrites: 50, pieceBytes: 1_000 }

interface Opened {
  readonly db: EmbeddedDatabase
  readonly instance: Instance
}

async function openDirectory(directory: string, encryptionKey?: Uint8Array): Promise<Opened> {
  const host = createRealHost()
  const options = { host, directory, segmentBytes: 64 * 1024, limits, ...(encryptionKey && { encryptionKey }) }
  const instance = await Instance.open(options, 'polylog')
  const sessions = new Sessions(host, () => instance.databases)
  const db = new EmbeddedDatabase(instance.databases.get('polylog')!, sessions, () => instance.close())
  return { db, instance }
}

async function fillBeforeCheckpoint(tx: EmbeddedTransaction): Promise<void> {
  await tx.sql(
    'CREATE TABLE item (id int8 PRIMARY KEY, name text NOT NULL UNIQUE, price numeric(10,2), tags text[], made timestamptz, extra jsonb)',
  )
  await tx.sql('CREATE INDEX item_price ON item (price DESC)')
  await tx.sql(
    `INSERT INTO item VALUES (1, 'één', 12.50, '{a,b}', '2026-01-02 03:04:05.678901+00', '{"k": [1, 2.50, null]}'),
       (9007199254740993, 'two', NULL, NULL, NULL, NULL)`,
  )
  await tx.documents('shop', 'orders').insert({ _id: 1, total: 12.5, lines: [{ sku: 'x', n: 2 }] }, { _id: 'two' })
  const keys = tx.keys()
  await keys.set('greeting', 'hello')
  await keys.setField('hash', 'field', 'value')
  await keys.setScore('scores', 'ada', 1.5)
}

async function fillAfterCheckpoint(tx: EmbeddedTransaction): Promise<void> {
  await tx.sql("UPDATE item SET price = price + 1 WHERE name = 'één'")
  await tx.sql('DELETE FROM item WHERE id = 9007199254740993')
  await tx.documents('shop', 'orders').update({ _id: 1 }, { $push: { lines: { sku: 'y', n: 1 } } })
  await tx.keys().setScore('scores', 'ada', 2)
  await tx.keys().delete('greeting')
}

/** Since format 4 in pieces. */
async function fillLargely(tx: EmbeddedTransaction): Promise<void> {
  await tx.sql('CREATE TABLE many (id int4 PRIMARY KEY, word text)')
  await tx.sql("INSERT INTO many SELECT g, repeat('word ', g % 9) FROM generate_series(1, 100) g")
}

/** Of format 5: the items of a list lie one by one, at even distances as long as none was put in the middle. */
const listNames = ['small', 'large', 'uneven'] as const
const lengths = { small: 20, large: 200, uneven: 200 }

function* fillLists(tx: KernelTransaction): StatementSteps<void> {
  const space = redisOf(tx)
  for (const name of listNames) {
    const key = textOf(name)
    const list = yield* inPlace(tx, () => openCollection(tx, space, key, kind.list))
    for (let i = 0; i < lengths[name]; i++) yield* push(tx, list, `item ${i}`, i % 3 === 0)
    const position = yield* locateItem(tx, space, list, 100)
    if (name === 'uneven') yield* insertItem(tx, space, list, position, true, textOf('between'))
    yield* inPlace(tx, () => saveCollection(tx, space, key, list))
  }
}

/** One more at each end and in the middle, as of any list. */
function* changeLists(tx: KernelTransaction): StatementSteps<void> {
  const space = redisOf(tx)
  for (const name of listNames) {
    const key = textOf(name)
    const list = yield* inPlace(tx, () => findCollection(tx, space, key, kind.list)!)
    for (const atHead of [true, false]) yield* push(tx, list, 'new', atHead)
    const position = yield* locateItem(tx, space, list, 10)
    yield* insertItem(tx, space, list, position, true, textOf('new'))
    yield* inPlace(tx, () => saveCollection(tx, space, key, list))
  }
}

function* push(tx: KernelTransaction, list: Header, item: string, atHead: boolean): StatementSteps<void> {
  const steps = yield* inPlace(tx, () => pushItem(tx, redisOf(tx), list, textOf(item), atHead))
  if (steps !== undefined) yield* steps
}

function* listsOf(tx: KernelTransaction): StatementSteps<Record<string, string[]>> {
  const lists: Record<string, string[]> = {}
  for (const name of listNames) {
    const list = yield* inPlace(tx, () => findCollection(tx, redisOf(tx), textOf(name), kind.list)!)
    const items: string[] = (lists[name] = [])
    const visitor = {
      short: (item: Slice) => void items.push(sliceToLatin1(item)),
      long: () => assert.fail('none is long'),
    }
    yield* walkItems(tx, redisOf(tx), list, 0, list.count - 1, visitor)
  }
  return lists
}

function redisOf(tx: KernelTransaction): Collection {
  return [...tx.catalog.collectionsOf('redis')].find(({ name }) => name === 'db0')!
}

const textOf = (text: string): Slice => sliceOf(Buffer.from(text))

const expectedLists = Object.fromEntries(
  listNames.map((name) => {
    const items: string[] = []
    for (let i = 0; i < lengths[name]; i++) items.splice(i % 3 === 0 ? 0 : items.length, 0, `item ${i}`)
    if (name === 'uneven') items.splice(100, 0, 'between')
    return [name, items]
  }),
)

const changedLists = Object.fromEntries(
  Object.entries(expectedLists).map(([name, items]) => [name, ['new', ...items, 'new'].toSpliced(10, 0, 'new')]),
)

async function manyOf(db: EmbeddedDatabase): Promise<unknown> {
  const rows = await db.read((tx) => tx.sql('SELECT count(*)::text, sum(length(word))::text AS length FROM many'))
  return rows[0]
}

/** Since format 5: a transaction that is prepared, and that nobody has ended. */
async function prepareOn(database: Database): Promise<void> {
  const transaction = database.begin({ isolation: 'serializable', readOnly: false, interactive: true })
  transaction.beginStatement()
  transaction.createNamespace('prepared')
  transaction.endStatement()
  const sequence = await database.prepared.prepare(transaction, 'golden', { owner: 'polylog', ownerId: undefined })
  await database.synced(sequence)
}

async function endPrepared(database: Database): Promise<void> {
  expect(database.locks.isEmpty).toBe(false)
  await database.prepared.finish('golden', true)
  expect(database.catalog.namespaces.has('prepared')).toBe(true)
}

/** Everything but that, as text. */
function contentOf(db: EmbeddedDatabase): Promise<unknown> {
  return db.read(async (tx) => {
    const rows = await tx.sql(
      'SELECT id::text, name, price::text, tags::text, made::text, extra::text FROM item ORDER BY id',
    )
    const byPrice = await tx.sql('SELECT name FROM item WHERE price > 1 ORDER BY price DESC')
    const orders = await tx.sql('SELECT doc::text FROM shop.orders ORDER BY doc::text')
    const keys = await tx.sql('SELECT * FROM redis.db0 ORDER BY key')
    const fields = await tx.sql('SELECT key, field, value FROM redis.db0_hash')
    const scores = await tx.sql('SELECT * FROM redis.db0_zset')
    return { rows, byPrice, orders, keys, fields, scores }
  })
}

async function writeGolden(name: string): Promise<void> {
  const folder = join(goldens, name)
  rmSync(folder, { recursive: true, force: true })
  const scratch = mkdtempSync(join(tmpdir(), 'polylog-golden-'))
  const { db, instance } = await openDirectory(scratch, keyOf(name))
  await db.write(fillBeforeCheckpoint)
  await instance.databases.get('polylog')!.checkpoint()
  await db.write(fillAfterCheckpoint)
  await runSteps(instance.databases.get('polylog')!, fillLists)
  await db.write(fillLargely)
  await prepareOn(instance.databases.get('polylog')!)
  cpSync(scratch, join(folder, 'data'), { recursive: true, filter: (path) => !path.includes('LOCK') })
  writeFileSync(join(folder, 'expected.json'), `${JSON.stringify(await contentOf(db), undefined, 2)}\n`)
  await db.close()
  rmSync(scratch, { recursive: true, force: true })
}

describe('a directory of every format version', () => {
  test.each([String(formatVersion), encrypted])('there is one of the present version: %s', async (name) => {
    if (process.env['REWRITE'] === '1') await writeGolden(name)
    expect(existsSync(join(goldens, name))).toBe(true)
  })

  const versions = existsSync(goldens) ? readdirSync(goldens) : []
  test.each(versions)('version %s opens with everything in it', async (version) => {
    const scratch = mkdtempSync(join(tmpdir(), 'polylog-golden-'))
    try {
      cpSync(join(goldens, version, 'data'), scratch, { recursive: true })
      const { db, instance } = await openDirectory(scratch, keyOf(version))
      expect(instance.databases.get('polylog')!.recovered.replayed).toBeGreaterThan(0)
      expect(await contentOf(db)).toEqual(JSON.parse(readFileSync(join(goldens, version, 'expected.json'), 'utf8')))
      if (version === encrypted || Number(version) >= 4)
        expect(await manyOf(db)).toEqual({ count: '100', length: '1985' })
      if (version === encrypted || Number(version) >= 5) {
        const database = instance.databases.get('polylog')!
        await endPrepared(database)
        expect(await runSteps(database, listsOf, true)).toEqual(expectedLists)
        await runSteps(database, changeLists)
        expect(await runSteps(database, listsOf, true)).toEqual(changedLists)
      }
      await db.write((tx) => tx.sql("INSERT INTO item (id, name) VALUES (3, 'three')"))
      await db.write((tx) => tx.sql(`INSERT INTO redis.db0_stream VALUES ('of ids', '5-1', '{"f": "v"}')`))
      await db.close()
      expect(readFileSync(join(scratch, 'FORMAT'), 'utf8')).toBe(`${formatVersion}\n`)
      const again = await openDirectory(scratch, keyOf(version))
      const stream = await again.db.read((tx) => tx.sql("SELECT id, fields FROM redis.db0_stream WHERE key = 'of ids'"))
      expect(stream).toEqual([{ id: '5-1', fields: { f: 'v' } }])
      await again.db.close()
    } finally {
      rmSync(scratch, { recursive: true, force: true })
    }
  })
})
