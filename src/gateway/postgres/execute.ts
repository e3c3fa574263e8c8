/**
 * Runs one statement of a client, whichever protocol it came by, and writes what it answers: rows, notices, the command's
 * tag. Errors are thrown (or rejected); the caller words them.
 *
 * A statement may run more than once (a lock wait, newer data): its output is taken back before it runs again, which is
 * possible as long as nothing has left; statements that write give no rows before they have done all their writes.
 */
import type { Transaction } from '../../database/contract.ts'
import type { ParsedStatement, PreparedStatement, StatementEffect } from '../../language/sql/contract.ts'
import type { SqlValue } from '../../model/table/types/value.ts'
import type { Client } from './client.ts'
import { changeRoles, changeSettings, giveDatabase } from './roles.ts'
import { runCopyIn } from './copy-in.ts'
import { binary, closeCursors, declareCursor, fetchRows } from './cursors.ts'
import { mixedBlock, sqlError } from './errors.ts'
import { dropTemporary } from '../../model/table/temporary.ts'
import { after, afterDone } from './language.ts'
import type { Portal } from './portal.ts'
import { type ExecuteOptions, QueryRun } from './query-run.ts'
import { transactionOptions } from './transaction-block.ts'
import { finishPrepared, prepareTransaction } from './prepared.ts'
import { commandComplete, rowDescription, type DescribedColumn } from './wire.ts'

const endingKinds: ReadonlySet<StatementEffect['kind']> = new Set([
  'commit',
  'rollback',
  'rollback to',
  'prepare transaction',
])

/** The only statements that a failed block takes. */
export function endsBlock(prepared: PreparedStatement): boolean {
  return endingKinds.has(prepared.effect.kind)
}

/** Columns of the result as the client will see them. */
export function resultColumns(client: Client, prepared: PreparedStatement): readonly DescribedColumn[] | undefined {
  const { effect } = prepared
  if (effect.kind === 'execute') return client.getStatement(effect.name).prepared?.columns
  if (effect.kind === 'fetch') return effect.move ? undefined : client.getCursor(effect.name).columns
  return prepared.columns
}

export function execute(client: Client, portal: Portal, options: ExecuteOptions): void | Promise<void> {
  const prepared = portal.statement.prepared!
  const { effect } = prepared
  if (client.block.isFailed && !endsBlock(prepared)) client.block.checkNotFailed()
  switch (effect.kind) {
    case 'write':
    case 'schema':
      refuseWrite(client, prepared)
      client.block.isFresh = false
      return runQuery(client, portal, options)
    case 'session':
      return runQuery(client, portal, options)
    case 'read':
    case 'copy out':
      client.block.isFresh = false
      return runQuery(client, portal, options)
    case 'copy in':
      refuseWrite(client, prepared)
      client.block.isFresh = false
      return runCopyIn(client, prepared)
    case 'join':
      return afterDone(client.block.join(effect.token(portal.parameters)), () => {
        client.block.isFresh = false
        return runQuery(client, portal, options)
      })
    case 'comment on database':
      refuseWrite(client, prepared)
      if (client.hasOther(effect.name)) return commentElsewhere(client, effect)
      client.block.isFresh = false
      return runQuery(client, portal, options)
    case 'execute':
      client.block.isFresh = false
      return runNamed(client, portal, effect, options)
    case 'declare':
    case 'fetch':
    case 'close':
      return runCursorCommand(client, portal, effect, options)
    default:
      return runCommand(client, prepared, effect)
  }
}

function refuseWrite(client: Client, prepared: PreparedStatement): void {
  refuseReadOnly(client, prepared)
  // What writes in other ways is found at COMMIT.
  if (client.hasChangedRoles) throw mixedBlock(prepared.command, 'roles')
}

function refuseReadOnly(client: Client, { command, effect }: PreparedStatement): void {
  if (!client.isReadOnly || (effect.kind === 'write' && effect.mayOnlyRead === true)) return
  throw sqlError('read_only', '25006', `cannot execute ${command} in a read-only transaction`)
}

function runQuery(client: Client, portal: Portal, options: ExecuteOptions): void | Promise<void> {
  return new QueryRun(client, portal, options, portal.statement, () => portal.parameters).start()
}

type EffectOf<K extends StatementEffect['kind']> = Extract<StatementEffect, { kind: K }>

function runNamed(
  client: Client,
  portal: Portal,
  effect: EffectOf<'execute'>,
  options: ExecuteOptions,
): void | Promise<void> {
  const statement = client.getStatement(effect.name)
  const parameters = (transaction: Transaction): readonly SqlValue[] =>
    effect.parameters(statement.prepared!, client.context, transaction)
  return new QueryRun(client, portal, { ...options, keepsColumns: true }, statement, parameters).start()
}

/** It lies in that database's own log, so that no transaction of this one could take it back. */
async function commentElsewhere(client: Client, { name, comment }: EffectOf<'comment on database'>): Promise<void> {
  if (client.block.kind !== 'none') {
    const message = 'COMMENT ON DATABASE of another database cannot run inside a transaction block'
    throw sqlError('active_transaction', '25001', message)
  }
  await client.commentOnDatabase(name, comment)
  commandComplete(client.outbox.writer, 'COMMENT')
}

function runCursorCommand(
  client: Client,
  portal: Portal,
  effect: EffectOf<'declare' | 'fetch' | 'close'>,
  options: ExecuteOptions,
): void | Promise<void> {
  const { writer } = client.outbox
  if (effect.kind === 'declare') {
    return afterDone(declareCursor(client, effect), () => commandComplete(client.outbox.writer, 'DECLARE CURSOR'))
  }
  if (effect.kind === 'close') {
    closeCursors(client, effect.name)
    commandComplete(writer, effect.name === undefined ? 'CLOSE CURSOR ALL' : 'CLOSE CURSOR')
    return undefined
  }
  if (options.describes && !effect.move) {
    const cursor = client.getCursor(effect.name)
    rowDescription(writer, cursor.columns, cursor.isBinary ? binary(cursor) : portal.formats)
  }
  return fetchRows(client, portal, effect, options.describes)
}

function runCommand(client: Client, prepared: PreparedStatement, effect: StatementEffect): void | Promise<void> {
  const done = applyCommand(client, prepared, effect)
  return after(done, (tag) => {
    const { writer } = client.outbox
    const start = writer.end
    commandComplete(writer, tag ?? prepared.command)
    if (effect.kind === 'begin' || effect.kind === 'savepoint' || effect.kind === 'release') client.noteBare(start)
  })
}

/** Answers the tag where it is not the command's own. */
function applyCommand(
  client: Client,
  prepared: PreparedStatement,
  effect: StatementEffect,
): string | undefined | Promise<string | undefined> {
  const { block } = client
  switch (effect.kind) {
    case 'begin':
      block.begin(transactionOptions(effect))
      return undefined
    case 'set transaction':
      block.configure(transactionOptions(effect))
      return undefined
    case 'take snapshot':
      return takeSnapshot(client, effect.name)
    case 'commit':
      return block.commit(effect.chain)
    case 'rollback':
      return block.rollback(effect.chain)
    case 'prepare transaction':
      return prepareTransaction(client, effect.gid)
    case 'finish prepared':
      return finishPrepared(client, prepared.command, effect)
    case 'create database':
      if (block.kind !== 'none') {
        throw sqlError('active_transaction', '25001', 'CREATE DATABASE cannot run inside a transaction block')
      }
      return client.createDatabase(effect).then(() => undefined)
    case 'create role':
    case 'alter role':
    case 'rename role':
    case 'drop role':
    case 'grant role':
      refuseReadOnly(client, prepared)
      return changeRoles(client, effect, prepared.command).then(() => undefined)
    case 'alter settings':
    case 'limit database':
      refuseReadOnly(client, prepared)
      return changeSettings(client, effect, prepared.command).then(() => undefined)
    case 'give database':
      if (block.kind !== 'none') {
        const message = 'ALTER DATABASE … OWNER TO cannot run inside a transaction block'
        throw sqlError('active_transaction', '25001', message)
      }
      return giveDatabase(client, effect).then(() => undefined)
    case 'drop database':
      if (block.kind !== 'none') {
        throw sqlError('active_transaction', '25001', 'DROP DATABASE cannot run inside a transaction block')
      }
      return client.dropDatabase(effect).then(() => undefined)
    case 'savepoint':
      return afterDone(block.savepoint(effect.name), () => undefined)
    case 'rollback to':
      return after(block.rollbackTo(effect.name), () => 'ROLLBACK')
    case 'release':
      return afterDone(block.release(effect.name), () => undefined)
    default:
      return applyNames(client, prepared, effect)
  }
}

function applyNames(
  client: Client,
  prepared: PreparedStatement,
  effect: StatementEffect,
): undefined | Promise<undefined> {
  if (effect.kind === 'prepare') {
    const { name, statement, parameterTypes } = effect
    return after(client.prepareOn(statement, parameterTypes), (inner) => {
      client.addStatement(name, { parsed: statement, prepared: inner, givenTypes: parameterTypes })
      if (client.block.kind === 'none' || inner === undefined) return undefined
      const held = client.run((transaction) => inner.hold?.(transaction), { readOnly: true })
      return afterDone(held, () => undefined)
    })
  }
  if (effect.kind === 'deallocate') {
    if (effect.name === undefined) client.statements.clear()
    else {
      client.getStatement(effect.name)
      client.statements.delete(effect.name)
    }
  } else if (effect.kind === 'discard') return discard(client, effect.target)
  return undefined
}

function discard(client: Client, target: EffectOf<'discard'>['target']): undefined | Promise<undefined> {
  if (target !== 'all') return undefined
  if (client.block.kind !== 'none') {
    throw sqlError('active_transaction', '25001', 'DISCARD ALL cannot run inside a transaction block')
  }
  client.discardAll()
  const { temporarySchema } = client
  return after(
    client.session.run((transaction) => {
      transaction.locks.advisory.unlockAll()
      return temporarySchema === undefined ? undefined : dropTemporary(transaction, temporarySchema)
    }),
    () => undefined,
  )
}

/** Whether it may be answered in a failed block; what cannot be bound may not. */
export function endsFailedBlock(client: Client, parsed: ParsedStatement): boolean {
  try {
    return endsBlock(client.prepare(parsed, []))
  } catch {
    return false
  }
}

/** SET TRANSACTION SNAPSHOT: the state that another transaction has exported. */
function takeSnapshot(client: Client, name: string): undefined | Promise<undefined> {
  const { block, session } = client
  if (block.kind === 'none') {
    client.notice({
      severity: 'WARNING',
      sqlState: '25P01',
      message: 'SET TRANSACTION can only be used in transaction blocks',
    })
    return undefined
  }
  if (!block.isFresh) {
    throw sqlError('active_transaction', '25001', 'SET TRANSACTION SNAPSHOT must be called before any query')
  }
  if (session.isolation === 'read committed') {
    const what = 'a snapshot-importing transaction must have isolation level SERIALIZABLE or REPEATABLE READ'
    throw sqlError('unsupported', '0A000', what)
  }
  const taken = session.run((transaction) => transaction.view.take(name), { readOnly: true })
  return after(taken, (isThere) => {
    if (!isThere) throw sqlError('invalid_argument', '22023', `invalid snapshot identifier: "${name}"`)
    block.isFresh = false
    return undefined
  })
}
