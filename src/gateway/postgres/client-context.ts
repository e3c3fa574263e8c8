/**
 * A client as the language sees it.
 *
 * The language puts other catalogs in its place by objects that inherit from it, so it has no private fields; and it is a class,
 * since getters of its own for each client would take more than all else that an idle one has.
 */
import type { Rights } from '../../database/access/rights.ts'
import type { Catalog } from '../../database/catalog/catalog.ts'
import { temporaryPrefix } from '../../database/catalog/schema-changes.ts'
import type {
  SessionMessages,
  ShownCursor,
  ShownRole,
  ShownSettings,
  SqlContext,
  SystemTable,
} from '../../language/sql/contract.ts'
import type { TextStyle } from '../../model/table/types/text-style.ts'
import type { SessionHost } from '../../session/contract.ts'
import type { EvidenceTable, EvidenceType } from '../../session/evidence.ts'
import type { Client } from './client.ts'
import { type Signal, signalSession } from './signals.ts'

export class ClientContext implements SqlContext {
  readonly client: Client
  readonly sessions: SessionHost

  constructor(client: Client, sessions: SessionHost) {
    this.client = client
    this.sessions = sessions
  }

  get catalog(): Catalog {
    return this.client.catalog
  }

  get user(): string {
    return this.client.session.identity.user
  }

  get sessionUser(): string {
    return this.client.settings.get('session_authorization') ?? this.client.session.user
  }

  get rights(): Rights {
    return this.client.session.rights
  }

  get database(): string {
    return this.client.session.database
  }

  get searchPath(): readonly string[] {
    const path = searchPathOf(this.client.settings.get('search_path'))
    const own = this.temporarySchema
    if (own === undefined) return path
    return path.includes('pg_temp') ? path.map((name) => (name === 'pg_temp' ? own : name)) : [own, ...path]
  }

  get temporarySchema(): string | undefined {
    return this.client.temporarySchema
  }

  beginTemporary(isTaken: (name: string) => boolean): string {
    const { client } = this
    const first = `${temporaryPrefix}${client.session.id}`
    let name = first
    // What a process before this one has left is another's.
    for (let count = 1; client.temporarySchema === undefined && isTaken(name); count++) name = `${first}_${count}`
    return (client.temporarySchema ??= name)
  }

  get textStyle(): TextStyle {
    return this.client.textStyle
  }

  getSetting(name: string): string | undefined {
    return this.client.getSetting(name)
  }

  setSetting(name: string, value: string | undefined, scope: 'session' | 'transaction'): void {
    this.client.setSetting(name, value, scope)
  }

  transactionToken(): string {
    return this.client.session.token()
  }

  get backendId(): number {
    return this.client.session.id
  }

  signalSession(id: number, signal: Signal, rights: Rights): boolean {
    const { session } = this.client
    return signalSession({ session, rights }, this.sessions, id, signal, this.client.otherConnection(id))
  }

  isBeingRead(collection: number): boolean {
    return this.client.isBeingRead(collection)
  }

  get leads(): boolean {
    return this.client.session.databaseFacts.leads
  }

  databaseNames(): readonly string[] {
    return this.sessions.databaseNames()
  }

  connectionLimit(database: string): number {
    return this.sessions.principals.databaseLimit(database)
  }

  databaseOwner(database: string): ReturnType<NonNullable<SqlContext['databaseOwner']>> {
    return this.sessions.principals.databaseOwner(database)
  }

  get placedSettings(): readonly ShownSettings[] {
    return this.client.rolesInForce.placedSettings
  }

  get roles(): readonly ShownRole[] {
    return this.client.rolesInForce.allRoles
  }

  rightsOf(roleId: number): Rights {
    return this.client.session.rightsOf(roleId)
  }

  mayBecome(roleId: number, other: number): boolean {
    return this.client.rolesInForce.mayBecome(roleId, other)
  }

  cursors(): Iterable<ShownCursor> {
    return this.client.cursors.values()
  }

  get messages(): SessionMessages {
    return this.client.notifications
  }

  get systemTables(): readonly SystemTable[] {
    return this.client.session.evidence.map(systemTableOf)
  }
}

/** As the setting is written: identifiers with commas between them, quoted where they need it. */
function searchPathOf(text: string | undefined): readonly string[] {
  if (text === undefined) return ['$user', 'public']
  const names = text.match(/"(?:[^"]|"")*"|[^\s,"]+/g) ?? []
  return names.map((name) => (name.startsWith('"') ? name.slice(1, -1).replace(/""/g, '"') : name))
}

const evidenceTypes: Record<EvidenceType, number> = { bool: 16, int8: 20, text: 25, timestamptz: 1184 }

function systemTableOf(table: EvidenceTable): SystemTable {
  const columns = table.columns.map(({ name, type }) => ({ name, typeOid: evidenceTypes[type] }))
  return { name: table.name, columns, rows: () => table.rows() }
}
