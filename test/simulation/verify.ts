/**
 * What must hold of a shop at every moment, whatever happened: each answer names the invariant that is broken.
 */
import { MutableSlice, sliceOf, sliceToLatin1, type Slice } from '../../src/base/slice.ts'
import { keyspaceRange, primaryIndex } from '../../src/base/tuple.ts'
import type { Collection } from '../../src/database/catalog/catalog.ts'
import type { StatementSteps, Transaction } from '../../src/database/contract.ts'
import type { Database } from '../../src/database/database.ts'
import { verifySnapshot } from '../../src/query/verifiers.ts'
import { fieldsOf, BsonValue, bsonType } from '../../src/model/document/bson.ts'
import { documentStart } from '../../src/model/document/codec.ts'
import { idOf } from '../../src/model/document/document.ts'
import { toSafeInteger } from '../../src/model/document/values.ts'
import { decodeScore, kind } from '../../src/model/keyvalue/codec.ts'
import { index as redisIndex, decodeLastElement, elementOffset, elementRange } from '../../src/model/keyvalue/keys.ts'
import { findCollection } from '../../src/model/keyvalue/keyvalue.ts'
import { lookOn } from './missing-pages.ts'
import { isMiss } from '../../src/storage/store.ts'
import { accounts, firstBalance, noteOf, ordersOf, pairs, readString, redisOf, rowsOf, visitsOf } from './shop.ts'

export interface Violation {
  readonly invariant: string
  readonly message: string
}

/** What the shop holds, read once. */
export interface ShopState {
  readonly balances: ReadonlyMap<number, number>
  /** Transfers by number. */
  readonly ledger: ReadonlyMap<number, { source: number; target: number; amount: number }>
  readonly orders: ReadonlyMap<number, { customer: number; amount: number; slot: string | undefined }>
  readonly audit: ReadonlyMap<string, number>
  readonly leaderboard: ReadonlyMap<string, number>
  readonly working: readonly number[]
  /** Members of the sets that clients on other machines fill. */
  readonly marks: ReadonlySet<string>
  readonly visits: ReadonlySet<string>
  readonly visitDocuments: ReadonlySet<string>
  readonly ticketCount: number
  readonly tickets: number
}

/** Runs `read` on the newest state, within this turn and as if all of it were resident. */
export function onNewest<T>(database: Database, read: (tx: Transaction) => T): T {
  const transaction = database.begin({ isolation: 'read committed', readOnly: true, interactive: false })
  try {
    transaction.beginStatement()
    return lookOn(database, () => read(transaction))
  } finally {
    transaction.rollback()
  }
}

export function readShop(tx: Transaction): ShopState {
  const working = new Array<number>(pairs).fill(0)
  const visits = members(tx, 'visits')
  for (const row of rowsOf(tx, 'oncall')) working[row[1]!]! += row[2]!
  return {
    balances: new Map(rowsOf(tx, 'account').map((row) => [row[0]!, row[1]!])),
    ledger: new Map(
      rowsOf(tx, 'ledger').map((row) => [row[0]!, { source: row[1]!, target: row[2]!, amount: row[3]! }]),
    ),
    orders: new Map(documents(tx, ordersOf(tx)).map((document) => orderOf(document))),
    audit: scores(tx, 'audit'),
    leaderboard: scores(tx, 'leaderboard'),
    working,
    marks: new Set([...members(tx, 'tickets'), ...visits]),
    visits: new Set(visits),
    visitDocuments: new Set(documents(tx, visitsOf(tx)).map(textIdOf)),
    ticketCount: Number(readString(tx, 'ticket-count') ?? 0),
    tickets: members(tx, 'tickets').length,
  }
}

function textIdOf(document: Slice): string {
  return textOf(idOf(document))
}

function members(tx: Transaction, name: string): string[] {
  const space = redisOf(tx)
  const set = findCollection(tx, space, sliceOf(Buffer.from(name)), kind.set)
  if (set === undefined) return []
  const found: string[] = []
  const offset = elementOffset(space, redisIndex.member, set.generation)
  const cursor = tx.scan(elementRange(space, redisIndex.member, set.generation))
  const member = new MutableSlice()
  while (cursor.next()) found.push(sliceToLatin1(decodeLastElement(cursor.key, offset, member)))
  return found
}

function documents(tx: Transaction, collection: Collection): Slice[] {
  const found: Slice[] = []
  const cursor = tx.scan(keyspaceRange(collection.id, primaryIndex))
  while (cursor.next()) {
    const { bytes, end } = cursor.value
    found.push(sliceOf(Uint8Array.from(bytes.subarray(documentStart(cursor.value), end))))
  }
  return found
}

function orderOf(document: Slice): [number, { customer: number; amount: number; slot: string | undefined }] {
  const fields = new Map(fieldsOf(new BsonValue(bsonType.object, document.bytes, document.start, document.end)))
  const number = (name: string): number => toSafeInteger(fields.get(name)!)!
  const slot = fields.get('slot')
  const text =
    slot === undefined ? undefined : Buffer.from(slot.bytes.subarray(slot.start + 4, slot.end - 1)).toString()
  const id = number('_id')
  const note = fields.get('note')
  const isWhole = note !== undefined && noteOf(id) === textOf(note)
  return [id, { customer: number('customer'), amount: isWhole ? number('amount') : Number.NaN, slot: text }]
}

function textOf(value: Slice): string {
  return Buffer.from(value.bytes.subarray(value.start + 4, value.end - 1)).toString()
}

function scores(tx: Transaction, name: string): Map<string, number> {
  const space = redisOf(tx)
  const found = new Map<string, number>()
  const sorted = findCollection(tx, space, sliceOf(Buffer.from(name)), kind.sortedSet)
  if (sorted === undefined) return found
  const offset = elementOffset(space, redisIndex.scored, sorted.generation)
  const cursor = tx.scan(elementRange(space, redisIndex.scored, sorted.generation))
  const member = new MutableSlice()
  while (cursor.next()) {
    found.set(sliceToLatin1(decodeLastElement(cursor.key, offset, member)), decodeScore(cursor.value))
  }
  if (found.size !== sorted.count) found.set('(count)', sorted.count)
  return found
}

/** Everything that needs no knowledge of who asked for what. */
export function violationsOf(tx: Transaction): Violation[] {
  const state = readShop(tx)
  return [...moneyViolations(state), ...atomicityViolations(state), ...skewViolations(state)]
}

function moneyViolations({ balances, ledger }: ShopState): Violation[] {
  const expected = new Map(Array.from({ length: accounts }, (_, id) => [id, firstBalance]))
  for (const { source, target, amount } of ledger.values()) {
    expected.set(source, expected.get(source)! - amount)
    expected.set(target, expected.get(target)! + amount)
  }
  return differences('money', 'account', expected, balances)
}

function differences<K>(
  invariant: string,
  what: string,
  expected: ReadonlyMap<K, unknown>,
  found: ReadonlyMap<K, unknown>,
): Violation[] {
  const violations: Violation[] = []
  for (const key of new Set([...expected.keys(), ...found.keys()])) {
    const [a, b] = [expected.get(key), found.get(key)]
    if (a !== b)
      violations.push({ invariant, message: `${what} ${String(key)}: ${String(a)} expected, ${String(b)} found` })
  }
  return violations
}

function atomicityViolations(state: ShopState): Violation[] {
  const { ledger, orders, audit, leaderboard, visits, visitDocuments, tickets, ticketCount } = state
  const amounts = new Map<string, number>()
  const points = new Map<string, number>()
  for (const [id, { source, amount }] of ledger) {
    amounts.set(String(id), amount)
    points.set(`customer:${source}`, (points.get(`customer:${source}`) ?? 0) + amount)
  }
  const ordered = new Map(Array.from(orders, ([id, { amount }]) => [String(id), amount]))
  return [
    ...differences('all-or-none', 'order', amounts, ordered),
    ...differences('all-or-none', 'audit', amounts, audit),
    ...differences('all-or-none', 'leaderboard', points, leaderboard),
    ...differences('all-or-none', 'visit', mapOf(visits), mapOf(visitDocuments)),
    ...differences('all-or-none', 'tickets', new Map([['count', tickets]]), new Map([['count', ticketCount]])),
  ]
}

function mapOf(names: ReadonlySet<string>): Map<string, true> {
  return new Map(Array.from(names, (name) => [name, true]))
}

function skewViolations({ working }: ShopState): Violation[] {
  return working.flatMap((count, pair) =>
    count > 0 ? [] : [{ invariant: 'serializable', message: `nobody works in pair ${pair}: a write skew` }],
  )
}

/** Whatever is derived in the whole database, recomputed: see `src/database/verification/verify.ts`. */
export function* derivedViolations(tx: Transaction): StatementSteps<Violation[]> {
  const { differences: found } = yield* verifySnapshot(tx)
  return found.map(({ kind: of, where, index, key, message }) => {
    return { invariant: 'derived', message: `${of}: ${where} ${index ?? ''}: ${message} (${key})` }
  })
}

/** Steps that wait for nothing but their next slice, within one turn; a page that is missing is thrown. */
export function finished<T>(steps: StatementSteps<T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    if (isMiss(step.value)) throw step.value
    if (step.value !== undefined) throw new Error('what has to be finished within a turn waits for something')
  }
}
