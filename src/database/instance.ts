/**
 * A data directory, or its likeness in memory: all databases of one process.
 *
 *   LOCK                              held by the process
 *   FORMAT                            the version of everything below, as a decimal number and a line feed
 *   databases/<uuid>/name             the database's name, UTF-8
 *   databases/<uuid>/log/             its log (`log/file`)
 *   databases/<uuid>/checkpoint/<n>/  the store's state at sequence n (`storage/memory`)
 *
 * A database is there once its `name` is; a folder without one is what a crash left of a creation, and is not looked at.
 */
import { PolylogError } from '../base/errors.ts'
import { DiskError, type Disk, type DiskLock, type Host } from '../host/host.ts'
import { readTextFile } from '../host/text-file.ts'
import { LogError } from '../log/commit-log.ts'
import { openFileLog } from '../log/file/file-log.ts'
import { openMemoryLog } from '../log/memory-log.ts'
import { openMemoryStore } from '../storage/memory/memory.ts'
import { Database } from './database.ts'
import type { KernelLimits } from './kernel.ts'

/** Grows with every change of a byte layout; older ones are migrated. */
export const formatVersion = 1

export interface InstanceOptions {
  readonly host: Host
  /** Left out: in memory. */
  readonly directory?: string
  readonly limits?: Partial<KernelLimits>
  readonly segmentBytes?: number
  readonly checkpointEveryBytes?: number
}

export class Instance {
  readonly databases: Map<string, Database> = new Map()
  readonly #options: InstanceOptions
  readonly #lock: DiskLock | undefined
  readonly #creating = new Set<string>()

  private constructor(options: InstanceOptions, lock: DiskLock | undefined) {
    this.#options = options
    this.#lock = lock
  }

  /**
   * Opens the directory with all its databases, and makes both where they are missing. Errors: `directory_locked`,
   * `data_newer`, `data_corrupted` with the place, `denied`, `disk_full`, `io_error`.
   */
  static async open(options: InstanceOptions, defaultDatabase: string): Promise<Instance> {
    const { host, directory } = options
    if (directory === undefined) {
      const instance = new Instance(options, undefined)
      await instance.#openInMemory(defaultDatabase)
      return instance
    }
    try {
      await makeFolders(host.disk, directory)
      await syncAncestors(host.disk, directory)
      const lock = await host.disk.lock(`${directory}/LOCK`)
      return await Instance.#openLocked(options, directory, lock, defaultDatabase)
    } catch (error) {
      throw translate(error, directory)
    }
  }

  static async #openLocked(
    options: InstanceOptions,
    directory: string,
    lock: DiskLock,
    defaultDatabase: string,
  ): Promise<Instance> {
    const instance = new Instance(options, lock)
    try {
      await checkFormat(options.host.disk, directory)
      await options.host.disk.syncFolder(directory)
      await instance.#openAll(directory)
      if (!instance.databases.has(defaultDatabase)) await instance.#create(directory, defaultDatabase)
      return instance
    } catch (error) {
      await instance.close().catch(() => undefined)
      throw error
    }
  }

  /** A new, empty database, there when this resolves. Errors: `duplicate_object`, `invalid_argument`, those of `open`. */
  async create(name: string): Promise<void> {
    if (name.length === 0 || Buffer.byteLength(name) > maxNameBytes) {
      throw new PolylogError('invalid_argument', `the name of a database has 1 to ${maxNameBytes} bytes`)
    }
    if (this.databases.has(name) || this.#creating.has(name)) {
      throw new PolylogError('duplicate_object', `database "${name}" already exists`, { detail: { sqlState: '42P04' } })
    }
    const { directory } = this.#options
    this.#creating.add(name)
    try {
      await (directory === undefined ? this.#openInMemory(name) : this.#create(directory, name))
    } catch (error) {
      throw directory === undefined ? error : translate(error, directory)
    } finally {
      this.#creating.delete(name)
    }
  }

  async #openInMemory(name: string): Promise<void> {
    const { host, limits } = this.#options
    const store = await openMemoryStore(host, undefined)
    const log = openMemoryLog({ keptBytes: 32 * 1024 * 1024 })
    this.databases.set(name, await Database.open({ host, name, log, store, ...(limits && { limits }) }))
  }

  async #openAll(directory: string): Promise<void> {
    const { disk } = this.#options.host
    await disk.syncFolder(`${directory}/databases`)
    for (const uuid of await disk.list(`${directory}/databases`)) {
      const folder = `${directory}/databases/${uuid}`
      const name = await readTextFile(disk, `${folder}/name`, smallFileBytes)
      if (name === undefined) continue
      await disk.syncFolder(folder)
      this.databases.set(name, await this.#open(folder, uuid, name))
    }
  }

  async #open(folder: string, uuid: string, name: string): Promise<Database> {
    const { host, limits, segmentBytes, checkpointEveryBytes } = this.#options
    const checkpointFolder = `${folder}/checkpoint`
    const checkpoint = await Database.checkpointIn(host, checkpointFolder)
    const store = await openMemoryStore(host, checkpoint?.path)
    const log = await openFileLog(host, `${folder}/log`, {
      databaseId: Buffer.from(uuid.replaceAll('-', ''), 'hex'),
      ...(segmentBytes !== undefined && { segmentBytes }),
    })
    try {
      return await Database.open({
        host,
        name,
        log,
        store,
        checkpointFolder,
        ...(limits && { limits }),
        ...(checkpointEveryBytes !== undefined && { checkpointEveryBytes }),
      })
    } catch (error) {
      await log.close()
      throw error
    }
  }

  async #create(directory: string, name: string): Promise<Database> {
    const { disk } = this.#options.host
    const uuid = this.#newUuid()
    const folder = `${directory}/databases/${uuid}`
    await makeFolders(disk, folder)
    const database = await this.#open(folder, uuid, name)
    await writeSmallFile(disk, folder, 'name', name)
    await disk.syncFolder(`${directory}/databases`)
    this.databases.set(name, database)
    return database
  }

  #newUuid(): string {
    const bytes = new Uint8Array(16)
    this.#options.host.random(bytes)
    bytes[6] = (bytes[6]! & 0x0f) | 0x40
    bytes[8] = (bytes[8]! & 0x3f) | 0x80
    const hex = Buffer.from(bytes).toString('hex')
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
  }

  async close(): Promise<void> {
    for (const database of this.databases.values()) await database.close()
    await this.#lock?.release()
  }
}

async function checkFormat(disk: Disk, directory: string): Promise<void> {
  const found = await readTextFile(disk, `${directory}/FORMAT`, smallFileBytes)
  if (found === undefined) {
    await makeFolders(disk, `${directory}/databases`)
    await writeSmallFile(disk, directory, 'FORMAT', `${formatVersion}\n`)
    return
  }
  if (!/^\d{1,9}\n$/.test(found)) {
    throw new PolylogError('data_corrupted', `${directory}/FORMAT does not hold a version number`)
  }
  const version = Number(found)
  if (version > formatVersion) {
    const message = `${directory} has format ${version}, written by a newer Polylog; this one knows up to ${formatVersion}`
    throw new PolylogError('data_newer', message)
  }
}

const smallFileBytes = 4096
/** As PostgreSQL's names have. */
const maxNameBytes = 63

/** All of it or nothing, also in a crash. */
async function writeSmallFile(disk: Disk, folder: string, name: string, text: string): Promise<void> {
  const part = `${folder}/${name}.part`
  await disk.remove(part).catch((error: unknown) => ignore(error, 'not-found'))
  const file = await disk.open(part, { mode: 'create' })
  await file.writeAt(0, Buffer.from(text))
  await file.sync()
  await file.close()
  await disk.rename(part, `${folder}/${name}`)
  await disk.syncFolder(folder)
}

/** Makes the folder and those above it, each durable in the one above. */
async function makeFolders(disk: Disk, path: string): Promise<void> {
  try {
    await disk.makeFolder(path)
  } catch (error) {
    if (error instanceof DiskError && error.code === 'exists') return
    if (!(error instanceof DiskError && error.code === 'not-found') || parentOf(path) === path) throw error
    await makeFolders(disk, parentOf(path))
    await disk.makeFolder(path)
  }
  await disk.syncFolder(parentOf(path))
}

/**
 * Makes the directory's own name durable. It may be there and not be durable: whoever made it may have been killed before
 * it synced the folder above, and a power failure would then take everything with it. The same holds of what is inside.
 */
async function syncAncestors(disk: Disk, path: string): Promise<void> {
  for (let at = path; parentOf(at) !== at;) {
    at = parentOf(at)
    await disk.syncFolder(at).catch((error: unknown) => ignore(error, 'access'))
  }
}

function parentOf(path: string): string {
  const at = path.lastIndexOf('/')
  return at < 0 ? '.' : at === 0 ? '/' : path.slice(0, at)
}

function ignore(error: unknown, code: DiskError['code']): void {
  if (!(error instanceof DiskError && error.code === code)) throw error
}

function translateLogError(error: LogError): PolylogError {
  if (error.code === 'corrupt') {
    const { position, message } = error
    const where = position === undefined || message.includes(position) ? '' : ` (${position})`
    return new PolylogError('data_corrupted', `${message}${where}`, { cause: error })
  }
  return new PolylogError(error.code === 'no-space' ? 'disk_full' : 'io_error', error.message, { cause: error })
}

function translate(error: unknown, directory: string): unknown {
  if (error instanceof LogError) return translateLogError(error)
  if (!(error instanceof DiskError)) return error
  const messages: Record<DiskError['code'], () => PolylogError> = {
    locked: () => {
      const holder = error.pid === undefined ? '' : ` (process ${error.pid})`
      return new PolylogError('directory_locked', `${directory} is in use by another process${holder}`, {
        cause: error,
      })
    },
    access: () => new PolylogError('denied', error.message, { cause: error }),
    'no-space': () => new PolylogError('disk_full', error.message, { cause: error }),
    // The folder has just been found or made, so what has no place in it is no folder.
    'not-found': () =>
      error.path === `${directory}/LOCK`
        ? new PolylogError('denied', `${directory} is not a folder`, { cause: error })
        : new PolylogError('data_corrupted', `${error.path} is missing`, { cause: error }),
    exists: () => new PolylogError('io_error', error.message, { cause: error }),
    io: () => new PolylogError('io_error', error.message, { cause: error }),
  }
  return messages[error.code]()
}
