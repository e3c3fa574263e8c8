/**
 * What lies on the disk, read again while the database serves: every frame of the log from the oldest it keeps to what is
 * durable, each record of it operation by operation, every byte of the newest checkpoint, and of the base stores of engines
 * (`verify-engines.ts`). At a start only the checkpoint and the log after it are read; a disk that forgets something later is
 * noticed here, and not at the next start or by whoever asks for it.
 */
import { PolylogError } from '../../base/errors.ts'
import { compareSlices, copySlice, emptySlice, sliceOf, type Slice } from '../../base/slice.ts'
import { DiskError, type Host } from '../../host/host.ts'
import { endOfRecord, LogError, type CommitLog, type LogBatch } from '../../log/commit-log.ts'
import { RecordReader } from '../../log/record.ts'
import { readCheckpoint } from '../../storage/memory/checkpoint-read.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { findCheckpoint } from '../directory/checkpoints.ts'
import type { Sequence } from '../contract.ts'
import type { Engines } from '../engines.ts'
import type { Difference, DifferenceKind } from './verification.ts'
import { verifyEngines } from './verify-engines.ts'

export interface FilesReport {
  readonly differences: readonly Difference[]
  /** Records of the log that were read. */
  readonly records: number
  /** Entries of the checkpoint. */
  readonly entries: number
  /** Entries of base stores. */
  readonly baseEntries: number
}

/** Of what cannot be looked at: a follower's log and checkpoint are its leader's. */
export const noFiles: FilesReport = { differences: [], records: 0, entries: 0, baseEntries: 0 }

export interface VerifiedFiles {
  readonly host: Host
  readonly log: CommitLog
  /** The last record that is known to be on the disk. */
  readonly syncedThrough: Sequence
  /** Undefined in memory. */
  readonly checkpointFolder: string | undefined
  readonly engines: Engines | undefined
  /** Of the newest state. */
  readonly catalog: Catalog
}

/** Nothing must be trimmed meanwhile, nor a checkpoint be replaced. */
export async function verifyFiles(files: VerifiedFiles): Promise<FilesReport> {
  const differences: Difference[] = []
  const report = reporting(differences)
  const { host, log, syncedThrough, checkpointFolder, engines, catalog } = files
  const baseEntries = engines === undefined ? 0 : await verifyEngines(engines, catalog, report)
  const records = await readLog(log, syncedThrough, report)
  const entries = checkpointFolder === undefined ? 0 : await readEntries(host, checkpointFolder, report)
  return { differences, records, entries, baseEntries }
}

/** The files of engines alone: those that a follower reads. */
export async function verifyBases(engines: Engines, catalog: Catalog): Promise<FilesReport> {
  const differences: Difference[] = []
  const baseEntries = await verifyEngines(engines, catalog, reporting(differences))
  return { ...noFiles, differences, baseEntries }
}

function reporting(differences: Difference[]): Report {
  return (kind, where, message) => void differences.push({ kind, where, index: null, key: '', message })
}

type Report = (kind: DifferenceKind, where: string, message: string) => void

async function readLog(log: CommitLog, end: Sequence, report: Report): Promise<number> {
  const { oldest } = await log.end()
  const reader = new LogChecker(oldest, report)
  try {
    if (end >= oldest) for await (const batch of log.read(oldest, { to: end })) reader.look(batch)
    reader.end(end)
  } catch (error) {
    if (!(error instanceof LogError)) throw error
    report('unreadable', 'log', error.position === undefined ? error.message : `${error.message} (${error.position})`)
  }
  return reader.records
}

class LogChecker {
  records = 0
  #next: Sequence
  #clock = 0n
  readonly #report: Report
  readonly #reader = new RecordReader()

  constructor(oldest: Sequence, report: Report) {
    this.#next = oldest
    this.#report = report
  }

  /** The first batch may begin before what was asked for. */
  look(batch: LogBatch): void {
    const { first, last, clock, bytes, offsets, continues } = batch
    if (first > this.#next || last !== first + offsets.length - 1) {
      this.#report('missing', 'log', `records ${first} to ${last} follow where ${this.#next} should`)
    }
    if (clock < this.#clock)
      this.#report('different', 'log', `the clock of record ${first} is before that of the one before`)
    this.#next = continues === true ? first : last + 1
    this.#clock = clock
    for (let i = 0; i < offsets.length; i++) {
      const record = this.#reader.open(bytes, offsets[i]!, endOfRecord(batch, i))
      while (record.next()) {
        // Reading is the check.
      }
      if (continues !== true) this.records++
    }
  }

  end(end: Sequence): void {
    if (this.#next > end) return
    this.#report('missing', 'log', `records ${this.#next} to ${end} are missing`)
  }
}

async function readEntries(host: Host, folder: string, report: Report): Promise<number> {
  let entries = 0
  let before: Slice = emptySlice
  try {
    const checkpoint = await findCheckpoint(host, folder)
    if (checkpoint === undefined) return 0
    await readCheckpoint(host.disk, checkpoint.path, (key) => {
      const ascends = entries === 0 || compareSlices(before, key) < 0
      before = sliceOf(copySlice(key))
      entries++
      return ascends
    })
  } catch (error) {
    if (!(error instanceof PolylogError || error instanceof DiskError)) throw error
    report('unreadable', 'checkpoint', error.message)
  }
  return entries
}
