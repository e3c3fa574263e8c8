/**
 * Open cursors. They belong to the server, not to a connection: drivers ask for more on any connection of their pool. One
 * that nobody asks for ten minutes is forgotten.
 *
 * Where somebody would be refused for want of memory, or for want of a cursor, those go that nobody has asked for longest,
 * and not for a second at least; but none of a transaction, which would end by it. Who asks for one is told why it is gone.
 */
import type { MemoryAccount } from '../../base/memory-account.ts'
import type { ProcessMemory } from '../../database/process-memory.ts'
import type { Host } from '../../host/host.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import type { Snapshot } from './snapshots.ts'
import { forgetPosition, type Query, type QueryPosition } from '../../language/mql/query.ts'

export interface OpenCursor {
  readonly id: bigint
  readonly namespace: string
  readonly collection: string
  /** Of the namespace, in Mongo's words. */
  readonly mongoDatabase: string
  readonly database: string
  /** The number of the role that opened it; undefined where nobody is asked who it is. */
  readonly owner: number | undefined
  /** The transaction it lives in, or none: it is used by that one only and ends with it. */
  readonly transaction: string | undefined
  readonly query: Query
  position: QueryPosition
  usedMs: number
  /** A `getMore` is running. */
  isBusy: boolean
  /** Of what it was asked with: it looks into the message as long as it lives. */
  readonly requestBytes: number
  /** What it reads where that is not the present; it is the cursor's. */
  readonly snapshot?: Snapshot | undefined
  /** `noCursorTimeout`: it goes by its end, by `killCursors`, or where memory is short. */
  readonly isKept?: boolean
}

/** Who asks for a cursor, and in which database. */
export interface CursorAsker {
  readonly roleId: number | undefined
  readonly database: string
  /** Also those of others. */
  readonly mayEndAll: boolean
}

/** Of one beside its request: the query and its plan. */
const cursorBytes = 4096

const defaultIdleMs = 10 * 60_000
const sweepMs = 60_000
const mostCursors = 10_000
/** Who has asked since will ask again. */
const leastIdleMs = 1000
/** Of those that were given up: for as many it is known why they are gone. */
const mostGivenUp = 10_000

export class Cursors {
  /** `cursorTimeoutMillis`. */
  idleMs: number = defaultIdleMs
  readonly #open = new Map<bigint, OpenCursor>()
  readonly #host: Host
  readonly #memory: MemoryAccount
  readonly #process: ProcessMemory
  readonly #givenUp = new Set<bigint>()
  #sweep: (() => void) | undefined

  constructor(host: Host, memory: ProcessMemory) {
    this.#host = host
    this.#process = memory
    this.#memory = memory.cursors.child('the cursors', { quantumBytes: 4096 })
    memory.holders.add(this.#giveUp)
  }

  /** Oldest first. */
  readonly #giveUp = (missingBytes: number): number => {
    const { cursors } = this.#process
    const before = cursors.usedBytes
    const limitMs = this.#host.now() - leastIdleMs
    // The order is that of the last use: see `take`.
    for (const { id, usedMs, isBusy, transaction } of this.#open.values()) {
      if (usedMs > limitMs || before - cursors.usedBytes >= missingBytes) break
      if (isBusy || transaction !== undefined) continue
      this.#drop(id)
      this.#givenUp.add(id)
      if (this.#givenUp.size > mostGivenUp) this.#givenUp.delete(firstOf(this.#givenUp))
    }
    return before - cursors.usedBytes
  }

  get count(): number {
    return this.#open.size
  }

  add(cursor: Omit<OpenCursor, 'id' | 'usedMs' | 'isBusy'>): OpenCursor {
    if (this.#open.size >= mostCursors) this.#giveUp(1)
    if (this.#open.size >= mostCursors)
      throw mongoError(8, `more than ${mostCursors} cursors are open`, 'out_of_memory')
    this.#memory.charge(cursor.requestBytes + cursorBytes)
    const added = { ...cursor, id: this.#newId(), usedMs: this.#host.now(), isBusy: false }
    this.#open.set(added.id, added)
    this.#sweep ??= this.#host.at(sweepMs, () => this.#dropIdle())
    return added
  }

  #newId(): bigint {
    const bytes = new Uint8Array(8)
    for (;;) {
      this.#host.random(bytes)
      const id = new DataView(bytes.buffer).getBigUint64(0) >> 1n
      if (id !== 0n && !this.#open.has(id)) return id
    }
  }

  /** For one `getMore`; `done` gives it back. Throws CursorNotFound, and Unauthorized for one of somebody else. */
  take(id: bigint, namespace: string, asker: CursorAsker, transaction: string | undefined): OpenCursor {
    const cursor = this.#open.get(id)
    if (cursor?.database !== asker.database) throw notFound(id, this.#givenUp.has(id))
    if (cursor.owner !== asker.roleId) {
      throw mongoError(13, `cursor id ${id} was not created by the authenticated user`, 'denied')
    }
    if (cursor.namespace !== namespace) {
      throw mongoError(
        13,
        `Requested getMore on namespace '${namespace}', but cursor belongs to a different namespace ${cursor.namespace}`,
        'denied',
      )
    }
    if (cursor.transaction !== transaction) {
      throw mongoError(50_737, `Cannot run getMore on cursor ${id}, which belongs to another session or transaction`)
    }
    if (cursor.isBusy) throw mongoError(12_051, `cursor id ${id} is already in use`)
    cursor.isBusy = true
    cursor.usedMs = this.#host.now()
    this.#open.delete(id)
    this.#open.set(id, cursor)
    return cursor
  }

  /** `position`: where it goes on; none at its end. */
  done(cursor: OpenCursor, position: QueryPosition | undefined): void {
    cursor.isBusy = false
    if (position === undefined) this.#drop(cursor.id)
    else cursor.position = position
  }

  /** Throws Unauthorized for one of somebody else. */
  kill(id: bigint, namespace: string, asker: CursorAsker): boolean {
    const cursor = this.#open.get(id)
    if (cursor?.namespace !== namespace || cursor.database !== asker.database) return false
    if (cursor.owner !== asker.roleId && !asker.mayEndAll) {
      throw mongoError(13, `not authorized to kill cursor id ${id}`, 'denied')
    }
    return this.#drop(id)
  }

  killTransaction(transaction: string): void {
    for (const [id, cursor] of this.#open) if (cursor.transaction === transaction) this.#drop(id)
  }

  #drop(id: bigint): boolean {
    const cursor = this.#open.get(id)
    if (cursor === undefined) return false
    forgetPosition(cursor.position)
    cursor.snapshot?.session.close()
    this.#memory.release(cursor.requestBytes + cursorBytes)
    return this.#open.delete(id)
  }

  #dropIdle(): void {
    this.#sweep = undefined
    const limit = this.#host.now() - this.idleMs
    for (const [id, { isBusy, isKept, usedMs }] of this.#open) {
      if (!isBusy && isKept !== true && usedMs < limit) this.#drop(id)
    }
    if (this.#open.size > 0) this.#sweep = this.#host.at(sweepMs, () => this.#dropIdle())
  }

  close(): void {
    this.#sweep?.()
    for (const id of this.#open.keys()) this.#drop(id)
    this.#process.holders.delete(this.#giveUp)
    this.#memory.close()
  }
}

function firstOf(ids: ReadonlySet<bigint>): bigint {
  for (const id of ids) return id
  return 0n
}

function notFound(id: bigint, isGivenUp: boolean): Error {
  const why = isGivenUp ? ': it was dropped when memory was short, since nobody had asked for it for long' : ''
  return mongoError(43, `cursor id ${id} not found${why}`, 'undefined_object')
}
