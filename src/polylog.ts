/**
 * Polylog as a package: `open` a database in this process, `serve` it to drivers.
 *
 * No side effects on import; nothing here needs a network.
 */
import { Instance } from './database/instance.ts'
import type { RetentionOptions } from './database/history/retention.ts'
import { decodeGivenKey, keyForms } from './host/encrypted/given-key.ts'
import type { Host } from './host/host.ts'
import {
  check,
  checkBoolean,
  checkInteger,
  checkOneOf,
  checkOptions,
  checkPort,
  checkString,
  invalidArgument,
} from './library/arguments.ts'
import { defaultMaxLagBytes } from './database/following/consumers.ts'
import { followerNameBytesMax } from './database/following/follower-note.ts'
import { FollowingInstance } from './database/following/following-instance.ts'
import { EmbeddedFollower } from './library/follower.ts'
import { EmbeddedDatabase } from './library/library.ts'
import type { Durability } from './log/commit-log.ts'
import { protocols } from './server/protocols.ts'
import { Server, type ServerOptions } from './server/server.ts'
import { createWorkingHost } from './server/working-host.ts'
import { Sessions } from './session/sessions.ts'

export { PolylogError, type ErrorCode } from './base/errors.ts'
export { Decimal } from './base/decimal.ts'
export type { Difference, DifferenceKind } from './database/verification/verification.ts'
export type { FeedChange, FeedOptions, FeedTransaction } from './database/following/feed.ts'
export type { Isolation } from './database/contract.ts'
export type { DeleteOptions, Documents, FindOptions, UpdateOptions } from './library/documents.ts'
export type { Keys, KeyText } from './library/keys.ts'
export type { JsonValue } from './library/json-values.ts'
export type { SqlRow } from './library/sql.ts'
export type { SqlResult } from './library/sql-results.ts'
export type { Consumer, ConsumerKind } from './database/following/consumers.ts'
export type { ConsumerOptions, ConsumerStatus } from './database/following/log-use.ts'
export type { ConsumerFeedOptions, EmbeddedConsumer } from './library/consumer.ts'
export type { EmbeddedFollower, WaitOptions } from './library/follower.ts'
export type { EmbeddedDatabase, EmbeddedTransaction, PinnedSnapshot, WriteOptions } from './library/library.ts'
export type { DatabaseReport } from './database/verification/verify.ts'
export type { TlsFiles } from './server/certificates.ts'
export type { Server, ServerOptions } from './server/server.ts'

export interface OpenOptions {
  /** Nothing is written; there is no path then, and nothing that `durability` could wait for. */
  readonly memory?: boolean
  /** What `write` waits for. Default: `synced`. */
  readonly durability?: Durability
  /**
   * Of a directory that is encrypted, which it is from its first opening on, or never: 32 random bytes, or their text in
   * hexadecimal or base64.
   */
  readonly encryptionKey?: Uint8Array | string
  /** How far back `at` and the doors can read what was; left out: as far as the newest checkpoint and the log happen to go. */
  readonly history?: HistoryOptions
}

export interface HistoryOptions {
  /** Milliseconds. */
  readonly keptMs: number
  /** Of log, at most: where that is less, the past is shorter. Default: 1 GiB. */
  readonly maxLogBytes?: number
}

const defaultDatabase = 'polylog'

const checkKey = check(
  (key) => (typeof key === 'string' || key instanceof Uint8Array) && decodeKey(key) !== undefined,
  `a key: ${keyForms}`,
)

const checkKept = checkInteger(0)
const checkHistory = checkOptions({ keptMs: checkKept, maxLogBytes: checkInteger(0) })

const checkOpenOptions = checkOptions({
  memory: checkBoolean,
  durability: checkOneOf('synced', 'written', 'memory'),
  encryptionKey: checkKey,
  history: (what, value) => {
    checkHistory(what, value)
    checkKept(`"keptMs" of ${what}`, (value as HistoryOptions).keptMs)
  },
})

const checkDatabase = check((value) => value instanceof EmbeddedDatabase, 'a database that open has opened')
const checkLimit = checkInteger(1)
const checkTlsNames = checkOptions({
  certificateFile: checkString,
  keyFile: checkString,
  clientAuthoritiesFile: checkString,
  clientsMayShowNone: checkBoolean,
  revocationsFile: checkString,
  certificate: checkString,
  key: checkString,
})
const checkTlsPair = check((value) => {
  const { certificateFile, keyFile, certificate, key } = value as Record<string, unknown>
  const [byFile, byText] = [certificateFile !== undefined, certificate !== undefined]
  return byFile !== byText && (keyFile !== undefined) === byFile && (key !== undefined) === byText
}, 'certificateFile and keyFile, or certificate and key')
const checkServeOptions = checkOptions({
  host: checkString,
  socketPath: checkString,
  insecureTransport: checkBoolean,
  domain: checkString,
  tls: (what, value) => {
    checkTlsNames(what, value)
    checkTlsPair(what, value)
  },
  port: checkPort,
  protocolPorts: checkOptions(Object.fromEntries([...protocols.keys()].map((name) => [name, checkPort]))),
  limits: checkOptions({ maxMessageBytes: checkLimit, maxPendingOutputBytes: checkLimit }),
  stopTimeoutMs: checkInteger(0, 2 ** 31 - 1),
})

/**
 * Opens the data directory at `path`, which is made where it is missing, or a database in memory. Errors: `PolylogError`
 * with `invalid_argument`, `directory_locked`, `data_corrupted`, `data_newer`, `denied`, `disk_full`.
 */
export async function open(path: string, options?: OpenOptions & { readonly memory?: false }): Promise<EmbeddedDatabase>
export async function open(options: OpenOptions & { readonly memory: true }): Promise<EmbeddedDatabase>
export async function open(where: string | OpenOptions, more?: OpenOptions): Promise<EmbeddedDatabase> {
  const { directory, durability, key, retention } = checkOpen(where, more)
  const host = createWorkingHost()
  const instance = await Instance.open(
    { host, ...(directory !== undefined && { directory }), ...key, ...retention },
    defaultDatabase,
  )
  const sessions = new Sessions(host, () => instance.databases, {
    defaultDatabase,
    durability,
    catalog: instance,
    memory: instance.memory,
  })
  return new EmbeddedDatabase(instance.databases.get(defaultDatabase)!, sessions, async () => {
    sessions.close()
    await instance.close()
  })
}

interface Opening {
  readonly directory: string | undefined
  readonly durability: Durability
  readonly key?: { readonly encryptionKey?: Uint8Array }
  readonly retention: { readonly retention?: RetentionOptions }
}

function checkOpen(where: unknown, more: unknown): Opening {
  if (typeof where === 'string') return checkDirectory(where, more === undefined ? {} : more)
  if (more !== undefined) throw invalidArgument('open takes a path and options, or options alone')
  checkOpenOptions('the options of open, where it gets no path,', where)
  const { memory = false, durability = 'memory', encryptionKey, history } = where as OpenOptions
  if (!memory) throw invalidArgument("open takes a path or { memory: true }, as in open('./data')")
  if (encryptionKey !== undefined) throw invalidArgument('a database in memory has no file that a key could encrypt')
  if (durability === 'memory') return { directory: undefined, durability, retention: retentionOf(history) }
  throw invalidArgument(`a database in memory cannot be ${durability}`)
}

function checkDirectory(directory: string, options: unknown): Opening & { directory: string } {
  if (directory === '' || directory.includes('\0')) {
    throw invalidArgument('the path of a data directory must not be empty, nor have a zero character')
  }
  checkOpenOptions('the options of open', options)
  const { memory, durability = 'synced', encryptionKey, history } = options as OpenOptions
  if (memory === true) throw invalidArgument(`open({ memory: true }) takes no path, but "${directory}" was given`)
  return { directory, durability, key: keyOf(encryptionKey), retention: retentionOf(history) }
}

function retentionOf(history: HistoryOptions | undefined): Opening['retention'] {
  if (history === undefined) return {}
  const { keptMs, maxLogBytes = defaultMaxLagBytes } = history
  return { retention: { keptMs, maxLogBytes } }
}

function keyOf(given: Uint8Array | string | undefined): { readonly encryptionKey?: Uint8Array } {
  const encryptionKey = given === undefined ? undefined : decodeKey(given)
  return encryptionKey === undefined ? {} : { encryptionKey }
}

function decodeKey(given: Uint8Array | string): Uint8Array | undefined {
  return decodeGivenKey(typeof given === 'string' ? Buffer.from(given) : given)
}

export interface FollowOptions {
  /** How often it is looked whether the leader has written more, milliseconds. Default: 10. */
  readonly pollMs?: number
  /**
   * By this name the leader knows it, as `polylog.consumers` shows there, and keeps its log for it; one process at a time has
   * it. Left out: the log is kept for nobody, and who falls behind begins anew from a checkpoint.
   */
  readonly name?: string
  /** With a name: the leader keeps so much of its log for it, at most. Default: 1 GiB. */
  readonly maxLagBytes?: number
  /** As of `open`. */
  readonly encryptionKey?: Uint8Array | string
}

const checkFollowOptions = checkOptions({
  pollMs: checkInteger(1, 60_000),
  name: check(
    (name) => typeof name === 'string' && name !== '' && Buffer.byteLength(name) <= followerNameBytesMax,
    `a name of 1 to ${followerNameBytesMax} bytes`,
  ),
  maxLagBytes: checkInteger(0),
  encryptionKey: checkKey,
})

/**
 * Follows the data directory at `path` that another process leads, a server's or a library's: what that one has committed
 * can be read here as soon as it is on the disk, by the library and, after `serve`, by drivers. Nothing is written there
 * before `promote`, but for the note of one with a name. Errors: `PolylogError` with `invalid_argument`, `undefined_object`,
 * `duplicate_object` where another process has the name, `unsupported` for a directory of an older format,
 * `data_corrupted`, `data_newer`.
 */
export async function openFollower(path: string, options: FollowOptions = {}): Promise<EmbeddedFollower> {
  if (typeof path !== 'string') throw invalidArgument('openFollower takes the path of a data directory')
  checkDirectory(path, {})
  checkFollowOptions('the options of openFollower', options)
  const host = createWorkingHost()
  const { pollMs, name, maxLagBytes = defaultMaxLagBytes, encryptionKey } = options
  if (name === undefined && options.maxLagBytes !== undefined) {
    throw invalidArgument('openFollower has maxLagBytes for a follower with a name only')
  }
  const instance = await FollowingInstance.open(
    {
      host,
      directory: path,
      ...keyOf(encryptionKey),
      ...(pollMs !== undefined && { pollMs }),
      ...(name !== undefined && { follower: { name, maxLagBytes } }),
    },
    defaultDatabase,
  )
  const sessions = new Sessions(host, () => instance.openDatabases, {
    defaultDatabase,
    catalog: instance,
    memory: instance.memory,
  })
  return new EmbeddedFollower(instance, instance.openDatabases.get(defaultDatabase)!, sessions, async () => {
    sessions.close()
    await instance.close()
  })
}

/**
 * Lets drivers of all protocols connect to an open database. `port` 0 lets the system choose; see `server.port`. Close
 * the server before the database. Errors: `NetworkError`, `DiskError` for files of `tls`, `PolylogError('denied')` for an address that others
 * reach without a user, or without `tls` and `insecureTransport`.
 */
export async function serve(database: EmbeddedDatabase, options: ServerOptions = {}): Promise<Server> {
  checkDatabase('what serve is given', database)
  database.checkOpen()
  checkServeOptions('the options of serve', options)
  const host: Host = database.sessions.host
  return Server.listen(host, database.sessions, options)
}
