/**
 * The engines of a database: where its collections lie that are not in memory, and how what was written to them gets there.
 *
 * The catalog says of each collection which engine it has, for good. A collection of an engine lies in an overlay over that
 * engine's base store (`storage/overlay/overlay.ts` teaches how they work together), one for all collections of the engine,
 * in a folder of the database. Its overlay is opened with the database, or when the first such collection is made.
 *
 * What is handed over, and when: everything of one moment, once the overlay holds `handOverBytes`, and before each
 * checkpoint. While the base takes it, the overlay grows; beyond `overlayBytesMax` commits that write to the engine wait
 * (`large-commits.ts`), until there is room again.
 *
 * | the base's disk       | then                                                                                      |
 * |-----------------------|-------------------------------------------------------------------------------------------|
 * | is slow               | commits wait, once the overlay is full                                                    |
 * | is full               | nothing is lost: the log has it. It is tried again each second; once the overlay is full, |
 * |                       | writes to the engine are refused as on a full disk of the log                             |
 * | fails any other way   | the database is read-only from then on, and says so                                       |
 * | gives other bytes     | `data_corrupted`, with the place, for the statement that reads them                       |
 *
 * Of a follower the bases read what the leader hands over (`Followed`), and take nothing themselves until it leads: what the
 * overlay holds is let go of when the leader has it in a file. Where such a file cannot be read, the ones that it has do.
 *
 * Start: what a base holds is the state of its `persistedThrough`, so of the log what comes after it is done again, and of
 * no other collection's. The log is trimmed before that, and a checkpoint notes how far each base was when it was written
 * (`engines`, a line for each: name, sequence; then their checksum): a base that is older than that has lost data.
 */
import { crc32 } from 'node:zlib'
import { PolylogError } from '../base/errors.ts'
import type { Slice } from '../base/slice.ts'
import { DiskError, type Host } from '../host/host.ts'
import { readSmallFile } from '../host/small-file.ts'
import type { BaseStore, Followed } from '../storage/base-store.ts'
import { MemoryStore } from '../storage/memory/memory.ts'
import { Overlay } from '../storage/overlay/overlay.ts'
import { RoutedStore } from '../storage/routed/routed-store.ts'
import { SortedFileStore } from '../storage/sorted-file/sorted-file.ts'
import type { OrderedStore } from '../storage/store.ts'
import { collectionEntries, engineOfEntry } from './catalog/catalog-entries.ts'
import type { Sequence } from './contract.ts'
import { throughMisses } from './transaction/pinned-pages.ts'
import { listFolder, writeSmallFile } from './directory/small-files.ts'

/** Of collections for which nothing else is said. */
export const memoryEngine = 'memory'

/** `followed`: where another process writes the folder. */
interface EngineKind {
  open(host: Host, folder: string, followed?: Followed): Promise<BaseStore>
  /** Where there is no folder yet. */
  begin(host: Host, folder: string, followed?: Followed): BaseStore
}

/** By the name that the catalog has. */
const kinds: Readonly<Record<string, EngineKind>> = {
  sorted: {
    open: (host, folder, followed) => SortedFileStore.open(host.disk, folder, { followed }),
    begin: (host, folder, followed) => SortedFileStore.begin(host.disk, folder, { followed }),
  },
}

export const engineNames: readonly string[] = [memoryEngine, ...Object.keys(kinds)]

export interface EngineLimits {
  /** An overlay that holds so much is handed over. Default: 8 MiB. */
  readonly handOverBytes: number
  /** Beyond it, who writes to the engine waits. Default: eight times `handOverBytes`. */
  readonly overlayBytesMax: number
}

function engineLimits({ handOverBytes = 8 << 20, overlayBytesMax }: Partial<EngineLimits> = {}): EngineLimits {
  return { handOverBytes, overlayBytesMax: overlayBytesMax ?? 8 * handOverBytes }
}

const retryAfterMs = 1_000
/** Who waits for room looks whether it was canceled. */
const roomLookMs = 50
/** Who waits for what a leader hands over looks for it. */
const leaderLookMs = 50
const noteName = 'engines'
const noteBytesMax = 64 * 1024

export interface EnginesParts {
  readonly host: Host
  readonly memory: OrderedStore
  /** The database's, in which each engine has one of its own. Left out: there is only memory. */
  readonly folder?: string
  /** Where the last checkpoint is. */
  readonly checkpoint?: string | undefined
  readonly limits?: Partial<EngineLimits>
  /** Another process leads the database of the folder: what that one hands over is read here, and nothing is written. */
  readonly follows?: boolean
}

interface Engine {
  readonly name: string
  readonly overlay: Overlay
  /** Its number in the routed store. */
  readonly place: number
  /** The log before it has nothing for the engine: it was not there yet. */
  readonly since: Sequence
}

export class Engines {
  readonly store: RoutedStore
  readonly #host: Host
  readonly #folder: string | undefined
  readonly #limits: EngineLimits
  readonly #engines = new Map<string, Engine>()
  #waiting: (() => void)[] = []
  #isHandingOver = false
  #isStopped = false
  #isOpen = false
  /** The disk of a base was full at the last try. */
  #full: DiskError | undefined
  /** Of engines that follow. */
  #followed: Followed | undefined
  #lookAgain: () => void = () => undefined
  /** Why what the leader has handed over could not be taken. */
  #followFault = ''
  /** Told of what no later try can mend. */
  #onFailure: (error: Error) => void = () => undefined

  private constructor({ host, memory, folder, limits, follows }: EnginesParts, store?: RoutedStore) {
    this.#host = host
    this.#folder = folder
    this.#limits = engineLimits(limits)
    this.store = store ?? new RoutedStore(memory)
    if (follows === true) this.#followed = this.#follow()
  }

  /**
   * Opens the base stores that there are. Errors: `data_corrupted` where one is damaged, missing or older than the checkpoint
   * says, `data_newer`, `DiskError`.
   */
  static async open(parts: EnginesParts): Promise<Engines> {
    const engines = new Engines(parts)
    const { host, folder, checkpoint } = parts
    if (folder === undefined) return engines
    const noted = checkpoint === undefined ? new Map<string, Sequence>() : await readNote(host, checkpoint)
    const there = (await listFolder(host.disk, folder)) ?? []
    for (const [name, kind] of Object.entries(kinds)) {
      if (!there.includes(name)) continue
      engines.#add(name, await kind.open(host, `${folder}/${name}`, engines.#followed), 0)
    }
    for (const [name, sequence] of noted) {
      const found = engines.#engines.get(name)?.overlay.base.persistedThrough ?? 0
      if (found >= sequence) continue
      const message = `the engine "${name}" holds the state at sequence ${found}, and had that at ${sequence}: what lies between is lost`
      throw new PolylogError('data_corrupted', message, { detail: { file: `${folder}/${name}` } })
    }
    return engines
  }

  #add(name: string, base: BaseStore, since: Sequence): Engine {
    const overlay = new Overlay(new MemoryStore({ monotonic: () => this.#host.monotonic() }), base)
    const place = this.store.add({ store: overlay, miss: base.miss })
    const engine = { name, overlay, place, since }
    this.#engines.set(name, engine)
    return engine
  }

  /** Whether collections may have it here. */
  has(engine: string): boolean {
    return (
      engine === memoryEngine ||
      this.#engines.has(engine) ||
      (Object.hasOwn(kinds, engine) && this.#folder !== undefined)
    )
  }

  get isMemoryOnly(): boolean {
    return this.#engines.size === 0
  }

  /** Of the engines that are open; `place` is that in the store. */
  get bases(): readonly { readonly name: string; readonly place: number; readonly base: BaseStore }[] {
    return [...this.#engines.values()].map(({ name, place, overlay }) => ({ name, place, base: overlay.base }))
  }

  /** A key of the catalog is about to be put, or was loaded: what is written to a collection afterwards goes to its engine. */
  follow(key: Slice, value: Slice | undefined): void {
    if (value === undefined) return
    const found = engineOfEntry(key, value)
    if (found === undefined || found.engine === memoryEngine) return
    const { engine, collection } = found
    if (!this.has(engine)) {
      throw new PolylogError(
        'data_newer',
        `collection ${collection} has the engine "${engine}", which is not known here`,
      )
    }
    const opened = this.#engines.get(engine) ?? this.#begin(engine)
    this.store.route(collection, opened.place)
  }

  /** What the catalog of the checkpoint says of collections, before the log is done again. */
  async followCatalog(): Promise<void> {
    const snapshot = this.store.memory.snapshot()
    const cursor = snapshot.scan(collectionEntries())
    const followAll = (): void => {
      while (cursor.next()) this.follow(cursor.key, cursor.value)
    }
    await throughMisses(this.store.memory, followAll).finally(() => snapshot.release())
  }

  #begin(name: string): Engine {
    const base = kinds[name]!.begin(this.#host, `${this.#folder}/${name}`, this.#followed)
    return this.#add(name, base, this.#isOpen ? this.store.current.sequence : 0)
  }

  // ---- how far they are

  /** The log must go on holding what comes after it, where the bases are as far as `persisted` says. */
  neededAfter(persisted: ReadonlyMap<string, Sequence>): Sequence {
    let needed = Infinity
    for (const { name, since } of this.#engines.values()) needed = Math.min(needed, persisted.get(name) ?? since)
    return needed
  }

  /** The newest state that any store has. */
  get furthest(): Sequence {
    let furthest = this.store.memory.current.sequence
    for (const { overlay } of this.#engines.values()) furthest = Math.max(furthest, overlay.current.sequence)
    return furthest
  }

  /** The record after it is the first that is not in each store already. `oldest`: of the log. */
  replayedAfter(oldest: Sequence): Sequence {
    let from = this.store.memory.current.sequence
    for (const { overlay } of this.#engines.values()) from = Math.min(from, overlay.current.sequence || oldest - 1)
    return from
  }

  /** The stores that do not have record `sequence`, where it changes keys of that collection. */
  lacking(collection: number, sequence: Sequence, isRange: boolean): readonly OrderedStore[] {
    const { store } = this
    const place = store.placeOf(collection)
    const lacks = (each: OrderedStore): boolean => each.current.sequence < sequence
    if (place !== 0 || lacks(store.memory)) return [store.at(place)].filter(lacks)
    // Of a collection that is dropped since: nobody knows any more where it lay.
    return isRange ? [...this.#engines.values()].map(({ overlay }) => overlay).filter(lacks) : []
  }

  /** Every record was done again: what is begun from here on begins with the newest state. Failures end that database. */
  handOverFor(database: string, pipeline: { engineFailed(cause: Error): void }): void {
    this.#isOpen = true
    this.#onFailure = (error) => {
      this.#host.log('error', `an engine of the database "${database}" failed`, { error })
      pipeline.engineFailed(error)
    }
  }

  /** The record is done: each store that had it not is at its state. */
  publishReplayed(sequence: Sequence): void {
    if (this.store.memory.current.sequence < sequence) this.store.memory.publish(sequence)
    for (const { overlay } of this.#engines.values()) {
      if (overlay.current.sequence < sequence) overlay.publish(sequence)
    }
  }

  // ---- handing over

  /** Something was committed: begins to hand over where there is much, and nobody does. */
  look(): void {
    if (this.#isHandingOver || this.#isStopped) return
    for (const { overlay } of this.#engines.values()) {
      if (overlay.pendingBytes < this.#limits.handOverBytes) continue
      void this.#handOverSoon()
      return
    }
  }

  async #handOverSoon(): Promise<void> {
    this.#isHandingOver = true
    try {
      await this.handOver()
      this.#isHandingOver = false
      this.look()
    } catch (error) {
      this.#failed(error as Error)
    }
  }

  #failed(error: Error): void {
    if (error instanceof DiskError && error.code === 'no-space') {
      this.#lookLater()
      return
    }
    if (this.#isStopped) return
    if (this.#followed !== undefined) {
      this.#followFailed(error)
      return
    }
    this.#isStopped = true
    this.#onFailure(error)
    this.#wake()
  }

  /** What is shown does not need the leader's file, but for memory: the next one may be whole. */
  #followFailed({ message }: Error): void {
    if (message !== this.#followFault)
      this.#host.log('warning', `what the leader has handed over is not taken: ${message}`)
    this.#followFault = message
    this.#lookLater()
  }

  #lookLater(): void {
    this.#host.at(retryAfterMs, () => {
      this.#isHandingOver = false
      this.look()
    })
  }

  /** Everything that there is now, or was a moment ago; errors of the disk. */
  async handOver(): Promise<void> {
    try {
      for (const { overlay } of this.#engines.values()) {
        await overlay.handOver()
        await this.#sweep(overlay)
      }
      this.#full = undefined
    } catch (error) {
      if (error instanceof DiskError && error.code === 'no-space') {
        if (this.#full === undefined)
          this.#host.log('warning', 'no space on the disk of an engine', { file: error.path })
        this.#full = error
      }
      throw error
    } finally {
      this.#wake()
    }
  }

  async #sweep(overlay: Overlay): Promise<void> {
    while (!this.#isStopped && overlay.reclaim(500)) await new Promise<void>((resolve) => this.#host.turn(resolve))
  }

  // ---- following another process

  #follow(): Followed {
    const engines = this
    return {
      get sequence(): Sequence {
        return engines.store.current.sequence
      },
      next: async () => {
        await new Promise<void>((resolve) => {
          engines.#lookAgain = resolve
          engines.#host.at(leaderLookMs, resolve)
        })
        if (engines.#isStopped) throw new PolylogError('shutting_down', 'nothing is taken over any more')
      },
    }
  }

  /** The other process is no more, and all that it has left in the log is applied. Errors: those of the disk; then they follow as before. */
  async lead(): Promise<void> {
    const beginnings: (() => void)[] = []
    for (const { base } of this.bases) beginnings.push(await base.lead())
    for (const begin of beginnings) begin()
    this.#followed = undefined
    this.#lookAgain()
  }

  // ---- room

  get hasCrowded(): boolean {
    for (const { overlay } of this.#engines.values()) {
      if (overlay.pendingBytes >= this.#limits.overlayBytesMax) return true
    }
    return false
  }

  /** Whether writes to the collection must wait, or be refused. */
  isCrowded(collection: number): boolean {
    const place = this.store.placeOf(collection)
    return place !== 0 && (this.store.at(place) as Overlay).pendingBytes >= this.#limits.overlayBytesMax
  }

  /** Resolves when there may be room again, or after a while. Error: `disk_full`, where a base has no space for what waits already. */
  async room(): Promise<void> {
    if (this.#full !== undefined) {
      throw new PolylogError('disk_full', `no space left for what was written before: ${this.#full.message}`)
    }
    if (this.#isStopped) return
    this.look()
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve)
      this.#host.at(roomLookMs, resolve)
    })
  }

  #wake(): void {
    for (const resume of this.#waiting.splice(0)) resume()
  }

  // ---- checkpoints, forks, the end

  /** Into the folder of a checkpoint that was written meanwhile, or is about to be: `through` was known before it began. */
  async note(folder: string, through: ReadonlyMap<string, Sequence>): Promise<void> {
    if (through.size === 0) return
    const lines = [...through].map(([name, sequence]) => `${name} ${sequence}\n`).join('')
    await writeSmallFile(this.#host.disk, folder, noteName, `${lines}${checksumOf(lines)}\n`)
  }

  /** How far each base is that holds anything. */
  persisted(): Map<string, Sequence> {
    const persisted = new Map<string, Sequence>()
    for (const { name, overlay } of this.#engines.values()) {
      if (overlay.base.persistedThrough > 0) persisted.set(name, overlay.base.persistedThrough)
    }
    return persisted
  }

  fork(): Engines {
    const overlays = new Map([...this.#engines.values()].map((engine) => [engine.overlay as OrderedStore, engine]))
    const forked: [Engine, Overlay][] = []
    const store = this.store.forkWith((part) => {
      const overlay = part.store.fork() as Overlay
      forked.push([overlays.get(part.store)!, overlay])
      return { store: overlay, miss: overlay.base.miss }
    })
    // Without a folder: what the parent has is shared, and what it has not would lie where the parent's will.
    const engines = new Engines({ host: this.#host, memory: store.memory, limits: this.#limits }, store)
    engines.#isOpen = true
    for (const [{ name, place, since }, overlay] of forked) engines.#engines.set(name, { name, overlay, place, since })
    return engines
  }

  /** Before the pipeline lets go of its marks: what they kept from the base may never be in the log. */
  stop(): void {
    this.#isStopped = true
    for (const { overlay } of this.#engines.values()) overlay.stop()
    this.#lookAgain()
    this.#wake()
  }

  /** Waits for what a base is taking; the store is closed by its owner. */
  async idle(): Promise<void> {
    for (const { overlay } of this.#engines.values()) await overlay.idle()
  }
}

function checksumOf(text: string): string {
  return crc32(Buffer.from(text)).toString(16).padStart(8, '0')
}

async function readNote(host: Host, folder: string): Promise<Map<string, Sequence>> {
  const path = `${folder}/${noteName}`
  const bytes = await readSmallFile(host.disk, path, noteBytesMax)
  if (bytes === undefined) return new Map()
  const text = Buffer.from(bytes).toString('latin1')
  const match = /^((?:[a-z]+ (?:0|[1-9]\d{0,15})\n)+)([0-9a-f]{8})\n$/.exec(text)
  if (match === null || checksumOf(match[1]!) !== match[2]) {
    throw new PolylogError('data_corrupted', `${path} is damaged: it says how far the engines were`)
  }
  const lines = match[1]!.trimEnd().split('\n')
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(' ')), Number(line.slice(line.indexOf(' ') + 1))]))
}
