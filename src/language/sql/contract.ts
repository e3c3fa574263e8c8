/**
 * What a door that speaks SQL sees of the language: text in, prepared statements out, rows in batches.
 *
 * The door is `sql.ts`: `await loadSql()` once at start, then `parse(text)`, `prepare(statement, context, types)` and
 * `prepared.execute(parameters)`. Values are in the representation that `model/table/types/value.ts` lists.
 */
import type { Rights } from '../../database/access/rights.ts'
import type { Catalog } from '../../database/catalog/catalog.ts'
import type { Isolation, Transaction, Wait } from '../../database/contract.ts'
import type { TextStyle } from '../../model/table/types/text-style.ts'
import type { SqlValue } from '../../model/table/types/value.ts'
import type { Paused } from '../../query/operator.ts'
import type { StandingAlone } from './routine/standing-alone.ts'
import type { CopyLines } from './statement/copy-format.ts'

export type { Interval, SqlValue } from '../../model/table/types/value.ts'
export { paused, type Paused } from '../../query/operator.ts'

export type Row = readonly SqlValue[]

export interface ResultColumn {
  readonly name: string
  readonly typeOid: number
  readonly typeModifier: number
  /** The table column that it shows unchanged, else 0: RowDescription wants them. */
  readonly tableOid: number
  readonly columnNumber: number
}

/** A table of the `polylog` schema whose rows the kernel or the server knows: `locks`, `sessions`, `storage`. */
export interface SystemTable {
  readonly name: string
  readonly columns: readonly { readonly name: string; readonly typeOid: number }[]
  rows(): Iterable<Row>
}

/**
 * What the statement needs to know of its caller; the gateway implements it over its session.
 */
export interface SqlContext {
  readonly catalog: Catalog
  /** As who it acts. */
  readonly user: string
  /** Who has come in; left out, the same. */
  readonly sessionUser?: string
  /** What the caller may do; the same object as long as that has not changed. Left out, everything. */
  readonly rights?: Rights
  /** What runs is not what the caller has written: it reads, and changes neither data nor the session. */
  readonly isRestricted?: boolean
  readonly database: string
  /** The sequence of the identity column whose value is made: its numbers are the table's to give. */
  readonly ownSequence?: number | undefined
  /** As set: may hold `"$user"`, which stands for `user`. `pg_catalog` comes first by itself. */
  readonly searchPath: readonly string[]
  /** The schema of the session's temporary relations, which stands in `searchPath`; undefined as long as it has none. */
  readonly temporarySchema?: string | undefined
  /** Has one from here on, called as nothing is yet; left out where there is no session that it could go with. */
  beginTemporary?(isTaken: (name: string) => boolean): string
  /** How the session writes values as texts, and reads them; left out, in the plain style. */
  readonly textStyle?: TextStyle
  /** What the session has set, else undefined: the language knows defaults and validity, the session keeps the text. */
  getSetting(name: string): string | undefined
  /** Keeps a value that the language has validated; undefined goes back to the default. */
  setSetting(name: string, value: string | undefined, scope: 'session' | 'transaction'): void
  /** polylog_transaction_token(): of the open transaction. */
  transactionToken(): string
  readonly backendId: number
  /**
   * Cancels what another session runs, or ends it, as who has these rights; false where there is no such session. Left out, there
   * are no others. Errors: 42501.
   */
  signalSession?(id: number, signal: 'cancel' | 'terminate', rights: Rights): boolean
  /** Whether a query that the session has open reads the collection: a portal or a cursor of this transaction. */
  isBeingRead?(collection: number): boolean
  /** Whether the database takes writes; left out, it does. */
  readonly leads?: boolean
  /** For pg_database and \l; the current one alone where missing. */
  databaseNames?(): readonly string[]
  /** Those that were made; left out, or empty: whoever connects is believed its name. */
  readonly roles?: readonly ShownRole[]
  /** Connections that a database may have at once; left out, or -1: any number. */
  connectionLimit?(database: string): number
  /** The number of the role that owns a database. */
  databaseOwner?(database: string): number | undefined
  readonly placedSettings?: readonly ShownSettings[]
  /** What another role may do here. */
  rightsOf?(roleId: number): Rights
  /** By SET ROLE: it is a member. */
  mayBecome?(roleId: number, other: number): boolean
  /** Within a trigger's function: the rows that its statement has changed, by the names that it has for them. */
  readonly transitions?: ReadonlyMap<string, TransitionTable> | undefined
  /** Those that it has open, for pg_cursors; left out where there are none. */
  cursors?(): Iterable<ShownCursor>
  /** What it listens to; left out where nobody could be told. */
  readonly messages?: SessionMessages
  /** Rows of the `polylog` schema beyond what the catalog tells. */
  readonly systemTables?: readonly SystemTable[]
}

export interface ShownCursor {
  readonly name: string
  readonly text: string
  readonly isHeld: boolean
  readonly isBinary: boolean
  readonly isScroll: boolean
  readonly declaredMs: number
}

/** LISTEN: what is said in a transaction counts from its commit on. */
export interface SessionMessages {
  listen(transaction: Transaction, channel: string): void
  /** Without a channel: to none. */
  unlisten(transaction: Transaction, channel: string | undefined): void
  readonly channels: Iterable<string>
}

export interface TransitionTable {
  readonly columns: readonly (readonly [name: string, type: number])[]
  readonly rows: readonly Row[]
}

/** One parsed statement of a query string. */
export interface ParsedStatement {
  readonly text: string
  /** Node of the grammar, opaque to doors. */
  readonly tree: unknown
  /** Byte offset in the query string. */
  readonly offset: number
  /** The whole query string: error positions count its characters. */
  readonly source: string
}

/** What CREATE ROLE and ALTER ROLE say; what is left out stays, or has its default. */
export interface RoleOptions {
  /** Of CREATE ROLE: whose member it becomes, who becomes its member, and who may make others so. */
  readonly inRoles?: readonly string[]
  readonly members?: readonly string[]
  readonly admins?: readonly string[]
  readonly login?: boolean
  readonly superuser?: boolean
  readonly createRole?: boolean
  readonly createDatabase?: boolean
  readonly inherit?: boolean
  readonly bypassPolicies?: boolean
  /** Connections at once; -1: any number. */
  readonly connectionLimit?: number
  readonly validUntilMs?: number | null
  readonly password?: string | null
}

/** `current`: who asks. */
export type RoleName = { readonly name: string } | 'current'

/** A role as the views of the catalog show it. */
export interface ShownRole {
  readonly id: number
  readonly name: string
  readonly login: boolean
  readonly superuser: boolean
  readonly createRole: boolean
  readonly createDatabase: boolean
  readonly inherit: boolean
  readonly bypassPolicies: boolean
  readonly replication: boolean
  readonly connectionLimit: number
  readonly validUntilMs: number | null
  readonly memberOf: readonly { readonly role: number; readonly by: number; readonly admin: boolean }[]
}

/** What sessions begin with: one setting, none of it where `value` is missing; or `none` at all. */
export type SettingChange = { readonly name: string; readonly value: string | undefined } | 'none'

/** What was given by ALTER ROLE and ALTER DATABASE SET, as the views show it. */
export interface ShownSettings {
  /** `ShownRole.id`; 0: of all. */
  readonly roleId: number
  /** Empty: in all. */
  readonly database: string
  readonly values: Readonly<Record<string, string>>
}

export type StatementEffect =
  /** `mayOnlyRead`: it calls functions, which tell when they write. */
  | { readonly kind: 'read' | 'write' | 'schema' | 'session'; readonly mayOnlyRead?: true }
  | { readonly kind: 'begin'; readonly isolation?: Isolation; readonly readOnly?: boolean }
  | { readonly kind: 'commit' | 'rollback'; readonly chain: boolean }
  | { readonly kind: 'savepoint' | 'rollback to' | 'release'; readonly name: string }
  | { readonly kind: 'prepare transaction'; readonly gid: string }
  /** COMMIT PREPARED and ROLLBACK PREPARED: never inside of a transaction. */
  | { readonly kind: 'finish prepared'; readonly gid: string; readonly commits: boolean }
  /** CREATE DATABASE: never inside of a transaction. */
  | { readonly kind: 'give database'; readonly name: string; readonly owner: RoleName }
  | { readonly kind: 'create database'; readonly name: string; readonly connectionLimit?: number }
  | {
      readonly kind: 'drop database'
      readonly name: string
      readonly isForced: boolean
      /** There may be none of this name. */
      readonly missingOk: boolean
    }
  /** Roles are the server's. Never inside of a transaction. */
  | { readonly kind: 'create role'; readonly name: string; readonly options: RoleOptions }
  | { readonly kind: 'alter role'; readonly role: RoleName; readonly options: RoleOptions }
  | { readonly kind: 'rename role'; readonly name: string; readonly newName: string }
  /** ALTER ROLE and ALTER DATABASE SET; without a role, or a database: of all. */
  | {
      readonly kind: 'alter settings'
      readonly role?: RoleName
      readonly database?: string
      readonly change: SettingChange
    }
  | { readonly kind: 'limit database'; readonly name: string; readonly connectionLimit: number }
  | { readonly kind: 'drop role'; readonly roles: readonly RoleName[]; readonly missingOk: boolean }
  | {
      readonly kind: 'grant role'
      readonly roles: readonly string[]
      readonly members: readonly RoleName[]
      readonly isGrant: boolean
      /** WITH ADMIN OPTION; of REVOKE: only that. */
      readonly admin: boolean
      /** Who is said to have done it; left out: who does. */
      readonly grantedBy?: RoleName
    }
  /** COMMENT ON DATABASE: of its own the session says it by `execute`, in its transaction; of another one the door does. */
  | { readonly kind: 'comment on database'; readonly name: string; readonly comment: string | undefined }
  | { readonly kind: 'set transaction'; readonly isolation?: Isolation; readonly readOnly?: boolean }
  | { readonly kind: 'take snapshot'; readonly name: string }
  /** SELECT polylog_join('…'): the token may be a parameter, hence a function. The door joins, then executes it. */
  | { readonly kind: 'join'; token(parameters: readonly SqlValue[]): string }
  /** See `PreparedStatement.copy`. */
  | { readonly kind: 'copy in' | 'copy out' }
  /** PREPARE name (types) AS statement: the door keeps it beside those of the extended protocol. */
  | {
      readonly kind: 'prepare'
      readonly name: string
      readonly statement: ParsedStatement
      readonly parameterTypes: readonly number[]
    }
  /** EXECUTE name (…): the door prepares and runs `name` with these values; `target` converts them to its types. */
  | {
      readonly kind: 'execute'
      readonly name: string
      parameters(target: PreparedStatement, context: SqlContext, transaction: Transaction): readonly SqlValue[]
    }
  /** DEALLOCATE name; without a name: all. */
  | { readonly kind: 'deallocate'; readonly name: string | undefined }
  | {
      readonly kind: 'declare'
      readonly name: string
      readonly statement: ParsedStatement
      readonly hold: boolean
      /** Undefined: nothing is said of it. */
      readonly scroll: boolean | undefined
      readonly isBinary: boolean
    }
  /** FETCH and MOVE. `count`: of `forward`, backwards where it is negative, Infinity is all; else the place, or how far it is. */
  | {
      readonly kind: 'fetch'
      readonly name: string
      readonly direction: 'forward' | 'absolute' | 'relative'
      readonly count: number
      readonly move: boolean
    }
  | { readonly kind: 'close'; readonly name: string | undefined }
  /** DISCARD ALL: settings, prepared statements, cursors. */
  | { readonly kind: 'discard'; readonly target: 'all' | 'plans' | 'sequences' | 'temp' }

export interface PreparedStatement {
  readonly effect: StatementEffect
  /** `SELECT`, `INSERT`, `CREATE TABLE`: the command tag without counts. */
  readonly command: string
  readonly parameterTypes: readonly number[]
  /** Of CALL: which of its arguments the columns of its row are. */
  readonly outputs?: readonly number[]
  /** By itself, so that it needs to stand alone, as what CALL and DO run may. */
  readonly endsTransactions?: true
  /** Undefined where no rows come back. */
  readonly columns: readonly ResultColumn[] | undefined
  /** Takes the locks that it would run under: who prepares it in a block may rely on what it names. */
  hold?(transaction: Transaction): void
  /** Whether it reads or writes the collection. */
  uses(collection: number): boolean
  /** The statement must be prepared again when this no longer holds. */
  /** `rightsOf`: what owners of views may do. */
  isCurrent(catalog: Catalog, rights: Rights, style?: TextStyle, rightsOf?: SqlContext['rightsOf']): boolean
  /** A fresh execution; it may be restarted by `reset` (a lock wait, a restart of a read-committed statement). */
  execute(parameters: readonly SqlValue[]): Execution
  /** Of COPY. */
  readonly copy?: CopyDescription
}

/**
 * COPY. Out: `execute` gives rows of values; the door makes a line of each, as `lines` has it, and sends it as CopyData.
 *
 * In: `beginLoad()`, then for whatever arrives `feed(bytes)` and, where it answers true, run the execution of `load()` as
 * a statement of one transaction (begin one where none is open); `finish()` after CopyDone, then `load()` a last time.
 * Each load is a statement of its own, so a lock wait repeats only its own rows.
 */
export interface CopyDescription {
  readonly direction: 'in' | 'out'
  readonly format: 'text' | 'csv' | 'binary'
  readonly columnCount: number
  readonly lines?: CopyLines
  /** In place of `lines`. */
  readonly binary?: CopyBinaryRows
  beginLoad?(): CopyLoad
}

/** What COPY TO in the binary format makes rows of. */
export interface CopyBinaryRows {
  readonly types: readonly number[]
}

export interface CopyLoad {
  /** Takes a copy. True where enough is there to be worth a load. */
  feed(bytes: Uint8Array): boolean
  /** No more comes; what is left over must be a whole line. */
  finish(): void
  /** Inserts the complete lines fed so far. Its `rowCount` is this load's. */
  load(): Execution
  /** What was fed and has not gone into a load yet. */
  readonly heldBytes: number
}

export interface Execution {
  /**
   * The next rows, at most a few hundred; `undefined` at the end; `paused` where the time slice is over or `waitFor` must
   * come first. Statements that write, or lock, produce no rows before they have done all their writes, so that they can
   * be restarted.
   */
  next(transaction: Transaction, context: SqlContext): Row[] | Paused | undefined
  readonly waitFor: Wait
  /** Rows affected or returned, for the command tag; known at the end. */
  readonly rowCount: number
  /** Texts of NOTICE messages, such as `relation "t" already exists, skipping`; known at the end. */
  readonly notices: readonly Notice[]
  /** Before it begins: nothing is around it, so that what it runs may COMMIT; `waitFor` may be a `Stop` then. */
  standAlone?(alone: StandingAlone): void
  /** Back to the beginning. */
  reset(): void
}

export interface Notice {
  readonly severity: 'NOTICE' | 'WARNING' | 'INFO'
  readonly sqlState: string
  readonly message: string
  readonly detail?: string
  readonly hint?: string
}
