/**
 * A base store in its plainest form, in memory: a batch takes a while, some microtasks, and pages miss all the time. What
 * overlays promise is tried over it.
 */
import { assert } from '../../base/errors.ts'
import type { Disk } from '../../host/host.ts'
import type { BaseReport, BaseStore, MutationBatch } from '../base-store.ts'
import type { Miss, OrderedStore, Sequence, Snapshot, StoreStatistics } from '../store.ts'
import { MissingStore } from './missing-store.ts'
import { NaiveStore } from './naive-store.ts'

const poolPages = 3
const ticksOfABatch = 30

export class NaiveBase implements BaseStore {
  persistedThrough: Sequence = 0
  readonly #state: MissingStore
  #isApplying = false
  /** The next batch fails with it, once. */
  failure: Error | undefined
  /** Batches taken, those without mutations included. */
  applied = 0

  constructor(state: OrderedStore = new NaiveStore(), through: Sequence = 0) {
    this.#state = new MissingStore(state, poolPages)
    this.persistedThrough = through
  }

  get miss(): Miss {
    return this.#state.pool.miss
  }

  get misses(): number {
    return this.#state.pool.misses
  }

  async apply(batch: MutationBatch): Promise<void> {
    assert(!this.#isApplying, 'two batches at once')
    this.#isApplying = true
    for (let i = 0; i < ticksOfABatch; i++) await Promise.resolve()
    this.#isApplying = false
    const { failure } = this
    this.failure = undefined
    if (failure !== undefined) throw failure
    this.applied++
    if (batch.through <= this.persistedThrough) return
    mutate(this.#state, batch)
    this.#state.publish(this.#state.current.sequence + 1)
    this.persistedThrough = batch.through
  }

  snapshot(): Snapshot {
    if (this.#state.statistics().keys === 0) return this.#state.forkInner().snapshot()
    return this.#state.snapshot()
  }

  fork(): NaiveBase {
    return new NaiveBase(this.#state.forkInner(), this.persistedThrough)
  }

  lead(): Promise<() => void> {
    return Promise.resolve(() => undefined)
  }

  async checkpoint(_disk: Disk, folder: string, batch: MutationBatch): Promise<void> {
    const state = this.#state.forkInner()
    mutate(state, batch)
    state.publish(state.current.sequence + 1)
    saved.set(folder, { state, through: batch.through })
    for (let i = 0; i < ticksOfABatch; i++) await Promise.resolve()
  }

  /** There is no disk that could have changed anything. */
  verify(): Promise<BaseReport> {
    return Promise.resolve({ entries: this.#state.statistics().keys, faults: [] })
  }

  statistics(): StoreStatistics {
    return this.#state.statistics()
  }

  close(): Promise<void> {
    this.#state.close()
    return Promise.resolve()
  }
}

function mutate(state: OrderedStore, batch: MutationBatch): void {
  for (const range of batch.ranges) state.deleteRange(range)
  const entries = batch.entries()
  while (entries.next()) {
    if (entries.value === undefined) state.delete(entries.key)
    else state.put(entries.key, entries.value)
  }
}

const saved = new Map<string, { state: OrderedStore; through: Sequence }>()

/** The base that was last checkpointed into `folder`. */
export function openNaiveBase(folder: string): NaiveBase {
  const { state, through } = saved.get(folder)!
  return new NaiveBase(state, through)
}
