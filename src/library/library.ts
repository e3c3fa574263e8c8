/**
 * The embedded API: a door like the others, in the caller's own process.
 *
 * A callback gets a transaction; everything that it does there happens together or not at all.
 *
 * Invariants: no argument reaches the layers below that has not been looked at (`arguments.ts`); no value is stored that is
 * not exactly what was passed, and it comes back as that (`sql-parameters.ts`, `sql-results.ts`, `document-values.ts`;
 * docs/values.md shows the tables).
 */
import { PolylogError } from '../base/errors.ts'
import { type Moment, parseMoment } from '../base/moment.ts'
import type { Isolation } from '../database/contract.ts'
import type { Database } from '../database/database.ts'
import type { FeedOptions, FeedTransaction } from '../database/following/feed.ts'
import type { DatabaseReport } from '../database/verification/verify.ts'
import { consumerKinds } from '../database/following/consumers.ts'
import type { ConsumerOptions, ConsumerStatus } from '../database/following/log-use.ts'
import type { Host } from '../host/host.ts'
import { isLongText } from '../language/sql/sql.ts'
import type { BeginOptions, Outcome, Session } from '../session/contract.ts'
import { Sessions } from '../session/sessions.ts'
import { verifyDatabase } from '../session/verification.ts'
import {
  check,
  checkBoolean,
  checkFunction,
  checkInteger,
  checkOneOf,
  checkOptions,
  checkString,
  invalidArgument,
  isWellFormed,
  type Check,
} from './arguments.ts'
import { EmbeddedConsumer } from './consumer.ts'
import { Documents } from './documents.ts'
import { follow } from './follow.ts'
import { Keys } from './keys.ts'
import { runSql, type SqlRow } from './sql.ts'

export interface WriteOptions {
  /** Default: serializable. */
  readonly isolation?: Isolation
  /** How often a transaction that met a conflict is run again before its error is thrown. Default 50. */
  readonly retries?: number
}

const checkRetries = checkInteger(0)
const checkWrite = checkOptions({
  isolation: checkOneOf('read committed', 'repeatable read', 'serializable'),
  retries: (what, value) => {
    if (value !== Infinity) checkRetries(what, value)
  },
})

/** The first sequence is 1. */
const checkFrom = checkInteger(1)

const checkFeed = checkOptions({
  from: checkFrom,
  to: checkInteger(0),
  follow: checkBoolean,
  signal: check((value) => value instanceof AbortSignal, 'an AbortSignal'),
})

const checkConsumer = checkOptions({
  kind: checkOneOf(...consumerKinds),
  from: checkFrom,
  maxLagBytes: checkInteger(0),
})

const checkName: Check = check(
  (value) => typeof value === 'string' && value !== '' && isWellFormed(value) && !value.includes('\0'),
  'a name',
)

/** Redis has 16 databases, and clients of its door reach no others. */
const checkRedisDatabase = checkInteger(0, 15)

const momentForms = 'a sequence, a Date, or a text as "2026-03-01 12:00Z" or "-10m"'

function momentOf(when: unknown): Moment {
  if (typeof when === 'number' && Number.isSafeInteger(when) && when >= 0) return { kind: 'sequence', sequence: when }
  if (when instanceof Date && !Number.isNaN(when.getTime())) return { kind: 'time', timeMs: when.getTime() }
  const moment = typeof when === 'string' ? parseMoment(when) : undefined
  if (moment === undefined) throw invalidArgument(`at takes ${momentForms}`)
  return moment
}

/** What a transaction offers; it holds until the callback that got it has ended. */
export class EmbeddedTransaction {
  readonly #host: Host
  readonly #session: Session
  #longSql: Promise<void> | undefined

  constructor(host: Host, session: Session) {
    this.#host = host
    this.#session = session
  }

  /**
   * Runs one statement of SQL; `$1` is the first parameter. Rows by column name. docs/values.md ("In your process") says
   * which values each type takes and what they come back as. Parameters must not change until it is done. Errors:
   * `PolylogError`, with `invalid_argument` for a parameter that is not exactly a value of its type.
   */
  async sql(text: string, parameters: readonly unknown[] = []): Promise<SqlRow[]> {
    checkString('the text of a statement', text)
    const run = (): Promise<SqlRow[]> => runSql(this.#host, this.#session, text, parameters)
    const result = this.#longSql === undefined ? run() : this.#longSql.then(run)
    if (this.#longSql !== undefined || isLongText(text)) this.#keepOrder(result)
    return result
  }

  /** A long text is parsed elsewhere: short ones behind it must not overtake it. */
  #keepOrder(result: Promise<unknown>): void {
    const ended = (): void => {
      if (this.#longSql === settled) this.#longSql = undefined
    }
    const settled: Promise<void> = result.then(ended, ended)
    this.#longSql = settled
  }

  /** The documents of `namespace.name`; the collection begins with its first write. */
  documents(namespace: string, name: string): Documents {
    checkName('the namespace of documents', namespace)
    checkName('the name of documents', name)
    return new Documents(this.#session, namespace, name)
  }

  /** Redis's database `number`, 0 to 15. */
  keys(number = 0): Keys {
    checkRedisDatabase('the number of keys', number)
    return new Keys(this.#session, number)
  }

  /** Text with which clients of other doors join this transaction. */
  token(): string {
    return this.#session.token()
  }
}

/** One state of the database, kept until it is released. */
export class PinnedSnapshot extends EmbeddedTransaction {
  readonly #release: () => void

  constructor(host: Host, session: Session, release: () => void) {
    super(host, session)
    this.#release = release
  }

  release(): void {
    this.#release()
  }
}

const defaultRetries = 50

export class EmbeddedDatabase {
  readonly sessions: Sessions
  #newest: Database
  readonly #close: () => Promise<void>
  #closing: Promise<void> | undefined

  constructor(database: Database, sessions: Sessions, close: () => Promise<void>) {
    this.#newest = database
    this.sessions = sessions
    this.#close = close
  }

  /** The one that goes on, where one has stepped down. */
  get #database(): Database {
    while (this.#newest.successor !== undefined) this.#newest = this.#newest.successor
    return this.#newest
  }

  /**
   * Runs `callback` in a transaction, commits, and resolves when the commit is durable. Runs it again after a conflict, so
   * it must not have effects outside of the transaction. What it throws rolls back and is thrown, once what it has seen is
   * durable: it may tell of that. Errors: `outcome_unknown`, `disk_full` where what was committed or seen is lost.
   */
  async write<T>(callback: (tx: EmbeddedTransaction) => T | Promise<T>, options: WriteOptions = {}): Promise<T> {
    checkFunction('the callback of write', callback)
    checkWrite('the options of write', options)
    const retries = options.retries ?? defaultRetries
    const isolation = options.isolation ?? 'serializable'
    for (let attempt = 0; ; attempt++) {
      const session = this.#openSession()
      const database = this.#database
      const { returns } = database
      try {
        return await this.#attempt(session, callback, { isolation })
      } catch (error) {
        if (!(error instanceof PolylogError && error.retryable) || attempt >= retries) {
          throw await this.#heldBack(error, session, database, returns)
        }
      }
    }
  }

  /** Runs `callback` on one state of the database; settles, either way, when what it has seen is durable. */
  async read<T>(callback: (snapshot: EmbeddedTransaction) => T | Promise<T>): Promise<T> {
    checkFunction('the callback of read', callback)
    const session = this.#openSession()
    const database = this.#database
    const { returns } = database
    try {
      return await this.#attempt(session, callback, { isolation: 'repeatable read', readOnly: true })
    } catch (error) {
      throw await this.#heldBack(error, session, database, returns)
    }
  }

  /** Resolves when the commit and what was read is durable. */
  async #attempt<T>(
    session: Session,
    callback: (tx: EmbeddedTransaction) => T | Promise<T>,
    options: BeginOptions,
  ): Promise<T> {
    try {
      session.begin(options)
      const result = await callback(new EmbeddedTransaction(this.sessions.host, session))
      await commitAndClose(session)
      return result
    } finally {
      session.close()
    }
  }

  /**
   * An error may tell of what was seen: it comes when that is durable; where it never will be, this says why. A log that
   * has failed since `returns` was read has taken back what it had not synced, and the session waits for no more of it.
   */
  async #heldBack(error: unknown, session: Session, database: Database, returns: number): Promise<unknown> {
    const { failure } = database.pipeline
    if (failure !== undefined && database.returns !== returns) return failure
    return durable(session).then(
      () => error,
      (loss: unknown) => loss,
    )
  }

  #openSession(): Session {
    this.checkOpen()
    return this.sessions.openSession({ user: 'library', door: 'library', database: this.#database.name })
  }

  /** The present state, for reading until `release`; nothing in it can be lost any more. What it pins is not freed meanwhile. */
  async snapshot(): Promise<PinnedSnapshot> {
    const session = this.#openSession()
    session.begin({ isolation: 'repeatable read', readOnly: true })
    await session.run(() => undefined)
    await durable(session).catch((error: unknown) => {
      session.close()
      throw error
    })
    return new PinnedSnapshot(this.sessions.host, session, () => session.close())
  }

  /**
   * What the database held before, for reading until `release`: after the transaction of a sequence, or at a time, as a
   * `Date` or a text (`2026-03-01 12:00Z`, `-10m`: so long ago). Errors: `trimmed` where that is not kept any more (see
   * `history` of `open`), `out_of_range` for a sequence that was never committed, `invalid_argument`.
   */
  async at(when: number | Date | string): Promise<PinnedSnapshot> {
    const moment = momentOf(when)
    const session = this.#openSession()
    try {
      await session.lookBack(moment)
      session.begin({ isolation: 'repeatable read' })
      await session.run(() => undefined)
    } catch (error) {
      session.close()
      throw error
    }
    return new PinnedSnapshot(this.sessions.host, session, () => session.close())
  }

  /** A database of its own, in memory, that begins with this one's state; its writes are not seen here, nor ours there. */
  async fork(): Promise<EmbeddedDatabase> {
    this.checkOpen()
    const database = await this.#database.fork(this.#database.name)
    const databases = new Map([[database.name, database]])
    const { principals } = this.sessions
    const options = { defaultDatabase: database.name, durability: 'memory', principals } as const
    const sessions = new Sessions(database.host, () => databases, options)
    return new EmbeddedDatabase(database, sessions, async () => {
      sessions.close()
      await database.close()
    })
  }

  /**
   * Recomputes everything that is derived, on one snapshot and beside all other work, and reads the log and the checkpoint
   * again. Each difference is named; none is how it should be.
   */
  verify(): Promise<DatabaseReport> {
    this.checkOpen()
    return verifyDatabase(this.sessions, this.#database)
  }

  /**
   * Committed transactions from a sequence on, in order, each when it is synced; one of many changes in parts, of which all
   * but the last say `continues`. Errors: `trimmed`, `data_corrupted`, `io_error`.
   */
  feed(options: FeedOptions): AsyncIterable<FeedTransaction> {
    this.checkOpen()
    checkFeed('the options of feed', options)
    checkFrom('"from" of the options of feed', options.from)
    return follow(this.#database.feed(options))
  }

  /**
   * A named consumer of the log: what it has not had is kept for it, also while it is away and over restarts, up to
   * `maxLagBytes` (default: 1 GiB). Errors: `duplicate_object`, `trimmed` where the log does not have `from` any more.
   */
  async createConsumer(name: string, options: ConsumerOptions = {}): Promise<EmbeddedConsumer> {
    this.checkOpen()
    checkName('the name of a consumer', name)
    checkConsumer('the options of createConsumer', options)
    await this.#database.logUse.register(name, options)
    return this.consumer(name)
  }

  /** Errors: `undefined_object`. */
  consumer(name: string): EmbeddedConsumer {
    this.checkOpen()
    checkName('the name of a consumer', name)
    this.#database.logUse.consumer(name)
    return new EmbeddedConsumer(name, () => this.#database)
  }

  /** All of them, as `polylog.consumers` shows them. */
  get consumers(): ConsumerStatus[] {
    return this.#database.logUse.consumers
  }

  /**
   * The newest committed sequence, which need not be durable yet: who stores a place in the feed takes `sequence` of
   * `polylog.snapshot` within `read`.
   */
  get sequence(): number {
    return this.#database.logPosition
  }

  /** Throws `shutting_down` once `close` was called. */
  checkOpen(): void {
    if (this.#closing !== undefined) throw new PolylogError('shutting_down', 'the database is closed')
  }

  /** What is open is rolled back. A second call does no more. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * Closes at once, so that what the callback has left running cannot run outside of its transaction, and waits for the log
 * from then on: a state that goes back later is one that this has seen.
 */
function commitAndClose(session: Session): Promise<void> {
  const decided = (outcome: Outcome): Promise<void> => {
    session.close()
    if (outcome === 'committed') return durable(session)
    throw new PolylogError('transaction_aborted', 'the transaction was rolled back')
  }
  const deciding = session.commit()
  return deciding instanceof Promise ? deciding.then(decided) : decided(deciding)
}

function durable(session: Session): Promise<void> {
  return new Promise((resolve, reject) => {
    session.durabilityWatch.whenDurable(session.seen, session.durability, (error) => {
      if (error === undefined) resolve()
      else reject(error)
    })
  })
}
