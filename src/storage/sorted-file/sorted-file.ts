/**
 * The simplest base store that is one: all entries in one sorted file, and a new file for each batch. It is right, and it is
 * measured against; it is not for data of which a batch changes little, since each batch writes all of it again.
 *
 *     <folder>/state-<n>       the state at sequence n (`format.ts` has its bytes)
 *     <folder>/next.part       one that is being written
 *     <folder>/fork-<n>/…      of a fork, which is gone with its process
 *
 * A batch is written to `next.part`, synced, renamed to `state-<n>`, and counts when the folder is synced; then the file
 * before it is removed, which lives on for the snapshots that read it. A batch without mutations renames the file. So a crash
 * leaves one or two whole files, of which the newest counts, and perhaps a part, which does not.
 *
 * Blocks are read when they are missed, and stay in a cache (`block-cache.ts`).
 *
 * A store may follow a folder that another process writes. A file that has its name is whole and never changes, and who has
 * it open keeps it, whatever becomes of the name; so following is opening the newest file, and nothing else:
 *
 *   the writer, meanwhile            the one who follows
 *   hands over, removes the old one  reads the old one, which is open, until it takes a newer one
 *   renames it (an empty batch)      likewise
 *   either, between the look at the  finds no such file, and looks again
 *   names and the opening
 *   is further than what is shown    opens the file, so that it stays, and takes it once that state is shown
 *   dies                             keeps the file that it has; once it leads, it takes the newest one and writes
 *   has a damaged file               does not take it (`data_corrupted`), and keeps the one that it has
 */
import { PolylogError } from '../../base/errors.ts'
import { DiskError, type Disk } from '../../host/host.ts'
import type { BaseReport, BaseStore, Followed, MutationBatch } from '../base-store.ts'
import type { Miss, Sequence, Snapshot, StoreStatistics } from '../store.ts'
import { BlockCache } from './block-cache.ts'
import { isNotFound, SortedFile } from './file.ts'
import { SortedSnapshot } from './snapshot.ts'
import { verifySortedFile } from './verify.ts'
import { writeSortedFile } from './write.ts'

export interface SortedFileOptions {
  /** Blocks that are kept in memory. Default: 8 MiB. */
  readonly cacheBytes?: number
  /** Another process writes the folder. */
  readonly followed?: Followed | undefined
}

const defaultCacheBytes = 8 << 20
const partName = 'next.part'
const stateName = /^state-(0|[1-9]\d{0,15})$/
const forkName = /^fork-\d+$/

/** What a store and its forks share. */
interface Family {
  readonly disk: Disk
  readonly folder: string
  readonly cache: BlockCache
  /** Those that are open. */
  readonly files: Set<SortedFile>
  forks: number
}

interface State {
  readonly name: string
  readonly through: Sequence
  readonly file: SortedFile
}

export class SortedFileStore implements BaseStore {
  persistedThrough: Sequence = 0
  readonly #family: Family
  readonly #folder: string
  readonly #isFork: boolean
  /** Of a store that follows. */
  #followed: Followed | undefined
  #file: SortedFile | undefined
  /** Its name, which may have changed since it was opened. */
  #name = ''
  #hasFolder = false
  #snapshots = 0
  #applying: Promise<void> = Promise.resolve()
  #batches = 0
  /** Files of the process that it follows. */
  #taken = 0
  #writtenBytes = 0

  private constructor(family: Family, folder: string, isFork: boolean, followed?: Followed) {
    this.#family = family
    this.#folder = folder
    this.#isFork = isFork
    this.#followed = followed
  }

  /**
   * What lies in the folder, or an empty store where there is none: it is made with the first batch. Errors:
   * `data_corrupted` with the position, `data_newer`, `DiskError`.
   */
  static async open(disk: Disk, folder: string, options: SortedFileOptions = {}): Promise<SortedFileStore> {
    const store = SortedFileStore.begin(disk, folder, options)
    const newest = await (options.followed === undefined ? store.#openOwn() : store.#openLeaders(0))
    if (newest !== undefined) store.#take(newest)
    return store
  }

  /** An empty one, where the caller knows that there is no folder. */
  static begin(disk: Disk, folder: string, options: SortedFileOptions = {}): SortedFileStore {
    const cache = new BlockCache(options.cacheBytes ?? defaultCacheBytes)
    return new SortedFileStore({ disk, folder, cache, files: new Set(), forks: 0 }, folder, false, options.followed)
  }

  /** The newest state, in a folder that nobody else writes; what was left behind there is removed. */
  async #openOwn(): Promise<State | undefined> {
    const names = await this.#names()
    const newest = newestOf(names)
    // Its name may not be durable yet: until it is, the one before it may be what a power failure leaves.
    if (newest !== undefined) await this.#family.disk.syncFolder(this.#folder)
    const state = newest === undefined ? undefined : await this.#open(newest)
    for (const name of names) if (name !== state?.name) await this.#removeLeftOver(name)
    return state
  }

  /** The newest one that the writer of the folder has, where it is `least` or later. */
  async #openLeaders(least: Sequence): Promise<State | undefined> {
    for (;;) {
      const newest = newestOf(await this.#names())
      if (newest === undefined || newest < least) return undefined
      try {
        return await this.#open(newest)
      } catch (error) {
        // Its place was taken by a newer one since its name was read.
        if (!isNotFound(error)) throw error
      }
    }
  }

  async #names(): Promise<readonly string[]> {
    return this.#family.disk.list(this.#folder).catch((error: unknown) => {
      if (isNotFound(error)) return []
      throw error
    })
  }

  async #open(through: Sequence): Promise<State> {
    const { disk, cache, files } = this.#family
    const name = `state-${through}`
    const file = await SortedFile.open(disk, `${this.#folder}/${name}`, (pages) => cache.number(pages))
    files.add(file)
    return { name, through, file }
  }

  async #removeLeftOver(name: string): Promise<void> {
    const { disk } = this.#family
    const path = `${this.#folder}/${name}`
    if (name === partName || stateName.test(name)) await disk.remove(path)
    else if (forkName.test(name)) await removeFolder(disk, path)
  }

  /** From now on the file is the state. */
  #take({ name, through, file }: State): void {
    const before = this.#file
    this.#file = file
    this.#name = name
    this.persistedThrough = through
    if (before !== undefined) this.#letGo(before)
  }

  #letGo(file: SortedFile): void {
    file.release()
    if (!file.isClosed) return
    this.#family.files.delete(file)
    this.#family.cache.forget(file)
  }

  get miss(): Miss {
    return this.#family.cache.miss
  }

  apply(batch: MutationBatch): Promise<void> {
    const applying = this.#applying.then(() => this.#apply(batch))
    this.#applying = applying.catch(() => undefined)
    return applying
  }

  async #apply(batch: MutationBatch): Promise<void> {
    if (this.#followed !== undefined) await this.#followTo(batch.through)
    if (batch.through <= this.persistedThrough) return
    const { disk } = this.#family
    const [folder, name, before] = [this.#folder, `state-${batch.through}`, this.#name]
    await this.#makeFolder()
    if (batch.isEmpty && before !== '') {
      await disk.rename(`${folder}/${before}`, `${folder}/${name}`)
      this.#name = name
      await disk.syncFolder(folder)
      this.persistedThrough = batch.through
      return
    }
    await this.#removePart()
    await writeSortedFile(disk, `${folder}/${partName}`, this.#file, batch)
    await disk.rename(`${folder}/${partName}`, `${folder}/${name}`)
    await disk.syncFolder(folder)
    this.#take(await this.#open(batch.through))
    this.#batches++
    this.#writtenBytes += this.#file!.sizeBytes
    // Left behind, it is removed by the next start.
    if (before !== '') await disk.remove(`${folder}/${before}`).catch(() => undefined)
  }

  /** Returns when it has that state or a later one, or when it leads itself. */
  async #followTo(least: Sequence): Promise<void> {
    let next: State | undefined
    try {
      while (this.#followed !== undefined && this.persistedThrough < least) {
        next ??= await this.#openLeaders(least)
        if (this.#followed === undefined) return
        if (next === undefined || next.through > this.#followed.sequence) await this.#followed.next()
        else {
          this.#take(next)
          this.#taken++
          next = undefined
        }
      }
    } finally {
      if (next !== undefined) this.#letGo(next.file)
    }
  }

  async lead(): Promise<() => void> {
    if (this.#followed === undefined) return () => undefined
    const newest = await this.#openOwn()
    return () => {
      this.#followed = undefined
      if (newest !== undefined) this.#take(newest)
    }
  }

  async #makeFolder(): Promise<void> {
    if (this.#hasFolder) return
    const { disk, folder } = this.#family
    await makeFolder(disk, folder)
    if (this.#isFork) await makeFolder(disk, this.#folder)
    this.#hasFolder = true
  }

  async #removePart(): Promise<void> {
    await this.#family.disk.remove(`${this.#folder}/${partName}`).catch((error: unknown) => {
      if (!isNotFound(error)) throw error
    })
  }

  snapshot(): Snapshot {
    const file = this.#file?.use()
    this.#snapshots++
    const { cache, files } = this.#family
    const findFile = (page: number): SortedFile | undefined => {
      for (const each of files) {
        if (page >= each.firstPage && page < each.firstPage + each.index.blocks && !each.isClosed) return each
      }
      return undefined
    }
    return new SortedSnapshot(this.persistedThrough, file, cache, findFile, () => {
      this.#snapshots--
      if (file !== undefined) this.#letGo(file)
    })
  }

  fork(): SortedFileStore {
    if (this.#followed !== undefined) {
      throw new PolylogError('unsupported', `what another process writes in ${this.#folder} cannot be forked here`)
    }
    const family = this.#family
    const fork = new SortedFileStore(family, `${family.folder}/fork-${++family.forks}`, true)
    fork.#file = this.#file?.use()
    fork.persistedThrough = this.persistedThrough
    return fork
  }

  async checkpoint(disk: Disk, folder: string, batch: MutationBatch): Promise<void> {
    const file = this.#file?.use()
    try {
      await writeSortedFile(disk, `${folder}/state-${batch.through}`, file, batch)
      await disk.syncFolder(folder)
    } finally {
      if (file !== undefined) this.#letGo(file)
    }
  }

  async verify(): Promise<BaseReport> {
    const file = this.#file?.use()
    if (file === undefined) return { entries: 0, faults: [] }
    try {
      return await verifySortedFile(file, this.persistedThrough)
    } finally {
      this.#letGo(file)
    }
  }

  statistics(): StoreStatistics {
    const { cache } = this.#family
    const usedBytes = cache.bytes + (this.#file?.index.sizeBytes ?? 0)
    return {
      keys: this.#file?.index.entries ?? 0,
      usedBytes,
      reservedBytes: usedBytes,
      pinnedSnapshots: this.#snapshots,
      pages: cache.blocks,
      pageMisses: cache.misses,
      pageLoads: cache.loads,
      fileBytes: this.#file?.sizeBytes ?? 0,
      batches: this.#batches,
      taken: this.#taken,
      writtenBytes: this.#writtenBytes,
    }
  }

  async close(): Promise<void> {
    await this.#applying
    const file = this.#file
    this.#file = undefined
    if (file !== undefined) this.#letGo(file)
    if (this.#isFork && this.#hasFolder) await removeFolder(this.#family.disk, this.#folder).catch(() => undefined)
  }
}

function newestOf(names: readonly string[]): Sequence | undefined {
  const sequences = names.flatMap((name) => stateName.exec(name)?.[1] ?? []).map(Number)
  return sequences.length === 0 ? undefined : Math.max(...sequences)
}

async function makeFolder(disk: Disk, path: string): Promise<void> {
  await disk.makeFolder(path).catch((error: unknown) => {
    if (!(error instanceof DiskError && error.code === 'exists')) throw error
  })
  const above = path.lastIndexOf('/')
  if (above > 0) await disk.syncFolder(path.slice(0, above))
}

async function removeFolder(disk: Disk, path: string): Promise<void> {
  for (const name of await disk.list(path)) await disk.remove(`${path}/${name}`)
  await disk.remove(path)
}
