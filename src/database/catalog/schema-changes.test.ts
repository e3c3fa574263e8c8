import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sliceOf } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { CatalogState } from './catalog-state.ts'
import { LockWait, Restart, type Isolation } from '../contract.ts'
import type { Database } from '../database.ts'
import { loadCatalog } from '../directory/recovery.ts'
import { commitNow, openTestDatabase } from '../testing.ts'
import type { KernelTransaction } from '../transaction/transaction.ts'

let database: Database

beforeEach(async () => (database = await openTestDatabase()))
afterEach(() => database.close())

function begin(isolation: Isolation = 'repeatable read'): KernelTransaction {
  const transaction = database.begin({ isolation, readOnly: false, interactive: true })
  transaction.beginStatement()
  transaction.leaveTurn(false)
  return transaction
}

/** One statement of an interactive transaction, after which others may come. */
function step<T>(transaction: KernelTransaction, run: (transaction: KernelTransaction) => T): T {
  transaction.beginStatement()
  try {
    return run(transaction)
  } finally {
    transaction.leaveTurn(false)
  }
}

function once<T>(run: (transaction: KernelTransaction) => T): T {
  const transaction = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  transaction.beginStatement()
  const result = run(transaction)
  commitNow(transaction)
  return result
}

function outcomeOf(run: () => unknown): string {
  try {
    run()
    return 'done'
  } catch (error) {
    if (error instanceof LockWait) return 'waits'
    return error instanceof Restart ? 'restart' : (error as { code: string }).code
  }
}

/** What a restart would find in the keys, which must be what is in memory. */
async function expectLoadable(): Promise<void> {
  const { catalog } = await loadCatalog(database.store, 16)
  const shape = (state: CatalogState): unknown =>
    [...state.namespaces.values()].map(({ id, name }) => [id, name, state.collectionsOf(name)])
  expect(shape(catalog)).toEqual(shape(database.catalog))
}

describe('schema changes', () => {
  test('are transactional: others see them at commit, or never', async () => {
    const transaction = begin()
    const namespace = step(transaction, (tx) => tx.createNamespace('shop'))
    const collection = step(transaction, (tx) => tx.createCollection(namespace, 'orders', 'document', {}))
    expect(transaction.catalog.findCollection('shop', 'orders')).toEqual(collection)
    expect(database.catalog.namespaces.size).toBe(0)
    commitNow(transaction)
    expect(database.catalog.findCollection('shop', 'orders')?.id).toBe(collection.id)
    const second = begin()
    step(second, (tx) => tx.dropCollection(collection))
    expect(second.catalog.findCollection('shop', 'orders')).toBeUndefined()
    second.rollback()
    expect(database.catalog.findCollection('shop', 'orders')?.id).toBe(collection.id)
    await expectLoadable()
  })

  test('go back with their savepoint', async () => {
    const transaction = begin()
    const namespace = step(transaction, (tx) => tx.createNamespace('shop'))
    const savepoint = transaction.savepoint()
    step(transaction, (tx) => tx.createCollection(namespace, 'orders', 'document', {}))
    transaction.rollbackTo(savepoint)
    expect(transaction.catalog.collectionsOf('shop')).toEqual([])
    step(transaction, (tx) => tx.createCollection(namespace, 'orders', 'table', {}))
    commitNow(transaction)
    expect(database.catalog.findCollection('shop', 'orders')?.model).toBe('table')
    await expectLoadable()
  })

  test('two that create the same name wait for each other, and the second finds it there', () => {
    const namespace = once((tx) => tx.createNamespace('shop'))
    const [a, b] = [begin('read committed'), begin('read committed')]
    step(a, (tx) => tx.createCollection(namespace, 'orders', 'document', {}))
    const create = (): unknown => step(b, (tx) => tx.createCollection(namespace, 'orders', 'document', {}))
    expect(outcomeOf(create)).toBe('waits')
    commitNow(a)
    expect(outcomeOf(create)).toBe('duplicate_object')
    b.rollback()
    expect(database.locks.size).toBe(0)
  })

  test.each<[Isolation, string]>([
    ['repeatable read', 'serialization_failure'],
    ['read committed', 'duplicate_object'],
  ])('a name that others made since the snapshot is not made twice under %s', (isolation, outcome) => {
    const transaction = begin(isolation)
    step(transaction, (tx) => tx.createNamespace('mine'))
    once((tx) => tx.createNamespace('theirs'))
    expect(outcomeOf(() => step(transaction, (tx) => tx.createNamespace('theirs')))).toBe(outcome)
    transaction.rollback()
    expect([...database.catalog.namespaces.keys()]).toEqual(['theirs'])
  })

  test('a name that the transaction itself has dropped can be made again', async () => {
    const namespace = once((tx) => tx.createNamespace('shop'))
    const collection = once((tx) => tx.createCollection(namespace, 'orders', 'document', {}))
    const transaction = begin()
    step(transaction, (tx) => tx.dropCollection(collection))
    const again = step(transaction, (tx) => tx.createCollection(namespace, 'orders', 'table', {}))
    commitNow(transaction)
    expect(again.id).toBeGreaterThan(collection.id)
    expect(database.catalog.findCollection('shop', 'orders')?.id).toBe(again.id)
    await expectLoadable()
  })

  test('a namespace is not dropped under a collection that the snapshot does not show', async () => {
    const namespace = once((tx) => tx.createNamespace('shop'))
    const transaction = begin()
    once((tx) => tx.createCollection(namespace, 'orders', 'document', {}))
    expect(outcomeOf(() => step(transaction, (tx) => tx.dropNamespace(namespace)))).toBe('serialization_failure')
    transaction.rollback()
    await expectLoadable()
  })

  test('a collection is not made in a namespace that is dropped meanwhile', async () => {
    const namespace = once((tx) => tx.createNamespace('shop'))
    const other = once((tx) => tx.createNamespace('other'))
    const moved = once((tx) => tx.createCollection(other, 'orders', 'document', {}))
    const [creating, moving] = [begin(), begin()]
    once((tx) => tx.dropNamespace(namespace))
    const create = (): unknown => step(creating, (tx) => tx.createCollection(namespace, 'carts', 'document', {}))
    expect(outcomeOf(create)).toBe('serialization_failure')
    const move = (): unknown => step(moving, (tx) => tx.alterCollection(moved, { namespace }))
    expect(outcomeOf(move)).toBe('serialization_failure')
    creating.rollback()
    moving.rollback()
    await expectLoadable()
  })

  test('a collection that moves into a namespace keeps it from being dropped', async () => {
    const [from, to] = [once((tx) => tx.createNamespace('from')), once((tx) => tx.createNamespace('to'))]
    const collection = once((tx) => tx.createCollection(from, 'orders', 'document', {}))
    const [moving, dropping] = [begin('read committed'), begin('read committed')]
    step(moving, (tx) => tx.alterCollection(collection, { namespace: to }))
    expect(outcomeOf(() => step(dropping, (tx) => tx.dropNamespace(to)))).toBe('waits')
    commitNow(moving)
    expect(outcomeOf(() => step(dropping, (tx) => tx.dropNamespace(to)))).toBe('dependent_objects')
    dropping.rollback()
    expect(database.catalog.findCollection('to', 'orders')?.id).toBe(collection.id)
    await expectLoadable()
  })

  test('a dropped namespace cannot come back as the home of its own new collection', async () => {
    const transaction = begin()
    const namespace = step(transaction, (tx) => tx.createNamespace('shop'))
    step(transaction, (tx) => tx.createCollection(namespace, 'orders', 'document', {}))
    expect(outcomeOf(() => step(transaction, (tx) => tx.dropNamespace(namespace)))).toBe('dependent_objects')
    commitNow(transaction)
    await expectLoadable()
  })

  test('who writes again behind ROLLBACK TO keeps schema changes out again', () => {
    const namespace = once((tx) => tx.createNamespace('shop'))
    const collection = once((tx) => tx.createCollection(namespace, 'orders', 'document', {}))
    const key = new KeyWriter(16).begin(collection.id, 1).int64(1)
    const write = (tx: KernelTransaction): void => tx.put(key, sliceOf(Buffer.from('x')))
    const change = (tx: KernelTransaction): void => tx.clearCollection(collection)
    const writer = begin('read committed')
    const [savepoint, locks] = [writer.savepoint(), writer.locks.mark()]
    step(writer, write)
    writer.rollbackTo(savepoint)
    writer.locks.releaseSince(locks)
    expect(database.locks.size).toBe(0)
    step(writer, write)
    const changer = begin('read committed')
    expect(outcomeOf(() => step(changer, change))).toBe('waits')
    commitNow(writer)
    expect(outcomeOf(() => step(changer, change))).toBe('done')
    commitNow(changer)
  })

  test('writers and schema changes keep each other out', () => {
    const namespace = once((tx) => tx.createNamespace('shop'))
    const collection = once((tx) => tx.createCollection(namespace, 'orders', 'document', {}))
    const key = new KeyWriter(16).begin(collection.id, 1).int64(1)
    const writer = begin('read committed')
    step(writer, (tx) => tx.put(key, sliceOf(Buffer.from('x'))))
    const changer = begin('read committed')
    const change = (): unknown => step(changer, (tx) => tx.clearCollection(collection))
    expect(outcomeOf(change)).toBe('waits')
    commitNow(writer)
    expect(outcomeOf(change)).toBe('done')
    const late = begin('repeatable read')
    const write = (): unknown => step(late, (tx) => tx.put(key, sliceOf(Buffer.from('y'))))
    expect(outcomeOf(write)).toBe('waits')
    commitNow(changer)
    expect(outcomeOf(write)).toBe('serialization_failure')
    late.rollback()
    expect(database.store.current.get(key)).toBeUndefined()
    expect(database.locks.size).toBe(0)
  })

  test('a collection that others have written since the snapshot is not changed: an index would miss their rows', () => {
    const namespace = once((tx) => tx.createNamespace('shop'))
    const collection = once((tx) => tx.createCollection(namespace, 'orders', 'table', {}))
    const transaction = begin()
    const key = new KeyWriter(16).begin(collection.id, 1).int64(1)
    once((tx) => tx.put(key, sliceOf(Buffer.from('theirs'))))
    const build = (tx: KernelTransaction): void => {
      tx.createIndex(collection, { name: 'by_day', unique: false, definition: {} })
      expect(tx.get(key)).toBeDefined()
    }
    expect(outcomeOf(() => step(transaction, build))).toBe('serialization_failure')
    transaction.rollback()
    once(build)
  })

  test('one catalog version is one catalog', () => {
    const namespace = once((tx) => tx.createNamespace('shop'))
    const [a, b] = [begin('read committed'), begin('read committed')]
    step(a, (tx) => tx.createCollection(namespace, 'a', 'document', {}))
    step(b, (tx) => tx.createCollection(namespace, 'b', 'document', {}))
    expect(a.catalog.version).not.toBe(b.catalog.version)
    a.rollback()
    commitNow(b)
    const versions = new Set([database.catalog.version])
    for (const name of ['c', 'd']) {
      once((tx) => tx.createCollection(namespace, name, 'document', {}))
      versions.add(database.catalog.version)
    }
    expect(versions.size).toBe(3)
  })

  test('numbers of indexes are not used again', () => {
    const namespace = once((tx) => tx.createNamespace('shop'))
    let collection = once((tx) => tx.createCollection(namespace, 'orders', 'table', {}))
    const ids: number[] = []
    for (let i = 0; i < 4; i++) {
      const index = once((tx) => tx.createIndex(collection, { name: 'by_day', unique: false, definition: {} }))
      ids.push(index.id)
      collection = database.catalog.collectionById(collection.id)!
      once((tx) => tx.dropIndex(collection, index))
      collection = database.catalog.collectionById(collection.id)!
    }
    expect(new Set(ids).size).toBe(4)
  })
})
