/**
 * DECLARE, FETCH, MOVE and CLOSE. A cursor's query runs to its end when it is declared; the rows wait, within a bound,
 * until they are fetched: forward only.
 */
import { paused, type PreparedStatement, type StatementEffect } from '../../language/sql/contract.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import type { Client } from './client.ts'
import { sqlError } from './errors.ts'
import { after, afterDone } from './language.ts'
import { RowQueue, type Cursor, type Portal } from './portal.ts'
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

function collectCursor(
  client: Client,
  { name, hold }: EffectOf<'declare'>,
  prepared: PreparedStatement,
): void | Promise<void> {
  let rows = new RowQueue(client.limits.maxMessageBytes)
  function* collect(transaction: Transaction): StatementSteps<void> {
    rows = new RowQueue(client.limits.maxMessageBytes)
    const execution = prepared.execute([])
    for (;;) {
      const batch = execution.next(transaction, client.context)
      if (batch === undefined) return
      if (batch === paused) yield execution.waitFor
      else for (const row of batch) rows.push(row)
    }
  }
  return afterDone(client.session.run(collect), () => {
    const cursor = { name, columns: prepared.columns ?? [], rows, isHeld: hold }
    client.cursors.set(name, cursor, rows.bytes)
  })
}

export function fetchRows(client: Client, portal: Portal, effect: EffectOf<'fetch'>): void {
  const cursor: Cursor = client.getCursor(effect.name)
  if (effect.count < 0) throw sqlError('active_transaction', '55000', 'cursor can only scan forward')
  const rows = cursor.rows.take(effect.count)
  const { writer } = client.outbox
  if (!effect.move) {
    const encoder = portal.encoder(cursor.columns)
    for (const row of rows) encoder.write(row, writer)
  }
  commandComplete(writer, `${effect.move ? 'MOVE' : 'FETCH'} ${rows.length}`)
}

export function closeCursors(client: Client, name: string | undefined): void {
  if (name === undefined) client.cursors.clear()
  else client.cursors.delete(client.getCursor(name).name)
}
