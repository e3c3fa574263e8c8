/** For the tests of sorted files: batches, what a store holds, and files of bytes. */
import { copySlice, sliceOf, type KeyRange, type Slice } from '../../base/slice.ts'
import type { Disk } from '../../host/host.ts'
import type { MutationBatch, MutationCursor } from '../base-store.ts'
import { isMiss, type Snapshot } from '../store.ts'
import type { SortedFileStore } from './sorted-file.ts'

export const key = (n: number): Slice => sliceOf(Buffer.from(`key ${String(n).padStart(5, '0')}`))
export const value = (text: string): Slice => sliceOf(Buffer.from(text))
export const everything: KeyRange = { start: sliceOf(new Uint8Array(0)), end: sliceOf(Uint8Array.of(0xff)) }

export type Change = readonly [Slice, Slice | undefined]

export function batch(through: number, changes: readonly Change[], ranges: readonly KeyRange[] = []): MutationBatch {
  const entries = (): MutationCursor => {
    let at = -1
    return {
      next: () => ++at < changes.length,
      get key() {
        return changes[at]![0]
      },
      get value() {
        return changes[at]![1]
      },
    }
  }
  return { through, ranges, isEmpty: changes.length + ranges.length === 0, entries }
}

export const numbers = (from: number, to: number, text: string): Change[] =>
  Array.from({ length: to - from }, (_, i) => [key(from + i), value(`${text} ${from + i}`)])

export async function through<T>(snapshot: Snapshot, read: () => T): Promise<T> {
  for (;;) {
    try {
      return read()
    } catch (error) {
      if (!isMiss(error)) throw error
      const pin = await snapshot.load(error)
      pin.release()
    }
  }
}

export async function entriesOf(store: SortedFileStore): Promise<[string, string][]> {
  const snapshot = store.snapshot()
  const found: [string, string][] = []
  const cursor = snapshot.scan(everything)
  while (await through(snapshot, () => cursor.next())) {
    found.push([Buffer.from(copySlice(cursor.key)).toString(), Buffer.from(copySlice(cursor.value)).toString()])
  }
  snapshot.release()
  return found
}

export async function get(store: SortedFileStore, n: number): Promise<string | undefined> {
  const snapshot = store.snapshot()
  const found = await through(snapshot, () => snapshot.get(key(n)))
  snapshot.release()
  return found && Buffer.from(copySlice(found)).toString()
}

export async function write(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const file = await disk.open(path, { mode: 'create' })
  await file.writeAt(0, bytes)
  await file.close()
}

export async function bytesOf(disk: Disk, path: string): Promise<Uint8Array> {
  const file = await disk.open(path, { mode: 'read' })
  const bytes = new Uint8Array(await file.size())
  await file.readAt(0, bytes)
  await file.close()
  return bytes
}
