/**
 * SELECT … FROM polylog_as_of('shop.orders', '-10m'): the rows of one relation as they were then, beside those of now. They are
 * read by a query of their own on a state of the past (`database/history`), with the rights that the caller has there.
 *
 * Its columns are those of the relation as it is now: a table's by their numbers, whatever they were called then; one that was
 * not there yet is null.
 */
import { principalThen, requireHistory } from '../../../database/access/past-rights.ts'
import { Elsewhere, type StatementSteps, type Transaction, type Wait } from '../../../database/contract.ts'
import type { Database } from '../../../database/database.ts'
import type { KernelTransaction } from '../../../database/transaction/transaction.ts'
import { awaited } from '../../../database/transaction/wait.ts'
import { Table } from '../../../model/table/table.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { isMiss } from '../../../storage/store.ts'
import { type PastReader, type PastSource, registerPastReader } from '../bind/bind-as-of.ts'
import { paused, type Paused, type PreparedStatement, type SqlContext, type SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { momentOf } from '../functions/history-functions.ts'
import { quoteIdentifier } from '../functions/text-functions.ts'
import { parseText } from '../parse.ts'
import type { SqlRun } from '../plan/run.ts'
import { prepareInner } from './inner-statement.ts'

/** What `next` throws to wait for is waited for, and `next` called again. Errors: those of the past, 42501, 42P01. */
const pastRows: PastReader = (run, source, when) => {
  const found: (readonly SqlValue[])[] = []
  const steps = when === null ? undefined : readPast(run, source, when as string, found)
  const next = (): IteratorResult<readonly SqlValue[] | Paused, void> => {
    for (;;) {
      const row = found.shift()
      if (row !== undefined) return { done: false, value: row }
      const step = steps?.next()
      if (step === undefined || step.done === true) return { done: true, value: undefined }
      if (found.length > 0) continue
      if (step.value === undefined) return { done: false, value: paused }
      throw step.value
    }
  }
  return { next }
}

function* readPast(
  run: SqlRun,
  source: PastSource,
  when: string,
  found: (readonly SqlValue[])[],
): StatementSteps<void> {
  const { transaction } = run
  const { principal, services } = transaction
  const moment = momentOf(when)!
  requireHistory(principal.rights, principal.database)
  const { history } = services.past
  const state = yield* awaited(async (signal) => {
    const { sequence, timeMs } = await history.find(moment)
    const found = await history.at(sequence, timeMs)
    if (signal.aborted) found.release()
    return found
  })
  const past = beginPast(run, state.database)
  transaction.workspace.onClose(() => {
    past.rollback()
    state.release()
  })
  const context = contextOf(run, state.database, past)
  const { prepared, ordinals } = prepare(source, context)
  const execution = prepared.execute([])
  for (;;) {
    past.slice.renew()
    const batch = execution.next(past, context)
    if (batch === undefined) return
    if (batch !== paused) for (const row of batch) found.push(ordinals.map((at) => (at < 0 ? null : row[at]!)))
    yield batch === paused ? waitIn(past, execution.waitFor) : undefined
  }
}

/** Charged to whoever asks. */
function beginPast({ transaction }: SqlRun, database: Database): KernelTransaction {
  const asker = transaction as KernelTransaction
  const past = database.begin({ isolation: 'repeatable read', readOnly: true, interactive: true })
  past.payer = asker.payer
  past.callerLimits = asker.callerLimits
  past.beginStatement()
  past.principal = principalThen(transaction.principal, database, transaction.catalog)
  past.leaveTurn(true)
  return past
}

function contextOf({ context }: SqlRun, { catalog }: Database, { principal }: Transaction): SqlContext {
  return Object.create(context, {
    catalog: { value: catalog },
    rights: { value: principal.rights },
    transitions: { value: undefined },
  }) as SqlContext
}

/** A page of the other store is not one that the statement could load. */
function waitIn(past: Transaction, wait: Wait): Wait {
  return isMiss(wait) ? new Elsewhere(past.load(wait), () => undefined) : wait
}

/** `ordinals`: where the source's columns stand in the rows; negative: they were not there. */
function prepare(
  { schema, name, collection: id, columns }: PastSource,
  context: SqlContext,
): { readonly prepared: PreparedStatement; readonly ordinals: readonly number[] } {
  const collection = id === undefined ? undefined : context.catalog.collectionById(id)
  if (id !== undefined && collection === undefined) {
    throw failure('42P01', `relation "${schema}.${name}" did not exist then`)
  }
  const isRenamed = collection !== undefined && isTable(collection)
  const then = isRenamed ? Table.of(collection).columns : undefined
  const read = columns.map((column) => {
    return then === undefined ? column.name : then.find(({ number }) => number === column.number)?.name
  })
  const shown = isRenamed ? [collection.namespace.name, collection.name] : [schema, name]
  const names = read.flatMap((one) => (one === undefined ? [] : [quoteIdentifier(one)]))
  const text = `SELECT ${names.join(', ')} FROM ${shown.map(quoteIdentifier).join('.')}`
  const prepared = prepareInner(parseText(text)[0]!, context, undefined)
  let at = 0
  const ordinals = read.map((one) => (one === undefined ? -1 : at++))
  for (const [i, { type, name: column }] of columns.entries()) {
    const old = prepared.columns?.[ordinals[i]!]
    if (old !== undefined && old.typeOid !== type) {
      throw failure('0A000', `column "${column}" of "${schema}.${name}" had another type then`)
    }
  }
  return { prepared, ordinals }
}

registerPastReader(pastRows)
