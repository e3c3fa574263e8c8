/**
 * The databases of a data directory that another process leads: each begins with the newest checkpoint, follows the log
 * behind it, and can take over. Nothing is written to the directory before that, and nothing of it is locked, but for the
 * note of a follower that has a name (`follower-note.ts`), by which the leader's log is kept for it.
 *
 *   open ──▶ following ──promote: the lock, then the log of each──▶ an `Instance` like any other
 *               │ ▲
 *               └─┘ the log was trimmed before it was read, or has diverged: begun anew from the newest checkpoint
 *
 * The leader removes a checkpoint when the next one is there, and trims the log behind that: so what was found may be gone
 * before it is read, and is looked for again.
 *
 * Invariants: a promotion that fails (the lock is held, mostly) leaves everything following as before.
 */
import { PolylogError } from '../../base/errors.ts'
import { logError, ownWords } from '../../base/logged-error.ts'
import { type Cancel, DiskError } from '../../host/host.ts'
import { openFileLog } from '../../log/file/file-log.ts'
import { openLogTail } from '../../log/file/log-tail.ts'
import { openMemoryStore } from '../../storage/memory/memory.ts'
import { newestCheckpoint } from '../directory/checkpoints.ts'
import type { ListedDatabase } from '../directory/contents.ts'
import type { Sequence } from '../contract.ts'
import { DataDirectory } from '../directory/data-directory.ts'
import type { Database } from '../database.ts'
import { Engines } from '../engines.ts'
import { FollowedLog } from './followed-log.ts'
import { type FollowerName, FollowerNote, type Note } from './follower-note.ts'
import { Instance, type InstanceOptions, systemDatabase } from '../instance.ts'
import { logErrorCode } from '../commit/log-trouble.ts'
import { Member } from './member.ts'
import { Outage } from '../commit/outage.ts'
import { ProcessMemory } from '../process-memory.ts'
import { unlock } from '../directory/keys-file.ts'
import { locateDamage, translateFailure } from '../directory/start-failure.ts'

export interface FollowOptions extends InstanceOptions {
  readonly directory: string
  /** How often it is looked whether the log has grown. Default: 10 ms. */
  readonly pollMs?: number
  /** By this name the leader keeps its log for it; left out, it does not. */
  readonly follower?: FollowerName
}

/** Until there are users, how often it is looked whether there are. */
const lookForSystemMs = 1000

/** How often what the leader has just replaced is looked for again. */
const attempts = 20
/** Where it cannot be begun anew, as long as the leader writes checkpoints faster than they are read. */
const patienceMs = 60_000

export class FollowingInstance {
  readonly databases: Map<string, Database> = new Map()
  readonly memory: ProcessMemory
  readonly #options: FollowOptions
  #listed: readonly ListedDatabase[]
  readonly #members = new Map<string, Member>()
  readonly #opening = new Map<string, Promise<Database>>()
  /** Replaced ones on which something may still be open. */
  readonly #replaced: Member[] = []
  readonly #anew = new Map<string, Promise<void>>()
  readonly #notes = new Map<string, FollowerNote>()
  #promoted: Instance | undefined
  #isClosed = false
  #stopWatching: Cancel | undefined
  #looking: Promise<void> | undefined
  /** How often a database was begun anew. */
  restarts = 0
  /** How often because the leader would have kept too much of its log. */
  passed = 0

  private constructor(options: FollowOptions, listed: readonly ListedDatabase[]) {
    this.#options = options
    this.#listed = listed
    this.memory = ProcessMemory.of(options.host, options.memory)
  }

  /** Errors: `undefined_object` where the directory has no such database, `data_corrupted`, `data_newer`, `unsupported`. */
  static async open(options: FollowOptions, defaultDatabase: string): Promise<FollowingInstance> {
    const { directory, encryptionKey } = options
    try {
      const host = await unlock(options.host, directory, { encryptionKey, makes: false })
      const instance = new FollowingInstance({ ...options, host }, await DataDirectory.look(host.disk, directory))
      await instance.use(defaultDatabase)
      return instance
    } catch (error) {
      throw translateFailure(error, directory)
    }
  }

  /**
   * Before drivers are let in: who may come in is the leader's to say, and is followed from now on, or from the moment on in
   * which there is somebody.
   */
  async followUsers(): Promise<void> {
    await this.#followSystem()
    if (!this.databases.has(systemDatabase) && this.#stopWatching === undefined) this.#watchForSystem()
  }

  async #followSystem(): Promise<void> {
    const { host, directory } = this.#options
    if (this.databases.has(systemDatabase) || this.#promoted !== undefined) return
    if (!this.names.includes(systemDatabase)) this.#listed = await DataDirectory.look(host.disk, directory)
    if (this.names.includes(systemDatabase)) await this.use(systemDatabase)
  }

  #watchForSystem(): void {
    this.#stopWatching = this.#options.host.at(lookForSystemMs, () => {
      this.#looking = this.#followSystem()
        // What is listed and not followed lets nobody in; it is tried again.
        .catch((error: unknown) => logError(this.#options.host, 'warning', error))
        .finally(() => {
          const isDone = this.databases.has(systemDatabase) || this.#promoted !== undefined
          if (!isDone && !this.#isClosed) this.#watchForSystem()
        })
    })
  }

  /** As `Instance.databases`, also after the promotion. */
  get openDatabases(): ReadonlyMap<string, Database> {
    return this.#promoted?.databases ?? this.databases
  }

  get isPromoted(): boolean {
    return this.#promoted !== undefined
  }

  get names(): readonly string[] {
    return this.#promoted?.names ?? this.#listed.map(({ name }) => name)
  }

  async use(name: string): Promise<Database> {
    if (this.#promoted !== undefined) return this.#promoted.use(name)
    const open = this.databases.get(name)
    if (open !== undefined) return open
    let opening = this.#opening.get(name)
    if (opening === undefined) {
      opening = this.#open(name).finally(() => this.#opening.delete(name))
      this.#opening.set(name, opening)
    }
    return opening
  }

  async #open(name: string): Promise<Database> {
    const { host, directory } = this.#options
    if (!this.names.includes(name)) this.#listed = await DataDirectory.look(host.disk, directory)
    const listed = this.#listed.find((database) => database.name === name)
    if (listed === undefined || this.#isClosed) {
      throw new PolylogError('undefined_object', `database "${name}" does not exist`, { detail: { sqlState: '3D000' } })
    }
    await this.#takeNote(listed)
    const member = await this.#begin(listed).catch(async (error: unknown) => {
      await this.#dropNote(name)
      throw error
    })
    this.#members.set(name, member)
    this.databases.set(name, member.database)
    this.#noteFollows(name)
    return member.database
  }

  #noteFollows(database: string): void {
    this.#notes.get(database)?.follow(() => this.#members.get(database)!.database.newestSequence)
  }

  async #dropNotes(): Promise<void> {
    for (const database of this.#notes.keys()) await this.#dropNote(database)
  }

  async #takeNote({ name, uuid }: ListedDatabase): Promise<void> {
    const { host, directory, follower } = this.#options
    if (follower === undefined) return
    this.#notes.set(name, await FollowerNote.take(host, `${directory}/databases/${uuid}`, follower))
  }

  async #dropNote(database: string): Promise<void> {
    await this.#notes.get(database)?.close()
    this.#notes.delete(database)
  }

  /** From the newest checkpoint. `isAnew`: it was followed before, and nobody is there to be told of an error that passes. */
  async #begin(listed: ListedDatabase, isAnew = false): Promise<Member> {
    const folder = `${this.#options.directory}/databases/${listed.uuid}`
    const outage = new Outage(this.#options.host, patienceMs)
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#beginOnce(listed, folder)
      } catch (error) {
        const passes = isAnew ? isReplaced(error) || isReadError(error) : attempt < attempts && isReplaced(error)
        if (this.#isClosed || !passes || !(await outage.next())) {
          throw locateDamage(error, listed.name, folder)
        }
      }
    }
  }

  async #beginOnce(listed: ListedDatabase, folder: string): Promise<Member> {
    const engines = await this.#openEngines(folder)
    try {
      return await this.#follow(listed, folder, engines)
    } catch (error) {
      engines.stop()
      engines.store.close()
      throw error
    }
  }

  async #follow(listed: ListedDatabase, folder: string, engines: Engines): Promise<Member> {
    const { host, limits, checkpointEveryBytes, migrationSteps, pollMs } = this.#options
    const tail = await openLogTail(host, `${folder}/log`, {
      databaseId: databaseIdOf(listed),
      ...(pollMs !== undefined && { pollMs }),
    })
    const log = new FollowedLog(tail, () => this.#openLog(listed, folder))
    try {
      return await Member.open(
        {
          host,
          name: listed.name,
          log,
          store: engines.store,
          engines,
          checkpointFolder: `${folder}/checkpoint`,
          memory: this.memory,
          consumers: { disk: host.disk, folder },
          onFollowFailed: (error) => this.#beginAnew(listed, error),
          ...(limits && { limits }),
          ...(checkpointEveryBytes !== undefined && { checkpointEveryBytes }),
          ...(migrationSteps && { migrationSteps }),
        },
        'follow',
        (database) => this.databases.set(database.name, database),
      )
    } catch (error) {
      await log.close()
      throw error
    }
  }

  /** Before the log is looked at, which then holds whatever they hold. */
  async #openEngines(folder: string): Promise<Engines> {
    const { host, engines: limits } = this.#options
    const checkpoint = await newestCheckpoint(host.disk, `${folder}/checkpoint`)
    const memory = await openMemoryStore(host, checkpoint)
    try {
      return await Engines.open({ host, memory, folder, checkpoint, follows: true, ...(limits && { limits }) })
    } catch (error) {
      memory.close()
      throw error
    }
  }

  #openLog(listed: ListedDatabase, folder: string): ReturnType<typeof openFileLog> {
    const { host, segmentBytes } = this.#options
    return openFileLog(host, `${folder}/log`, {
      databaseId: databaseIdOf(listed),
      mustExist: true,
      ...(segmentBytes !== undefined && { segmentBytes }),
    })
  }

  /** Resolves when the newest state of the database is that of `sequence`, or a later one. */
  async waitFor(name: string, sequence: Sequence, signal?: AbortSignal): Promise<void> {
    for (;;) {
      const database = await this.use(name)
      try {
        await database.role.waitFor(sequence, signal)
        return
      } catch (error) {
        const anew = this.#anew.get(name)
        if (anew === undefined && this.databases.get(name) === database) throw error
        await anew
      }
    }
  }

  #beginAnew(listed: ListedDatabase, cause: unknown): void {
    const anew = this.#replace(listed, cause).finally(() => this.#anew.delete(listed.name))
    this.#anew.set(listed.name, anew)
  }

  /** What it has is a state that was, but the way from there to the present one is lost. */
  async #replace(listed: ListedDatabase, cause: unknown): Promise<void> {
    const { host } = this.#options
    const last = this.#members.get(listed.name)
    if (last === undefined || this.#isClosed || this.#promoted !== undefined) return
    const note = this.#notes.get(listed.name)
    const passed = await note?.takePassed().catch(() => undefined)
    if (passed !== undefined) this.passed++
    host.log(
      'warning',
      `the log cannot be followed any further: ${passedText(passed) ?? ownWords(cause) ?? 'unexpected error'}`,
      {
        database: listed.name,
      },
    )
    try {
      await note?.holdAll().catch(() => undefined)
      const member = await this.#begin(listed, true)
      this.restarts++
      last.database.successor = member.database
      // What it shows does not change any more.
      last.database.engines?.stop()
      this.#replaced.push(last)
      this.#members.set(listed.name, member)
      this.databases.set(listed.name, member.database)
      this.#noteFollows(listed.name)
    } catch (error) {
      await this.#dropNote(listed.name)
      logError(host, 'error', error, { database: listed.name })
    }
  }

  /**
   * Takes over from a leader that is no more: its lock must be free. Then this is an instance like any other. Errors:
   * `directory_locked`, those of `Instance.open`.
   */
  async promote(defaultDatabase: string): Promise<void> {
    if (this.#promoted !== undefined) return
    const { directory } = this.#options
    try {
      await Promise.allSettled(this.#opening.values())
      this.#promoted = await Instance.takeOver(
        { ...this.#options, directory },
        { members: this.#members, memory: this.memory, defaultDatabase },
      )
      await this.#dropNotes()
    } catch (error) {
      throw translateFailure(error, directory)
    }
  }

  create(name: string): Promise<void> {
    return this.#leading().create(name)
  }

  drop(name: string): Promise<void> {
    return this.#leading().drop(name)
  }

  #leading(): Instance {
    if (this.#promoted !== undefined) return this.#promoted
    throw new PolylogError('not_leading', 'the databases take no changes now: another process leads them')
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#stopWatching?.()
    await this.#looking
    await Promise.allSettled(this.#opening.values())
    await Promise.allSettled(this.#anew.values())
    await this.#dropNotes()
    for (const member of this.#replaced) await member.close()
    if (this.#promoted !== undefined) return this.#promoted.close()
    for (const member of this.#members.values()) await member.close()
    return undefined
  }
}

function passedText(passed: Note | undefined): string | undefined {
  if (passed === undefined) return undefined
  const { position, maxLagBytes } = passed
  return `the leader has trimmed it beyond sequence ${position}, because more than ${maxLagBytes} bytes would have been kept`
}

function databaseIdOf({ uuid }: ListedDatabase): Uint8Array {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex')
}

function isReadError(error: unknown): boolean {
  return error instanceof DiskError && error.code === 'io'
}

/** The leader has written a checkpoint since, and what was found before is gone. */
function isReplaced(error: unknown): boolean {
  if (error instanceof DiskError) return error.code === 'not-found'
  return logErrorCode(error) === 'trimmed' || (error instanceof PolylogError && error.code === 'data_corrupted')
}
