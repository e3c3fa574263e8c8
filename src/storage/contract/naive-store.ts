/**
 * The storage contract in its plainest form: a sorted array of latin1 strings and a `Map` of values, copied before the
 * first write after somebody shared it. Every real store is compared with this one, and what stands above stores can be
 * tested on it; it is not for data of any size.
 *
 * Invariants: `keys` is sorted and holds exactly the keys of `values`; a state that is shared is never changed.
 */
import { assert } from '../../base/errors.ts'
import { copySlice, latin1ToBytes, MutableSlice, sliceLength, sliceOf, sliceToLatin1 } from '../../base/slice.ts'
import type { KeyRange, Slice } from '../../base/slice.ts'
import type { Host } from '../../host/host.ts'
import type { Cursor, Draft, Mark, OrderedStore, Reader, Sequence, Snapshot, StoreStatistics } from '../store.ts'

interface State {
  keys: string[]
  values: Map<string, Uint8Array>
  shared: boolean
}

const emptyState = (): State => ({ keys: [], values: new Map(), shared: false })

export class NaiveStore implements OrderedStore {
  persistedThrough: Sequence = 0
  readonly current: Reader
  #state: State
  #sequence: Sequence
  #unpublished = false
  #mutations = 0
  #pinned = 0
  readonly #marks = new Set<number>()
  #lastMark = 0
  #draft: Draft | undefined
  /** The last mark from before the last adoption. */
  #adoptedAt: number | undefined

  constructor(state: State = emptyState(), sequence: Sequence = 0) {
    this.#state = state
    this.#sequence = sequence
    const store = this
    const result = new MutableSlice()
    this.current = {
      get sequence(): Sequence {
        return store.#sequence
      },
      get: (key) => getFrom(store.#state, key, result),
      scan: (range, options) =>
        new NaiveCursor(
          () => store.#state,
          range,
          options?.reverse === true,
          () => store.#mutations,
        ),
      count: (range) => countKeys(store.#state, range),
      estimate: (range) => countKeys(store.#state, range),
    }
  }

  put(key: Slice, value: Slice): void {
    const state = this.#own()
    const name = keyOf(key)
    if (!state.values.has(name)) state.keys.splice(lowerBound(state.keys, name), 0, name)
    state.values.set(name, copySlice(value))
  }

  delete(key: Slice): void {
    const name = keyOf(key)
    const state = this.#own()
    if (state.values.delete(name)) state.keys.splice(lowerBound(state.keys, name), 1)
  }

  deleteRange(range: KeyRange): void {
    const state = this.#own()
    const first = lowerBound(state.keys, keyOf(range.start))
    const last = lowerBound(state.keys, keyOf(range.end))
    if (last <= first) return
    for (const name of state.keys.splice(first, last - first)) state.values.delete(name)
  }

  publish(sequence: Sequence): void {
    assert(sequence > this.#sequence, `publish of sequence ${sequence} after ${this.#sequence}`)
    this.#sequence = sequence
    this.#unpublished = false
  }

  mark(): Mark {
    const state = this.#share('mark')
    const sequence = this.#sequence
    const number = ++this.#lastMark
    this.#marks.add(number)
    return {
      sequence,
      rollback: () => {
        assert(this.#marks.has(number), 'the store is put back to a mark that was let go of')
        assert(!this.#unpublished, 'a rollback between a mutation and its publish')
        for (const later of this.#marks) if (later > number) this.#marks.delete(later)
        this.#state = state
        this.#sequence = sequence
        this.#mutations++
        this.#draft?.discard()
        if (this.#adoptedAt !== undefined && this.#adoptedAt >= number) this.#adoptedAt = undefined
      },
      release: () => void this.#marks.delete(number),
    }
  }

  /** Its mutations are noted, and made when it is adopted. */
  draft(): Draft | undefined {
    this.#share('draft')
    if (this.#draft !== undefined || (this.#adoptedAt !== undefined && this.#adoptedAt >= this.#oldestMark())) {
      return undefined
    }
    const mutations: (() => void)[] = []
    const note = (mutation: () => void): void => {
      assert(draft.isOpen, 'a draft is used that was adopted or discarded')
      mutations.push(mutation)
    }
    const draft = {
      isOpen: true,
      put: (key: Slice, value: Slice): void => {
        const [name, copy] = [sliceOf(copySlice(key)), sliceOf(copySlice(value))]
        note(() => this.put(name, copy))
      },
      delete: (key: Slice): void => {
        const name = sliceOf(copySlice(key))
        note(() => this.delete(name))
      },
      deleteRange: ({ start, end }: KeyRange): void => {
        const range = { start: sliceOf(copySlice(start)), end: sliceOf(copySlice(end)) }
        note(() => this.deleteRange(range))
      },
      adopt: (): void => {
        assert(!this.#unpublished, 'a draft is adopted between a mutation and its publish')
        note(() => this.#own())
        for (const mutation of mutations) mutation()
        draft.discard()
        this.#adoptedAt = this.#lastMark
      },
      discard: (): void => {
        draft.isOpen = false
        if (this.#draft === draft) this.#draft = undefined
      },
    }
    this.#draft = draft
    return draft
  }

  /** Marks are numbered; one that is taken now comes after every adoption. */
  #oldestMark(): number {
    return Math.min(...this.#marks, this.#lastMark + 1)
  }

  snapshot(): Snapshot {
    const state = this.#share('snapshot')
    const sequence = this.#sequence
    const result = new MutableSlice()
    let released = false
    this.#pinned++
    return {
      sequence,
      get: (key) => {
        assert(!released, 'read of a released snapshot')
        return getFrom(state, key, result)
      },
      scan: (range, options) =>
        new NaiveCursor(
          () => state,
          range,
          options?.reverse === true,
          () => Number(released),
        ),
      count: (range) => countKeys(state, range),
      estimate: (range) => countKeys(state, range),
      load: () => Promise.resolve({ release: () => undefined }),
      release: () => {
        assert(!released, 'snapshot released twice')
        released = true
        this.#pinned--
      },
    }
  }

  fork(): OrderedStore {
    return new NaiveStore(this.#share('fork'), this.#sequence)
  }

  /** In memory only: `restored()` opens what this remembers. */
  checkpoint(_host: Host, folder: string): Promise<Sequence> {
    checkpoints.set(folder, { state: this.#share('checkpoint'), sequence: this.#sequence })
    this.persistedThrough = this.#sequence
    return Promise.resolve(this.#sequence)
  }

  statistics(): StoreStatistics {
    let usedBytes = 0
    for (const [key, value] of this.#state.values) usedBytes += key.length + value.length
    const keys = this.#state.keys.length
    return { keys, usedBytes, reservedBytes: usedBytes, pinnedSnapshots: this.#pinned, pages: 0 }
  }

  reclaim(_budgetUs: number): boolean {
    return false
  }

  close(): void {
    this.#state = emptyState()
  }

  #own(): State {
    const state = this.#state
    if (state.shared) this.#state = { keys: state.keys.slice(), values: new Map(state.values), shared: false }
    this.#unpublished = true
    this.#mutations++
    return this.#state
  }

  #share(what: string): State {
    assert(!this.#unpublished, `${what} between a mutation and its publish`)
    this.#state.shared = true
    return this.#state
  }
}

const checkpoints = new Map<string, { state: State; sequence: Sequence }>()

/** The store that was last checkpointed into `folder`. */
export function openNaiveStore(folder: string | undefined): NaiveStore {
  if (folder === undefined) return new NaiveStore()
  const saved = checkpoints.get(folder)
  assert(saved !== undefined, `no checkpoint in ${folder}`)
  const store = new NaiveStore(saved.state, saved.sequence)
  store.persistedThrough = saved.sequence
  return store
}

class NaiveCursor implements Cursor {
  readonly key: MutableSlice = new MutableSlice()
  readonly value: MutableSlice = new MutableSlice()
  readonly #state: () => State
  readonly #version: () => number
  readonly #start: string
  readonly #end: string
  readonly #reverse: boolean
  #seen: number
  #position: number

  constructor(state: () => State, range: KeyRange, reverse: boolean, version: () => number) {
    this.#state = state
    this.#version = version
    this.#start = keyOf(range.start)
    this.#end = keyOf(range.end)
    this.#reverse = reverse
    this.#seen = version()
    const { keys } = state()
    this.#position = reverse ? lowerBound(keys, this.#end) - 1 : lowerBound(keys, this.#start)
  }

  next(): boolean {
    assert(this.#seen === this.#version(), 'a cursor outlived a mutation or its snapshot')
    const state = this.#state()
    const name = state.keys[this.#position]
    if (name === undefined || name < this.#start || name >= this.#end) return false
    this.#position += this.#reverse ? -1 : 1
    const value = state.values.get(name)!
    this.value.set(value, 0, value.length)
    this.key.set(latin1ToBytes(name), 0, name.length)
    return true
  }

  seek(key: Slice): void {
    this.#seen = this.#version()
    const { keys } = this.#state()
    const name = keyOf(key)
    if (this.#reverse) {
      const at = lowerBound(keys, name)
      this.#position = name >= this.#end ? lowerBound(keys, this.#end) - 1 : keys[at] === name ? at : at - 1
    } else {
      this.#position = lowerBound(keys, name < this.#start ? this.#start : name)
    }
  }

  skip(count: number): number {
    let passed = 0
    while (passed < count && this.next()) passed++
    return passed
  }
}

function getFrom(state: State, key: Slice, result: MutableSlice): Slice | undefined {
  const value = state.values.get(keyOf(key))
  return value === undefined ? undefined : result.set(value, 0, value.length)
}

function countKeys({ keys }: State, range: KeyRange): number {
  return Math.max(0, lowerBound(keys, keyOf(range.end)) - lowerBound(keys, keyOf(range.start)))
}

const keyOf = (slice: Slice): string => (sliceLength(slice) === 0 ? '' : sliceToLatin1(slice))

/** The first index whose key is not below `key`. */
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
