/**
 * Which keys were written since when: what snapshot, serializable and watching transactions validate against.
 *
 * An ordered map from key (latin1) to the last commit that wrote it, and a list of deleted ranges, fed only while somebody
 * may ask. It lies in runs of sorted keys, each with the newest sequence in it, so that `changed(range, since)` skips
 * whole runs that are older than `since`. Entries that nobody can ask for any more leave by generations: a full young
 * generation becomes the old one, and the old one is dropped once every asker began after it was closed.
 *
 * A large commit is not fed key by key: its write set answers for it for as long as somebody asks who began before it.
 *
 * Invariants: an entry's sequence only grows; a run's maximum is that of its entries; every commit after the oldest
 * asker's start is in one of the generations.
 */
import type { Sequence } from '../contract.ts'

const runLength = 128
const generationLimit = 16_384

interface Run {
  readonly keys: string[]
  readonly sequences: number[]
  newest: Sequence
}

interface DeletedRange {
  readonly start: string
  readonly end: string
  readonly sequence: Sequence
}

class Generation {
  readonly runs: Run[] = []
  readonly ranges: DeletedRange[] = []
  newest: Sequence = 0
  count = 0

  add(key: string, sequence: Sequence): void {
    this.newest = sequence
    if (this.runs.length === 0) this.runs.push({ keys: [], sequences: [], newest: 0 })
    const position = this.#runOf(key)
    const run = this.runs[position]!
    const at = lowerBound(run.keys, key)
    run.newest = sequence
    if (run.keys[at] === key) {
      run.sequences[at] = sequence
      return
    }
    run.keys.splice(at, 0, key)
    run.sequences.splice(at, 0, sequence)
    this.count++
    if (run.keys.length > runLength) this.#split(position)
  }

  /** The last run whose first key is not after `key`. */
  #runOf(key: string): number {
    let low = 0
    let high = this.runs.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.runs[middle]!.keys[0]! <= key) low = middle
      else high = middle - 1
    }
    return low
  }

  #split(position: number): void {
    const run = this.runs[position]!
    const keys = run.keys.splice(runLength / 2)
    const sequences = run.sequences.splice(runLength / 2)
    run.newest = Math.max(...run.sequences)
    this.runs.splice(position + 1, 0, { keys, sequences, newest: Math.max(...sequences) })
  }

  lastChange(key: string): Sequence {
    let last = 0
    for (const range of this.ranges) if (range.start <= key && key < range.end) last = Math.max(last, range.sequence)
    if (this.runs.length === 0) return last
    const run = this.runs[this.#runOf(key)]!
    const at = lowerBound(run.keys, key)
    return run.keys[at] === key ? Math.max(last, run.sequences[at]!) : last
  }

  /** Whether a key in [start, end) changed after `since`; deleted ranges are passed over where nothing was in it. */
  changed(start: string, end: string, since: Sequence, wasEmpty: boolean): boolean {
    if (this.newest <= since) return false
    if (!wasEmpty && this.#hasDeleted(start, end, since)) return true
    if (this.runs.length === 0) return false
    for (let position = this.#runOf(start); position < this.runs.length; position++) {
      const run = this.runs[position]!
      if (run.keys.length > 0 && run.keys[0]! >= end) return false
      if (run.newest > since && changedInRun(run, start, end, since)) return true
    }
    return false
  }

  #hasDeleted(start: string, end: string, since: Sequence): boolean {
    return this.ranges.some((range) => range.sequence > since && range.start < end && start < range.end)
  }
}

function changedInRun(run: Run, start: string, end: string, since: Sequence): boolean {
  for (let at = lowerBound(run.keys, start); at < run.keys.length && run.keys[at]! < end; at++) {
    if (run.sequences[at]! > since) return true
  }
  return false
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (keys[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}

/** What a large commit has changed. */
export interface LargeChange {
  touchesKey(key: string): boolean
  touchesRange(start: string, end: string): boolean
}

/** What is committed from some moment on, for one who looks at it bit by bit. */
export interface RecentChanges {
  readonly keys: string[]
  readonly ranges: { readonly start: string; readonly end: string }[]
}

export class ConflictIndex {
  /** Sequences from which somebody may ask, each with how many do. */
  readonly #askers = new Map<Sequence, number>()
  #young = new Generation()
  #old: Generation | undefined
  #large: { readonly sequence: Sequence; readonly change: LargeChange }[] = []
  readonly #followers = new Set<RecentChanges>()

  /** Whether commits must be fed. */
  get active(): boolean {
    return this.#askers.size > 0
  }

  get entries(): number {
    return this.#young.count + (this.#old?.count ?? 0)
  }

  /** From now on changes after `sequence`, which is the newest commit, can be asked for. */
  open(sequence: Sequence): void {
    this.#askers.set(sequence, (this.#askers.get(sequence) ?? 0) + 1)
  }

  close(sequence: Sequence): void {
    const count = this.#askers.get(sequence) ?? 0
    if (count > 1) this.#askers.set(sequence, count - 1)
    else this.#askers.delete(sequence)
    if (this.#large.length > 0) this.#forgetLarge()
    if (this.#askers.size > 0) return
    this.#young = new Generation()
    this.#old = undefined
  }

  #forgetLarge(): void {
    const oldest = this.#oldestAsker()
    this.#large = this.#large.filter(({ sequence }) => sequence > oldest)
  }

  add(key: string, sequence: Sequence): void {
    this.#young.add(key, sequence)
    if (this.#followers.size > 0) for (const { keys } of this.#followers) keys.push(key)
    if (this.#young.count >= generationLimit) this.#turnOver()
  }

  /** `change` must not change any more. */
  addLarge(change: LargeChange, sequence: Sequence): void {
    if (this.active) this.#large.push({ sequence, change })
  }

  /** Until `unfollow`. Large changes are not told. */
  follow(): RecentChanges {
    const recent = { keys: [], ranges: [] }
    this.#followers.add(recent)
    return recent
  }

  unfollow(recent: RecentChanges): void {
    this.#followers.delete(recent)
  }

  addRange(start: string, end: string, sequence: Sequence): void {
    for (const { ranges } of this.#followers) ranges.push({ start, end })
    this.#young.newest = sequence
    this.#young.ranges.push({ start, end, sequence })
    this.#young.count++
    if (this.#young.count >= generationLimit) this.#turnOver()
  }

  #turnOver(): void {
    if (this.#old !== undefined && this.#oldestAsker() < this.#old.newest) return
    this.#old = this.#young
    this.#young = new Generation()
  }

  #oldestAsker(): Sequence {
    let oldest = Infinity
    for (const sequence of this.#askers.keys()) if (sequence < oldest) oldest = sequence
    return oldest
  }

  lastChange(key: string): Sequence {
    const last = Math.max(this.#young.lastChange(key), this.#old?.lastChange(key) ?? 0)
    const large = this.#large.findLast(({ change }) => change.touchesKey(key))
    return large === undefined ? last : Math.max(last, large.sequence)
  }

  /** `wasEmpty`: nothing was in the range at `since`, so that only what was put into it since has changed it. */
  changed(start: string, end: string, since: Sequence, wasEmpty = false): boolean {
    if (this.#young.changed(start, end, since, wasEmpty)) return true
    if (this.#old?.changed(start, end, since, wasEmpty) === true) return true
    return this.#large.some(({ sequence, change }) => sequence > since && change.touchesRange(start, end))
  }
}
