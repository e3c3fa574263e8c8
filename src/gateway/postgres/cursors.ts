/**
 * DECLARE, FETCH, MOVE and CLOSE. A cursor's query runs to its end when it is declared; the rows wait, within a bound,
 * until they are fetched: forward only.
 */
import { paused, type PreparedStatement, type StatementEffect } from '../../language/sql/contract.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import type { Client } from './client.ts'
import type { SqlValue } from '../../model/table/types/value.ts'
import { sqlError } from './errors.ts'
import { after, afterDone } from './language.ts'
import type { Cursor, Portal } from './portal.ts'
import { openWaitingRows, writeRows, writeWaiting } from './waiting-rows.ts'
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
  let rows = openWaitingRows(client)
  function* collect(transaction: Transaction): StatementSteps<void> {
    rows.close()
    rows = openWaitingRows(client)
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
    const cursor = {
      name,
      prepared,
      columns: prepared.columns ?? [],
      rows,
      isHeld: hold,
      isSettled: client.block.kind === 'none',
    }
    client.cursors.set(name, cursor, 0)
  })
}

export function fetchRows(client: Client, portal: Portal, effect: EffectOf<'fetch'>): void | Promise<void> {
  const cursor: Cursor = client.getCursor(effect.name)
  if (effect.count < 0) throw sqlError('active_transaction', '55000', 'cursor can only scan forward')
  const write = (rows: readonly SqlValue[][]): void | Promise<void> => {
    return effect.move ? undefined : writeRows(client, portal.encoder(cursor.columns), rows)
  }
  return writeWaiting(client, cursor.rows, effect.count, write, (written) => {
    commandComplete(client.outbox.writer, `${effect.move ? 'MOVE' : 'FETCH'} ${written}`)
  })
}

export function closeCursors(client: Client, name: string | undefined): void {
  if (name === undefined) client.cursors.clear()
  else client.cursors.delete(client.getCursor(name).name)
}
