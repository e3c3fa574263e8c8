/** One run of a statement that reads or changes data, from its rows to its tag. */
import type { Rights } from '../../database/access/rights.ts'
import { Restart, type StatementSteps, type Transaction, type Wait } from '../../database/contract.ts'
import { paused, type Execution, type Notice, type PreparedStatement, type Row } from '../../language/sql/contract.ts'
import { withContext } from '../../language/sql/routine/error-context.ts'
import { cannotRepeat, StandingAlone, Stop, type TransactionEnd } from '../../language/sql/routine/standing-alone.ts'
import { shownNumber } from '../../model/table/types/registry.ts'
import type { SqlValue } from '../../model/table/types/value.ts'
import type { Client } from './client.ts'
import { CopyBinaryEncoder } from './copy-out-binary.ts'
import { CopyEncoder } from './copy-out.ts'
import { isLargeRow } from './large-values.ts'
import { sqlError } from './errors.ts'
import type { ClientStatement, Portal } from './portal.ts'
import { afterDone, beforeFailure } from './language.ts'
import { transactionOptions } from './transaction-block.ts'
import { openWaitingRows, type WaitingRows, writeRows, writeWaiting } from './waiting-rows.ts'
import { commandComplete, copyDone, copyResponse, portalSuspended, rowDescription } from './wire.ts'

export interface ExecuteOptions {
  /** The columns were told when it was prepared, and stay so. */
  readonly keepsColumns?: boolean
  /** Writes RowDescription first: the simple protocol. */
  readonly describes: boolean
  /** 0 is all. */
  readonly maxRows: number
}

export type ParametersOf = (transaction: Transaction) => readonly SqlValue[]

/** What they run may end the transaction. */
const runsBodies: ReadonlySet<string> = new Set(['CALL', 'DO'])
/** Of those that need not wait. */
const stretchesPerTurn = 16

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
  #openAlone: (() => StandingAlone) | undefined
  #alone: StandingAlone | undefined
  /** Where what stands alone has left its transaction. */
  #stop: Stop | undefined
  /** Rows written. */
  #sent = 0
  #copyRows: CopyEncoder | CopyBinaryEncoder | undefined

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
    if (rest !== undefined || isDone) return this.#sendRest(rest)
    this.#client.runningText = this.#statement.parsed?.text ?? ''
    const readOnly = this.#prepared.effect.kind === 'read' || this.#client.isReadOnly
    const run = (): void | Promise<void> => this.#client.run((transaction) => this.#attempt(transaction), { readOnly })
    const { command, endsTransactions } = this.#prepared
    const mayEnd = runsBodies.has(command) || endsTransactions === true
    const standsAlone = mayEnd && this.#client.block.kind === 'none'
    const all = standsAlone ? (): void | Promise<void> => this.#runAlone(run) : run
    const told = beforeFailure(all, () => this.#client.tellRaised(this.#notices))
    return afterDone(told, () => this.#complete())
  }

  // ---- CALL and DO by themselves

  /** In a block that lasts as long as they do, but for where they end it and begin the next (`standing-alone.ts`). */
  #runAlone(run: () => void | Promise<void>): void | Promise<void> {
    const { block, session } = this.#client
    block.beginImplicit()
    this.#openAlone = () => new StandingAlone(() => session.openWorkspace('the rows of a procedure'))
    const ended = afterDone(run(), () => (this.#stop === undefined ? block.endImplicit() : this.#runOn()))
    return ended instanceof Promise ? ended.finally(() => this.#alone?.close()) : ended
  }

  async #runOn(): Promise<void> {
    const { block } = this.#client
    let stretches = 0
    for (let stop = this.#stop; stop !== undefined; stop = this.#stop) {
      this.#stop = undefined
      if (stop.end !== undefined) await this.#end(stop.end)
      if (stop.configures !== undefined) block.configure(transactionOptions(stop.configures))
      if (++stretches % stretchesPerTurn === 0) await this.#client.pause()
      let attempts = 0
      await this.#client.run((transaction) => this.#goOnAlone(transaction, attempts++))
    }
    await block.endImplicit()
  }

  async #end(end: TransactionEnd): Promise<void> {
    try {
      await this.#client.block.endWithin(end)
    } catch (error) {
      throw withContext(error, () => end.where)
    }
  }

  #goOnAlone(transaction: Transaction, attempts: number): void | StatementSteps<void> {
    const alone = this.#alone!
    if (attempts > 0 && !alone.isRepeatable) throw cannotRepeat()
    if (attempts > 0) alone.attempts++
    return this.#pump(transaction, this.#execution!)
  }

  /** The next rows; undefined as well where what runs leaves its transaction. */
  #next(transaction: Transaction, execution: Execution): ReturnType<Execution['next']> {
    try {
      const batch = execution.next(transaction, this.#client.context)
      if (batch !== paused || !(execution.waitFor instanceof Stop)) return batch
    } catch (error) {
      throw error instanceof Restart && this.#alone?.isApart === true ? cannotRepeat() : error
    }
    if (execution.waitFor.restart !== undefined) throw execution.waitFor.restart
    this.#stop = execution.waitFor
    return undefined
  }

  // ---- rows

  get #notices(): readonly Notice[] {
    return this.#execution?.notices ?? []
  }

  #attempt(transaction: Transaction): void | StatementSteps<void> {
    if (this.#attempts++ > 0) this.#rewind()
    this.#refresh(transaction)
    const execution = this.#prepared.execute(this.#parametersOf(transaction))
    this.#execution = execution
    if (this.#openAlone !== undefined) {
      this.#alone?.close()
      execution.standAlone?.((this.#alone = this.#openAlone()))
    }
    return this.#pump(transaction, execution)
  }

  #rewind(): void {
    this.#sent = 0
    this.#isAnnounced = false
    this.#portal.rest?.close()
    this.#portal.rest = undefined
    if (this.#client.takeBackOutput()) return
    const message = 'could not run the statement again: some of its rows have been sent'
    throw sqlError('serialization_failure', '40001', message)
  }

  /** Binds anew where the catalog has changed since; the client has been told the old columns. */
  #refresh(transaction: Transaction): void {
    const { parsed, givenTypes } = this.#statement
    const { rights } = transaction.principal
    const { textStyle, session } = this.#client
    const rightsOf = (roleId: number): Rights => session.rightsOf(roleId)
    if (this.#prepared.isCurrent(transaction.catalog, rights, textStyle, rightsOf)) return
    const fresh = this.#client.prepare(parsed!, givenTypes, transaction.catalog)
    if (this.#options.keepsColumns === true || !this.#options.describes) checkSameColumns(fresh, this.#prepared)
    this.#statement.prepared = fresh
    this.#prepared = fresh
    this.#copyRows = undefined
  }

  /** Not before there are rows or the end: a statement that has yet to wait must not have said anything. */
  #announce(): void {
    if (this.#isAnnounced) return
    this.#isAnnounced = true
    const { writer } = this.#client.outbox
    const { columns, copy } = this.#prepared
    if (copy !== undefined) {
      copyResponse(writer, 'out', copy.columnCount, copy.format === 'binary')
      this.#copyEncoder.header(writer)
    } else if (this.#options.describes && columns !== undefined) rowDescription(writer, columns, this.#portal.formats)
  }

  /** All rows at once where they come at once, else in steps. */
  #pump(transaction: Transaction, execution: Execution): void | StatementSteps<void> {
    for (;;) {
      const batch = this.#next(transaction, execution)
      if (batch === undefined) return undefined
      if (batch === paused) return this.#pumpOn(transaction, execution, execution.waitFor)
      if (this.#hasLargeRow(batch)) return this.#pumpOn(transaction, execution, undefined, batch)
      const rest = this.#take(batch)
      if (rest.length > 0) return this.#pumpOn(transaction, execution, undefined, rest)
      if (this.#isFull()) return this.#pumpOn(transaction, execution, this.#room())
    }
  }

  *#pumpOn(
    transaction: Transaction,
    execution: Execution,
    first: Wait,
    left: readonly Row[] = [],
  ): StatementSteps<void> {
    if (left.length > 0) yield* this.#takeInSteps(left)
    else yield first
    for (;;) {
      const batch = this.#next(transaction, execution)
      if (batch === undefined) {
        const written = this.#portal.rest?.end()
        if (written !== undefined) yield written
        return
      }
      if (batch === paused) {
        yield execution.waitFor
        continue
      }
      yield* this.#takeInSteps(batch)
      if (this.#isFull()) yield this.#room()
    }
  }

  #hasLargeRow(batch: readonly Row[]): boolean {
    const { copy, columns } = this.#prepared
    return (copy !== undefined || columns !== undefined) && batch.some(isLargeRow)
  }

  /** Writes those that were asked for and keeps the others; a large one is written some of it a turn. */
  *#takeInSteps(batch: readonly Row[]): StatementSteps<void> {
    if (!this.#hasLargeRow(batch)) {
      yield* this.#keep(this.#take(batch))
      return
    }
    for (const [i, row] of batch.entries()) {
      if (this.#isComplete) {
        yield* this.#keep(batch.slice(i))
        return
      }
      if (!isLargeRow(row)) this.#take([row])
      else {
        this.#announce()
        const { copy, columns } = this.#prepared
        const encoder = copy === undefined ? this.#portal.encoder(columns!) : this.#copyEncoder
        const written = yield* encoder.writeInSteps(row)
        this.#checkRoom(written.end)
        this.#client.outbox.append(written)
        this.#sent++
      }
      if (this.#isFull()) yield this.#room()
    }
  }

  /** As many rows as were asked for have been written. */
  get #isComplete(): boolean {
    return this.#options.maxRows > 0 && this.#sent >= this.#options.maxRows
  }

  get #copyEncoder(): CopyEncoder | CopyBinaryEncoder {
    const { lines, binary } = this.#prepared.copy!
    return (this.#copyRows ??= binary === undefined ? new CopyEncoder(lines!) : new CopyBinaryEncoder(binary))
  }

  /** For a later Execute. */
  *#keep(rows: readonly Row[]): StatementSteps<void> {
    if (rows.length === 0) return
    const rest = (this.#portal.rest ??= openWaitingRows(this.#client))
    for (const row of rows) {
      const written = rest.put(row as SqlValue[])
      if (written !== undefined) yield written
    }
  }

  #isFull(): boolean {
    return this.#client.outbox.pendingBytes >= this.#client.limits.maxPendingOutputBytes
  }

  #room(): Wait {
    this.#client.outbox.flush()
    return this.#client.outbox.roomBelow(this.#client.limits.maxPendingOutputBytes)
  }

  /** Before any of it leaves: then the statement can still end with an error. */
  #checkRoom(bytes = 0): void {
    if (this.#client.outbox.hasRoomFor(bytes)) return
    throw sqlError(
      'out_of_memory',
      '53200',
      'out of memory: there is no room for the rows that the client has not taken',
    )
  }

  /** Writes them; those that were not asked for are left over. */
  #take(batch: readonly Row[]): readonly Row[] {
    this.#announce()
    const { columns, copy } = this.#prepared
    const { writer } = this.#client.outbox
    if (copy !== undefined) {
      for (const row of batch) this.#copyEncoder.write(row, writer)
      this.#checkRoom()
      this.#sent += batch.length
      return []
    }
    if (columns === undefined) return []
    const encoder = this.#portal.encoder(columns)
    const { maxRows } = this.#options
    const wanted = maxRows > 0 && maxRows - this.#sent < batch.length ? batch.slice(0, maxRows - this.#sent) : batch
    for (const row of wanted) encoder.write(row, writer)
    this.#checkRoom()
    this.#sent += wanted.length
    return wanted === batch ? [] : batch.slice(wanted.length)
  }

  #complete(): void {
    this.#announce()
    const { writer } = this.#client.outbox
    const execution = this.#execution!
    for (const notice of this.#notices) this.#client.notice(notice)
    if (this.#prepared.copy !== undefined) {
      this.#copyEncoder.trailer(writer)
      copyDone(writer)
    }
    if (this.#isComplete && this.#prepared.columns !== undefined) {
      this.#portal.rest ??= openWaitingRows(this.#client)
      portalSuspended(writer)
      return
    }
    this.#portal.isDone = true
    this.#client.grants.done(this.#prepared.command, this.#statement.parsed?.text ?? '')
    const start = writer.end
    commandComplete(writer, commandTag(this.#prepared.command, execution.rowCount))
    if (this.#prepared.columns === undefined) this.#client.noteBare(start)
  }

  /** A later Execute of a portal that has rows left, or none. */
  #sendRest(rest: WaitingRows | undefined): void | Promise<void> {
    const { outbox } = this.#client
    const { maxRows } = this.#options
    this.#isAnnounced = true
    const done = (written: number): void => {
      if (maxRows > 0 && written === maxRows) {
        portalSuspended(outbox.writer)
        return
      }
      this.#portal.isDone = true
      rest?.close()
      this.#portal.rest = undefined
      commandComplete(outbox.writer, commandTag(this.#prepared.command, written))
    }
    if (rest === undefined) return done(0)
    const { columns } = this.#prepared
    const write = (rows: readonly Row[]): void | Promise<void> => {
      return writeRows(this.#client, this.#portal.encoder(columns!), rows)
    }
    return writeWaiting(this.#client, rest, maxRows === 0 ? Infinity : maxRows, write, done)
  }
}

const countedCommands: ReadonlySet<string> = new Set(['SELECT', 'UPDATE', 'DELETE', 'MERGE', 'COPY', 'FETCH', 'MOVE'])

function commandTag(command: string, rowCount: number): string {
  if (command === 'INSERT') return `INSERT 0 ${rowCount}`
  return countedCommands.has(command) ? `${command} ${rowCount}` : command
}

/** Of a statement that was prepared before, and is prepared anew because the catalog has changed. */
export function checkSameColumns(fresh: PreparedStatement, before: PreparedStatement): void {
  if (sameColumns(fresh, before)) return
  throw sqlError('unsupported', '0A000', 'cached plan must not change result type')
}

function sameColumns(a: PreparedStatement, b: PreparedStatement): boolean {
  if (a === b || a.columns === b.columns) return true
  if (a.columns === undefined || b.columns === undefined || a.columns.length !== b.columns.length) return false
  return a.columns.every(({ name, typeOid, typeModifier }, i) => {
    const other = b.columns![i]!
    return (
      name === other.name && shownNumber(typeOid) === shownNumber(other.typeOid) && typeModifier === other.typeModifier
    )
  })
}
