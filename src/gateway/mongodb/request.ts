/**
 * One command as its handler sees it: typed fields, the database it names, the session it runs in, and what it wants of
 * durability. Fields that a command does not know are refused (40415), so nothing is accepted and ignored.
 */
import { ByteWriter } from '../../base/bytes.ts'
import { PolylogError } from '../../base/errors.ts'
import { copySlice, type Slice } from '../../base/slice.ts'
import { privilege } from '../../database/access/privileges.ts'
import type { Catalog } from '../../database/catalog/catalog.ts'
import type { Statement, StatementSteps, Transaction } from '../../database/contract.ts'
import { inPlace, isSteps } from '../../database/transaction/wait.ts'
import type { Durability } from '../../log/commit-log.ts'
import { BsonWriter } from '../../model/document/bson-writer.ts'
import { bsonType, type BsonValue, bsonTypeName, elementsOf, FieldCursor } from '../../model/document/bson.ts'
import { ensureNamespace } from '../../model/document/document.ts'
import { passValidation } from '../../model/document/collection-options.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { decodeName } from '../../model/document/names.ts'
import { readBoolean, readInt64, readNumber, readString, toDouble } from '../../model/document/values.ts'
import type { Session } from '../../session/contract.ts'
import { type Access, findAllowed, requireCreate } from './access.ts'
import type { UnmetConcern } from './concerns.ts'
import type { MongoConversation } from './conversation.ts'
import type { GatewayState } from './gateway-state.ts'
import type { LogicalSession } from './logical-sessions.ts'
import { copyElements, type LongReply, type Reply, type ShortReply } from './reply.ts'
import type { Snapshot } from './snapshots.ts'
import type { DocumentSequence } from './wire.ts'

export type { Reply } from './reply.ts'

export interface RetryKey {
  readonly session: string
  readonly operation: bigint
}

export class Request {
  readonly command: string
  readonly fields: ReadonlyMap<string, BsonValue>
  readonly sequences: readonly DocumentSequence[]
  readonly database: string
  readonly connection: MongoConversation
  readonly gateway: GatewayState
  /** The connection's own, or that of the transaction. */
  session: Session
  logical: LogicalSession | undefined
  retry: RetryKey | undefined
  /** What it reads where that is not the present, outside of transactions. */
  snapshot: Snapshot | undefined
  /** It is the first of a transaction that it begins. */
  beginsTransaction = false
  durability: Durability
  /** What cannot be had of the write concern that it asks for. */
  unmet: UnmetConcern | undefined
  /** Its statement may not have begun by then. */
  isCanceled = false
  /** What waits for something else than a statement ends by it. */
  onCancel: (() => void) | undefined
  #collectionName: string | undefined

  constructor(parts: {
    command: string
    fields: ReadonlyMap<string, BsonValue>
    sequences: readonly DocumentSequence[]
    database: string
    connection: MongoConversation
    gateway: GatewayState
    session: Session
  }) {
    this.command = parts.command
    this.fields = parts.fields
    this.sequences = parts.sequences
    this.database = parts.database
    this.connection = parts.connection
    this.gateway = parts.gateway
    this.session = parts.session
    this.durability = parts.session.durability
  }

  /** For those who look at what runs: the command, and the collection that it names. */
  describeStatement(): string {
    const value = this.fields.get(this.command)
    const name = value?.type === bsonType.string ? readString(value) : undefined
    return name === undefined ? this.command : `${this.command} ${this.database}.${name}`
  }

  /** Of memory that lives as long as anything of the command does. */
  get retainedBytes(): number {
    for (const { bytes } of this.fields.values()) return bytes.buffer.byteLength
    return 0
  }

  get inTransaction(): boolean {
    return this.logical?.inTransaction === true
  }

  get catalog(): Catalog {
    return this.session.catalog
  }

  get(name: string): BsonValue | undefined {
    const value = this.fields.get(name)
    return value === undefined || value.type === bsonType.null || value.type === bsonType.undefined ? undefined : value
  }

  /** The value of the field that is named like the command: usually a collection. */
  get collectionName(): string {
    return (this.#collectionName ??= this.#readCollectionName())
  }

  #readCollectionName(): string {
    const value = this.fields.get(this.command)!
    if (value.type !== bsonType.string) {
      const message = `collection name has invalid type ${bsonTypeName(value.type)}`
      throw mongoError(mongoCode.invalidNamespace, message)
    }
    return checkCollectionName(this.database, decodeName(value.bytes, value.start + 4, value.end - 1))
  }

  get namespace(): string {
    return `${this.database}.${this.collectionName}`
  }

  getString(name: string): string | undefined {
    const value = this.get(name)
    return value === undefined ? undefined : readString(this.#typed(name, value, [bsonType.string]))
  }

  getBoolean(name: string, otherwise: boolean): boolean {
    const value = this.get(name)
    if (value === undefined) return otherwise
    if (value.isNumber) return toDouble(value) !== 0
    return readBoolean(this.#typed(name, value, [bsonType.boolean]))
  }

  getObject(name: string): BsonValue | undefined {
    const value = this.get(name)
    if (value === undefined || value.type === bsonType.object) return value
    throw this.#wrongType(name, value, ['object'])
  }

  getArray(name: string): readonly BsonValue[] | undefined {
    const sequence = this.sequences.find((one) => one.name === name)
    if (sequence !== undefined) return sequence.documents
    const value = this.get(name)
    return value === undefined ? undefined : elementsOf(this.#typed(name, value, [bsonType.array]))
  }

  /** Documents of an array or a document sequence. */
  getDocuments(name: string): readonly BsonValue[] {
    const list = this.getArray(name)
    if (list === undefined) throw missingField(this.command, name)
    for (const one of list) {
      if (one.type !== bsonType.object) throw this.#wrongType(`${name}.0`, one, ['object'])
    }
    return list
  }

  getInteger(name: string): number | undefined {
    const value = this.get(name)
    if (value === undefined) return undefined
    if (!value.isNumber) throw this.#wrongType(name, value, ['long', 'int', 'decimal', 'double'])
    const number = Math.trunc(toDouble(value))
    if (!Number.isSafeInteger(number)) throw mongoError(mongoCode.badValue, `'${name}' is out of range`)
    return number
  }

  /** Not negative. */
  getCount(name: string): number | undefined {
    const number = this.getInteger(name)
    if (number === undefined || number >= 0) return number
    throw mongoError(51_024, `BSON field '${name}' value must be >= 0, actual value '${number}'`)
  }

  getInt64(name: string): bigint | undefined {
    const value = this.get(name)
    if (value === undefined) return undefined
    if (value.type === bsonType.int64) return readInt64(value)
    if (value.type !== bsonType.int32) throw this.#wrongType(name, value, ['long', 'int'])
    return BigInt(readNumber(value) as number)
  }

  #typed(name: string, value: BsonValue, types: readonly number[]): BsonValue {
    if (types.includes(value.type)) return value
    throw this.#wrongType(name, value, types.map(bsonTypeName))
  }

  #wrongType(name: string, value: BsonValue, expected: readonly string[]): PolylogError {
    const wanted =
      expected.length === 1 ? `expected type '${expected[0]}'` : `expected types '[${expected.join(', ')}]'`
    return mongoError(
      mongoCode.typeMismatch,
      `BSON field '${this.command}.${name}' is the wrong type '${bsonTypeName(value.type)}', ${wanted}`,
      'wrong_type',
    )
  }

  /** Names of fields that not every command has. */
  get ownFields(): string[] {
    return [...this.fields.keys()].filter((name) => name !== this.command && !genericFields.has(name))
  }

  /** Refuses fields that neither the command nor every command knows. */
  checkFields(allowed: ReadonlySet<string>): void {
    for (const name of this.fields.keys()) {
      if (name === this.command || allowed.has(name) || genericFields.has(name)) continue
      throw mongoError(40_415, `BSON field '${this.command}.${name}' is an unknown field.`)
    }
    for (const { name } of this.sequences) {
      if (!allowed.has(name) || this.fields.has(name))
        throw mongoError(40_415, `unexpected document sequence '${name}'`)
    }
  }

  cancel(): void {
    this.isCanceled = true
    this.onCancel?.()
    this.session.cancel()
  }

  read<T>(statement: Statement<T>): T | Promise<T> {
    return this.session.run(statement, { readOnly: true })
  }

  /**
   * Runs a statement that writes. A retryable one answers as it did before where it has been answered; else its reply is
   * kept in the same record. `makesCollection`: it writes to a collection also where there is none.
   */
  write(statement: Statement<Reply>, makesCollection = false): Reply | Promise<Reply> {
    if (makesCollection && this.#mayBeginDatabase && !this.catalog.namespaces.has(this.database)) {
      const begun = beginDatabase(this.connection.session, this.database)
      if (begun !== undefined) return begun.then(() => this.#write(statement))
    }
    return this.#write(statement)
  }

  get #mayBeginDatabase(): boolean {
    return this.beginsTransaction && this.session.lookedBackTo === undefined
  }

  #write(given: Statement<Reply>): Reply | Promise<Reply> {
    const { retry } = this
    const statement = this.getBoolean('bypassDocumentValidation', false) ? withoutValidation(this, given) : given
    if (retry === undefined) return this.session.run(statement)
    const remembering: Statement<Reply> = (transaction) => {
      const known = transaction.rememberedReply(retry.session)
      if (known !== undefined && known.operation === retry.operation) return copyFields(copySlice(known.reply), true)
      if (known !== undefined && known.operation > retry.operation) throw tooOld(retry.operation, known.operation)
      const result = statement(transaction)
      if (isSteps(result)) return rememberAfter(transaction, retry, result)
      return typeof result === 'function'
        ? remember(transaction, retry, result)
        : rememberLong(transaction, retry, result)
    }
    return this.session.run(remembering)
  }
}

function withoutValidation(request: Request, statement: Statement<Reply>): Statement<Reply> {
  return function* (transaction): StatementSteps<Reply> {
    const { database, collectionName } = request
    return yield* pastValidation(transaction, database, collectionName, function* () {
      const result = yield* inPlace(transaction, () => statement(transaction))
      return isSteps(result) ? yield* result : result
    })
  }
}

/** Who may change the definition of a collection may write past its validator. */
export function* pastValidation<T>(
  transaction: Transaction,
  database: string,
  collection: string,
  write: () => StatementSteps<T>,
): StatementSteps<T> {
  findAllowed(transaction, database, collection, privilege.schema)
  passValidation(transaction, true)
  try {
    return yield* write()
  } finally {
    passValidation(transaction, false)
  }
}

/**
 * A database begins with its first write. Transactions that make different collections in a new one would conflict there,
 * so the database is begun before the first of them takes its snapshot; where another is at it, the transaction sees that
 * for itself. Outside of transactions it begins with the write that needs it.
 */
function beginDatabase(session: Session, database: string): Promise<void> | undefined {
  const giveUp = (error: unknown): void => {
    void session.rollback()
    if (!(error instanceof PolylogError)) throw error
  }
  session.begin({ failFast: true })
  try {
    const made = session.run((transaction) => {
      requireCreate(transaction, database)
      return ensureNamespace(transaction, database)
    })
    if (made instanceof Promise) return made.then(() => commitOf(session)).catch(giveUp)
    return commitOf(session)?.catch(giveUp)
  } catch (error) {
    giveUp(error)
    return undefined
  }
}

function commitOf(session: Session): Promise<void> | undefined {
  const outcome = session.commit()
  return outcome instanceof Promise ? outcome.then(() => undefined) : undefined
}

function remember(transaction: Transaction, retry: RetryKey, reply: ShortReply): Reply {
  transaction.rememberReply(retry.session, retry.operation, encodeFields(reply))
  return reply
}

function* rememberAfter(
  transaction: Transaction,
  retry: RetryKey,
  steps: StatementSteps<Reply>,
): StatementSteps<Reply> {
  const reply = yield* steps
  if (typeof reply !== 'function') return yield* rememberLong(transaction, retry, reply)
  return yield* inPlace(transaction, () => remember(transaction, retry, reply))
}

/** What is kept of it is what is answered: it is not written twice. */
function* rememberLong(transaction: Transaction, retry: RetryKey, reply: LongReply): StatementSteps<Reply> {
  const writer = new BsonWriter(new ByteWriter(1024)).begin()
  yield* reply.steps(writer)
  const { out } = writer.end()
  yield* inPlace(transaction, () => transaction.rememberReply(retry.session, retry.operation, out))
  return copyFields(out.bytes.subarray(0, out.end), false)
}

/** A scratch buffer that grew for a large reply is not kept. */
const keptReplyBytes = 64 * 1024

let replyScratch = new BsonWriter(new ByteWriter(1024))

/** Reused: what takes it copies it at once. */
function encodeFields(reply: ShortReply): Slice {
  if (replyScratch.out.bytes.length > keptReplyBytes) replyScratch = new BsonWriter(new ByteWriter(1024))
  reply(replyScratch.reset().begin())
  return replyScratch.end().out
}

function copyFields(reply: Uint8Array, isRetried: boolean): Reply {
  return {
    *steps(writer) {
      yield* copyElements(writer, { bytes: reply, start: 4, end: reply.length - 1 })
      if (isRetried) writer.boolean('retried', true)
    },
  }
}

function tooOld(number: bigint, newest: bigint): PolylogError {
  const message = `Retryable write with txnNumber ${number} is prohibited because a newer one with txnNumber ${newest} has already started`
  return mongoError(225, message)
}

/** Fields that any command may have; what they ask for is seen to before the command runs. */
const genericFields: ReadonlySet<string> = new Set([
  '$db',
  'lsid',
  'txnNumber',
  'startTransaction',
  'autocommit',
  '$readPreference',
  'readConcern',
  'writeConcern',
  'comment',
  'maxTimeMS',
  '$clusterTime',
  'apiVersion',
  'apiStrict',
  'apiDeprecationErrors',
  'maxTimeMSOpOnly',
])

export function missingField(command: string, name: string): PolylogError {
  return mongoError(40_414, `BSON field '${command}.${name}' is missing but a required field`)
}

let validDatabase = ''

/** Of users that are proved by something else than what the server keeps. */
export const externalDatabase = '$external'

export function checkDatabaseName(name: string): string {
  if (name === validDatabase && name !== '') return name
  if (name.length === 0 || Buffer.byteLength(name) > 63 || /[/\\. "$*<>:|?\0]/.test(name)) {
    throw mongoError(mongoCode.invalidNamespace, `Invalid namespace specified '${name}'`)
  }
  validDatabase = name
  return name
}

export function checkCollectionName(database: string, name: string): string {
  if (name.length === 0 || name.startsWith('.') || name.endsWith('.') || name.includes('$') || name.includes('\0')) {
    throw mongoError(mongoCode.invalidNamespace, `Invalid namespace specified '${database}.${name}'`)
  }
  if (Buffer.byteLength(name) > 200)
    throw mongoError(mongoCode.invalidNamespace, 'a collection name has at most 200 bytes')
  return name
}

export function fieldMap(document: BsonValue): Map<string, BsonValue> {
  const fields = new Map<string, BsonValue>()
  const cursor = FieldCursor.of(document)
  while (cursor.next()) {
    const { name } = cursor
    if (!fields.has(name)) fields.set(name, cursor.value.reference())
  }
  return fields
}

export interface Command {
  readonly name: string
  /** Other spellings that the server knows. */
  readonly aliases?: readonly string[]
  readonly fields: readonly string[]
  readonly access: Access
  /** May run in a transaction. */
  readonly inTransaction?: boolean
  /** May read a state of the past: the one that it names, or that of its cursor. */
  readonly readsSnapshots?: 'any' | 'of its cursor'
  /** Needs no session: answered before and without any database. */
  readonly isBare?: boolean
  /** Its fields are names that it knows itself. */
  readonly checksFields?: boolean
  run(request: Request): Reply | Promise<Reply>
}
