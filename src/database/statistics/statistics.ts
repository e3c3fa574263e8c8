/**
 * What transactions have done with tables, indexes and functions since the process began, or since a reset: PostgreSQL's
 * cumulative statistics (decision 160). A transaction counts for itself (`transaction-counts.ts`) and adds it here when it ends.
 *
 * It lies in memory alone, and says nothing of what does not exist: who reads it asks the committed catalog first.
 */
import { isMiss } from '../../storage/store.ts'
import { keyspaceRange, primaryIndex } from '../../base/tuple.ts'
import type { Kernel } from '../kernel.ts'

export class IndexStatistics {
  scans = 0
  entriesRead = 0
  rowsFetched = 0
}

/** When something was done last, and how often. */
export interface Upkeep {
  lastMs: number | undefined
  count: number
}

export class TableStatistics {
  scans = 0
  rowsRead = 0
  inserted = 0
  updated = 0
  deleted = 0
  /** Versions that writes have replaced since VACUUM. */
  dead = 0
  /** Rows that are there, by what has ended; undefined: those that can be counted. */
  live: number | undefined
  changedSinceAnalyze = 0
  insertedSinceVacuum = 0
  vacuum: Upkeep = { lastMs: undefined, count: 0 }
  analyze: Upkeep = { lastMs: undefined, count: 0 }
  /** By the number of the index; 0: the primary key. */
  readonly indexes: Map<number, IndexStatistics> = new Map()

  index(number: number): IndexStatistics {
    return getOrMake(this.indexes, number, () => new IndexStatistics())
  }

  copy(): TableStatistics {
    const copy = Object.assign(new TableStatistics(), this, { indexes: new Map<number, IndexStatistics>() })
    for (const [number, index] of this.indexes) copy.indexes.set(number, { ...index })
    return copy
  }
}

export class FunctionStatistics {
  calls = 0
  totalUs = 0
  /** Without the functions that it has called. */
  ownUs = 0
}

/** With so many, and whenever they have doubled, what is left of dropped ones goes. */
const firstSweep = 1024

/** The kind of channels that SQL's statistics tell of. */
export const notificationChannels = 'postgres'

export class DatabaseStatistics {
  readonly #kernel: Pick<Kernel, 'catalog' | 'newest' | 'pipeline' | 'hub'>
  readonly #tables = new Map<number, TableStatistics>()
  readonly #functions = new Map<number, FunctionStatistics>()
  #sweepAt = firstSweep
  resetMs: number | undefined

  constructor(kernel: Pick<Kernel, 'catalog' | 'newest' | 'pipeline' | 'hub'>) {
    this.#kernel = kernel
  }

  #isThere(id: number): boolean {
    return this.#kernel.catalog.collectionById(id) !== undefined
  }

  findTable(id: number): TableStatistics | undefined {
    return this.#isThere(id) ? this.#tables.get(id) : undefined
  }

  findFunction(id: number): FunctionStatistics | undefined {
    return this.#isThere(id) ? this.#functions.get(id) : undefined
  }

  *functions(): Generator<readonly [number, FunctionStatistics]> {
    for (const [id, one] of this.#functions) if (this.#isThere(id)) yield [id, one]
  }

  /** To add to; undefined of what is not there any more. */
  table(id: number): TableStatistics | undefined {
    const known = this.#tables.get(id)
    if (known !== undefined) return known
    if (!this.#isThere(id)) return undefined
    this.#sweep(this.#tables)
    return getOrMake(this.#tables, id, () => new TableStatistics())
  }

  function(id: number): FunctionStatistics | undefined {
    const known = this.#functions.get(id)
    if (known !== undefined) return known
    if (!this.#isThere(id)) return undefined
    this.#sweep(this.#functions)
    return getOrMake(this.#functions, id, () => new FunctionStatistics())
  }

  #sweep(counted: Map<number, unknown>): void {
    if (counted.size < this.#sweepAt) return
    for (const id of counted.keys()) if (!this.#isThere(id)) counted.delete(id)
    this.#sweepAt = Math.max(firstSweep, 2 * Math.max(this.#tables.size, this.#functions.size))
  }

  /** The rows that there are, where they can be counted at once. */
  countRows(id: number): number | undefined {
    try {
      return this.#kernel.newest.count(keyspaceRange(id, primaryIndex))
    } catch (error) {
      if (isMiss(error)) return undefined
      throw error
    }
  }

  vacuumed(id: number): void {
    const table = this.table(id)
    if (table === undefined) return
    this.#kept(table.vacuum)
    table.dead = table.insertedSinceVacuum = 0
    table.live = undefined
  }

  analyzed(id: number): void {
    const table = this.table(id)
    if (table === undefined) return
    this.#kept(table.analyze)
    table.changedSinceAnalyze = 0
    table.live = undefined
  }

  #kept(upkeep: Upkeep): void {
    upkeep.lastMs = this.#kernel.pipeline.timeMs()
    upkeep.count++
  }

  /** Of committed messages on channels of one kind. */
  sentBytes(scope: string): number {
    return this.#kernel.hub.sentBytes(scope)
  }

  reset(): void {
    for (const id of this.#tables.keys()) this.#tables.set(id, new TableStatistics())
    for (const id of this.#functions.keys()) this.#functions.set(id, new FunctionStatistics())
    this.resetMs = this.#kernel.pipeline.timeMs()
  }

  resetOne(id: number): void {
    if (this.#tables.has(id)) this.#tables.set(id, new TableStatistics())
    if (this.#functions.has(id)) this.#functions.set(id, new FunctionStatistics())
  }

  /** As it is now. */
  snapshot(): SeenStatistics {
    const seen = new SeenStatistics(this)
    for (const id of this.#tables.keys()) seen.findTable(id)
    for (const id of this.#functions.keys()) seen.findFunction(id)
    seen.sentBytes(notificationChannels)
    seen.isWhole = true
    return seen
  }
}

/** What a transaction has seen of them: it stays so for it. */
export class SeenStatistics {
  /** What is not in it was not there. */
  isWhole = false
  readonly #all: DatabaseStatistics
  readonly #tables = new Map<number, TableStatistics | undefined>()
  readonly #functions = new Map<number, FunctionStatistics | undefined>()
  readonly #sentBytes = new Map<string, number>()

  constructor(all: DatabaseStatistics) {
    this.#all = all
  }

  findTable(id: number): TableStatistics | undefined {
    if (this.isWhole) return this.#tables.get(id)
    return getOrMake(this.#tables, id, () => this.#all.findTable(id)?.copy())
  }

  findFunction(id: number): FunctionStatistics | undefined {
    if (this.isWhole) return this.#functions.get(id)
    return getOrMake(this.#functions, id, () => {
      const found = this.#all.findFunction(id)
      return found && { ...found }
    })
  }

  sentBytes(scope: string): number {
    return getOrMake(this.#sentBytes, scope, () => this.#all.sentBytes(scope))
  }

  *functions(): Generator<readonly [number, FunctionStatistics]> {
    const ids = this.isWhole ? this.#functions.keys() : [...this.#all.functions()].map(([id]) => id)
    for (const id of ids) {
      const one = this.findFunction(id)
      if (one !== undefined) yield [id, one]
    }
  }
}

function getOrMake<K, T>(map: Map<K, T>, key: K, make: () => T): T {
  const known = map.get(key)
  if (known !== undefined || map.has(key)) return known as T
  const made = make()
  map.set(key, made)
  return made
}
