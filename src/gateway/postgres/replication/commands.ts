/**
 * Commands of a replication connection (`replication=database` in the start-up packet), beside SQL, which such a connection speaks, too:
 *
 *   IDENTIFY_SYSTEM
 *   CREATE_REPLICATION_SLOT name [TEMPORARY] LOGICAL plug-in [options]
 *   DROP_REPLICATION_SLOT name [WAIT]
 *   START_REPLICATION [SLOT name] LOGICAL LSN [(option value, …)]
 *
 * Options of a slot come in PostgreSQL 15's form, `(SNAPSHOT 'use', …)`, or in the older one, `USE_SNAPSHOT`. Physical replication is
 * refused: there are no blocks to send.
 */
import { privilege } from '../../../database/access/privileges.ts'
import type { PolylogError } from '../../../base/errors.ts'
import { lsnOf } from '../../../database/following/lsn.ts'
import { findKind } from '../../../database/catalog/objects.ts'
import type { Slot, Slots } from '../../../database/following/slots.ts'
import type { Sequence } from '../../../database/contract.ts'
import {
  activeSlot,
  checkPlugin,
  checkSlotName,
  createSlot as createNamedSlot,
  lostSlot,
  missingSlot,
} from '../../../language/sql/replication-slots.ts'
import { findPublication } from '../../../model/table/publication/publication.ts'
import type { LevelNote } from '../../../model/table/publication/row-notes.ts'
import { lsnType } from '../../../model/table/types/counters.ts'
import type { SqlValue } from '../../../model/table/types/value.ts'
import type { SessionHost } from '../../../session/contract.ts'
import type { Client } from '../client.ts'
import { sqlError } from '../errors.ts'
import { RowEncoder } from '../rows.ts'
import { commandComplete, rowDescription } from '../wire.ts'
import type { PgoutputOptions } from './pgoutput.ts'
import { streamRows } from './row-stream.ts'
import { readWords, type Word } from './words.ts'

const oids = { text: 25, int4: 23 } as const

export interface ReplicationParts {
  readonly client: Client
  readonly sessions: SessionHost
  /** The transaction of a snapshot that the last command has exported is open. */
  exports: boolean
}

const commands: Readonly<Record<string, (parts: ReplicationParts, words: CommandWords) => void | Promise<void>>> = {
  IDENTIFY_SYSTEM: identifySystem,
  CREATE_REPLICATION_SLOT: createSlot,
  DROP_REPLICATION_SLOT: dropSlot,
  START_REPLICATION: startReplication,
}

/** Those that PostgreSQL has for physical replication and backups. */
const physical: ReadonlySet<string> = new Set(['BASE_BACKUP', 'TIMELINE_HISTORY', 'READ_REPLICATION_SLOT'])

/** Undefined of what is none of them: SQL. */
export function findReplicationCommand(text: string): ((parts: ReplicationParts) => void | Promise<void>) | undefined {
  const name = /^\s*([A-Z_]+)\b/i.exec(text)?.[1]?.toUpperCase() ?? ''
  if (physical.has(name)) throw sqlError('unsupported', '0A000', `${name} is not supported`)
  const run = Object.hasOwn(commands, name) ? commands[name] : undefined
  return run && ((parts) => run(parts, new CommandWords(readWords(text).slice(1))))
}

class CommandWords {
  readonly #words: readonly Word[]
  #at = 0

  constructor(words: readonly Word[]) {
    this.#words = words
  }

  /** Takes the next one, if it is this key word. */
  takes(keyword: string): boolean {
    const { kind, text } = this.#words[this.#at] ?? {}
    if (kind !== 'plain' || text!.toUpperCase() !== keyword) return false
    this.#at++
    return true
  }

  takesMark(mark: string): boolean {
    const { kind, text } = this.#words[this.#at] ?? {}
    if (kind !== 'mark' || text !== mark) return false
    this.#at++
    return true
  }

  /** A name, or a value. */
  text(): string {
    const word = this.#words[this.#at++]
    if (word === undefined || word.kind === 'mark') throw this.#wrong()
    return word.kind === 'plain' ? word.text.toLowerCase() : word.text
  }

  /** `(name value, …)`, if there are any. */
  options(): ReadonlyMap<string, string | undefined> {
    const options = new Map<string, string | undefined>()
    if (!this.takesMark('(')) return options
    do {
      const name = this.text()
      const next = this.#words[this.#at]
      options.set(name, next === undefined || next.kind === 'mark' ? undefined : this.text())
    } while (this.takesMark(','))
    if (!this.takesMark(')')) throw this.#wrong()
    return options
  }

  end(): void {
    this.takesMark(';')
    if (this.#at < this.#words.length) throw this.#wrong()
  }

  #wrong(): PolylogError {
    const word = this.#words[Math.min(this.#at, this.#words.length - 1)]
    return sqlError('syntax', '42601', `syntax error at or near "${word?.text ?? ''}" in a replication command`)
  }
}

function answer(client: Client, columns: readonly (readonly [string, number])[], row: readonly SqlValue[]): void {
  const described = columns.map(([name, typeOid]) => {
    return { name, typeOid, typeModifier: -1, tableOid: 0, columnNumber: 0 }
  })
  rowDescription(client.outbox.writer, described, undefined)
  new RowEncoder(described, undefined).write(row, client.outbox.writer)
}

function slotsOf({ client, sessions }: ReplicationParts): Slots {
  return sessions.slotsOf(client.session.database)
}

/** Errors: 42501. */
function requireReplication({ client }: ReplicationParts): void {
  client.session.rights.requireInDatabase(privilege.feed, client.session.database)
}

function identifySystem(parts: ReplicationParts, words: CommandWords): void {
  words.end()
  const { client } = parts
  const { database } = client.session
  const columns = [
    ['systemid', oids.text],
    ['timeline', oids.int4],
    ['xlogpos', oids.text],
    ['dbname', oids.text],
  ] as const
  answer(client, columns, [systemId(database), 1, formatLsn(lsnOf(slotsOf(parts).end + 1)), database])
  commandComplete(client.outbox.writer, 'IDENTIFY_SYSTEM')
}

/** The same for a database of this name, by the FNV hash of it: nothing here compares clusters. */
function systemId(database: string): string {
  let hash = 0xcbf29ce484222325n
  for (const byte of Buffer.from(`polylog ${database}`)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  }
  return String(hash >> 1n)
}

function formatLsn(lsn: bigint): string {
  return lsnType.formatText(lsn)
}

async function createSlot(parts: ReplicationParts, words: CommandWords): Promise<void> {
  const { client } = parts
  const name = words.text()
  const isTemporary = words.takes('TEMPORARY')
  if (words.takes('PHYSICAL')) throw noPhysical()
  if (!words.takes('LOGICAL')) throw sqlError('syntax', '42601', 'LOGICAL must be specified')
  const plugin = words.text()
  const snapshot = snapshotOf(words)
  words.end()
  requireReplication(parts)
  checkSlotName(name)
  checkPlugin(plugin)
  if (snapshot === 'use') requireFreshSnapshot(client)
  else if (client.block.kind === 'explicit') {
    throw sqlError('active_transaction', '25001', 'CREATE_REPLICATION_SLOT … must not be called inside a transaction')
  }
  const slots = slotsOf(parts)
  let exported: string | null = null
  const look = (): Sequence => {
    if (snapshot === 'nothing') return slots.end
    if (snapshot === 'use') return takeSnapshot(client)
    // Until the next command.
    client.session.begin({ isolation: 'repeatable read', readOnly: true })
    parts.exports = true
    const position = takeSnapshot(client)
    exported = inTurn(client.session.run(({ view }) => view.share(), { readOnly: true }))
    return position
  }
  const position = await createNamedSlot(slots, name, isTemporary, client.session.id, look)
  const columns = [
    ['slot_name', oids.text],
    ['consistent_point', oids.text],
    ['snapshot_name', oids.text],
    ['output_plugin', oids.text],
  ] as const
  answer(client, columns, [name, formatLsn(lsnOf(position)), exported, plugin])
  commandComplete(client.outbox.writer, 'CREATE_REPLICATION_SLOT')
}

type SnapshotUse = 'nothing' | 'use' | 'export'

function snapshotOf(words: CommandWords): SnapshotUse {
  let snapshot = 'export'
  for (const [name, value] of words.options()) {
    if (name === 'snapshot') snapshot = value ?? ''
    else if (name !== 'two_phase' && name !== 'reserve_wal') throw unknownOption(name)
    else if (isTrue(value)) throw sqlError('unsupported', '0A000', `the option ${name} of a slot is not supported`)
  }
  if (words.takes('USE_SNAPSHOT')) snapshot = 'use'
  else if (words.takes('EXPORT_SNAPSHOT')) snapshot = 'export'
  else if (words.takes('NOEXPORT_SNAPSHOT')) snapshot = 'nothing'
  if (words.takes('TWO_PHASE'))
    throw sqlError('unsupported', '0A000', 'the option two_phase of a slot is not supported')
  if (snapshot === 'nothing' || snapshot === 'use' || snapshot === 'export') return snapshot
  throw sqlError('syntax', '42601', `unrecognized value for CREATE_REPLICATION_SLOT option "snapshot": "${snapshot}"`)
}

function isTrue(value: string | undefined): boolean {
  return value === undefined || ['true', 'on', '1'].includes(value.toLowerCase())
}

function unknownOption(name: string): PolylogError {
  return sqlError('syntax', '42601', `unrecognized option: ${name}`)
}

function noPhysical(): PolylogError {
  return sqlError('unsupported', '0A000', 'physical replication is not supported')
}

/** Errors: 25001, as PostgreSQL words them. */
function requireFreshSnapshot({ block, session }: Client): void {
  const refuse = (what: string): never => {
    throw sqlError('active_transaction', '25001', `CREATE_REPLICATION_SLOT (SNAPSHOT 'use') must be called ${what}`)
  }
  if (block.kind !== 'explicit') refuse('inside a transaction')
  if (session.isolation !== 'repeatable read') refuse('in REPEATABLE READ isolation mode transaction')
  if (!block.isFresh) refuse('before any query')
}

/** The open transaction reads this state from now on: answers its place in the log. */
function takeSnapshot({ session, block }: Client): Sequence {
  const position = inTurn(session.run(({ logPosition }) => logPosition, { readOnly: true }))
  block.isFresh = false
  return position
}

function inTurn<T>(value: T | Promise<T>): T {
  if (value instanceof Promise) throw sqlError('internal', 'XX000', 'a snapshot has to wait')
  return value
}

/** The snapshot that the command before has exported goes. */
export function endExport(parts: ReplicationParts): void | Promise<void> {
  if (!parts.exports) return undefined
  parts.exports = false
  return parts.client.session.rollback()
}

async function dropSlot(parts: ReplicationParts, words: CommandWords): Promise<void> {
  const name = words.text()
  const mayWait = words.takes('WAIT')
  words.end()
  requireReplication(parts)
  const slots = slotsOf(parts)
  for (;;) {
    const slot = getSlot(slots, name)
    if (slot.holder === undefined) {
      await slots.drop(slot)
      break
    }
    if (!mayWait) throw activeSlot(name, slot.holder)
    await parts.client.pause()
  }
  commandComplete(parts.client.outbox.writer, 'DROP_REPLICATION_SLOT')
}

function getSlot(slots: Slots, name: string): Slot {
  const slot = slots.find(name)
  if (slot === undefined) throw missingSlot(name)
  return slot
}

async function startReplication(parts: ReplicationParts, words: CommandWords): Promise<void> {
  const { client } = parts
  const name = words.takes('SLOT') ? words.text() : undefined
  if (name === undefined || words.takes('PHYSICAL')) throw noPhysical()
  if (!words.takes('LOGICAL')) throw noPhysical()
  const from = readLsn(words.text())
  const options = readPluginOptions(client, words.options())
  words.end()
  requireReplication(parts)
  if (client.block.kind === 'explicit') {
    throw sqlError('active_transaction', '25001', 'START_REPLICATION cannot run inside a transaction block')
  }
  const slots = slotsOf(parts)
  const slot = getSlot(slots, name)
  if (slot.state === 'lost') throw lostSlot(name)
  await streamRows({ ...parts, slots, slot, from, options })
}

function readLsn(text: string): bigint {
  return lsnType.parseText(text) as bigint
}

const knownOptions: ReadonlySet<string> = new Set(['proto_version', 'publication_names', 'binary', 'messages'])
/** What has only to be off. */
const refusedOptions: ReadonlySet<string> = new Set(['streaming', 'two_phase'])

function readPluginOptions(client: Client, given: ReadonlyMap<string, string | undefined>): PgoutputOptions {
  for (const [name, value] of given) {
    if (knownOptions.has(name)) continue
    if (!refusedOptions.has(name)) throw sqlError('invalid_argument', '22023', `unrecognized pgoutput option: ${name}`)
    if (isTrue(value)) throw sqlError('unsupported', '0A000', `the pgoutput option ${name} is not supported`)
  }
  const version = Number(given.get('proto_version') ?? 'NaN')
  if (!Number.isInteger(version)) throw sqlError('invalid_argument', '22023', 'proto_version option missing')
  if (version > 3) {
    const what = `client sent proto_version=${version} but server only supports protocol 3 or lower`
    throw sqlError('unsupported', '0A000', what)
  }
  if (version < 1) {
    const what = `client sent proto_version=${version} but server only supports protocol 1 or higher`
    throw sqlError('unsupported', '0A000', what)
  }
  const names = given.get('publication_names')
  if (names === undefined) throw sqlError('invalid_argument', '22023', 'publication_names option missing')
  const publications = readNames(names)
  for (const name of publications) {
    if (findPublication(client.session.catalog, name) !== undefined) continue
    throw sqlError('undefined_object', '42704', `publication "${name}" does not exist`)
  }
  const flag = (name: string): boolean => given.has(name) && isTrue(given.get(name))
  return {
    publications: new Set(publications),
    isBinary: flag('binary'),
    tellsMessages: flag('messages'),
    checkAccess: (relation) => checkAccess(client, relation),
  }
}

/** Identifiers with commas between them, quoted where they need it. */
function readNames(text: string): string[] {
  const names = readWords(text).filter(({ kind }) => kind !== 'mark')
  return names.map((word) => (word.kind === 'plain' ? word.text.toLowerCase() : word.text))
}

/** Whoever may not read it now is not told what it held. Errors: 42501. */
function checkAccess({ session }: Client, { id, name }: LevelNote): void {
  const { rights, catalog } = session
  if (rights.areUnlimited) return
  const collection = catalog.collectionById(id)
  if (collection === undefined) throw sqlError('denied', '42501', `permission denied for table ${name}`)
  rights.require(collection, privilege.read | privilege.feed)
  if (findKind(collection.kind)?.hidesRows?.(collection, rights) === true)
    throw sqlError('denied', '42501', `row policies of table ${name} apply to you`)
}
