/**
 * Notes of rows that are published: what the log's own operations do not tell those who follow the tables.
 *
 * The log holds what a key is after a transaction. Who copies rows somewhere else asks for each change in the order in which it
 * was made, what the row was, and what the table was called then. So where somebody follows (`TransactionServices.areRowsNoted`)
 * each change of a row that a publication tells of leaves a note in its transaction's record; savepoints take notes back with
 * the writes. Notes say all by themselves: names, types, and what conditions of publications were true of the row. So they
 * can be read whatever has become of the table, and of the publication.
 *
 *   note   := JSON on the channel `polylog.rows`, one of
 *   table  := { o: 'R', i, levels: [{ id, schema, name, identity, columns: [[name, type, modifier, isKey, made?]] }],
 *               ways: [{ name, actions, level, columns? (names), where? (true: it has a condition) }] }
 *   row    := { o: 'I' | 'U' | 'D', i, n?: [text | null], k?: [text | null], w?: [0 … 3] }
 *   word   := { o: 'M', prefix, content }
 *   empty  := { o: 'T', tables: [i], cascade, restart }
 *
 * `i` tells the tables of a transaction apart; a table's note comes before the first of its rows. `n` is the new row and `k` the
 * old one, both by the columns of level 0: of `k` only what identifies the row is given, others are null, unless all of it
 * does. `w`: for each way with a condition, 1 where it was true of the old row, and 2 where it is of the new one.
 */
import type { Slice } from '../../../base/slice.ts'
import { charge } from '../../../base/work.ts'
import type { Transaction } from '../../../database/contract.ts'
import { compileValue, type StoredExpression } from '../expressions.ts'
import type { Values } from '../keys.ts'
import type { Column, Table } from '../table.ts'
import { inStyle, plainStyle } from '../types/text-style.ts'
import { type SqlType, sqlError } from '../types/type.ts'
import type { SqlValue } from '../types/value.ts'
import { identityLetter, identityOf } from './identity.ts'
import { type Published, type PublishedAs, publishedFor } from './publication.ts'

export const rowChannel = 'polylog.rows'

export type ColumnNote = readonly [
  name: string,
  type: number,
  modifier: number,
  isKey: boolean,
  made?: readonly [schema: string, name: string],
]

export interface LevelNote {
  readonly id: number
  readonly schema: string
  readonly name: string
  readonly identity: string
  readonly columns: readonly ColumnNote[]
}

export interface WayNote {
  readonly name: string
  readonly actions: readonly string[]
  readonly level: number
  readonly columns?: readonly string[]
  readonly where?: true
}

type TextRow = readonly (string | null)[]

export interface TableNote {
  readonly o: 'R'
  readonly i: number
  readonly levels: readonly LevelNote[]
  readonly ways: readonly WayNote[]
}

export interface RowNote {
  readonly o: 'I' | 'U' | 'D'
  readonly i: number
  readonly n?: TextRow
  readonly k?: TextRow
  readonly w?: readonly number[]
}

export interface EmptyNote {
  readonly o: 'T'
  readonly tables: readonly number[]
  readonly cascade: boolean
  readonly restart: boolean
}

/** A message of whoever writes, for who follows: `pg_logical_emit_message`. */
export interface MessageNote {
  readonly o: 'M'
  readonly prefix: string
  /** Base64. */
  readonly content: string
}

export type Note = TableNote | RowNote | EmptyNote | MessageNote

export function decodeRowNote(payload: string): Note {
  return JSON.parse(payload) as Note
}

/** Of a transaction: the tables that its record has told of, unless what it had written was taken back. */
interface Told {
  takenBack: number
  readonly tables: Map<Published, number>
  next: number
}

const told = new WeakMap<Transaction, Told>()

function send(transaction: Transaction, note: Note): void {
  const payload = JSON.stringify(note)
  charge(4 * payload.length)
  transaction.notify(rowChannel, payload)
}

/** The number by which notes of the transaction name the table, which is told first. */
function numberOf(transaction: Transaction, published: Published): number {
  let of = told.get(transaction)
  if (of === undefined)
    told.set(transaction, (of = { takenBack: transaction.writes.takenBack, tables: new Map(), next: 0 }))
  if (of.takenBack !== transaction.writes.takenBack) {
    of.tables.clear()
    of.takenBack = transaction.writes.takenBack
  }
  const known = of.tables.get(published)
  if (known !== undefined) return known
  const i = of.next++
  const ways = published.ways.map((way) => wayNote(published, way))
  send(transaction, { o: 'R', i, levels: published.levels.map(levelNote), ways })
  of.tables.set(published, i)
  return i
}

function levelNote(table: Table): LevelNote {
  const keys = identityOf(table) ?? []
  return {
    id: table.id,
    schema: table.schema,
    name: table.name,
    identity: identityLetter(table),
    columns: toldColumns(table).map((column): ColumnNote => {
      const { name, type, modifier } = column
      const { catalogOid: number = type.oid, made } = type
      const plain = [name, number, modifier, keys.includes(column)] as const
      return made === undefined ? plain : [...plain, [made.content.schema, type.name]]
    }),
  }
}

/** Generated columns follow from the others. */
function toldColumns(table: Table): readonly Column[] {
  return table.columns.filter(({ generated }) => generated === undefined)
}

function wayNote({ levels }: Published, { publication, level, columns, where }: PublishedAs): WayNote {
  const names = columns && levels[level]!.columns.filter(({ definition }) => columns.includes(definition.number))
  return {
    name: publication.name,
    actions: publication.actions,
    level,
    ...(names && { columns: names.map(({ name }) => name) }),
    ...(where !== undefined && { where: true as const }),
  }
}

function textRow(table: Table, row: Values, isWanted: (column: Column) => boolean = () => true): (string | null)[] {
  return inStyle(plainStyle, () =>
    toldColumns(table).map((column) => {
      const value = row[column.ordinal]!
      return value === null || !isWanted(column) ? null : column.type.formatText(value)
    }),
  )
}

/** What of an old row is told: undefined where nothing identifies it. */
function oldRow(table: Table, row: Values): (string | null)[] | undefined {
  const identity = identityOf(table)
  return identity && textRow(table, row, (column) => identity.includes(column))
}

function note(
  transaction: Transaction,
  published: Published,
  o: RowNote['o'],
  before: Values | undefined,
  after: Values | undefined,
): void {
  const [table] = published.levels as readonly [Table]
  const i = numberOf(transaction, published)
  const k = before && tellsOld(table, o, before, after) ? oldRow(table, before) : undefined
  const w = verdicts(transaction, published, before, after)
  send(transaction, { o, i, ...(after && { n: textRow(table, after) }), ...(k && { k }), ...(w.length > 0 && { w }) })
}

/** Of an update only where what identifies the row is other than before, or is all of it, or its place in a condition changes. */
function tellsOld(table: Table, o: RowNote['o'], before: Values, after: Values | undefined): boolean {
  if (o === 'D' || identityLetter(table) === 'f') return true
  const identity = identityOf(table) ?? []
  return identity.some(({ ordinal, type }) => !isSame(type, before[ordinal]!, after![ordinal]!))
}

function isSame(type: SqlType, a: SqlValue, b: SqlValue): boolean {
  return a === null || b === null ? a === b : type.compare(a, b) === 0
}

const conditions = new WeakMap<Table, Map<string, StoredExpression>>()

function conditionOf(transaction: Transaction, table: Table, text: string): StoredExpression {
  let known = conditions.get(table)
  if (known === undefined) conditions.set(table, (known = new Map<string, StoredExpression>()))
  let condition = known.get(text)
  if (condition === undefined) known.set(text, (condition = compileValue(transaction.catalog, table, text)))
  return condition
}

/** For each way with a condition. */
function verdicts(
  transaction: Transaction,
  { levels, ways }: Published,
  before: Values | undefined,
  after: Values | undefined,
): number[] {
  return ways.flatMap(({ level, where }) => {
    if (where === undefined) return []
    const table = levels[level]!
    const condition = conditionOf(transaction, table, where)
    const passes = (row: Values | undefined): boolean =>
      row !== undefined && condition.evaluate(rowAt(levels, level, row), transaction) === true
    return [(passes(before) ? 1 : 0) + (passes(after) ? 2 : 0)]
  })
}

/** A row of the partition as one of the table so many levels above it. */
function rowAt(levels: readonly Table[], level: number, row: Values): Values {
  if (level === 0) return row
  const [own] = levels as readonly [Table]
  return levels[level]!.columns.map(({ name }) => row[own.getColumn(name).ordinal]!)
}

/** What a publication must find in an old row is there to be found. */
function requireIdentity(transaction: Transaction, published: Published, action: 'update' | 'delete'): void {
  const [table] = published.levels as readonly [Table]
  const doing = action === 'update' ? 'updating' : 'deleting from'
  const what = action === 'update' ? `cannot update table "${table.name}"` : `cannot delete from table "${table.name}"`
  const identity = identityOf(table)
  if (identity === undefined) {
    const why = `because it does not have a replica identity and publishes ${action}s`
    throw sqlError('conflict', '55000', `${what} ${why}`, {
      hint: `To enable ${doing} the table, set REPLICA IDENTITY using ALTER TABLE.`,
    })
  }
  for (const { publication, level, columns, where } of published.ways) {
    if (!publication.actions.includes(action)) continue
    const of = published.levels[level]!
    const keys = identity.map(({ name }) => of.getColumn(name))
    if (columns !== undefined && !keys.every(({ definition }) => columns.includes(definition.number))) {
      throw sqlError('invalid_argument', '42P10', what, {
        detail: 'Column list used by the publication does not cover the replica identity.',
      })
    }
    const reads = where === undefined ? [] : [...conditionOf(transaction, of, where).reads]
    if (!reads.every((ordinal) => keys.some((key) => key.ordinal === ordinal))) {
      throw sqlError('invalid_argument', '42P10', what, {
        detail: 'Column used in the publication WHERE expression is not part of the replica identity.',
      })
    }
  }
}

/** The three that follow look at the catalog's publications once for each of its versions, and then at a number. */
export function noteInserted(transaction: Transaction, table: Table, row: Values): void {
  const published = publishedFor(transaction.catalog, table)
  if (published?.actions.has('insert') !== true || !transaction.services.areRowsNoted) return
  note(transaction, published, 'I', undefined, row)
}

/** Before it is written. `key`: where the row lies; `set`: what of `row` is other than before, by ordinal. */
export function noteUpdated(
  transaction: Transaction,
  table: Table,
  key: Slice,
  row: Values,
  isSet: (ordinal: number) => boolean,
): void {
  const published = publishedFor(transaction.catalog, table)
  if (published?.actions.has('update') !== true) return
  requireIdentity(transaction, published, 'update')
  if (!transaction.services.areRowsNoted) return
  const stored = transaction.get(key)
  if (stored === undefined) return
  const before = table.reader.read(stored)
  const after = before.map((value, ordinal) => (isSet(ordinal) ? row[ordinal]! : value))
  note(transaction, published, 'U', before, after)
}

/** Before it goes. */
export function noteDeleted(transaction: Transaction, table: Table, key: Slice): void {
  const published = publishedFor(transaction.catalog, table)
  if (published?.actions.has('delete') !== true) return
  requireIdentity(transaction, published, 'delete')
  if (!transaction.services.areRowsNoted) return
  const stored = transaction.get(key)
  if (stored !== undefined) note(transaction, published, 'D', table.reader.read(stored), undefined)
}

/** TRUNCATE, of all tables that it names and takes along; of a partition it is told as of itself. */
export function noteTruncate(
  transaction: Transaction,
  tables: readonly Table[],
  { cascade, restart }: Pick<EmptyNote, 'cascade' | 'restart'>,
): void {
  if (!transaction.services.areRowsNoted) return
  const numbers: number[] = []
  for (const table of tables) {
    const published = publishedFor(transaction.catalog, table)
    if (published?.actions.has('truncate') === true) numbers.push(numberOf(transaction, published))
  }
  if (numbers.length > 0) send(transaction, { o: 'T', tables: numbers, cascade, restart })
}

export function noteMessage(transaction: Transaction, prefix: string, content: Uint8Array): void {
  if (!transaction.services.areRowsNoted) return
  send(transaction, { o: 'M', prefix, content: Buffer.from(content).toString('base64') })
}
