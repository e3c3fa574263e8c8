/** Sources of documents over pages that are missing: what was begun goes on, nothing is left out or made twice. */
import { deserialize, type Document } from 'bson'
import { afterEach, describe, expect, test } from 'vitest'
import { copySlice, type Slice, sliceOf } from '../base/slice.ts'
import type { StatementSteps, Transaction } from '../database/contract.ts'
import type { Database } from '../database/database.ts'
import { openTestDatabase, runSteps } from '../database/testing.ts'
import { inPlace, isSteps } from '../database/transaction/wait.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { type Header, type Kind, kind } from '../model/keyvalue/codec.ts'
import { int32Value } from '../model/document/values.ts'
import { setField } from '../model/keyvalue/hashes.ts'
import { newCollection, openCollection, placeCollection, saveCollection } from '../model/keyvalue/keyvalue.ts'
import { pushItem } from '../model/keyvalue/lists.ts'
import { addMember } from '../model/keyvalue/sets.ts'
import { setScore } from '../model/keyvalue/sorted-sets.ts'
import { newTable, withPrimaryKey } from '../model/table/definition.ts'
import { insertRow } from '../model/table/rows.ts'
import { createTable, createTableIndex } from '../model/table/schema.ts'
import { Table } from '../model/table/table.ts'
import { findTypeByName } from '../model/table/types/registry.ts'
import { MissingStore } from '../storage/contract/missing-store.ts'
import { openMemoryStore } from '../storage/memory/memory.ts'
import type { FieldBounds } from './document-source.ts'
import { openSource } from './open-source.ts'

let store: MissingStore
let database: Database

async function open(poolPages: number): Promise<void> {
  store = new MissingStore(await openMemoryStore(createRealHost(), undefined), poolPages)
  database = await openTestDatabase({ store })
}
afterEach(() => database.close())

interface Reading {
  readonly found: Document[]
  /** Calls of a cursor, those that were interrupted included. */
  calls: number
}

function* read(tx: Transaction, collection: string, index: number, bounds: FieldBounds[]): StatementSteps<Reading> {
  const source = openSource(tx.catalog.findCollection('test', collection)!)
  const by = source.indexes[index]!
  const reading: Reading = { found: [], calls: 0 }
  for (const range of source.ranges(by, bounds)!) {
    const cursor = source.scan(tx, by, range, { reverse: false, after: undefined })
    for (let isOpen = true; isOpen; reading.calls++) {
      try {
        isOpen = cursor.next()
        tx.batchDone()
        if (isOpen) reading.found.push(deserialize(copySlice(cursor.document)))
      } catch (error) {
        yield tx.waitOf(error)
      }
    }
  }
  return reading
}

test('rows by the entries of an index', async () => {
  const rows = 600
  await open(4)
  await runSteps(database, function* (tx): StatementSteps<void> {
    const [int4] = [findTypeByName('int4')!.oid]
    const columns = ['id', 'n'].map((name) => ({ name, type: int4 }))
    const definition = withPrimaryKey(newTable(columns), { name: 'rows_pkey', columns: [1] })
    createTable(tx, tx.createNamespace('test'), 'rows', definition)
    yield* createTableIndex(tx, Table.of(tx.catalog.findCollection('test', 'rows')!), {
      name: 'by_n',
      isUnique: false,
      columns: [{ number: 2 }],
    })
    const table = Table.of(tx.catalog.findCollection('test', 'rows')!)
    for (let i = 0; i < rows; i++) yield* inPlace(tx, () => insertRow(tx, table, [i, (i * 7) % rows]))
  })
  store.pool.forget()
  const values = Array.from({ length: 40 }, (_, i) => int32Value(i * 15))
  const { found } = await runSteps(database, (tx) => read(tx, 'rows', 2, [{ kind: 'points', values }]))
  expect(store.pool.misses).toBeGreaterThan(20)
  expect(found.map(({ n }) => n)).toEqual(values.map((_, i) => i * 15))
})

describe('keys of Redis', () => {
  const elements = 3000
  const bytes = (text: string): Slice => sliceOf(new Uint8Array(Buffer.from(text)))

  async function fill(poolPages: number): Promise<void> {
    await open(poolPages)
    await runSteps(database, function* (tx): StatementSteps<void> {
      const space = tx.createCollection(tx.createNamespace('test'), 'db0', 'keyvalue', {})
      const fillKey = (name: string, of: Kind, add: (into: Header, i: number) => void): StatementSteps<void> =>
        inPlace(tx, () => {
          const opened = openCollection(tx, space, bytes(name), of)
          for (let i = 0; i < elements; i++) add(opened, i)
          saveCollection(tx, space, bytes(name), opened)
        })
      yield* fillKey('hash', kind.hash, (into, i) => setField(tx, space, into, bytes(`f${i}`), bytes(`v${i}`)))
      yield* fillKey('set', kind.set, (into, i) => addMember(tx, space, into, bytes(`m${i}`)))
      yield* fillKey('sorted', kind.sortedSet, (into, i) => setScore(tx, space, into, bytes(`m${i}`), -i))
    })
    store.pool.forget()
  }

  test('are read whole, every element once', async () => {
    await fill(4)
    let shown = 0
    const { found } = await runSteps(database, (tx) => {
      const scan = tx.scan.bind(tx)
      tx.scan = (range, options) => {
        const cursor = scan(range, options)
        const next = cursor.next.bind(cursor)
        cursor.next = () => next() && ++shown > 0
        return cursor
      }
      return read(tx, 'db0', 0, [])
    })
    expect(found.map(({ _id, value }) => [_id, Object.keys(value).length])).toEqual([
      ['hash', elements],
      ['set', elements],
      ['sorted', elements],
    ])
    expect(found[0]!['value']['f77']).toBe('v77')
    expect(found[2]!['value'][1]).toEqual({ member: `m${elements - 2}`, score: 2 - elements })
    expect(store.pool.misses).toBeGreaterThan(30)
    expect(shown).toBe(3 * elements + 3)
  })

  test('are read with the values that lie in pieces', async () => {
    await open(4)
    const long = (i: number): string => 'l'.repeat(70_000 + i)
    const values = Array.from({ length: 2000 }, (_, i) => (i % 250 === 0 ? long(i) : ''))
    await runSteps(database, function* (tx): StatementSteps<void> {
      const space = tx.createCollection(tx.createNamespace('test'), 'db0', 'keyvalue', {})
      const hash = newCollection(tx, kind.hash)
      const list = newCollection(tx, kind.list)
      for (const [i, value] of values.entries()) {
        const set = yield* inPlace(tx, () => setField(tx, space, hash, bytes(`f${i}`), bytes(value)))
        if (isSteps(set)) yield* set
        yield* pushItem(tx, space, list, bytes(value), false) ?? []
      }
      placeCollection(tx, space, bytes('hash'), hash)
      placeCollection(tx, space, bytes('list'), list)
    })
    store.pool.forget()
    const { found } = await runSteps(database, (tx) => read(tx, 'db0', 0, []))
    expect(found[0]!['value']).toEqual(Object.fromEntries(values.map((value, i) => [`f${i}`, value])))
    expect(found[1]!['value']).toEqual(values)
    expect(store.pool.misses).toBeGreaterThan(15)
  })

  test('are read in turns', async () => {
    await fill(1000)
    await runSteps(database, (tx) => read(tx, 'db0', 0, []))
    const { calls } = await runSteps(database, (tx) => read(tx, 'db0', 0, []))
    const turns = calls - 4
    expect(turns).toBeGreaterThan(3)
    expect(turns).toBeLessThan(20)
  })
})
