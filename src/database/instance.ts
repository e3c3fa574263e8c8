/**
 * All databases of one process: those of a data directory, or their likeness in memory.
 *
 *   LOCK                              held by the process
 *   KEYS                              where all that follows is encrypted: its data keys (`keys-file.ts`)
 *   FORMAT, CONTENTS                  the version of everything below, and what must be there (`data-directory.ts`)
 *   temporary/                        what statements have spilled (`temporary-files.ts`); empty at start
 *   databases/<uuid>/name             the database's name
 *   databases/<uuid>/log/             its log (`log/file`)
 *   databases/<uuid>/consumers        who else needs the log, and from where on (`consumers.ts`)
 *   databases/<uuid>/checkpoint/<n>/  the memory's state at sequence n (`storage/memory`), and how far the engines were
 *   databases/<uuid>/<engine>/        of a base store: what its collections hold (`engines.ts`)
 *
 * A start looks at the names of all databases and opens the default one. Another one is opened when it is first used; what
 * is damaged in it is the error of whoever uses it then, and of nobody else. `databases` are those that are open. One that
 * nobody uses may be closed again (`release`; `session/idle-databases.ts` says which).
 */
import { PolylogError } from '../base/errors.ts'
import { logError } from '../base/logged-error.ts'
import { DiskError, type DiskLock, type Host } from '../host/host.ts'
import type { CommitLog } from '../log/commit-log.ts'
import type { DroppedTail } from '../log/file/dropped-tail.ts'
import { openFileLog } from '../log/file/file-log.ts'
import { openMemoryLog } from '../log/memory-log.ts'
import { openMemoryStore } from '../storage/memory/memory.ts'
import type { OrderedStore } from '../storage/store.ts'
import { findCheckpoint, removeOtherCheckpoints } from './directory/checkpoints.ts'
import { faultOfName } from './directory/contents.ts'
import { DataDirectory } from './directory/data-directory.ts'
import { Database } from './database.ts'
import type { RetentionOptions } from './history/retention.ts'
import { Engines, type EngineLimits } from './engines.ts'
import type { Sequence } from './contract.ts'
import type { KernelLimits } from './kernel.ts'
import { Member, type MemberParts } from './following/member.ts'
// oxlint-disable-next-line import/no-unassigned-import -- loading it registers the step
import './directory/migrations/catalog-step.ts'
import type { MigrationStep } from './directory/migrations/migrations.ts'
import { unlock } from './directory/keys-file.ts'
import { type MemoryOptions, ProcessMemory } from './process-memory.ts'
import { listFolder, makeFolders, syncAncestors } from './directory/small-files.ts'
import { TemporaryFiles } from './directory/temporary-files.ts'
import { cannotMake, locateDamage, translateFailure } from './directory/start-failure.ts'

export interface InstanceOptions {
  readonly host: Host
  /** Left out: in memory. */
  readonly directory?: string
  /** 32 bytes: everything in the directory is encrypted, from its first file on (`keys-file.ts`). */
  readonly encryptionKey?: Uint8Array
  readonly limits?: Partial<KernelLimits>
  readonly segmentBytes?: number
  readonly checkpointEveryBytes?: number
  readonly engines?: Partial<EngineLimits>
  readonly migrationSteps?: readonly MigrationStep[]
  readonly memory?: MemoryOptions
  /** How far back what the databases held before can be read; left out, as far as it happens to. */
  readonly retention?: RetentionOptions
  /** What statements may spill to disk together. Default: 64 GiB. */
  readonly temporaryLimitBytes?: number
  /** For tests of what a log does that lies on other machines: what the databases see of theirs. */
  readonly wrapLog?: (log: CommitLog) => CommitLog
  /** For tests of waiting for pages: what the databases see of their memory store. */
  readonly wrapStore?: (store: OrderedStore) => OrderedStore
}

/** The server's own: who may come in. Made when there is something to keep, and never closed. */
export const systemDatabase = 'system'

/** Of the log of a database in memory. */
const leastKeptBytes = 32 * 1024 * 1024
const defaultTemporaryLimitBytes = 64 * 1024 * 1024 * 1024

/** What was at the end of a database's log, meant to belong to it, and is cut off. */
export interface DroppedTailNotice extends DroppedTail {
  readonly database: string
}

export class Instance {
  readonly databases: Map<string, Database> = new Map()
  /** Of all databases that were opened. */
  readonly notices: DroppedTailNotice[] = []
  readonly memory: ProcessMemory
  /** Beside a database in memory there are none. */
  temporary: TemporaryFiles | undefined
  readonly #options: InstanceOptions
  readonly #lock: DiskLock | undefined
  #directory: DataDirectory | undefined
  /** Names that are being made or dropped. */
  readonly #changing = new Set<string>()
  readonly #opening = new Map<string, Promise<Database>>()
  /** Those that are being closed, until they are used again. */
  readonly #releasing = new Map<string, Promise<void>>()
  /** Of those of a directory that are open. */
  readonly #members = new Map<string, Member>()
  #defaultDatabase = ''
  #closed = false
  #lost: PolylogError | undefined

  private constructor(options: InstanceOptions, lock: DiskLock | undefined, memory?: ProcessMemory) {
    this.#options = options
    this.#lock = lock
    this.memory = memory ?? ProcessMemory.of(options.host, options.memory)
  }

  /**
   * Opens the directory and its default database, and makes both where they are missing. Errors: `directory_locked`,
   * `data_newer`, `data_corrupted` with the place, `denied`, `disk_full`, `io_error`, `invalid_argument`.
   */
  static async open(options: InstanceOptions, defaultDatabase: string): Promise<Instance> {
    const { host, directory } = options
    if (directory === undefined) {
      const instance = new Instance(options, undefined)
      instance.#defaultDatabase = defaultDatabase
      await instance.#openInMemory(defaultDatabase)
      return instance
    }
    if (directory === '' || directory.includes('\0')) {
      throw new PolylogError('invalid_argument', 'the path of the data directory is empty or has a NUL character')
    }
    await makeDirectory(host, directory)
    try {
      const lock = await host.disk.lock(`${directory}/LOCK`)
      return await Instance.#openLocked(options, directory, lock, defaultDatabase)
    } catch (error) {
      throw translateFailure(error, directory)
    }
  }

  static async #openLocked(
    given: InstanceOptions,
    directory: string,
    lock: DiskLock,
    defaultDatabase: string,
  ): Promise<Instance> {
    const { encryptionKey } = given
    const host = await unlock(given.host, directory, { encryptionKey, makes: true }).catch(async (error: unknown) => {
      await lock.release()
      throw error
    })
    const options = { ...given, host }
    const instance = new Instance(options, lock)
    try {
      const data = await DataDirectory.open(options.host.disk, directory)
      instance.#directory = data
      const limitBytes = options.temporaryLimitBytes ?? defaultTemporaryLimitBytes
      instance.temporary = await TemporaryFiles.open(options.host.disk, `${directory}/temporary`, limitBytes)
      instance.#defaultDatabase = defaultDatabase
      if (!instance.names.includes(defaultDatabase))
        await data.add({ uuid: instance.#newUuid(), name: defaultDatabase })
      await instance.use(defaultDatabase)
      // Who may come in must be known before anybody does.
      if (instance.names.includes(systemDatabase)) await instance.use(systemDatabase)
      return instance
    } catch (error) {
      await instance.close().catch(() => undefined)
      throw error
    }
  }

  /**
   * Databases that have followed the directory's logs lead them from now on: its lock must be free. The host is the one with
   * which they followed. Errors: as `open`.
   */
  static async takeOver(options: InstanceOptions & { directory: string }, followed: Followed): Promise<Instance> {
    const { host, directory } = options
    const lock = await host.disk.lock(`${directory}/LOCK`)
    const instance = new Instance(options, lock, followed.memory)
    try {
      instance.#directory = await DataDirectory.open(host.disk, directory)
      instance.#defaultDatabase = followed.defaultDatabase
      await followed.members.get(followed.defaultDatabase)?.lead()
      for (const [name, member] of followed.members) await instance.#adopt(name, member)
      if (instance.names.includes(systemDatabase)) await instance.use(systemDatabase)
      return instance
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  /** Where one cannot be led, the others are: it shows what it has, and says why. */
  async #adopt(name: string, member: Member): Promise<void> {
    this.#members.set(name, member)
    if (!member.database.pipeline.leads) {
      await member.lead().catch((error: unknown) => {
        member.database.pipeline.neverLeads(error)
        logError(this.#options.host, 'error', error, { database: name })
      })
    }
    this.databases.set(name, member.database)
  }

  /** A new, empty database, there when this resolves. Errors: `duplicate_object`, `invalid_argument`, those of `open`. */
  async create(name: string): Promise<void> {
    const fault = faultOfName(name)
    if (fault !== undefined) throw new PolylogError('invalid_argument', fault)
    if (this.names.includes(name) || this.#changing.has(name)) {
      throw new PolylogError('duplicate_object', `database "${name}" already exists`, { detail: { sqlState: '42P04' } })
    }
    const directory = this.#directory
    this.#changing.add(name)
    try {
      await (directory === undefined ? this.#openInMemory(name) : directory.add({ uuid: this.#newUuid(), name }))
    } catch (error) {
      throw directory === undefined ? error : translateFailure(error, directory.path)
    } finally {
      this.#changing.delete(name)
    }
  }

  /** Of all databases, in the order in which they were made. */
  get names(): readonly string[] {
    return this.#directory === undefined
      ? [...this.databases.keys()]
      : this.#directory.listed.map((database) => database.name)
  }

  /** The database, opened where it is not. Errors: `undefined_object`, those of `open`. */
  use(name: string): Promise<Database> {
    const open = this.databases.get(name)
    if (open !== undefined) return Promise.resolve(open)
    let opening = this.#opening.get(name)
    if (opening === undefined) {
      opening = this.#openListed(name).finally(() => this.#opening.delete(name))
      this.#opening.set(name, opening)
    }
    return opening
  }

  /**
   * Closes it; `use` opens it again. Undefined where it must stay open: the default one, the server's own, one in memory, one on which anything
   * is open. The caller has seen to it that nobody uses it. It is not among `databases` any more when this returns.
   */
  release(name: string): Promise<void> | undefined {
    const member = this.#members.get(name)
    if (member === undefined || this.#staysOpen(name) || this.#closed || this.#changing.has(name)) return undefined
    if (!member.database.isIdle) return undefined
    this.#members.delete(name)
    this.databases.delete(name)
    const { reservedBytes } = member.database.store.statistics()
    const releasing = member
      .close()
      .then(() => this.memory.pressure.givenBack(reservedBytes))
      .catch((error: unknown) => logError(this.#options.host, 'error', error, { database: name }))
      .finally(() => this.#releasing.delete(name))
    this.#releasing.set(name, releasing)
    return releasing
  }

  #staysOpen(name: string): boolean {
    return name === this.#defaultDatabase || name === systemDatabase
  }

  async #openListed(name: string): Promise<Database> {
    await this.#releasing.get(name)
    const directory = this.#directory
    const listed = directory?.listed.find((database) => database.name === name)
    if (directory === undefined || listed === undefined || this.#changing.has(name)) {
      throw new PolylogError('undefined_object', `database "${name}" does not exist`, { detail: { sqlState: '3D000' } })
    }
    if (this.#closed) throw new PolylogError('shutting_down', 'the databases are closed')
    try {
      const member = await this.#open(directory, listed.uuid, name)
      this.#members.set(name, member)
      this.databases.set(name, member.database)
      return member.database
    } catch (error) {
      throw translateFailure(error, directory.path)
    }
  }

  /**
   * The database and all that is in it are gone when this resolves. The caller has seen to it that nobody uses it. Errors:
   * `undefined_object`, `denied` for the default database, those of the disk.
   */
  async drop(name: string): Promise<void> {
    if (name === this.#defaultDatabase) {
      throw new PolylogError('denied', `database "${name}" is the default one of this server and cannot be dropped`)
    }
    if (!this.names.includes(name) || this.#changing.has(name)) {
      throw new PolylogError('undefined_object', `database "${name}" does not exist`, { detail: { sqlState: '3D000' } })
    }
    this.#changing.add(name)
    try {
      await this.#opening.get(name)?.catch(() => undefined)
      await this.#releasing.get(name)
      await (this.#members.get(name) ?? this.databases.get(name))?.discard()
      this.#members.delete(name)
      this.databases.delete(name)
      await this.#unlist(name)
    } finally {
      this.#changing.delete(name)
    }
  }

  async #unlist(name: string): Promise<void> {
    const directory = this.#directory
    const listed = directory?.listed.find((database) => database.name === name)
    if (directory === undefined || listed === undefined) return
    await directory.drop(listed).catch((error: unknown) => {
      throw translateFailure(error, directory.path)
    })
  }

  async #openInMemory(name: string): Promise<void> {
    const { host, limits, retention } = this.#options
    const store = await this.#openStore(undefined)
    const log = openMemoryLog({ keptBytes: Math.max(leastKeptBytes, retention?.maxLogBytes ?? 0) })
    this.databases.set(
      name,
      await Database.open({
        host,
        name,
        log,
        store,
        memory: this.memory,
        ...(limits && { limits }),
        ...(retention && { retention }),
      }),
    )
  }

  async #openStore(checkpoint: string | undefined): Promise<OrderedStore> {
    const { host, wrapStore } = this.#options
    const store = await openMemoryStore(host, checkpoint)
    return wrapStore?.(store) ?? store
  }

  async #open(directory: DataDirectory, uuid: string, name: string): Promise<Member> {
    const folder = directory.folderOf(uuid)
    try {
      const checkpoint = await findCheckpoint(this.#options.host, `${folder}/checkpoint`)
      const member = await this.#openWith(checkpoint?.path, { folder, uuid, name })
      // Only now is it known that what is left is not needed.
      const isKept = (one: Sequence): boolean => one === checkpoint?.sequence || this.#keepsPast
      await removeOtherCheckpoints(this.#options.host, `${folder}/checkpoint`, isKept)
      return member
    } catch (error) {
      throw locateDamage(error, name, folder)
    }
  }

  /** Older ones may be needed; the next that is written says which. */
  get #keepsPast(): boolean {
    return (this.#options.retention?.keptMs ?? 0) > 0
  }

  async #openWith(checkpoint: string | undefined, { folder, uuid, name }: OpenedFolder): Promise<Member> {
    const { host, limits, segmentBytes, checkpointEveryBytes, migrationSteps, retention } = this.#options
    const memory = await this.#openStore(checkpoint)
    const engines = await Engines.open({
      host,
      memory,
      folder,
      checkpoint,
      ...(this.#options.engines && { limits: this.#options.engines }),
    })
    const fileLog = await openFileLog(host, `${folder}/log`, {
      databaseId: Buffer.from(uuid.replaceAll('-', ''), 'hex'),
      mustExist: true,
      onDropped: (tail) => this.#noteDropped({ database: name, ...tail }),
      ...(segmentBytes !== undefined && { segmentBytes }),
    })
    const log = this.#options.wrapLog?.(fileLog) ?? fileLog
    const parts: MemberParts = {
      host,
      name,
      log,
      store: engines.store,
      engines,
      checkpointFolder: `${folder}/checkpoint`,
      memory: this.memory,
      leadsAgain: true,
      consumers: { disk: host.disk, folder },
      ...(this.temporary && { temporary: this.temporary }),
      ...(retention && { retention }),
      ...(limits && { limits }),
      ...(checkpointEveryBytes !== undefined && { checkpointEveryBytes }),
      ...(migrationSteps && { migrationSteps }),
    }
    try {
      return await Member.open(parts, 'lead', (database, reason) => this.#changed(database, reason))
    } catch (error) {
      await log.close()
      throw error
    }
  }

  /** It has stepped down: another database goes on in its place. */
  #changed(database: Database, { message }: PolylogError): void {
    this.databases.set(database.name, database)
    this.#options.host.log('warning', message, { database: database.name })
  }

  /** What an opening has cut off a log: after a crash that is as it should be; else it is for somebody to know. */
  #noteDropped(notice: DroppedTailNotice): void {
    this.notices.push(notice)
    const { database, path, offset, bytes, kind } = notice
    const [level, what] =
      kind === 'torn'
        ? (['info', 'was cut short by a crash'] as const)
        : (['warning', 'does not match its checksum'] as const)
    const fields = { database, file: path, position: offset, bytes }
    this.#options.host.log(level, `the last write to the log ${what}, and is dropped`, fields)
  }

  #newUuid(): string {
    const bytes = new Uint8Array(16)
    this.#options.host.random(bytes)
    bytes[6] = (bytes[6]! & 0x0f) | 0x40
    bytes[8] = (bytes[8]! & 0x3f) | 0x80
    const hex = Buffer.from(bytes).toString('hex')
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
  }

  /**
   * Looks whether the data directory still lies where it was opened, and each open log in it. What was acknowledged and
   * what is written from now on would be missing at the next start, so writes are refused. Answers what is lost.
   */
  async checkDirectory(): Promise<PolylogError | undefined> {
    if (this.#directory === undefined || this.#lost !== undefined) return this.#lost
    const what = await this.#findLoss(this.#directory)
    if (what === undefined) return undefined
    this.#lost = new PolylogError('io_error', `${what} was removed, renamed or replaced while the server ran`)
    for (const database of this.databases.values()) database.pipeline.directoryLost(this.#lost)
    return this.#lost
  }

  async #findLoss(directory: DataDirectory): Promise<string | undefined> {
    if ((await this.#lock?.isInPlace()) === false) return directory.path
    for (const { uuid, name } of directory.listed) {
      const folder = `${directory.folderOf(uuid)}/log`
      const log = this.databases.get(name)?.log
      // Twice, for a log that goes on to its next segment meanwhile.
      if (log === undefined || (await this.#holds(folder, log)) || (await this.#holds(folder, log))) continue
      // One that was dropped meanwhile is not lost.
      if (this.databases.get(name)?.log === log) return folder
    }
    return undefined
  }

  async #holds(folder: string, log: CommitLog): Promise<boolean> {
    const newest = log.describe().at(-1)
    if (newest === undefined) return true
    try {
      return (await this.#options.host.disk.list(folder)).includes(newest.name)
    } catch (error) {
      // What cannot be looked at may be there.
      return !(error instanceof DiskError && error.code === 'not-found')
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled([...this.#opening.values(), ...this.#releasing.values()])
    for (const [name, database] of this.databases) await (this.#members.get(name) ?? database).close()
    await this.#lock?.release()
  }
}

/** What has followed a directory until now. */
interface Followed {
  readonly members: ReadonlyMap<string, Member>
  readonly memory: ProcessMemory
  readonly defaultDatabase: string
}

interface OpenedFolder {
  readonly folder: string
  readonly uuid: string
  readonly name: string
}

async function makeDirectory({ disk }: Host, directory: string): Promise<void> {
  try {
    await makeFolders(disk, directory)
    await syncAncestors(disk, directory)
  } catch (error) {
    throw cannotMake(error, directory)
  }
  const names = await listFolder(disk, directory).catch((error: unknown) => {
    throw translateFailure(error, directory)
  })
  if (names === undefined) throw new PolylogError('denied', `${directory} is not a folder`)
}
