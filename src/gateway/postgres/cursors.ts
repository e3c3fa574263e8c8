/**
 * DECLARE, FETCH, MOVE and CLOSE. A cursor's query runs to its end when it is declared; its rows are kept, in memory and beyond a
 * share of it in a temporary file, and read from where the cursor stands (decisions 063, 122).
 */
import { paused, type PreparedStatement, type StatementEffect } from '../../language/sql/contract.ts'
import { sqlRows } from '../../language/sql/types/row-format.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import { KeptRows } from '../../query/kept-rows.ts'
import type { Client } from './client.ts'
import type { SqlValue } from '../../model/table/types/value.ts'
import { type Passage, passageOf } from './cursor-place.ts'
import { sqlError } from './errors.ts'
import { after, afterDone } from './language.ts'
import type { Cursor, Portal } from './portal.ts'
import { RowEncoder } from './rows.ts'
import { bytesPerPiece, rowsPerPiece, writeRows } from './waiting-rows.ts'
import { commandComplete } from './wire.ts'

type EffectOf<K extends StatementEffect['kind']> = Extract<StatementEffect, { kind: K }>

export function declareCursor(client: Client, effect: EffectOf<'declare'>): void | Promise<void> {
  const { name, hold } = effect
  if (client.block.kind !== 'explicit' && !hold) {
    throw sqlError('no_transaction', '25P01', 'DECLARE CURSOR can only be used in transaction blocks')
  }
  if (client.cursors.has(name)) throw sqlError('duplicate_object', '42P03', `cursor "${name}" already exists`)
  client.block.isFresh = false
  return after(client.prepareOn(effect.statement, []), (prepared) => collectCursor(client, effect, prepared))
}

function openRows(client: Client): KeptRows<SqlValue[]> {
  return new KeptRows(client.session.openWorkspace('the rows of a cursor'), sqlRows)
}

function collectCursor(client: Client, effect: EffectOf<'declare'>, prepared: PreparedStatement): void | Promise<void> {
  let rows = openRows(client)
  function* collect(transaction: Transaction): StatementSteps<void> {
    rows.close()
    rows = openRows(client)
    const execution = prepared.execute([])
    let isDone = false
    try {
      for (;;) {
        const batch = execution.next(transaction, client.context)
        if (batch === undefined) break
        if (batch === paused) yield execution.waitFor
        else {
          for (const row of batch) {
            const written = rows.put(row as SqlValue[])
            if (written !== undefined) yield written
          }
        }
      }
      const written = rows.end()
      if (written !== undefined) yield written
      isDone = true
    } finally {
      if (!isDone) rows.close()
    }
  }
  return afterDone(client.run(collect), () => {
    const { name, hold: isHeld, scroll, isBinary, statement } = effect
    client.cursors.set(
      name,
      {
        name,
        text: statement.text,
        prepared,
        columns: prepared.columns ?? [],
        rows,
        at: 0,
        isFailed: false,
        isHeld,
        isScroll: scroll !== false,
        isBinary,
        declaredMs: client.host.now(),
        isSettled: client.block.kind === 'none',
      },
      0,
    )
  })
}

/** `isSimple`: by the simple protocol, where a binary cursor gives binary values. */
export function fetchRows(
  client: Client,
  portal: Portal,
  effect: EffectOf<'fetch'>,
  isSimple: boolean,
): void | Promise<void> {
  const cursor: Cursor = client.getCursor(effect.name)
  if (cursor.isFailed) throw sqlError('active_transaction', '55000', `portal "${cursor.name}" cannot be run`)
  const passage = passageOf(cursor.at, cursor.rows.length, effect)
  if (!cursor.isScroll && passage.goesBack) {
    cursor.isFailed = true
    const hint = 'Declare it with SCROLL option to enable backward scan.'
    throw sqlError('active_transaction', '55000', 'cursor can only scan forward', hint)
  }
  const done = (): void => {
    cursor.at = passage.at
    commandComplete(client.outbox.writer, `${effect.move ? 'MOVE' : 'FETCH'} ${passage.count}`)
  }
  if (effect.move) return done()
  const encoder =
    isSimple && cursor.isBinary ? new RowEncoder(cursor.columns, binary(cursor)) : portal.encoder(cursor.columns)
  return afterDone(writePassage(client, cursor, passage, encoder), done)
}

/** Per column, as RowDescription has it. */
export function binary({ columns }: Pick<Cursor, 'columns'>): readonly number[] {
  return columns.map(() => 1)
}

/** Piece by piece, as there is room for them. */
function writePassage(client: Client, { rows }: Cursor, passage: Passage, encoder: RowEncoder): void | Promise<void> {
  if (passage.count === 0) return undefined
  const first = readPiece(rows, passage, 0)
  if (first instanceof Promise || first.length < passage.count) {
    return writeOn(client, rows, passage, { encoder, first })
  }
  return writeRows(client, encoder, first)
}

function readPiece(
  rows: KeptRows<SqlValue[]>,
  { from, count, step }: Passage,
  passed: number,
): SqlValue[][] | Promise<SqlValue[][]> {
  const piece = Math.min(count - passed, rowsPerPiece)
  return rows.read({ from: from - 1 + step * passed, count: piece, step, bytes: bytesPerPiece })
}

async function writeOn(
  client: Client,
  rows: KeptRows<SqlValue[]>,
  passage: Passage,
  { encoder, first }: { encoder: RowEncoder; first: SqlValue[][] | Promise<SqlValue[][]> },
): Promise<void> {
  const { maxPendingOutputBytes } = client.limits
  let passed = 0
  for (let piece = first; ; piece = readPiece(rows, passage, passed)) {
    const read = await piece
    await writeRows(client, encoder, read)
    passed += read.length
    if (passed >= passage.count) return
    if (client.outbox.pendingBytes < maxPendingOutputBytes) continue
    client.outbox.flush()
    await client.outbox.roomBelow(maxPendingOutputBytes)
  }
}

export function closeCursors(client: Client, name: string | undefined): void {
  if (name === undefined) client.cursors.clear()
  else client.cursors.delete(client.getCursor(name).name)
}
