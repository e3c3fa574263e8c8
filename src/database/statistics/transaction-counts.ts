/**
 * What one transaction counts, for the statistics of the database when it ends (`statistics.ts`).
 *
 * Reads count whatever becomes of the transaction. Of rows it keeps a journal, in which a savepoint is a place:
 *
 *   rolled back to, by its client or with a statement that failed   counted as changed, and what was written is dead
 *   taken back, to be run again                                     not counted
 *   committed     after a TRUNCATE what came before it is not counted, and there are no other rows
 *   rolled back   what came after the first TRUNCATE is not counted
 *
 * which is what PostgreSQL counts. A journal that grows beyond a bound forgets its oldest places: what is rolled back to one of
 * them then passes for committed.
 */
import type { Kernel } from '../kernel.ts'
import type { DatabaseStatistics, SeenStatistics, TableStatistics } from './statistics.ts'

export const rowEvents = { insert: 0, update: 1, delete: 2, truncate: 3 } as const
type RowEventNumber = (typeof rowEvents)[keyof typeof rowEvents]

/** Reads of one access path of a table. */
export interface ReadCounts {
  readonly table: number
  /** 0: the primary key; undefined: the rows, whatever their keys. */
  readonly index: number | undefined
  /** It is read without the rows that its entries lead to. */
  readonly isOfEntries: boolean
  scans: number
  rows: number
}

/** Where nothing is to be counted. */
const nowhere: ReadCounts = { table: 0, index: undefined, isOfEntries: false, scans: 0, rows: 0 }

/** Consecutive events of one kind. */
interface Run {
  readonly table: number
  readonly event: RowEventNumber
  count: number
}

const mostRuns = 4096
/** Numbers of indexes are smaller. */
const indexesOfTable = 2 ** 20

interface FunctionCounts {
  calls: number
  totalUs: number
  ownUs: number
}

/** Of one table, by event. */
interface RowSums {
  sums: [number, number, number]
  isTruncated: boolean
}

/** Rows that were changed, in order. */
export class RowJournal {
  #runs: Run[] = []
  /** Events so far. */
  size = 0

  add(table: number, event: RowEventNumber): void {
    this.size++
    const last = this.#runs.at(-1)
    if (last !== undefined && last.table === table && last.event === event) {
      last.count++
      return
    }
    if (this.#runs.length >= mostRuns) this.#compact()
    this.#runs.push({ table, event, count: 1 })
  }

  #compact(): void {
    const kept = new Map<number, RowSums>()
    sumUp(this.#runs, kept, 'commit')
    this.#runs = []
    for (const [table, { sums, isTruncated }] of kept) {
      if (isTruncated) this.#runs.push({ table, event: rowEvents.truncate, count: 1 })
      for (const [event, count] of sums.entries()) {
        if (count > 0) this.#runs.push({ table, event: event as RowEventNumber, count })
      }
    }
  }

  /** Takes out what came behind so many events. */
  cut(size: number): readonly Run[] {
    const out: Run[] = []
    while (this.size > size && this.#runs.length > 0) {
      const last = this.#runs.at(-1)!
      const count = Math.min(last.count, this.size - size)
      out.unshift({ ...last, count })
      last.count -= count
      this.size -= count
      if (last.count === 0) this.#runs.pop()
    }
    this.size = Math.min(this.size, size)
    return out
  }

  addTo(statistics: DatabaseStatistics, ends: 'commit' | 'rollback'): void {
    if (this.size === 0) return
    const summed = new Map<number, RowSums>()
    sumUp(this.#runs, summed, ends)
    this.#runs.length = this.size = 0
    addSums(summed, statistics, ends)
  }
}

function sumUp(runs: Iterable<Run>, into: Map<number, RowSums>, ends: 'commit' | 'rollback'): void {
  for (const { table, event, count } of runs) {
    let of = into.get(table)
    if (of === undefined) into.set(table, (of = { sums: [0, 0, 0], isTruncated: false }))
    if (event === rowEvents.truncate) {
      of.isTruncated = true
      if (ends === 'commit') of.sums = [0, 0, 0]
    } else if (ends === 'commit' || !of.isTruncated) of.sums[event] += count
  }
}

function addSums(
  summed: ReadonlyMap<number, RowSums>,
  statistics: DatabaseStatistics,
  ends: 'commit' | 'rollback',
): void {
  for (const [id, of] of summed) {
    const table = statistics.table(id)
    if (table === undefined) continue
    if (ends === 'commit') addCommitted(table, of, () => statistics.countRows(id))
    else addRolledBack(table, of)
  }
}

function addCommitted(table: TableStatistics, { sums, isTruncated }: RowSums, rowsNow: () => number | undefined): void {
  const [inserted, updated, deleted] = sums
  addChanged(table, sums)
  table.changedSinceAnalyze += inserted + updated + deleted
  table.insertedSinceVacuum += inserted
  if (isTruncated) table.live = table.dead = table.insertedSinceVacuum = 0
  table.live = table.live === undefined ? rowsNow() : Math.max(0, table.live + inserted - deleted)
  table.dead += updated + deleted
}

/** The rows that it has written are dead. */
function addRolledBack(table: TableStatistics, { sums }: RowSums): void {
  addChanged(table, sums)
  table.dead += sums[rowEvents.insert] + sums[rowEvents.update]
}

function addChanged(table: TableStatistics, [inserted, updated, deleted]: RowSums['sums']): void {
  table.inserted += inserted
  table.updated += updated
  table.deleted += deleted
}

function keyOf({ table, index, isOfEntries }: ReadCounts): number {
  return (table * indexesOfTable + (index ?? -1) + 1) * 2 + (isOfEntries ? 1 : 0)
}

function addReads({ table, index, isOfEntries, scans, rows }: ReadCounts, statistics: DatabaseStatistics): void {
  const into = statistics.table(table)
  if (into === undefined) return
  if (index === undefined) {
    into.scans += scans
    into.rowsRead += rows
    return
  }
  const ofIndex = into.index(index)
  ofIndex.scans += scans
  ofIndex.entriesRead += rows
  if (!isOfEntries) ofIndex.rowsFetched += rows
}

export class TransactionCounts {
  readonly #kernel: Pick<Kernel, 'statistics'>
  /** Where there are several. */
  #reads: Map<number, ReadCounts> | undefined
  #last: ReadCounts | undefined
  #rows: RowJournal | undefined
  /** Of what was rolled back to savepoints. */
  #lost: Map<number, RowSums> | undefined
  #functions: Map<number, FunctionCounts> | undefined
  /** Of the functions that the running one has called. */
  #calledUs = 0
  /** Of what others have counted. */
  seen: SeenStatistics | undefined
  /** Its caller wants no reads and rows to be counted. */
  isOff = false

  constructor(kernel: Pick<Kernel, 'statistics'>) {
    this.#kernel = kernel
  }

  get statistics(): DatabaseStatistics {
    return this.#kernel.statistics
  }

  /** A scan begins: where to count what it finds. */
  scan(table: number, index?: number, isOfEntries = false): ReadCounts {
    if (this.isOff) return nowhere
    const last = this.#last
    const isLast = last?.table === table && last.index === index && last.isOfEntries === isOfEntries
    const counts = isLast ? last : this.#readsOf(table, index, isOfEntries)
    counts.scans++
    return counts
  }

  #readsOf(table: number, index: number | undefined, isOfEntries: boolean): ReadCounts {
    const first = this.#last
    if (first === undefined) return (this.#last = { table, index, isOfEntries, scans: 0, rows: 0 })
    this.#reads ??= new Map([[keyOf(first), first]])
    const made = { table, index, isOfEntries, scans: 0, rows: 0 }
    const known = this.#reads.get(keyOf(made))
    if (known === undefined) this.#reads.set(keyOf(made), made)
    return (this.#last = known ?? made)
  }

  row(table: number, event: RowEventNumber): void {
    if (this.isOff) return
    this.#rows ??= new RowJournal()
    this.#rows.add(table, event)
  }

  /** A function begins; answers what it has to be given at its end. */
  beginCall(): number {
    const outer = this.#calledUs
    this.#calledUs = 0
    return outer
  }

  endCall(id: number, outerUs: number, tookUs: number): void {
    this.#functions ??= new Map()
    let counts = this.#functions.get(id)
    if (counts === undefined) this.#functions.set(id, (counts = { calls: 0, totalUs: 0, ownUs: 0 }))
    counts.calls++
    counts.totalUs += tookUs
    counts.ownUs += Math.max(0, tookUs - this.#calledUs)
    this.#calledUs = outerUs + tookUs
  }

  // ---- savepoints

  get mark(): number {
    return this.#rows?.size ?? 0
  }

  /** `isRepeated`: it will be done again. */
  rollbackTo(mark: number, isRepeated: boolean): void {
    if (this.mark <= mark) return
    const cut = this.#rows!.cut(mark)
    if (isRepeated) return
    const lost = new Map<number, RowSums>()
    sumUp(cut, lost, 'rollback')
    this.#lost ??= new Map()
    for (const [table, { sums }] of lost) {
      const before = this.#lost.get(table)?.sums ?? [0, 0, 0]
      this.#lost.set(table, {
        sums: [before[0] + sums[0], before[1] + sums[1], before[2] + sums[2]],
        isTruncated: false,
      })
    }
  }

  // ---- the end

  /** Who prepares it keeps what becomes of the rows for later. */
  handOverRows(): RowJournal | undefined {
    const rows = this.#rows
    this.#rows = undefined
    return rows
  }

  end(isCommitted: boolean): void {
    if (this.#last !== undefined) this.#addReads()
    if (this.#functions !== undefined) this.#addFunctions()
    if (this.#lost !== undefined) this.#addLost()
    if (this.#rows !== undefined) this.#rows.addTo(this.statistics, isCommitted ? 'commit' : 'rollback')
    this.seen = undefined
    this.isOff = false
    this.#calledUs = 0
  }

  #addReads(): void {
    if (this.#reads === undefined) addReads(this.#last!, this.statistics)
    else for (const counts of this.#reads.values()) addReads(counts, this.statistics)
    this.#last = this.#reads = undefined
  }

  #addLost(): void {
    addSums(this.#lost!, this.statistics, 'rollback')
    this.#lost = undefined
  }

  #addFunctions(): void {
    for (const [id, { calls, totalUs, ownUs }] of this.#functions!) {
      const into = this.statistics.function(id)
      if (into === undefined) continue
      into.calls += calls
      into.totalUs += totalUs
      into.ownUs += ownUs
    }
    this.#functions = undefined
  }
}
