/**
 * The data of the simulation: a small shop over three models, and what is done to it.
 *
 *   public.account (id, balance)                  money that only moves
 *   public.ledger  (id, source, target, amount)   a row per transfer; index on source
 *   public.oncall  (id, pair, working)            of each pair one must work: invites write skew; index on pair
 *   shop.orders    { _id, customer, amount, slot? }  a document per transfer; index on customer, unique on slot
 *   redis.db0      leaderboard, audit             sorted sets: points of a customer, amount of a transfer
 *                  counter, register:<client>     strings
 *                  tickets, ticket-count          a set and the number of its members, changed by MULTI
 *   shop.visits    { _id }, and redis.db0 visits  the same names, written through two doors in one transaction
 *
 * A transfer has a number; its row, its document, its member of `audit` and its points belong together.
 */
import { sliceOf } from '../../src/base/slice.ts'
import type { Collection } from '../../src/database/catalog/catalog.ts'
import type { StatementSteps, Transaction, TransactionReader } from '../../src/database/contract.ts'
import { buildDocument } from '../../src/model/document/bson-writer.ts'
import { ensureDocumentCollection, ensureNamespace, insertDocument } from '../../src/model/document/document.ts'
import { createDocumentIndex } from '../../src/model/document/index-build.ts'
import { indexDefinition } from '../../src/model/document/index-definition.ts'
import { kind } from '../../src/model/keyvalue/codec.ts'
import { openCollection, saveCollection } from '../../src/model/keyvalue/keyvalue.ts'
import { setScore } from '../../src/model/keyvalue/sorted-sets.ts'
import { findString, incrementString, setString } from '../../src/model/keyvalue/strings.ts'
import { newTable, withPrimaryKey } from '../../src/model/table/definition.ts'
import { allRows } from '../../src/model/table/keys.ts'
import { getRow, insertRow, planUpdate, updateRow, writePrimaryKey } from '../../src/model/table/rows.ts'
import { RowScan } from '../../src/model/table/scan.ts'
import { createTable, createTableIndex } from '../../src/model/table/schema.ts'
import { Table } from '../../src/model/table/table.ts'
import { KeyWriter } from '../../src/base/tuple.ts'

export const accounts = 6
export const firstBalance = 1_000
export const pairs = 4
const int8 = 20

export interface Transfer {
  readonly id: number
  readonly source: number
  readonly target: number
  readonly amount: number
  /** A place of which there is one. */
  readonly slot?: string | undefined
}

const bytesOf = (text: string): ReturnType<typeof sliceOf> => sliceOf(Buffer.from(text))

/** All of the schema and the first rows, as one transaction; nothing where it is there already. */
export function* createShop(tx: Transaction, engine?: string): StatementSteps<void> {
  if (tx.catalog.findCollection('public', 'account') !== undefined) return
  const schema = ensureNamespace(tx, 'public')
  const table = (name: string, columns: readonly string[]): Table => {
    const definition = newTable(columns.map((column) => ({ name: column, type: int8, notNull: true })))
    return createTable(tx, schema, name, withPrimaryKey(definition, { name: `${name}_pkey`, columns: [1] }), engine)
  }
  const account = table('account', ['id', 'balance'])
  yield* createTableIndex(tx, table('ledger', ['id', 'source', 'target', 'amount']), {
    name: 'ledger_source',
    isUnique: false,
    columns: [{ number: 2 }],
  })
  const oncall = yield* createTableIndex(tx, table('oncall', ['id', 'pair', 'working']), {
    name: 'oncall_pair',
    isUnique: false,
    columns: [{ number: 2 }],
  })
  for (let id = 0; id < accounts; id++) insertRow(tx, account, [BigInt(id), BigInt(firstBalance)])
  for (let id = 0; id < pairs * 2; id++) insertRow(tx, oncall, [BigInt(id), BigInt(id >> 1), 1n])
  const orders = ensureDocumentCollection(tx, 'shop', 'orders', engine)
  yield* createDocumentIndex(tx, orders, {
    name: 'customer_1',
    unique: false,
    definition: indexDefinition([['customer', 1]], false),
  })
  yield* createDocumentIndex(tx, tx.catalog.collectionById(orders.id)!, {
    name: 'slot_1',
    unique: true,
    definition: indexDefinition([['slot', 1]], true),
  })
  ensureDocumentCollection(tx, 'shop', 'visits', engine)
  tx.createCollection(ensureNamespace(tx, 'redis'), 'db0', 'keyvalue', {})
}

export function visitsOf(reader: TransactionReader): Collection {
  return reader.catalog.findCollection('shop', 'visits')!
}

export function tableOf(reader: TransactionReader, name: string): Table {
  return Table.of(reader.catalog.findCollection('public', name)!)
}

export function ordersOf(reader: TransactionReader): Collection {
  return reader.catalog.findCollection('shop', 'orders')!
}

export function redisOf(reader: TransactionReader): Collection {
  return reader.catalog.findCollection('redis', 'db0')!
}

function rowKeyOf(table: Table, id: number): Uint8Array {
  return writePrimaryKey(table, [BigInt(id)], new KeyWriter(32)).toBytes()
}

/** Sets one column of a row that is there. */
function setColumn(tx: Transaction, table: Table, id: number, name: string, change: (old: bigint) => bigint): void {
  const key = sliceOf(rowKeyOf(table, id))
  tx.lock(key, 'update')
  const row = getRow(tx, table, table.reader, [BigInt(id)])!
  const { ordinal } = table.getColumn(name)
  const changed = [...row]
  changed[ordinal] = change(row[ordinal] as bigint)
  updateRow(tx, planUpdate(table, [ordinal]), key, row, changed)
}

export function moveMoney(tx: Transaction, { source, target, amount }: Transfer): void {
  const table = tableOf(tx, 'account')
  setColumn(tx, table, source, 'balance', (old) => old - BigInt(amount))
  setColumn(tx, table, target, 'balance', (old) => old + BigInt(amount))
}

export function bookTransfer(tx: Transaction, { id, source, target, amount }: Transfer): void {
  insertRow(tx, tableOf(tx, 'ledger'), [BigInt(id), BigInt(source), BigInt(target), BigInt(amount)])
}

/** Makes orders larger than a sector, so that a write of one can be torn; what it must be follows from the number. */
export function noteOf(id: number): string {
  return String.fromCharCode(97 + (id % 26)).repeat((id * 397) % 3000)
}

function orderDocument({ id, source, amount, slot }: Transfer): Uint8Array {
  return buildDocument((writer) => {
    writer.int64('_id', id)
    writer.int32('customer', source)
    writer.int32('amount', amount)
    if (slot !== undefined) writer.string('slot', slot)
    writer.string('note', noteOf(id))
  })
}

export function placeOrder(tx: Transaction, transfer: Transfer): void {
  insertDocument(tx, ordersOf(tx), sliceOf(orderDocument(transfer)))
}

/** Points on the leaderboard, and the transfer's number among those that gave points. */
export function scorePoints(tx: Transaction, { id, source, amount }: Transfer): void {
  const space = redisOf(tx)
  addScore(tx, space, 'leaderboard', `customer:${source}`, amount)
  addScore(tx, space, 'audit', String(id), amount)
}

function addScore(tx: Transaction, space: Collection, name: string, member: string, by: number): void {
  const sorted = openCollection(tx, space, bytesOf(name), kind.sortedSet)
  setScore(tx, space, sorted, bytesOf(member), by, { increment: true })
  saveCollection(tx, space, bytesOf(name), sorted)
}

/** The steps of a transfer, each a statement of its own. */
export const transferSteps: readonly ((tx: Transaction, transfer: Transfer) => void)[] = [
  moveMoney,
  bookTransfer,
  placeOrder,
  scorePoints,
]

export function increment(tx: Transaction): number {
  return Number(incrementString(tx, redisOf(tx), bytesOf('counter'), 1))
}

export function readString(tx: TransactionReader, name: string): string | undefined {
  const found = findString(tx, redisOf(tx), bytesOf(name))
  return found === undefined ? undefined : Buffer.from(found.bytes.subarray(found.start, found.end)).toString()
}

export function writeString(tx: Transaction, name: string, value: string, expiresAtMs?: bigint): void {
  setString(tx, redisOf(tx), bytesOf(name), bytesOf(value), expiresAtMs)
}

export function rowsOf(tx: TransactionReader, name: string): number[][] {
  const table = tableOf(tx, name)
  const scan = new RowScan(tx, table, table.reader, allRows(table))
  const rows: number[][] = []
  for (let row = scan.next(); row !== undefined; row = scan.next()) rows.push(row.map(Number))
  return rows
}

/** Who works in the pair of `id`, by a scan: what the decision to stop rests on. */
export function workingIn(tx: TransactionReader, pair: number): number {
  return rowsOf(tx, 'oncall').filter((row) => row[1] === pair && row[2] === 1).length
}

export function setWorking(tx: Transaction, id: number, working: boolean): void {
  setColumn(tx, tableOf(tx, 'oncall'), id, 'working', () => (working ? 1n : 0n))
}
