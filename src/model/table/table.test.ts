/** Rows, constraints, indexes and schema changes over a real database in memory. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sliceOf } from '../../base/slice.ts'
import {
  LockWait,
  Restart,
  type Isolation,
  type Statement,
  type StatementSteps,
  type Transaction,
} from '../../database/contract.ts'
import type { Database } from '../../database/database.ts'
import { commitNow, openTestDatabase } from '../../database/testing.ts'
import type { KernelTransaction } from '../../database/transaction/transaction.ts'
import { type CheckDefinition, newTable, withPrimaryKey, type NewColumn } from './definition.ts'
import { findConflict } from './constraints.ts'
import { registerExpressionLanguage } from './expressions.ts'
import { allRows, boundedRange, type KeyBounds } from './keys.ts'
import { deleteRow, getRow, insertRow, planUpdate, updateRow } from './rows.ts'
import { RowScan } from './scan.ts'
import * as schema from './schema.ts'
import { newSequence } from './sequence-definition.ts'
import { createSequence, nextValue, restartSequence, sequenceState, setValue } from './sequence.ts'
import { Table } from './table.ts'
import type { SqlValue } from './types/value.ts'

/** Runs statements as the layer above does: again where they had to wait, each alone outside of `begin` and `end`. */
class Connection {
  readonly #database: Database
  #open: KernelTransaction | undefined

  constructor(database: Database) {
    this.#database = database
  }

  begin(isolation: Isolation = 'read committed'): void {
    this.#open = this.#database.begin({ isolation, readOnly: false, interactive: true })
  }

  end(how: 'commit' | 'rollback'): void {
    if (how === 'commit') commitNow(this.#open!)
    else this.#open!.rollback()
    this.#open = undefined
  }

  async run<T>(statement: Statement<T>): Promise<T> {
    const transaction =
      this.#open ?? this.#database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
    try {
      const result = await drive(transaction, statement)
      if (this.#open === undefined) await transaction.commit()
      else transaction.leaveTurn(false)
      return result
    } catch (error) {
      if (this.#open === undefined) transaction.rollback()
      throw error
    }
  }
}

async function drive<T>(transaction: KernelTransaction, statement: Statement<T>): Promise<T> {
  const start = transaction.beginStatement()
  try {
    const result = statement(transaction)
    if (!isSteps(result)) return result
    for (let step = result.next(); ; step = result.next()) {
      if (step.done === true) return step.value
      transaction.slice.renew()
    }
  } catch (error) {
    transaction.endStatement()
    transaction.rollbackTo(start)
    if (error instanceof LockWait) {
      transaction.leaveTurn(false)
      await error.granted
    } else if (error instanceof Restart) transaction.interleave()
    else throw error
    return drive(transaction, statement)
  } finally {
    transaction.endStatement()
  }
}

function isSteps<T>(result: T | StatementSteps<T>): result is StatementSteps<T> {
  return typeof result === 'object' && result !== null && Symbol.iterator in result && 'next' in result
}

let database: Database
let session: Connection

beforeEach(async () => {
  database = await openTestDatabase()
  session = new Connection(database)
})

afterEach(async () => database.close())

async function run<T>(statement: Statement<T>): Promise<T> {
  return session.run(statement)
}

const columns: NewColumn[] = [
  { name: 'id', type: 23 },
  { name: 'email', type: 25 },
  { name: 'age', type: 23 },
]

async function makeTable(hasPrimaryKey = true, checks: readonly CheckDefinition[] = []): Promise<void> {
  await run((tx) => {
    const namespace = tx.catalog.namespaces.get('public') ?? tx.createNamespace('public')
    const definition = { ...newTable(columns), checks }
    const key = hasPrimaryKey ? { name: 'person_pkey', columns: [1] } : undefined
    schema.createTable(tx, namespace, 'person', withPrimaryKey(definition, key))
  })
}

function person(tx: Transaction): Table {
  return Table.of(tx.catalog.findCollection('public', 'person')!)
}

function insert(...rows: SqlValue[][]): Promise<void> {
  return run((tx) => {
    for (const row of rows) insertRow(tx, person(tx), row)
  })
}

async function all(bounds?: KeyBounds, indexName?: string, reverse = false): Promise<SqlValue[][]> {
  return run((tx) => {
    const table = person(tx)
    const index = indexName === undefined ? undefined : table.findIndex(indexName)!
    const range = bounds === undefined ? allRows(table) : boundedRange(table, index, bounds)
    const scan = new RowScan(tx, table, table.reader, range, { index, reverse })
    const rows: SqlValue[][] = []
    for (let row = scan.next(); row !== undefined; row = scan.next()) rows.push(row)
    return rows
  })
}

function update(id: number, change: Record<number, SqlValue>): Promise<void> {
  return run((tx) => {
    const table = person(tx)
    const plan = planUpdate(table, Object.keys(change).map(Number))
    const scan = new RowScan(tx, table, table.reader, boundedRange(table, undefined, { equal: [id] }))
    const row = scan.next()!
    updateRow(tx, plan, sliceOf(scan.rowKey()), row, Object.assign([...row], change))
  })
}

function remove(id: number): Promise<void> {
  return run((tx) => {
    const table = person(tx)
    const scan = new RowScan(tx, table, table.reader, boundedRange(table, undefined, { equal: [id] }))
    const row = scan.next()!
    deleteRow(tx, table, sliceOf(scan.rowKey()), row)
  })
}

async function addIndex(name: string, isUnique: boolean, number: number, descending = false): Promise<void> {
  await run((tx) => schema.createTableIndex(tx, person(tx), { name, isUnique, columns: [{ number, descending }] }))
}

describe('rows', () => {
  it('come back by key and in key order', async () => {
    await makeTable()
    await insert([2, 'b', 20], [-1, 'a', null], [300, 'c', 30])
    expect(await all()).toEqual([
      [-1, 'a', null],
      [2, 'b', 20],
      [300, 'c', 30],
    ])
    expect(await run((tx) => getRow(tx, person(tx), person(tx).reader, [2]))).toEqual([2, 'b', 20])
    expect(await run((tx) => getRow(tx, person(tx), person(tx).reader, [3]))).toBeUndefined()
  })

  it('without a primary key keep their order of insertion', async () => {
    await makeTable(false)
    await insert([2, 'b', 1], [2, 'b', 1], [1, 'a', 1])
    expect(await all()).toEqual([
      [2, 'b', 1],
      [2, 'b', 1],
      [1, 'a', 1],
    ])
  })

  it('keep one primary key each', async () => {
    await makeTable()
    await insert([1, 'a', 1])
    await expect(insert([1, 'b', 2])).rejects.toMatchObject({
      message: 'duplicate key value violates unique constraint "person_pkey"',
      detail: { sqlState: '23505', detail: 'Key (id)=(1) already exists.', constraint: 'person_pkey' },
    })
    expect(await all()).toEqual([[1, 'a', 1]])
  })

  it('move with their primary key', async () => {
    await makeTable()
    await addIndex('person_age', false, 3)
    await insert([1, 'a', 10], [2, 'b', 20])
    await expect(update(1, { 0: 2 })).rejects.toMatchObject({ detail: { sqlState: '23505' } })
    await update(1, { 0: 5 })
    expect(await all()).toEqual([
      [2, 'b', 20],
      [5, 'a', 10],
    ])
    expect(await all({ equal: [10] }, 'person_age')).toEqual([[5, 'a', 10]])
  })

  it('refuse NULL in a primary key and name the whole row', async () => {
    await makeTable()
    await expect(insert([null, 'b', 2])).rejects.toMatchObject({
      message: 'null value in column "id" of relation "person" violates not-null constraint',
      detail: { sqlState: '23502', detail: 'Failing row contains (null, b, 2).', column: 'id' },
    })
  })

  it('pass their checks, of which unknown is enough', async () => {
    registerExpressionLanguage({
      loading: () => undefined,
      compileDefault: () => ({ reads: new Set(), evaluate: () => null }),
      compileGenerated: () => ({ reads: new Set(), evaluate: () => null }),
      compileValue: () => ({ reads: new Set(), evaluate: () => null }),
      compileDomainCheck: () => ({ reads: new Set<number>(), evaluate: () => null }),
      compileCheck: () => ({
        reads: new Set([2]),
        evaluate: (row) => (row[2] === null ? null : Number(row[2]) >= 0),
      }),
    })
    await makeTable(true, [{ name: 'person_age_check', expression: 'age >= 0' }])
    await insert([1, 'a', null])
    await expect(update(1, { 2: -1 })).rejects.toMatchObject({
      message: 'new row for relation "person" violates check constraint "person_age_check"',
      detail: { sqlState: '23514', detail: 'Failing row contains (1, a, -1).' },
    })
  })
})

describe('indexes', () => {
  it('find rows by range, in both directions, NULLs last', async () => {
    await makeTable()
    await insert([1, 'a', 30], [2, 'b', null], [3, 'c', 10], [4, 'd', 20])
    await addIndex('person_age', false, 3)
    const ids = async (bounds: KeyBounds, reverse = false): Promise<SqlValue[]> =>
      (await all(bounds, 'person_age', reverse)).map((row) => row[0]!)
    expect(await ids({ equal: [] })).toEqual([3, 4, 1, 2])
    expect(await ids({ equal: [] }, true)).toEqual([2, 1, 4, 3])
    expect(await ids({ equal: [null] })).toEqual([2])
    expect(await ids({ equal: [], lower: { value: 20, isInclusive: true } })).toEqual([4, 1])
    expect(await ids({ equal: [], lower: { value: 20, isInclusive: false } })).toEqual([1])
    expect(await ids({ equal: [], upper: { value: 20, isInclusive: true } })).toEqual([3, 4])
    expect(await ids({ equal: [], upper: { value: 20, isInclusive: false } })).toEqual([3])
    expect(await ids({ equal: [], skipsNulls: true })).toEqual([3, 4, 1])
  })

  it('sort descending, NULLs first', async () => {
    await makeTable()
    await addIndex('person_age', false, 3, true)
    await insert([1, 'a', 30], [2, 'b', null], [3, 'c', 10], [4, 'd', 20])
    const ids = async (bounds: KeyBounds): Promise<SqlValue[]> =>
      (await all(bounds, 'person_age')).map((row) => row[0]!)
    expect(await ids({ equal: [] })).toEqual([2, 1, 4, 3])
    expect(await ids({ equal: [], lower: { value: 20, isInclusive: true } })).toEqual([1, 4])
    expect(await ids({ equal: [], lower: { value: 20, isInclusive: false } })).toEqual([1])
    expect(await ids({ equal: [], upper: { value: 20, isInclusive: false } })).toEqual([3])
    expect(await ids({ equal: [], skipsNulls: true })).toEqual([1, 4, 3])
  })

  it('follow updates and deletes', async () => {
    await makeTable()
    await addIndex('person_age', false, 3)
    await insert([1, 'a', 10], [2, 'b', 10])
    await update(1, { 2: 11 })
    await update(2, { 1: 'bb' })
    expect(await all({ equal: [] }, 'person_age')).toEqual([
      [2, 'bb', 10],
      [1, 'a', 11],
    ])
    await remove(2)
    expect(await all({ equal: [] }, 'person_age')).toEqual([[1, 'a', 11]])
  })

  it('that are unique let many NULLs in and nothing else twice', async () => {
    await makeTable()
    await addIndex('person_email_key', true, 2)
    await insert([1, 'a', 1], [2, null, 1], [3, null, 1])
    await expect(insert([4, 'a', 1])).rejects.toMatchObject({
      detail: { sqlState: '23505', detail: 'Key (email)=(a) already exists.', constraint: 'person_email_key' },
    })
    await expect(update(2, { 1: 'a' })).rejects.toMatchObject({ detail: { sqlState: '23505' } })
    await update(1, { 1: 'z' })
    await update(2, { 1: 'a' })
    await remove(1)
    await update(3, { 1: 'z' })
    expect(await all({ equal: [] }, 'person_email_key')).toEqual([
      [2, 'a', 1],
      [3, 'z', 1],
    ])
  })

  it('that are unique are not built over duplicates', async () => {
    await makeTable()
    await insert([1, 'a', 1], [2, 'a', 2])
    await expect(addIndex('person_email_key', true, 2)).rejects.toMatchObject({
      message: 'could not create unique index "person_email_key"',
      detail: { sqlState: '23505', detail: 'Key (email)=(a) is duplicated.' },
    })
    expect(await run((tx) => person(tx).indexes.length)).toBe(0)
  })

  it('keep two open transactions from taking one place', async () => {
    await makeTable()
    await addIndex('person_email_key', true, 2)
    const other = new Connection(database)
    session.begin()
    other.begin()
    await insert([1, 'a', 1])
    const second = other.run((tx) => void insertRow(tx, person(tx), [2, 'a', 1]))
    const refused = expect(second).rejects.toMatchObject({ detail: { sqlState: '23505' } })
    session.end('commit')
    await refused
    other.end('rollback')
  })

  it('refuse an older snapshot the place that was taken since', async () => {
    await makeTable()
    await addIndex('person_email_key', true, 2)
    const other = new Connection(database)
    other.begin('repeatable read')
    await other.run((tx) => person(tx).name)
    await insert([1, 'a', 1])
    const late = async (): Promise<unknown> => other.run((tx) => insertRow(tx, person(tx), [2, 'a', 1]))
    await expect(late()).rejects.toMatchObject({ code: 'unique_violation' })
    other.end('rollback')
  })

  it('name the row in the way', async () => {
    await makeTable()
    await addIndex('person_email_key', true, 2)
    await insert([7, 'a', 1])
    const found = await run((tx) => {
      const table = person(tx)
      const byEmail = findConflict(tx, table, table.findIndex('person_email_key'), [8, 'a', 1])
      const byKey = findConflict(tx, table, undefined, [7, 'b', 1])
      const none = findConflict(tx, table, undefined, [8, 'b', 1])
      return { same: Buffer.compare(byEmail!, byKey!) === 0, none }
    })
    expect(found).toEqual({ same: true, none: undefined })
  })
})

describe('schema changes', () => {
  it('give rows a primary key and take it away', async () => {
    await makeTable(false)
    await addIndex('person_age', false, 3)
    await insert([20, 'b', 1], [10, 'a', 2], [1, 'c', 3])
    await run((tx) => schema.addPrimaryKey(tx, person(tx), { name: 'person_pkey', columns: [1] }))
    expect((await all()).map((row) => row[0])).toEqual([1, 10, 20])
    expect((await all({ equal: [] }, 'person_age')).map((row) => row[0])).toEqual([20, 10, 1])
    await expect(insert([10, 'z', 1])).rejects.toMatchObject({ detail: { constraint: 'person_pkey' } })
    await run((tx) => schema.dropPrimaryKey(tx, person(tx)))
    await insert([10, 'z', 1])
    expect((await all({ equal: [] }, 'person_age')).map((row) => row[0])).toEqual([20, 10, 10, 1])
  })

  it('refuse a primary key over duplicates', async () => {
    await makeTable(false)
    await insert([1, 'b', 1], [1, 'a', 2])
    const add = run((tx) => schema.addPrimaryKey(tx, person(tx), { name: 'person_pkey', columns: [1] }))
    await expect(add).rejects.toMatchObject({ message: 'could not create unique index "person_pkey"' })
    expect(await all()).toHaveLength(2)
  })

  it('add and drop columns without touching rows', async () => {
    await makeTable()
    await insert([1, 'a', 1])
    await run((tx) => schema.addColumn(tx, person(tx), { name: 'city', type: 25, missing: 'Rome' }))
    await run((tx) => schema.dropColumn(tx, person(tx), 'email'))
    expect(await all()).toEqual([[1, 1, 'Rome']])
    await update(1, { 1: 2 })
    await run((tx) => schema.addColumn(tx, person(tx), { name: 'email', type: 23 }))
    expect(await all()).toEqual([[1, 2, 'Rome', null]])
    const add = run((tx) => schema.addColumn(tx, person(tx), { name: 'zip', type: 23, notNull: true }))
    await expect(add).rejects.toMatchObject({ message: 'column "zip" of relation "person" contains null values' })
  })

  it('empty a table and its indexes', async () => {
    await makeTable()
    await addIndex('person_email_key', true, 2)
    await insert([1, 'a', 1])
    await run((tx) => schema.truncateTable(tx, person(tx)))
    await insert([1, 'a', 2])
    expect(await all()).toEqual([[1, 'a', 2]])
  })
})

describe('sequences', () => {
  async function make(options: Parameters<typeof newSequence>[0] = {}): Promise<void> {
    await run((tx) => {
      const namespace = tx.catalog.namespaces.get('public') ?? tx.createNamespace('public')
      createSequence(tx, namespace, 's', newSequence(options))
    })
  }
  const next = async (of: Connection = session): Promise<bigint> =>
    of.run((tx) => nextValue(tx, tx.catalog.findCollection('public', 's')!))

  it('count on over many blocks, and never back after a rollback', async () => {
    await make()
    for (let i = 1n; i <= 70n; i++) expect(await next()).toBe(i)
    session.begin()
    expect(await next()).toBe(71n)
    session.end('rollback')
    expect(await next()).toBe(72n)
    expect(await run((tx) => sequenceState(tx, tx.catalog.findCollection('public', 's')!))).toEqual({
      last: 72n,
      isCalled: true,
    })
  })

  it('do not make open transactions wait for one another', async () => {
    await make()
    const other = new Connection(database)
    session.begin()
    other.begin()
    expect(await next()).toBe(1n)
    expect(await next(other)).toBe(2n)
    other.end('commit')
    session.end('rollback')
  })

  it('end, cycle, restart and are set', async () => {
    await make({ maximum: 2n })
    await next()
    await next()
    await expect(next()).rejects.toMatchObject({
      message: 'nextval: reached maximum value of sequence "s" (2)',
      detail: { sqlState: '2200H' },
    })
    await run((tx) => restartSequence(tx, tx.catalog.findCollection('public', 's')!))
    expect(await next()).toBe(1n)
    await run((tx) => setValue(tx, tx.catalog.findCollection('public', 's')!, 1n))
    expect(await next()).toBe(2n)
  })

  it('count down and cycle', async () => {
    await make({ increment: -1n, minimum: -2n, cycle: true })
    expect([await next(), await next(), await next()]).toEqual([-1n, -2n, -1n])
  })
})
