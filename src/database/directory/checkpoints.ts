/**
 * Checkpoints: `checkpoint/<sequence>` folders, written while the database serves, then the log before them is trimmed.
 *
 * A checkpoint is written into `next.part`, renamed when the log is synced through its sequence (it must not know
 * more than the log does), and counts once the folder above is synced. Those before it are removed after that, but for the
 * ones that the past begins with (`history/retention.ts`).
 */
import { PolylogError } from '../../base/errors.ts'
import { type Disk, DiskError, type Host } from '../../host/host.ts'
import type { OrderedStore } from '../../storage/store.ts'
import type { Sequence } from '../contract.ts'
import type { Engines } from '../engines.ts'
import { listFolder } from './small-files.ts'

const complete = /^(0|[1-9]\d{0,15})$/
const partName = 'next.part'
/** One that is being removed: of what a crash leaves of it, nobody takes it for complete. */
const removed = /^\d{1,16}\.removed$/

/** Whether a folder of this name is a complete checkpoint. */
export function isCheckpoint(name: string): boolean {
  return complete.test(name)
}

/** The newest complete checkpoint; undefined where there is none. */
export async function findCheckpoint(
  host: Host,
  folder: string,
): Promise<{ path: string; sequence: Sequence } | undefined> {
  await host.disk.makeFolder(folder).catch((error: unknown) => {
    if (!(error instanceof DiskError && error.code === 'exists')) throw error
  })
  const newest = sequencesOf(await host.disk.list(folder)).at(-1) ?? -1
  // Its name may not be durable yet: until it is, the one before it may be what a power failure leaves.
  if (newest >= 0) await host.disk.syncFolder(folder)
  return newest < 0 ? undefined : { path: checkpointPath(folder, newest), sequence: newest }
}

/** The same for who only reads along: nothing is made or synced, and it may be gone a moment later. */
export async function newestCheckpoint(disk: Disk, folder: string): Promise<string | undefined> {
  const newest = (await listCheckpoints(disk, folder)).at(-1)
  return newest === undefined ? undefined : checkpointPath(folder, newest)
}

/** Those that are complete, in order; none where there is no folder. */
export async function listCheckpoints(disk: Disk, folder: string): Promise<Sequence[]> {
  return sequencesOf((await listFolder(disk, folder)) ?? [])
}

function sequencesOf(names: readonly string[]): Sequence[] {
  const sequences = names.filter((name) => complete.test(name)).map(Number)
  return sequences.sort((a, b) => a - b)
}

export function checkpointPath(folder: string, sequence: Sequence): string {
  return `${folder}/${sequence}`
}

/** Removes checkpoints that are not kept, and what was never finished; whatever else is there is not ours. */
export async function removeOtherCheckpoints(
  host: Host,
  folder: string,
  isKept: (sequence: Sequence) => boolean,
): Promise<void> {
  for (const name of await host.disk.list(folder)) {
    if (name === partName || removed.test(name)) await removeFolder(host, `${folder}/${name}`)
    else if (complete.test(name) && !isKept(Number(name))) await removeCheckpoint(host, folder, name)
  }
}

async function removeCheckpoint(host: Host, folder: string, name: string): Promise<void> {
  await host.disk.rename(`${folder}/${name}`, `${folder}/${name}.removed`)
  await host.disk.syncFolder(folder)
  await removeFolder(host, `${folder}/${name}.removed`)
}

async function removeFolder(host: Host, path: string): Promise<void> {
  for (const name of await host.disk.list(path)) await host.disk.remove(`${path}/${name}`)
  await host.disk.remove(path)
}

export interface CheckpointSource {
  readonly host: Host
  readonly folder: string
  readonly store: OrderedStore
  /** Resolves when the log is synced through `sequence`; rejects where that will never be. */
  synced(sequence: Sequence): Promise<void>
  /** Of which the store is made, where it is more than memory. */
  readonly engines: Engines | undefined
  /** Which checkpoints stay once that of `sequence` is there, in order. */
  kept(sequence: Sequence): Promise<readonly Sequence[]>
}

export interface WrittenCheckpoint {
  readonly sequence: Sequence
  /** The log after it is needed still: by the oldest checkpoint that is kept, or by an engine that is behind it. */
  readonly neededAfter: Sequence
}

/** Writes a checkpoint of the present state of the memory, with a note of how far the engines are. */
export async function writeCheckpoint(source: CheckpointSource): Promise<WrittenCheckpoint> {
  const { engines } = source
  // What they do not get rid of now stays in the log.
  await engines?.handOver().catch(() => undefined)
  const persisted = engines?.persisted() ?? new Map<string, Sequence>()
  const sequence = await writeFolder(source, persisted)
  const kept = await removeOlder(source, sequence)
  return { sequence, neededAfter: Math.min(kept, engines?.neededAfter(persisted) ?? sequence) }
}

/** Answers the oldest that is kept. */
async function removeOlder(source: CheckpointSource, sequence: Sequence): Promise<Sequence> {
  const { host, folder } = source
  const kept = await source.kept(sequence)
  for (const older of await listCheckpoints(host.disk, folder)) {
    if (older < sequence && !kept.includes(older)) await removeCheckpoint(host, folder, String(older))
  }
  return kept[0] ?? sequence
}

async function writeFolder(source: CheckpointSource, persisted: ReadonlyMap<string, Sequence>): Promise<Sequence> {
  const { host, folder } = source
  const part = `${folder}/${partName}`
  await removeFolder(host, part).catch((error: unknown) => {
    if (!(error instanceof DiskError && error.code === 'not-found')) throw error
  })
  await host.disk.makeFolder(part)
  const sequence = await writePart(source, part, persisted)
  if ((await listCheckpoints(host.disk, folder)).includes(sequence)) {
    await removeFolder(host, part)
    return sequence
  }
  await host.disk.rename(part, checkpointPath(folder, sequence))
  await host.disk.syncFolder(folder)
  return sequence
}

/** What is not finished is removed: a disk that is full needs its space. */
async function writePart(
  source: CheckpointSource,
  part: string,
  persisted: ReadonlyMap<string, Sequence>,
): Promise<Sequence> {
  try {
    const sequence = await source.store.checkpoint(source.host, part)
    await source.engines?.note(part, persisted)
    await source.synced(sequence)
    return sequence
  } catch (error) {
    await removeFolder(source.host, part).catch(() => undefined)
    throw error
  }
}

export function checkpointGap(checkpoint: Sequence, oldest: Sequence, end: Sequence): PolylogError {
  return new PolylogError(
    'data_corrupted',
    `the checkpoint ends at sequence ${checkpoint}, the log holds ${oldest} to ${end}: what lies between is missing`,
  )
}
