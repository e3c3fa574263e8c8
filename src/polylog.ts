/**
 * Polylog as a package: `open` a database in this process, `serve` it to drivers.
 *
 * No side effects on import; nothing here needs a network.
 */
import { Instance } from './database/instance.ts'
import { createRealHost } from './host/real/real-host.ts'
import type { Host } from './host/host.ts'
import { EmbeddedDatabase } from './library/library.ts'
import type { Durability } from './log/commit-log.ts'
import { Server, type ServerOptions } from './server/server.ts'
import { workerJobs } from './server/worker-jobs.ts'
import { Sessions } from './session/sessions.ts'

export { PolylogError, type ErrorCode } from './base/errors.ts'
export { Decimal } from './base/decimal.ts'
export type { FeedChange, FeedOptions, FeedTransaction } from './database/feed.ts'
export type { Isolation } from './database/contract.ts'
export type { Documents, FindOptions } from './library/documents.ts'
export type { Keys, KeyText } from './library/keys.ts'
export type { SqlRow } from './library/sql.ts'
export type { EmbeddedDatabase, EmbeddedTransaction, PinnedSnapshot, WriteOptions } from './library/library.ts'
export type { Server, ServerOptions } from './server/server.ts'

export interface OpenOptions {
  /** Nothing is written; `path` is left out. */
  readonly memory?: boolean
  /** What `write` waits for. Default: `synced`, in memory `memory`. */
  readonly durability?: Durability
}

/**
 * Opens the data directory at `path`, which is made where it is missing, or a database in memory. Errors: `PolylogError`
 * with `directory_locked`, `data_corrupted`, `data_newer`, `denied`, `disk_full`.
 */
export async function open(path: string, options?: OpenOptions): Promise<EmbeddedDatabase>
export async function open(options: OpenOptions & { readonly memory: true }): Promise<EmbeddedDatabase>
export async function open(
  where: string | (OpenOptions & { readonly memory: true }),
  more: OpenOptions = {},
): Promise<EmbeddedDatabase> {
  const options = typeof where === 'string' ? more : where
  const directory = typeof where === 'string' && options.memory !== true ? where : undefined
  const host = createRealHost({ jobs: workerJobs })
  const defaultDatabase = 'polylog'
  const instance = await Instance.open({ host, ...(directory !== undefined && { directory }) }, defaultDatabase)
  const durability = options.durability ?? (directory === undefined ? 'memory' : 'synced')
  const createDatabase = (name: string): Promise<void> => instance.create(name)
  const sessions = new Sessions(host, () => instance.databases, { defaultDatabase, durability, createDatabase })
  return new EmbeddedDatabase(instance.databases.get(defaultDatabase)!, sessions, async () => {
    sessions.close()
    await instance.close()
  })
}

/**
 * Lets drivers of all protocols connect to an open database. `port` 0 lets the system choose; see `server.port`. Close
 * the server before the database. Errors: `NetworkError`, `PolylogError('denied')` for an address that is not loopback.
 */
export function serve(database: EmbeddedDatabase, options: ServerOptions = {}): Promise<Server> {
  const host: Host = database.sessions.host
  return Server.listen(host, database.sessions, options)
}
