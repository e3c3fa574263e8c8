/**
 * One client: its session, settings, transaction block, and the statements, portals and cursors that it has named.
 *
 * Output of the statement that runs can be taken back as long as nothing of it has left: `markOutput` at its start,
 * `takeBackOutput` when it fails or has to run again.
 */
import type { MemoryAccount } from '../../base/memory-account.ts'
import { durationMs, formatSize } from '../../base/units.ts'
import { inStyle, plainStyle, stepsInStyle, type TextStyle } from '../../model/table/types/text-style.ts'
import type { SqlValue } from '../../model/table/types/value.ts'
import type { Host } from '../../host/host.ts'
import type { Catalog } from '../../database/catalog/catalog.ts'
import { AsOf, asOfSetting } from './as-of.ts'
import { AuditedGrants } from './audited.ts'
import { actAsSet, checkRole } from './acting-role.ts'
import { databaseId } from '../../database/catalog/objects.ts'
import type { Isolation, Statement } from '../../database/contract.ts'
import { isSteps } from '../../database/transaction/wait.ts'
import { textSettings, textStyleOf } from '../../language/sql/settings/text-settings.ts'
import { theServer } from '../../principal/audit.ts'
import type { PendingChanges } from '../../principal/pending-changes.ts'
import type { Principals } from '../../principal/principals.ts'
import { RolesOfBlock } from './roles-of-block.ts'
import type { ParsedStatement, PreparedStatement, SqlContext, StatementEffect } from '../../language/sql/contract.ts'
import type { Outcome, RunOptions, Session, SessionHost } from '../../session/contract.ts'
import type { Outbox } from '../../session/outbox.ts'
import type { GatewayLimits } from '../gateway.ts'
import { BoundedNames } from './bounded-names.ts'
import { ClientContext } from './client-context.ts'
import { sqlError, mixedBlock } from './errors.ts'
import type { Connections, Signaled } from './signals.ts'
import { type Messenger, Notifications } from './notifications.ts'
import type { ParameterInput, SqlLanguage } from './language.ts'
import type { ClientStatement, Cursor, Portal } from './portal.ts'
import type { ReplicationParts } from './replication/commands.ts'
import { reportedSettings, serverSettings } from './server-settings.ts'
import { Settings } from './settings.ts'
import { type BlockClient, type NamesMark, TransactionBlock } from './transaction-block.ts'
import { heldByStatement, shortTextLength } from './statement-bytes.ts'
import { noticeResponse, parameterStatus, type WireNotice } from './wire.ts'

export interface ClientParts {
  readonly session: Session
  readonly sessions: SessionHost
  readonly outbox: Outbox
  readonly language: SqlLanguage
  readonly limits: GatewayLimits
  readonly messenger: Messenger & Connections
}

/** What the data of a COPY goes to. */
export interface CopyTarget {
  /** Takes one message; never throws. */
  receive(type: number, bytes: Uint8Array, start: number, end: number): void | Promise<void>
  /** The statement ends with the error, which may come while the client has sent nothing. */
  fail(error: unknown): void
}

const closePortal = ({ rest }: Portal): void => rest?.close()
const closeCursor = ({ rows }: Cursor): void => rows.close()
const nobodyWaits = (): void => undefined

/** Whether `client_min_messages` keeps it from the client. */
function isBelow(severity: WireNotice['severity'], least = 'notice'): boolean {
  if (severity === 'INFO' || least === 'notice') return false
  return least === 'error' || (least === 'warning' && severity === 'NOTICE')
}

export class Client implements BlockClient {
  readonly session: Session
  readonly host: Host
  readonly outbox: Outbox
  readonly language: SqlLanguage
  readonly limits: GatewayLimits
  readonly settings: Settings
  #rolesOfBlock: RolesOfBlock | undefined
  readonly block: TransactionBlock
  readonly asOf: AsOf
  readonly statements: BoundedNames<ClientStatement>
  readonly portals: BoundedNames<Portal>
  readonly cursors: BoundedNames<Cursor>
  readonly context: SqlContext
  readonly grants: AuditedGrants = new AuditedGrants(this)
  /** Of its temporary relations, once it has had any. */
  temporarySchema: string | undefined
  /** COPY … FROM STDIN is under way and takes the client's messages. */
  copy: CopyTarget | undefined
  /** It may send commands of replication. */
  replication: ReplicationParts | undefined
  /** The query string that is being answered: errors tell places in it. */
  text = ''
  /** What runs, for those who look at what runs. */
  runningText = ''
  onCopy: () => void = nobodyWaits
  readonly #sessions: SessionHost
  /** Of the parameter that another thread reads. */
  #reading: AbortController | undefined
  /** Of the statement that is prepared. */
  #catalog: Catalog | undefined
  /** Where the output of the statement that runs begins, counted from the connection's first byte. */
  #outputMark = 0
  #toReport: Set<string> | undefined
  /** By the settings in force; undefined where they have changed since. */
  #textStyle: TextStyle | undefined = plainStyle
  /** What it was told last, where that is not the default. */
  #reported: Map<string, string> | undefined
  #textMemory: MemoryAccount | undefined
  readonly #messenger: Messenger
  readonly #connections: Connections
  /** Once it has listened to anything. */
  listening: Notifications | undefined

  constructor(parts: ClientParts) {
    this.session = parts.session
    parts.outbox.witness = parts.session
    parts.session.describer = this
    this.host = parts.sessions.host
    this.outbox = parts.outbox
    this.language = parts.language
    this.limits = parts.limits
    const { maxMessageBytes } = parts.limits
    this.statements = new BoundedNames('prepared statements', maxMessageBytes, this.session)
    this.portals = new BoundedNames('portals', maxMessageBytes, this.session, closePortal)
    this.cursors = new BoundedNames('cursors', maxMessageBytes, this.session, closeCursor)
    this.settings = new Settings((name) => this.#settingChanged(name), this.session)
    this.block = new TransactionBlock(this.session, this.settings, this)
    this.asOf = new AsOf(this.session, this.block)
    this.#sessions = parts.sessions
    this.#messenger = parts.messenger
    this.#connections = parts.messenger
    this.context = new ClientContext(this, parts.sessions)
  }

  /** How its statements write values as texts, and read them. */
  describeStatement(): string {
    return this.runningText
  }

  get textStyle(): TextStyle {
    return (this.#textStyle ??= textStyleOf((name) => this.settings.get(name)))
  }

  /** Runs a statement of the session in its style. */
  run<T>(statement: Statement<T>, options?: RunOptions): T | Promise<T> {
    const style = this.textStyle
    if (style === plainStyle) return this.session.run(statement, options)
    return this.session.run((transaction) => {
      const result = inStyle(style, () => statement(transaction))
      return isSteps(result) ? stepsInStyle(style, result) : result
    }, options)
  }

  /** What it listens to. */
  get notifications(): Notifications {
    const { hub, account } = this.session
    return (this.listening ??= new Notifications(this.#messenger, hub, account))
  }

  /** A cursor that has outlived its transaction reads nothing more. */
  isBeingRead(collection: number): boolean {
    return (
      this.portals.some((portal) => portal.reads(collection)) ||
      this.cursors.some(({ isSettled, prepared }) => !isSettled && prepared.uses(collection))
    )
  }

  get catalog(): Catalog {
    return this.#catalog ?? this.session.catalog
  }

  /** With what the open block has changed of them. */
  get rolesInForce(): Principals {
    return this.#rolesOfBlock?.principals ?? this.principals
  }

  get principals(): Principals {
    return this.#sessions.principals
  }

  /** As the open block sees them, and where its changes of them go. Errors: 25001 where it has changed data. */
  rolesFor(command: string): Principals {
    if (this.block.kind === 'none') return this.principals
    if (this.session.hasWritten || this.session.joined) throw mixedBlock(command, 'data')
    this.#rolesOfBlock ??= new RolesOfBlock(this.principals)
    return this.#rolesOfBlock.principals
  }

  otherConnection(session: number): Signaled | undefined {
    return this.#connections.ofSession(session)
  }

  get hasChangedRoles(): boolean {
    return (this.pendingRoles?.mark ?? 0) > 0
  }

  get pendingRoles(): PendingChanges | undefined {
    return this.#rolesOfBlock?.pending
  }

  async createDatabase({
    name,
    connectionLimit,
  }: Extract<StatementEffect, { kind: 'create database' }>): Promise<void> {
    const { rights } = this.session
    if (rights.member !== undefined && !rights.member.createsDatabases) {
      throw sqlError('denied', '42501', 'permission denied to create database')
    }
    await this.#sessions.createDatabase(name, this.session.identity.roleId)
    if (connectionLimit !== undefined) await this.principals.limitDatabase(name, connectionLimit, theServer)
  }

  giveDatabase(name: string, to: string): Promise<void> {
    return this.#sessions.giveDatabase(name, to, this.session)
  }

  hasDatabase(name: string): boolean {
    return this.#sessions.databaseNames().includes(name)
  }

  hasOther(database: string): boolean {
    return database !== this.session.database && this.hasDatabase(database)
  }

  /** Durable there when this resolves. */
  async commentOnDatabase(database: string, comment: string | undefined): Promise<void> {
    await this.#sessions.openDatabase(database)
    const { user, door, remote, durability } = this.session
    const there = this.#sessions.openSession({ user, door, remote, durability, database })
    try {
      await there.run((transaction) => transaction.setComment({ id: databaseId }, comment))
      await new Promise<void>((resolve, reject) => {
        there.durabilityWatch.whenDurable(there.seen, there.durability, (error) => (error ? reject(error) : resolve()))
      })
    } finally {
      there.close()
    }
  }

  async dropDatabase({
    name,
    isForced,
    missingOk,
  }: Extract<StatementEffect, { kind: 'drop database' }>): Promise<void> {
    const sessions = this.#sessions
    if (missingOk && !sessions.databaseNames().includes(name)) {
      const message = `database "${name}" does not exist, skipping`
      this.notice({ severity: 'NOTICE', sqlState: '00000', message })
      return
    }
    if (sessions.databaseNames().includes(name)) this.principals.checkOwnsDatabase(name, this.session)
    if (name === this.session.database) {
      throw sqlError('active_transaction', '55006', 'cannot drop the currently open database')
    }
    await sessions.dropDatabase(name, isForced)
  }

  // ---- settings

  getSetting(name: string): string | undefined {
    if (name === 'transaction_isolation') return this.session.isolation
    if (name === 'transaction_read_only') return this.isReadOnly || !this.session.databaseFacts.leads ? 'on' : 'off'
    if (name === 'in_hot_standby') return this.#inHotStandby
    if (name === 'max_connections') return `${this.#sessions.connections.most}`
    if (name === 'max_prepared_transactions') return `${this.session.databaseFacts.preparedTransactions}`
    if (name === 'superuser_reserved_connections') return `${this.#sessions.connections.reserved}`
    return this.settings.get(name) ?? (name === 'work_mem' ? this.#workMemory : serverSettings.get(name))
  }

  /** Where nobody has set it, what the process has for each. */
  get #workMemory(): string | undefined {
    const { operatorBytes } = this.#sessions.memory
    return operatorBytes === Infinity ? undefined : formatSize(1024 * Math.floor(operatorBytes / 1024))
  }

  get #inHotStandby(): 'on' | 'off' {
    return this.session.databaseFacts.leads ? 'off' : 'on'
  }

  /** Of the open block, or of the next statement. */
  get isReadOnly(): boolean {
    if (this.block.kind !== 'none') return this.session.readOnly
    return this.session.lookedBackTo !== undefined || this.settings.get('default_transaction_read_only') === 'on'
  }

  setSetting(name: string, value: string | undefined, scope: 'session' | 'transaction'): void {
    if (value === undefined && name.startsWith('transaction_')) return
    if (name === 'transaction_read_only') {
      this.block.configure({ readOnly: value === 'on' })
      return
    }
    if (name === 'transaction_isolation') {
      this.block.configure({ isolation: isolationOf(value) })
      return
    }
    if (name === asOfSetting) this.asOf.checkMayChange()
    if (value !== undefined) checkRole(this, name, value)
    if (scope === 'transaction' && this.block.kind === 'none') {
      const message = 'SET LOCAL can only be used in transaction blocks'
      this.notice({ severity: 'WARNING', sqlState: '25P01', message })
      return
    }
    // Whoever it becomes, it is that one itself.
    if (name === 'session_authorization') this.settings.set('role', 'none', scope)
    this.settings.set(name, value, scope)
  }

  #settingChanged(name: string): void {
    this.outbox.noteLasting()
    if (reportedSettings.has(name)) (this.#toReport ??= new Set()).add(name)
    const value = this.settings.get(name)
    if (name === 'application_name') this.session.clientName = (value ?? '').slice(0, longestName)
    if (textSettings.has(name)) this.#textStyle = undefined
    if (name === 'role' || name === 'session_authorization') actAsSet(this)
    else if (name === asOfSetting) this.asOf.changed(value)
    else if (name === 'lock_timeout') this.session.ownLimits().lockTimeoutMs = durationMs(value)
    else if (name === 'work_mem') this.session.ownLimits().workMemory = value
    else if (name === 'track_counts') this.session.ownLimits().countsRows = value !== 'off'
    else if (name === 'synchronous_commit') this.session.durability = value === 'off' ? 'written' : 'synced'
    else if (name === 'default_transaction_isolation') {
      this.session.defaultIsolation = value === 'serializable' || value === 'repeatable read' ? value : 'read committed'
    }
  }

  /** All of them, at the start. */
  greet(): void {
    for (const key of reportedSettings.keys()) this.#report(key, this.#reportedValue(key))
    this.#toReport = undefined
  }

  /** Drivers follow some settings without asking; what a client knows is not said again. */
  reportSettings(): void {
    if (this.#known('in_hot_standby') !== this.#inHotStandby) this.#report('in_hot_standby', this.#inHotStandby)
    if (this.#toReport === undefined) return
    for (const key of this.#toReport) {
      const now = this.#reportedValue(key)
      if (this.#known(key) !== now) this.#report(key, now)
    }
    this.#toReport = undefined
  }

  #reportedValue(key: string): string {
    if (key === 'in_hot_standby') return this.#inHotStandby
    return (key === 'session_authorization' ? undefined : this.settings.get(key)) ?? this.#defaultOf(key)
  }

  #defaultOf(key: string): string {
    return key === 'session_authorization' ? this.session.user : reportedSettings.get(key)!.value
  }

  #known(key: string): string {
    return this.#reported?.get(key) ?? this.#defaultOf(key)
  }

  #report(key: string, now: string): void {
    if (now === this.#defaultOf(key)) this.#reported?.delete(key)
    else (this.#reported ??= new Map()).set(key, now)
    parameterStatus(this.outbox.writer, reportedSettings.get(key)!.name, now)
  }

  // ---- output

  notice(notice: WireNotice): void {
    if (isBelow(notice.severity, this.settings.get('client_min_messages'))) return
    noticeResponse(this.outbox.writer, notice)
  }

  markOutput(): void {
    this.#outputMark = this.outbox.flushedBytes + this.outbox.writer.end
  }

  /** What a statement has raised is told even if it fails, in the place of whatever else it has written. */
  tellRaised(notices: readonly WireNotice[]): void {
    if (notices.length === 0) return
    this.takeBackOutput()
    for (const notice of notices) this.notice(notice)
    this.markOutput()
  }

  /** False where some of it has left already. */
  takeBackOutput(): boolean {
    const { outbox } = this
    // Asking for the writer may flush: what the bytes wait for has become another log's.
    void outbox.writer
    if (outbox.flushedBytes > this.#outputMark) return false
    outbox.truncate(this.#outputMark - outbox.flushedBytes)
    return true
  }

  /**
   * What has been written is a tag, or less than one: in a block that is open and goes on, it tells the client no more than
   * that. It has not ended the block.
   */
  noteBare(start: number): void {
    if (this.block.kind === 'explicit' && this.block.status === 'T') this.outbox.noteBare(start)
  }

  // ---- statements

  /** Who cancels or goes away while a worker parses is heard when it has ended. */
  parse(text: string): readonly ParsedStatement[] | Promise<readonly ParsedStatement[]> {
    const heldBytes = text.length < shortTextLength ? 0 : heldByStatement(text)
    if (heldBytes > 0) this.#chargeText(heldBytes)
    const parsed = this.language.parse(this.host, text)
    return parsed instanceof Promise ? this.#unlessCanceled(parsed) : parsed
  }

  /** What was parsed for the message has been answered; what is kept of it is charged by its name. */
  forgetText(): void {
    if (this.#textMemory !== undefined) this.#textMemory.force(0)
  }

  #chargeText(bytes: number): void {
    this.#textMemory ??= this.session.account.child('the text of a statement')
    this.#textMemory.charge(bytes)
  }

  /** Lets others have the thread. */
  pause(): Promise<void> {
    return this.#unlessCanceled(new Promise((resolve) => this.host.turn(resolve)))
  }

  async #unlessCanceled<T>(waiting: Promise<T>): Promise<T> {
    const { session } = this
    const { cancelRequests } = session
    const result = await waiting
    if (session.cancelRequests === cancelRequests) return result
    throw sqlError('canceled', '57014', 'canceling statement due to user request')
  }

  /** A parameter that takes long to read, on another thread. */
  async readElsewhere(input: ParameterInput, given: Uint8Array): Promise<SqlValue> {
    const reading = new AbortController()
    this.#reading = reading
    try {
      return await this.language.readElsewhere(this.host, input, given, reading.signal)
    } catch (error) {
      if (reading.signal.aborted) throw sqlError('canceled', '57014', 'canceling statement due to user request')
      throw error
    } finally {
      this.#reading = undefined
    }
  }

  stopReading(): void {
    this.#reading?.abort()
  }

  /** A promise where the text is long. */
  prepareOn(parsed: ParsedStatement, types: readonly number[]): PreparedStatement | Promise<PreparedStatement> {
    const prepared = this.language.prepareOn(this.host, parsed, this.context, types)
    return prepared instanceof Promise ? this.#unlessCanceled(prepared) : prepared
  }

  prepare(parsed: ParsedStatement, types: readonly number[], catalog?: Catalog): PreparedStatement {
    this.#catalog = catalog
    try {
      return this.language.prepare(parsed, this.context, types)
    } finally {
      this.#catalog = undefined
    }
  }

  getStatement(name: string): ClientStatement {
    const statement = this.statements.get(name)
    if (statement !== undefined) return statement
    const message =
      name === '' ? 'unnamed prepared statement does not exist' : `prepared statement "${name}" does not exist`
    throw sqlError('undefined_object', '26000', message)
  }

  getPortal(name: string): Portal {
    const portal = this.portals.get(name)
    if (portal !== undefined) return portal
    throw sqlError('undefined_object', '34000', `portal "${name}" does not exist`)
  }

  getCursor(name: string): Cursor {
    const cursor = this.cursors.get(name)
    if (cursor !== undefined) return cursor
    throw sqlError('undefined_object', '34000', `cursor "${name}" does not exist`)
  }

  addStatement(name: string, statement: ClientStatement): void {
    if (name !== '' && this.statements.has(name)) {
      throw sqlError('duplicate_object', '42P05', `prepared statement "${name}" already exists`)
    }
    const source = statement.parsed?.source ?? ''
    this.statements.set(name, statement, source.length * 2, heldByStatement(source))
  }

  get namesStatements(): boolean {
    return this.statements.size > (this.statements.has('') ? 1 : 0)
  }

  transactionEnded(outcome: Outcome): void {
    this.grants.ended(outcome)
    this.#rolesOfBlock = undefined
    this.portals.clear()
    if (this.cursors.size === 0) return
    this.cursors.deleteWhere((cursor) => {
      if (outcome === 'committed' && cursor.isHeld) cursor.isSettled = true
      return !cursor.isSettled
    })
  }

  get namesMark(): NamesMark {
    const roles = this.pendingRoles?.mark ?? 0
    return { portals: this.portals.mark, cursors: this.cursors.mark, grants: this.grants.mark, roles }
  }

  /** A cursor that was declared since a savepoint goes with what is rolled back to it, WITH HOLD or not. */
  namesBack({ portals, cursors, grants, roles }: NamesMark): void {
    this.grants.rollbackTo(grants)
    this.pendingRoles?.rollbackTo(roles)
    this.portals.deleteSince(portals)
    this.cursors.deleteSince(cursors)
  }

  /** DISCARD ALL. */
  discardAll(): void {
    this.statements.clear()
    this.portals.clear()
    this.cursors.clear()
    this.listening?.clear()
    this.settings.reset()
  }
}

/** There is nothing below read committed. */
function isolationOf(value: string | undefined): Isolation {
  return value === 'serializable' || value === 'repeatable read' ? value : 'read committed'
}

/** NAMEDATALEN, less its end. */
const longestName = 63
