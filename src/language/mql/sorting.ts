/** Sorting in memory by sort keys, all documents or the first few. */
import type { Pause } from '../../database/contract.ts'
import type { BsonValue } from '../../model/document/bson.ts'
import { sortKey, type SortField } from './sort-order.ts'
import { pushAll, type Sink, type StageRun } from './stage.ts'

interface Entry {
  readonly key: string
  readonly document: BsonValue
}

const overheadBytes = 100

function sizeOf(entry: Entry): number {
  return entry.key.length + entry.document.end - entry.document.start + overheadBytes
}

/** `most` documents are wanted: then only about twice as many are ever kept. */
export function sortSink(fields: readonly SortField[], most: number | undefined, next: Sink, run: StageRun): Sink {
  let entries: Entry[] = []
  const keep = most === undefined ? Infinity : Math.max(most * 2, 1000)
  const shrink = (): void => {
    entries.sort(byKey)
    for (const dropped of entries.slice(most)) run.memory.give(sizeOf(dropped))
    entries = entries.slice(0, most)
  }
  return {
    push(document) {
      const entry = { key: sortKey(document, fields), document: document.copy() }
      run.memory.take(sizeOf(entry))
      entries.push(entry)
      if (entries.length > keep) shrink()
      return true
    },
    *finish(): Generator<Pause, void, void> {
      const sorted = yield* mergeSorted(entries, run)
      yield* pushAll(
        sorted.slice(0, most).map(({ document }) => document),
        next,
        run,
      )
    },
  }
}

function byKey(a: Entry, b: Entry): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0
}

const runLength = 2000

/** Sorts short runs and merges them, pausing between: one call of `sort` on a million entries would hold the thread. */
function* mergeSorted(entries: readonly Entry[], run: StageRun): Generator<Pause, Entry[], void> {
  let runs: Entry[][] = []
  for (let at = 0; at < entries.length; at += runLength) {
    runs.push(entries.slice(at, at + runLength).sort(byKey))
    if (run.transaction.slice.spend(runLength)) yield undefined
  }
  while (runs.length > 1) {
    const merged: Entry[][] = []
    for (let i = 0; i < runs.length; i += 2) {
      const right = runs[i + 1]
      merged.push(right === undefined ? runs[i]! : yield* mergeTwo(runs[i]!, right, run))
    }
    runs = merged
  }
  return runs[0] ?? []
}

function* mergeTwo(left: readonly Entry[], right: readonly Entry[], run: StageRun): Generator<Pause, Entry[], void> {
  const merged: Entry[] = []
  let i = 0
  let j = 0
  while (i < left.length || j < right.length) {
    const isLeft = j >= right.length || (i < left.length && byKey(left[i]!, right[j]!) <= 0)
    merged.push(isLeft ? left[i++]! : right[j++]!)
    if (merged.length % runLength === 0 && run.transaction.slice.spend(runLength)) yield undefined
  }
  return merged
}
