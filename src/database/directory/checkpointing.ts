/**
 * When a database writes its checkpoints, and when its files are read again: one at a time, and never both, since a
 * checkpoint removes the one before it and trims the log.
 *
 *   noteCommit ──the log has grown by so much──▶ write ──▶ trim the log
 */
import { PolylogError } from '../../base/errors.ts'
import type { CatalogState } from '../catalog/catalog-state.ts'
import type { Durability } from '../../log/commit-log.ts'
import type { CommitPipeline } from '../commit/commit-pipeline.ts'
import { notLeading } from '../commit/log-trouble.ts'
import type { Sequence } from '../contract.ts'
import type { History } from '../history/history.ts'
import type { LogUse } from '../following/log-use.ts'
import {
  type FilesReport,
  noFiles,
  type VerifiedFiles,
  verifyBases,
  verifyFiles,
} from '../verification/verify-files.ts'
import { type CheckpointSource, writeCheckpoint } from './checkpoints.ts'

const defaultEveryBytes = 64 * 1024 * 1024

/** What it needs of the database. */
export interface Checkpointed extends Pick<CheckpointSource, 'host' | 'store' | 'engines'>, Pick<VerifiedFiles, 'log'> {
  readonly catalog: CatalogState
  readonly pipeline: CommitPipeline<CatalogState>
  readonly logUse: LogUse
  readonly history: History
  durableThrough(level: Durability): Sequence
  /** Rejects where the sequence is lost. */
  synced(sequence: Sequence): Promise<void>
}

export class Checkpointing {
  /** Since the database was opened. */
  written = 0
  tookUs = 0
  /** When the newest one was written, by the clock. */
  lastMs: number | undefined
  /** The sequence of the newest one. */
  last: Sequence
  readonly #database: Checkpointed
  readonly #folder: string | undefined
  readonly #everyBytes: number
  #bytesAtLast = 0
  #writing: Promise<Sequence> | undefined
  #verifying: Promise<FilesReport> | undefined

  /** `folder`: undefined of a database in memory. `everyBytes`: of records. */
  constructor(database: Checkpointed, folder: string | undefined, everyBytes: number = defaultEveryBytes) {
    this.#database = database
    this.#folder = folder
    this.#everyBytes = everyBytes
    this.last = folder === undefined ? 0 : database.store.persistedThrough
  }

  noteCommit(): void {
    const { pipeline } = this.#database
    if (this.#folder === undefined || !pipeline.leads) return
    const grown = pipeline.recordBytes - this.#bytesAtLast
    if (grown < this.#everyBytes || this.#writing !== undefined) return
    this.write().catch(() => undefined)
  }

  /** Its sequence. */
  write(): Promise<Sequence> {
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined))
    return this.#writing
  }

  async #write(): Promise<Sequence> {
    const folder = this.#folder
    const { host, store, engines, pipeline, logUse, history } = this.#database
    if (folder === undefined) throw new PolylogError('unsupported', 'a database in memory has no checkpoints')
    if (!pipeline.leads) throw notLeading('only who leads a log writes its checkpoints')
    await this.#verifying?.catch(() => undefined)
    this.#bytesAtLast = pipeline.recordBytes
    const synced = (sequence: Sequence): Promise<void> => this.#database.synced(sequence)
    const startedUs = host.monotonic()
    const kept = (newest: Sequence): Promise<readonly Sequence[]> => history.kept(newest)
    const { sequence, neededAfter } = await writeCheckpoint({ host, folder, store, engines, synced, kept })
    this.last = sequence
    this.written++
    this.lastMs = host.now()
    this.tookUs += host.monotonic() - startedUs
    await logUse.trim(neededAfter + 1)
    return sequence
  }

  /** At the end of the database: where there is something new, whether it can be written or not. */
  async writeLast(): Promise<void> {
    const { store, pipeline } = this.#database
    if (this.#folder === undefined || !pipeline.leads || store.current.sequence <= this.last) return
    await this.write().catch(() => undefined)
  }

  /** Reads the log and the checkpoint on the disk again (`verify-files.ts`). */
  async verifyFiles(): Promise<FilesReport> {
    while (this.#writing !== undefined) await this.#writing.catch(() => undefined)
    const { host, log, engines, catalog, pipeline } = this.#database
    if (pipeline.state === 'following') return engines === undefined ? noFiles : verifyBases(engines, catalog)
    this.#verifying ??= verifyFiles({
      host,
      log,
      engines,
      catalog,
      syncedThrough: this.#database.durableThrough('synced'),
      checkpointFolder: this.#folder,
    }).finally(() => {
      this.#verifying = undefined
    })
    return this.#verifying
  }
}
