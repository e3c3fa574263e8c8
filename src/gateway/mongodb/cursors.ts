/**
 * Open cursors. They belong to the server, not to a connection: drivers ask for more on any connection of their pool. One
 * that nobody asks for ten minutes is forgotten.
 */
import type { MemoryAccount } from '../../base/memory-account.ts'
import type { Host } from '../../host/host.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import { forgetPosition, type Query, type QueryPosition } from '../../language/mql/query.ts'

export interface OpenCursor {
  readonly id: bigint
  readonly namespace: string
  readonly collection: string
  /** Of the namespace, in Mongo's words. */
  readonly mongoDatabase: string
  readonly database: string
  /** The transaction it lives in, or none: it is used by that one only and ends with it. */
  readonly transaction: string | undefined
  readonly query: Query
  position: QueryPosition
  usedMs: number
  /** A `getMore` is running. */
  isBusy: boolean
  /** Of what it was asked with: it looks into the message as long as it lives. */
  readonly requestBytes: number
}

/** Of one beside its request: the query and its plan. */
const cursorBytes = 4096

const idleTimeoutMs = 10 * 60_000
const sweepMs = 60_000
const mostCursors = 10_000

export class Cursors {
  readonly #open = new Map<bigint, OpenCursor>()
  readonly #host: Host
  readonly #memory: MemoryAccount
  #sweep: (() => void) | undefined

  constructor(host: Host, memory: MemoryAccount) {
    this.#host = host
    this.#memory = memory.child('the cursors', { quantumBytes: 4096 })
  }

  get count(): number {
    return this.#open.size
  }

  add(cursor: Omit<OpenCursor, 'id' | 'usedMs' | 'isBusy'>): OpenCursor {
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

  /** For one `getMore`; `done` gives it back. Throws CursorNotFound. */
  take(id: bigint, namespace: string, transaction: string | undefined): OpenCursor {
    const cursor = this.#open.get(id)
    if (cursor === undefined) throw mongoError(43, `cursor id ${id} not found`, 'undefined_object')
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
    return cursor
  }

  /** `position`: where it goes on; none at its end. */
  done(cursor: OpenCursor, position: QueryPosition | undefined): void {
    cursor.isBusy = false
    if (position === undefined) this.#drop(cursor.id)
    else cursor.position = position
  }

  kill(id: bigint, namespace: string): boolean {
    return this.#open.get(id)?.namespace === namespace && this.#drop(id)
  }

  killTransaction(transaction: string): void {
    for (const [id, cursor] of this.#open) if (cursor.transaction === transaction) this.#drop(id)
  }

  #drop(id: bigint): boolean {
    const cursor = this.#open.get(id)
    if (cursor === undefined) return false
    forgetPosition(cursor.position)
    this.#memory.release(cursor.requestBytes + cursorBytes)
    return this.#open.delete(id)
  }

  #dropIdle(): void {
    this.#sweep = undefined
    const limit = this.#host.now() - idleTimeoutMs
    for (const [id, cursor] of this.#open) if (!cursor.isBusy && cursor.usedMs < limit) this.#drop(id)
    if (this.#open.size > 0) this.#sweep = this.#host.at(sweepMs, () => this.#dropIdle())
  }

  close(): void {
    this.#sweep?.()
    for (const id of this.#open.keys()) this.#drop(id)
    this.#memory.close()
  }
}
