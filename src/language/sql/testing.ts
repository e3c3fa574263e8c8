/**
 * A SQL session straight over a database in memory, and its results as text, for the tests of this folder and of doors.
 * Nothing outside of tests imports this.
 */
import { nobody } from '../../database/nobody.ts'
import { PolylogError } from '../../base/errors.ts'
import type { Catalog } from '../../database/catalog/catalog.ts'
import { Elsewhere, LockWait, Restart, type Principal, type Wait } from '../../database/contract.ts'
import type { Database } from '../../database/database.ts'
import { isOutdated } from '../../database/transaction/isolation.ts'
import type { KernelTransaction } from '../../database/transaction/transaction.ts'
import { isMiss } from '../../storage/store.ts'
import { getType } from '../../model/table/types/registry.ts'
import {
  type Execution,
  type ParsedStatement,
  paused,
  type PreparedStatement,
  type Row,
  type SqlContext,
  type SqlValue,
} from './contract.ts'
import { splitSearchPath } from './settings/settings.ts'
import { Progress } from './progress.ts'
import { parse, prepare, prepareSteps } from './sql.ts'

export interface SqlResult {
  readonly prepared: PreparedStatement
  readonly rows: readonly Row[]
  readonly rowCount: number
  readonly notices: readonly string[]
}

export class TestSql {
  readonly #database: Database
  readonly #settings = new Map<string, string>()
  readonly #named = new Map<string, PreparedStatement>()
  #open: KernelTransaction | undefined
  #failed = false
  readonly #pausesAlways: boolean

  readonly #mostBatches: number

  /**
   * `pausesAlways`: every slice is over at once, and so is every turn of binding, which must change no answer.
   * `mostBatches`: of rows and of pauses; then a statement is canceled.
   */
  constructor(database: Database, pausesAlways = false, mostBatches: number = Infinity) {
    this.#database = database
    this.#pausesAlways = pausesAlways
    this.#mostBatches = mostBatches
    this.#context = this.#makeContext()
  }

  readonly #principal: Principal = {
    ...nobody,
    user: 'postgres',
    database: 'postgres',
    sessionId: 1,
    token: () => 'token',
  }
  #catalog: Catalog | undefined
  readonly #context: { -readonly [K in keyof SqlContext]: SqlContext[K] }

  context(transaction?: KernelTransaction): SqlContext {
    const source = transaction ?? this.#open ?? this.#begin()
    this.#catalog = source.catalog
    this.#context.searchPath = splitSearchPath(this.#settings.get('search_path') ?? '"$user", public')
    if (transaction === undefined && this.#open === undefined) source.rollback()
    return this.#context
  }

  #makeContext(): SqlContext {
    this.#catalog = this.#begin().catalog
    const catalog = (): Catalog => this.#catalog!
    return {
      // Doors give the catalog by a getter, too.
      get catalog(): Catalog {
        return catalog()
      },
      user: 'postgres',
      database: 'postgres',
      searchPath: [],
      getSetting: (name) => this.#settings.get(name),
      setSetting: (name, value) => {
        if (value === undefined) this.#settings.delete(name)
        else this.#settings.set(name, value)
      },
      transactionToken: () => 'token',
      backendId: 1,
    }
  }

  async query(text: string, parameters: readonly SqlValue[] = [], types: readonly number[] = []): Promise<SqlResult> {
    let last: SqlResult | undefined
    for (const statement of parse(text)) {
      if (this.#failed && !/^\s*rollback/i.test(statement.text)) {
        throw new PolylogError(
          'transaction_aborted',
          'current transaction is aborted, commands ignored until end of transaction block',
        )
      }
      try {
        const prepared = this.#prepare(statement, types)
        last = await this.#perform(prepared, parameters)
      } catch (error) {
        if (this.#open !== undefined) this.#failed = true
        throw error
      }
    }
    return last!
  }

  #prepare(statement: ParsedStatement, types: readonly number[]): PreparedStatement {
    if (!this.#pausesAlways) return prepare(statement, this.context(), types)
    const progress = new Progress({ elements: 1, openWeight: 8 })
    const steps = prepareSteps(statement, this.context(), types, progress)
    for (;;) {
      const step = steps.next()
      if (step.done === true) return step.value
    }
  }

  /** Runs what was prepared elsewhere. */
  perform(prepared: PreparedStatement, parameters: readonly SqlValue[] = []): Promise<SqlResult> {
    return this.#perform(prepared, parameters)
  }

  async #perform(prepared: PreparedStatement, parameters: readonly SqlValue[]): Promise<SqlResult> {
    const { effect } = prepared
    const done = { prepared, rows: [], rowCount: 0, notices: [] }
    switch (effect.kind) {
      case 'begin':
        // One that is open stays so, as at the door.
        this.#open ??= this.#database.begin({
          isolation: effect.isolation ?? 'read committed',
          readOnly: false,
          interactive: true,
        })
        return done
      case 'commit':
      case 'rollback': {
        const open = this.#open
        this.#open = undefined
        const isFailed = this.#failed
        this.#failed = false
        if (effect.kind === 'rollback' || isFailed) open?.rollback()
        else if (open !== undefined) await this.#commit(open)
        return done
      }
      case 'prepare':
        this.#named.set(effect.name, this.#prepare(effect.statement, effect.parameterTypes))
        return done
      case 'execute': {
        const target = this.#named.get(effect.name)
        if (target === undefined) throw new PolylogError('undefined_object', `there is no statement "${effect.name}"`)
        const open = this.#open ?? this.#begin()
        return this.#perform(target, effect.parameters(target, this.context(), open))
      }
      default:
        return this.#run(prepared, prepared.execute(parameters))
    }
  }

  async #commit(transaction: KernelTransaction): Promise<void> {
    try {
      if (transaction.transactionEnd() !== undefined) {
        transaction.beginStatement()
        for (const pause of transaction.agenda.runTransactionEnd()) await pause
      }
      await transaction.commit()
    } catch (error) {
      transaction.rollback()
      throw error
    }
  }

  #begin(): KernelTransaction {
    return this.#database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  }

  async #run(prepared: PreparedStatement, execution: Execution): Promise<SqlResult> {
    const transaction = this.#open ?? this.#begin()
    try {
      const rows = await this.#drive(transaction, execution)
      if (this.#open === undefined) await transaction.commit()
      else transaction.leaveTurn(false)
      const notices = execution.notices.map(({ severity, message }) => `${severity}:  ${message}`)
      return { prepared, rows, rowCount: execution.rowCount, notices }
    } catch (error) {
      if (this.#open === undefined) transaction.rollback()
      throw error
    }
  }

  async #drive(transaction: KernelTransaction, execution: Execution): Promise<Row[]> {
    const start = transaction.beginStatement()
    transaction.principal = this.#principal
    const context = this.context(transaction)
    const { slice } = transaction
    if (this.#pausesAlways)
      Object.defineProperty(transaction, 'slice', { value: { spend: () => true }, configurable: true })
    try {
      const rows: Row[] = []
      for (let left = this.#mostBatches; ; left--) {
        if (left === 0) throw new PolylogError('canceled', 'canceling statement: it gives too many rows')
        const batch = execution.next(transaction, context)
        if (batch === undefined) {
          for (const wait of transaction.statementEnd() ?? []) await this.#waitFor(transaction, wait)
          return rows
        }
        if (batch === paused) {
          await this.#waitFor(transaction, execution.waitFor)
          slice.renew()
        } else rows.push(...batch)
      }
    } catch (error) {
      transaction.endStatement()
      transaction.rollbackTo(start)
      if (!(error instanceof Restart)) throw error
      transaction.interleave()
      execution.reset()
      return this.#drive(transaction, execution)
    } finally {
      if (this.#pausesAlways)
        Object.defineProperty(transaction, 'slice', { value: slice, configurable: true, writable: true })
      transaction.endStatement()
    }
  }

  async #waitFor(transaction: KernelTransaction, wait: Wait): Promise<void> {
    if (wait === undefined) return
    transaction.leaveTurn(true)
    if (wait instanceof LockWait) {
      await wait.granted
      if (isOutdated(transaction, wait)) throw new Restart('what it waited for has changed')
    } else if (wait instanceof Elsewhere) await wait.done
    else if (isMiss(wait)) await transaction.load(wait)
    else await wait
  }

  /** As psql shows it without alignment. */
  async show(text: string): Promise<string> {
    try {
      const result = await this.query(text)
      return [...result.notices, ...showRows(result)].join('\n')
    } catch (error) {
      if (!(error instanceof PolylogError)) throw error
      return showError(error)
    }
  }
}

function showRows({ prepared, rows, rowCount }: SqlResult): string[] {
  const { columns, command } = prepared
  if (columns === undefined) {
    const counted = /^(INSERT|UPDATE|DELETE|SELECT|COPY|MERGE)$/.test(command)
    return [counted ? `${command === 'INSERT' ? 'INSERT 0' : command} ${rowCount}` : command]
  }
  const lines = rows.map((row) => row.map((value, i) => showValue(value, columns[i]!.typeOid)).join('|'))
  return [columns.map(({ name }) => name).join('|'), ...lines, `(${rows.length} ${rows.length === 1 ? 'row' : 'rows'})`]
}

function showValue(value: SqlValue, type: number): string {
  if (value === null) return ''
  if (typeof value === 'boolean') return value ? 't' : 'f'
  return getType(type).formatText(value)
}

function showError(error: PolylogError): string {
  const { sqlState, position, detail, hint } = error.detail
  const lines = [`ERROR:  ${sqlState ?? `(${error.code})`}: ${error.message}`]
  if (position !== undefined) lines.push(`POSITION:  ${position}`)
  if (typeof detail === 'string') lines.push(`DETAIL:  ${detail}`)
  if (hint !== undefined) lines.push(`HINT:  ${hint}`)
  return lines.join('\n')
}
