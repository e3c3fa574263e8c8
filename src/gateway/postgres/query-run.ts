/** One run of a statement that reads or changes data, from its rows to its tag. */
import type { StatementSteps, Transaction, Wait } from '../../database/contract.ts'
import { paused, type Execution, type PreparedStatement, type Row } from '../../language/sql/contract.ts'
import type { SqlValue } from '../../model/table/types/value.ts'
import type { Client } from './client.ts'
import { sqlError } from './errors.ts'
import { afterDone } from './language.ts'
import { RowQueue, type ClientStatement, type Portal } from './portal.ts'
import { commandComplete, copyData, copyDone, copyResponse, portalSuspended, rowDescription } from './wire.ts'

export interface ExecuteOptions {
  /** Writes RowDescription first: the simple protocol. */
  readonly describes: boolean
  /** 0 is all. */
  readonly maxRows: number
}

export type ParametersOf = (transaction: Transaction) => readonly SqlValue[]

export class QueryRun {
  readonly #client: Client
  readonly #portal: Portal
  readonly #options: ExecuteOptions
  readonly #statement: ClientStatement
  readonly #parametersOf: ParametersOf
  #prepared: PreparedStatement
  #execution: Execution | undefined
  #attempts = 0
  #isAnnounced = false
  /** Rows written. */
  #sent = 0

  constructor(
    client: Client,
    portal: Portal,
    options: ExecuteOptions,
    statement: ClientStatement,
    parametersOf: ParametersOf,
  ) {
    this.#client = client
    this.#portal = portal
    this.#options = options
    this.#statement = statement
    this.#parametersOf = parametersOf
    this.#prepared = statement.prepared!
  }

  start(): void | Promise<void> {
    const { rest, isDone } = this.#portal
    if (rest !== undefined || isDone) {
      this.#sendRest(rest)
      return undefined
    }
    const readOnly = this.#prepared.effect.kind === 'read' || this.#client.isReadOnly
    const result = this.#client.session.run((transaction) => this.#attempt(transaction), { readOnly })
    return afterDone(result, () => this.#complete())
  }

  #attempt(transaction: Transaction): void | StatementSteps<void> {
    if (this.#attempts++ > 0) this.#rewind()
    this.#refresh(transaction)
    const execution = this.#prepared.execute(this.#parametersOf(transaction))
    this.#execution = execution
    return this.#pump(transaction, execution)
  }

  #rewind(): void {
    this.#sent = 0
    this.#isAnnounced = false
    this.#portal.rest = undefined
    if (this.#client.takeBackOutput()) return
    const message = 'could not run the statement again: some of its rows have been sent'
    throw sqlError('serialization_failure', '40001', message)
  }

  /** Binds anew where the catalog has changed since; the client has been told the old columns. */
  #refresh(transaction: Transaction): void {
    const { parsed, givenTypes } = this.#statement
    if (this.#prepared.isCurrent(transaction.catalog)) return
    const fresh = this.#client.prepare(parsed!, givenTypes, transaction.catalog)
    if (!this.#options.describes && !sameColumns(fresh, this.#prepared)) {
      throw sqlError('unsupported', '0A000', 'cached plan must not change result type')
    }
    this.#statement.prepared = fresh
    this.#prepared = fresh
  }

  /** Not before there are rows or the end: a statement that has yet to wait must not have said anything. */
  #announce(): void {
    if (this.#isAnnounced) return
    this.#isAnnounced = true
    const { writer } = this.#client.outbox
    const { columns, copy } = this.#prepared
    if (copy !== undefined) copyResponse(writer, 'out', copy.columnCount)
    else if (this.#options.describes && columns !== undefined) rowDescription(writer, columns, this.#portal.formats)
  }

  /** All rows at once where they come at once, else in steps. */
  #pump(transaction: Transaction, execution: Execution): void | StatementSteps<void> {
    for (;;) {
      const batch = execution.next(transaction, this.#client.context)
      if (batch === undefined) return undefined
      if (batch === paused) return this.#pumpOn(transaction, execution, execution.waitFor)
      this.#take(batch)
      if (this.#isFull()) return this.#pumpOn(transaction, execution, this.#room())
    }
  }

  *#pumpOn(transaction: Transaction, execution: Execution, first: Wait): StatementSteps<void> {
    yield first
    for (;;) {
      const batch = execution.next(transaction, this.#client.context)
      if (batch === undefined) return
      if (batch === paused) {
        yield execution.waitFor
        continue
      }
      this.#take(batch)
      if (this.#isFull()) yield this.#room()
    }
  }

  #isFull(): boolean {
    return this.#client.outbox.pendingBytes >= this.#client.limits.maxPendingOutputBytes
  }

  #room(): Wait {
    this.#client.outbox.flush()
    return this.#client.outbox.roomBelow(this.#client.limits.maxPendingOutputBytes)
  }

  #take(batch: readonly Row[]): void {
    this.#announce()
    const { columns, copy } = this.#prepared
    const { writer } = this.#client.outbox
    if (copy !== undefined) {
      for (const row of batch) copyData(writer, row[0] as string)
      this.#sent += batch.length
      return
    }
    if (columns === undefined) return
    const encoder = this.#portal.encoder(columns)
    const { maxRows } = this.#options
    for (const row of batch) {
      if (maxRows > 0 && this.#sent >= maxRows) {
        this.#portal.rest ??= new RowQueue(this.#client.limits.maxMessageBytes)
        this.#portal.rest.push(row)
      } else {
        encoder.write(row, writer)
        this.#sent++
      }
    }
  }

  #complete(): void {
    this.#announce()
    const { writer } = this.#client.outbox
    const execution = this.#execution!
    for (const notice of execution.notices) this.#client.notice(notice)
    if (this.#prepared.copy !== undefined) copyDone(writer)
    const { maxRows } = this.#options
    if (maxRows > 0 && this.#sent >= maxRows && this.#prepared.columns !== undefined) {
      this.#portal.rest ??= new RowQueue(this.#client.limits.maxMessageBytes)
      portalSuspended(writer)
      return
    }
    this.#portal.isDone = true
    commandComplete(writer, commandTag(this.#prepared.command, execution.rowCount))
  }

  /** A later Execute of a portal that has rows left, or none. */
  #sendRest(rest: RowQueue | undefined): void {
    const { writer } = this.#client.outbox
    const { maxRows } = this.#options
    this.#isAnnounced = true
    const rows = rest?.take(maxRows === 0 ? Infinity : maxRows) ?? []
    this.#take(rows)
    if (maxRows > 0 && rows.length === maxRows) {
      portalSuspended(writer)
      return
    }
    this.#portal.isDone = true
    this.#portal.rest = undefined
    commandComplete(writer, commandTag(this.#prepared.command, rows.length))
  }
}

const countedCommands: ReadonlySet<string> = new Set(['SELECT', 'UPDATE', 'DELETE', 'MERGE', 'COPY', 'FETCH', 'MOVE'])

function commandTag(command: string, rowCount: number): string {
  if (command === 'INSERT') return `INSERT 0 ${rowCount}`
  return countedCommands.has(command) ? `${command} ${rowCount}` : command
}

function sameColumns(a: PreparedStatement, b: PreparedStatement): boolean {
  if (a === b || a.columns === b.columns) return true
  if (a.columns === undefined || b.columns === undefined || a.columns.length !== b.columns.length) return false
  return a.columns.every(({ name, typeOid, typeModifier }, i) => {
    const other = b.columns![i]!
    return name === other.name && typeOid === other.typeOid && typeModifier === other.typeModifier
  })
}
