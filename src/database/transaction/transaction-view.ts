/**
 * The state that a transaction reads: the store's newest one for as long as the transaction has not given up the thread, and
 * a pinned one from then on.
 *
 *   nothing ──refresh──▶ newest ──pin──▶ pinned, and the conflict index keeps what is committed after it
 *      ▲                    │              │
 *      └──────forget────────┴──────────────┘      read committed: at each statement; the others: at the end
 *
 * Invariants: while it is pinned no cursor of the transaction reads anything newer; what is pinned is asked about in the
 * conflict index, and nothing else is.
 */
import type { Miss, Reader, Snapshot } from '../../storage/store.ts'
import type { Sequence } from '../contract.ts'
import type { Kernel } from '../kernel.ts'
import type { ExportedState } from './exported-snapshots.ts'
import { PinnedPages } from './pinned-pages.ts'
import type { TransactionCursor } from './transaction-cursor.ts'

export class TransactionView {
  base: Reader
  sequence: Sequence = 0
  /** There is a state that the transaction has begun to read. */
  isTaken = false
  readonly #kernel: Kernel
  #pinned: Snapshot | undefined
  /** Under which names others know it. */
  #shared: { readonly state: ExportedState; readonly names: string[] } | undefined
  /** Open on the newest state, to be put on the pinned one: the first, which is mostly the only one, and the others. */
  #firstCursor: TransactionCursor | undefined
  #cursors: TransactionCursor[] = []
  #pages: PinnedPages | undefined

  constructor(kernel: Kernel) {
    this.#kernel = kernel
    this.base = kernel.newest
  }

  get isPinned(): boolean {
    return this.#pinned !== undefined
  }

  /** The newest state. */
  refresh(): void {
    this.unpin()
    this.isTaken = true
    this.base = this.#kernel.newest
    this.sequence = this.#kernel.newestSequence
  }

  /** Before the thread is given up. */
  pin(): void {
    if (this.#pinned !== undefined) return
    this.#pinned = this.#kernel.pin()
    this.base = this.#pinned
    this.#kernel.conflicts.open(this.sequence)
    this.#firstCursor?.park()
    for (const cursor of this.#cursors) cursor.park()
    this.forgetCursors()
  }

  /** Gives the state a name, by which others may take it until this one ends. */
  share(): string {
    this.pin()
    const { exported } = this.#kernel
    if (this.#shared === undefined) {
      const { name, state } = exported.add(this.#pinned!, this.sequence)
      this.base = this.#pinned = state.use()
      this.#shared = { state, names: [name] }
      return name
    }
    const name = exported.name(this.#shared.state)
    this.#shared.names.push(name)
    return name
  }

  /** From now on it reads a state that another one has given this name; false where nobody has. */
  take(name: string): boolean {
    const state = this.#kernel.exported.find(name)
    if (state === undefined) return false
    this.unpin()
    this.isTaken = true
    this.sequence = state.sequence
    this.base = this.#pinned = state.use()
    this.#kernel.conflicts.open(state.sequence)
    return true
  }

  unpin(): void {
    if (this.#pinned === undefined) return
    for (const name of this.#shared?.names ?? []) this.#kernel.exported.forget(name)
    this.#shared = undefined
    this.#kernel.conflicts.close(this.sequence)
    this.#pinned.release()
    this.#pinned = undefined
  }

  forget(): void {
    this.unpin()
    this.isTaken = false
  }

  opened(cursor: TransactionCursor): void {
    if (this.#pinned !== undefined) return
    if (this.#firstCursor === undefined) this.#firstCursor = cursor
    else this.#cursors.push(cursor)
  }

  /** The running statement goes through keys of this state. */
  get hasCursors(): boolean {
    return this.#firstCursor !== undefined
  }

  forgetCursors(): void {
    this.#firstCursor = undefined
    if (this.#cursors.length > 0) this.#cursors = []
  }

  /** Brings in a page that was missed; it stays until the pages are released. */
  load(miss: Miss): Promise<void> {
    const pages = (this.#pages ??= new PinnedPages())
    const kept = this.#pinned
    if (kept !== undefined) return pages.load(kept, miss)
    const snapshot = this.#kernel.pin()
    return pages.load(snapshot, miss).finally(() => snapshot.release())
  }

  releasePages(): void {
    this.#pages?.release()
  }

  /** Whether somebody has committed a change of the key since; where nothing is pinned nobody could. */
  isChanged(key: string): boolean {
    return this.#pinned !== undefined && this.#kernel.conflicts.lastChange(key) > this.sequence
  }
}
