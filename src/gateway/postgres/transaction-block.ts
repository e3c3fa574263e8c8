/**
 * PostgreSQL's transaction blocks over a session.
 *
 *   none      each statement is a transaction of its own
 *   implicit  several statements of one query string, or of one pipeline up to Sync, without BEGIN
 *   explicit  from BEGIN to COMMIT or ROLLBACK; one that failed answers 25P02 until then
 *
 * An error fails the block: an implicit one is rolled back when its end comes, an explicit one when the client says so,
 * or back to a savepoint. A joined block belongs to a transaction that another party began: its COMMIT waits for what
 * that party decides and tells the truth about it.
 */
import type { Statement } from '../../database/contract.ts'
import type { BeginOptions, Outcome, Session } from '../../session/contract.ts'
import type { StopOptions, TransactionEnd } from '../../language/sql/routine/standing-alone.ts'
import type { PendingChanges } from '../../principal/pending-changes.ts'
import { abortedBlock, mixedBlock, sqlError } from './errors.ts'
import { after, afterDone } from './language.ts'
import type { Settings, SettingsState } from './settings.ts'
import type { ReadyStatus, WireNotice } from './wire.ts'

interface Savepoint {
  readonly name: string
  readonly settings: SettingsState
  readonly names: NamesMark
}

/** How many have been made. */
export interface NamesMark {
  readonly portals: number
  readonly cursors: number
  /** Privileges given or taken that the audit has to hear of. */
  readonly grants: number
  /** Changes of roles. */
  readonly roles: number
}

/** What the client has named in the transaction, and what it is told. */
export interface BlockClient {
  notice(notice: WireNotice): void
  /** A transaction is over: cursors and portals go with it. */
  transactionEnded(outcome: Outcome): void
  /** What the block has said of roles: done with its COMMIT. */
  readonly pendingRoles: PendingChanges | undefined
  /** For `namesBack`: its cursors and portals by now. */
  readonly namesMark: NamesMark
  /** Those that were made since go. */
  namesBack(mark: NamesMark): void
}

export class TransactionBlock {
  readonly #session: Session
  readonly #settings: Settings
  readonly #client: BlockClient
  kind: 'none' | 'implicit' | 'explicit' = 'none'
  /** No statement has run in it yet: joining is still possible. */
  isFresh = true
  #settingsBefore: SettingsState
  #savepoints: Savepoint[] = []

  constructor(session: Session, settings: Settings, client: BlockClient) {
    this.#session = session
    this.#settings = settings
    this.#client = client
    this.#settingsBefore = settings.state
  }

  get status(): ReadyStatus {
    if (this.kind === 'none') return 'I'
    return this.#session.status === 'failed' ? 'E' : 'T'
  }

  get isFailed(): boolean {
    return this.kind !== 'none' && this.#session.status === 'failed'
  }

  beginImplicit(): void {
    this.#begin('implicit', {})
  }

  #begin(kind: 'implicit' | 'explicit', options: BeginOptions): void {
    const all = { ...this.#defaults(), ...options }
    this.#session.begin(all)
    this.kind = kind
    this.isFresh = true
    this.#savepoints = []
    this.#settingsBefore = this.#settings.state
  }

  #defaults(): BeginOptions {
    return this.#settings.get('default_transaction_read_only') === 'on' ? { readOnly: true } : {}
  }

  begin(options: BeginOptions): void {
    if (this.kind === 'explicit') {
      this.#client.notice(warning('25001', 'there is already a transaction in progress'))
      // What it asks for is asked of the transaction in progress.
      if (options.isolation !== undefined || options.readOnly !== undefined) this.configure(options)
      return
    }
    if (this.kind === 'none') {
      this.#begin('explicit', options)
      return
    }
    if (options.isolation !== undefined || options.readOnly !== undefined) this.configure(options)
    this.kind = 'explicit'
  }

  /** SET TRANSACTION. */
  configure(options: BeginOptions): void {
    if (this.kind === 'none') {
      this.#client.notice(warning('25P01', 'SET TRANSACTION can only be used in transaction blocks'))
      return
    }
    this.#session.configure(options)
  }

  /** Answers the command's tag: ROLLBACK where nothing was committed. */
  commit(chain: boolean): string | Promise<string> {
    this.#warnOutside('COMMIT', chain)
    if (this.kind === 'none') return 'COMMIT'
    const next = this.#nextOf(chain)
    return after(this.#finish(), (outcome) => {
      if (next !== undefined) this.#begin('explicit', next)
      return outcome === 'committed' ? 'COMMIT' : 'ROLLBACK'
    })
  }

  /** PREPARE TRANSACTION. Answers ROLLBACK where nothing was prepared. */
  prepare(gid: string, check: Statement<void>): string | undefined | Promise<string | undefined> {
    this.#warnOutside('PREPARE TRANSACTION', false)
    if (this.kind === 'none') return 'ROLLBACK'
    const ended = this.#endBy(() => this.#session.prepareTransaction(gid, check))
    return after(ended, (outcome) => (outcome === 'committed' ? undefined : 'ROLLBACK'))
  }

  #warnOutside(command: string, chain: boolean): void {
    if (this.kind === 'explicit') return
    if (chain) throw sqlError('no_transaction', '25P01', `${command} AND CHAIN can only be used in transaction blocks`)
    this.#client.notice(warning('25P01', 'there is no transaction in progress'))
  }

  /** AND CHAIN: the next transaction has the characteristics of the one that ends. */
  #nextOf(chain: boolean): BeginOptions | undefined {
    const { isolation, readOnly } = this.#session
    return chain ? { isolation, readOnly } : undefined
  }

  #finish(): Outcome | Promise<Outcome> {
    const { pendingRoles } = this.#client
    if (pendingRoles !== undefined) return this.#finishWithRoles(pendingRoles)
    return this.#endBy(() => this.#session.commit())
  }

  #endBy(end: () => Outcome | Promise<Outcome>): Outcome | Promise<Outcome> {
    let result: Outcome | Promise<Outcome>
    try {
      result = end()
    } catch (error) {
      this.#ended('aborted')
      throw error
    }
    if (!(result instanceof Promise)) return this.#ended(result)
    return result.then(
      (outcome) => this.#ended(outcome),
      (error: unknown) => {
        this.#ended('aborted')
        throw error
      },
    )
  }

  /** Two logs cannot be written to at once: who has changed roles has changed nothing else. */
  async #finishWithRoles(roles: PendingChanges): Promise<Outcome> {
    try {
      const isMixed = roles.mark > 0 && this.#session.hasWritten && this.#session.status === 'open'
      if (isMixed) {
        await this.#session.rollback()
        throw mixedBlock('COMMIT', 'both roles and data')
      }
      const outcome = await this.#session.commit()
      if (outcome === 'committed') await roles.commit()
      return this.#ended(outcome)
    } catch (error) {
      this.#ended('aborted')
      throw error
    }
  }

  #ended(outcome: Outcome): Outcome {
    this.kind = 'none'
    this.#savepoints = []
    if (outcome === 'committed') this.#settings.dropLocal()
    else this.#settings.restore(this.#settingsBefore)
    this.#client.transactionEnded(outcome)
    return outcome
  }

  rollback(chain: boolean): string | Promise<string> {
    this.#warnOutside('ROLLBACK', chain)
    if (this.kind === 'none') return 'ROLLBACK'
    const next = this.#nextOf(chain)
    return after(this.abandon(), () => {
      if (next !== undefined) this.#begin('explicit', next)
      return 'ROLLBACK'
    })
  }

  /** Rolls back whatever is open. */
  abandon(): void | Promise<void> {
    if (this.kind === 'none') return undefined
    return after(this.#session.rollback(), () => void this.#ended('aborted'))
  }

  /** The end of a query string or pipeline: commits an implicit block, or rolls it back where it failed. */
  endImplicit(): void | Promise<void> {
    if (this.kind !== 'implicit') return undefined
    if (this.#session.status === 'failed') return this.abandon()
    return after(this.#finish(), () => undefined)
  }

  /** COMMIT or ROLLBACK of what stands alone, which goes on in the next transaction. */
  endWithin({ isCommit, isChained }: TransactionEnd): void | Promise<void> {
    const next = this.#nextOf(isChained) ?? {}
    const ended = isCommit ? this.#finish() : this.abandon()
    return after<Outcome | void, void>(ended, () => this.#begin('implicit', next))
  }

  /** After an error of a statement. */
  fail(): void {
    if (this.kind !== 'none' && this.#session.status === 'open') this.#session.fail()
  }

  checkNotFailed(): void {
    if (this.isFailed) throw abortedBlock()
  }

  savepoint(name: string): void | Promise<void> {
    this.#needExplicit('SAVEPOINT')
    return after(this.#session.savepoint(name), () => {
      this.#savepoints.push({ name, settings: this.#settings.state, names: this.#client.namesMark })
    })
  }

  rollbackTo(name: string): void | Promise<void> {
    this.#needExplicit('ROLLBACK TO SAVEPOINT')
    return afterDone(this.#session.rollbackTo(name), () => {
      const position = this.#savepoints.findLastIndex((one) => one.name === name)
      const found = this.#savepoints[position]
      if (found === undefined) return
      this.#settings.restore(found.settings)
      this.#client.namesBack(found.names)
      this.#savepoints.length = position + 1
    })
  }

  release(name: string): void | Promise<void> {
    this.#needExplicit('RELEASE SAVEPOINT')
    return afterDone(this.#session.releaseSavepoint(name), () => {
      const position = this.#savepoints.findLastIndex((one) => one.name === name)
      if (position >= 0) this.#savepoints.length = position
    })
  }

  #needExplicit(command: string): void {
    if (this.kind === 'explicit') return
    throw sqlError('no_transaction', '25P01', `${command} can only be used in transaction blocks`)
  }

  /**
   * SELECT polylog_join(token): this block becomes a part of the transaction that the token names. What BEGIN said of
   * reading only holds for this party.
   */
  join(token: string): void | Promise<void> {
    if (this.kind !== 'explicit') {
      const message = 'polylog_join can only be used in transaction blocks'
      throw sqlError('no_transaction', '25P01', message, 'Send BEGIN first.')
    }
    if (!this.isFresh) {
      const message = 'polylog_join must be called before any query'
      throw sqlError('active_transaction', '25001', message, 'It comes first after BEGIN.')
    }
    const { readOnly } = this.#session
    return afterDone(this.#session.rollback(), () => {
      try {
        this.#session.join(token)
        if (readOnly) this.#session.configure({ readOnly })
      } catch (error) {
        // The block that BEGIN opened goes on as a failed one, until the client ends it.
        this.#session.begin()
        this.#session.fail()
        throw error
      }
    })
  }
}

/** Of what a statement says of a transaction. */
export function transactionOptions({ isolation, readOnly }: StopOptions['configures'] & object): BeginOptions {
  return { ...(isolation === undefined ? {} : { isolation }), ...(readOnly === undefined ? {} : { readOnly }) }
}

function warning(sqlState: string, message: string): WireNotice {
  return { severity: 'WARNING', sqlState, message }
}
