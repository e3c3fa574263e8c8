/**
 * Who waits for keys to be written: a client of a blocking command (`BLPOP`, `XREAD BLOCK`), until somebody's commit, of any
 * door, has put or removed one of its keys.
 *
 *   wait(waiter)      it has looked, in this turn, and found nothing; it stands in the queue of each of its keys
 *   a commit          notes which keys that somebody waits for it has written, in the order of their first writes
 *   deliver()         behind the commit, in the same turn, once its locks are free: asks the waiters of these keys, who has
 *                     waited longest first, to `look` again, as statements of their own. What those write is delivered next
 *   leave(waiter)     served, its time is over, its client has gone
 *
 * A key is one of index 1 (a row's, a document's, a Redis header's), or of index 0 (the state of a capped collection). A commit pays nothing while nobody waits, and then one
 * look-up for each header that it writes, however many wait. Waiters of a kind are asked as long as they are served: where
 * an item was taken and nothing is left, those behind need not look. Streams give the same to everybody: there each is
 * asked (`isShared`).
 *
 * A look that has to wait itself (a page, a lock) holds up its queue, so that nobody overtakes it, and no other. More
 * looks than a turn allows go on in a later one.
 *
 * What moves the keys themselves (a collection that is made, renamed, dropped) makes waiters `move` to where these are now,
 * with the tickets that they had, and all of their keys are ready; after commits were taken back everybody's are.
 *
 * Invariants: whoever waits is in the queue of each of its keys, by ticket; a key that was written while somebody waits for it is
 * ready, or its queue is busy and will go round again; nothing runs within a commit.
 */
import { MutableSlice, sliceToLatin1, type KeyRange, type Slice } from '../../base/slice.ts'
import { orderedVarintWidth, primaryIndex } from '../../base/tuple.ts'
import type { CatalogState } from '../catalog/catalog-state.ts'
import type { LargeChange } from './conflict-index.ts'
import { writeKinds, type WriteSet } from './write-set.ts'

/** What came of a look: `last`: it was served, and nothing is left for others of its kind. */
export const looked = { served: 0, last: 1, nothing: 2 } as const
export type Looked = (typeof looked)[keyof typeof looked]

export interface KeyWaiter {
  /** Encoded, as latin1, each once. */
  readonly keys: readonly string[]
  /** Those of one kind find the same: what is nothing for one of them is nothing for those behind it. */
  readonly kind: string
  /** What one of the kind finds is there for the others, too. */
  readonly isShared: boolean
  /** Of its first wait; kept where it waits again. */
  readonly ticket: number
  /** The key was written: tries again with it. Whoever was served leaves before it answers. Never throws. */
  look(key: string): Looked | Promise<Looked>
  /** Whether its keys are still those that it means. */
  isPlaced(catalog: CatalogState): boolean
  /** To leave, and to wait where its keys are now. Never throws. */
  move(): void
}

/** Most take some microseconds; one that takes longer pauses by itself. */
const looksPerTurn = 128

export interface KeyWaitsOwner {
  readonly catalog: CatalogState
  turn(run: () => void): void
}

class Queue {
  readonly kind: string
  readonly isShared: boolean
  waiters: Set<KeyWaiter> = new Set()
  /** Who looks, and has not found out yet. */
  isBusy = false
  /** The key was written meanwhile. */
  isMissed = false
  /** Where a shared queue goes on. */
  rest: Iterator<KeyWaiter> | undefined

  constructor({ kind, isShared }: KeyWaiter) {
    this.kind = kind
    this.isShared = isShared
  }

  /** Mostly it is the newest. */
  add(waiter: KeyWaiter): void {
    const isLast = this.waiters.size === 0 || waiter.ticket > this.#newest
    this.waiters.add(waiter)
    if (isLast) this.#newest = waiter.ticket
    else this.waiters = new Set([...this.waiters].sort((a, b) => a.ticket - b.ticket))
  }

  #newest = -1
}

interface WaitedKey {
  readonly key: string
  readonly queues: Queue[]
  isReady: boolean
}

export class KeyWaits {
  readonly #owner: KeyWaitsOwner
  readonly #keys = new Map<string, WaitedKey>()
  readonly #waiters = new Set<KeyWaiter>()
  /** Written, in the order of the first writes. */
  #ready: WaitedKey[] = []
  #catalog: CatalogState | undefined
  #isDelivering = false
  #isScheduled = false
  #lastTicket = 0
  /** How often somebody was asked. */
  looks = 0

  constructor(owner: KeyWaitsOwner) {
    this.#owner = owner
  }

  nextTicket(): number {
    return ++this.#lastTicket
  }

  /** Whether commits must say what they write. */
  get areThere(): boolean {
    return this.#waiters.size > 0
  }

  /** Whether one of the kind waits for the key: whoever comes now is served behind it. */
  isWaitedFor(key: string, kind: string): boolean {
    return this.#keys.get(key)?.queues.some((queue) => queue.kind === kind && queue.waiters.size > 0) === true
  }

  // ---- who waits

  wait(waiter: KeyWaiter): void {
    if (this.#waiters.size === 0) this.#catalog = this.#owner.catalog
    this.#waiters.add(waiter)
    for (const key of waiter.keys) {
      let waited = this.#keys.get(key)
      if (waited === undefined) this.#keys.set(key, (waited = { key, queues: [], isReady: false }))
      let queue = waited.queues.find(({ kind }) => kind === waiter.kind)
      if (queue === undefined) waited.queues.push((queue = new Queue(waiter)))
      queue.add(waiter)
    }
  }

  leave(waiter: KeyWaiter): void {
    if (!this.#waiters.delete(waiter)) return
    for (const key of waiter.keys) {
      const { queues } = this.#keys.get(key)!
      const at = queues.findIndex(({ kind }) => kind === waiter.kind)
      const queue = queues[at]!
      queue.waiters.delete(waiter)
      if (queue.waiters.size === 0 && !queue.isBusy) queues.splice(at, 1)
      if (queues.length === 0) this.#keys.delete(key)
    }
  }

  // ---- what commits say

  /** In the order of the first writes, whether or not they were superseded. */
  wrote(writes: WriteSet): void {
    const moved = this.#followCatalog()
    for (let i = 0; i < writes.count; i++) {
      const kind = writes.kindOf(i)
      if (kind <= writeKinds.delete) this.wroteKey(writes.keyOf(i, visited), kind === writeKinds.delete)
      else if (kind === writeKinds.deleteRange) {
        this.wroteRange({ start: writes.keyOf(i, visited), end: writes.payloadOf(i, visitedEnd) })
      }
    }
    this.#signalAll(moved)
  }

  /** Of a key that has gone only those hear who share what is in it: for others there is nothing. */
  wroteKey(key: Slice, isGone: boolean): void {
    if (!isPrimary(key)) return
    const waited = this.#keys.get(sliceToLatin1(key))
    if (waited === undefined || (isGone && !waited.queues.some(({ isShared }) => isShared))) return
    this.#makeReady(waited)
  }

  /** Of elements under a header, which most are, nobody waits for any. */
  wroteRange(range: KeyRange): void {
    if (startsBehindPrimary(range.start)) return
    const start = sliceToLatin1(range.start)
    const end = sliceToLatin1(range.end)
    for (const waited of this.#keys.values()) if (start <= waited.key && waited.key < end) this.#makeReady(waited)
  }

  /** Of a large commit. */
  wroteMany(change: LargeChange): void {
    for (const waited of this.#keys.values()) if (change.touchesKey(waited.key)) this.#makeReady(waited)
  }

  #makeReady(waited: WaitedKey): void {
    for (const queue of waited.queues) if (queue.rest !== undefined) queue.isMissed = true
    this.#enqueue(waited)
  }

  #enqueue(waited: WaitedKey): void {
    if (waited.isReady) return
    waited.isReady = true
    this.#ready.push(waited)
  }

  /** For who has come upon what those before it wait for. */
  signal(key: string): void {
    const waited = this.#keys.get(key)
    if (waited !== undefined) this.#makeReady(waited)
  }

  #signalAll(waiters: readonly KeyWaiter[]): void {
    for (const { keys } of waiters) for (const key of keys) this.signal(key)
  }

  /** Nobody knows what has changed: everybody looks at everything, in a later turn. */
  disturb(): void {
    if (this.#waiters.size === 0) return
    this.#signalAll(inOrder(this.#waiters))
    this.#catalog = undefined
    this.#later()
  }

  // ---- what comes of it

  /** Behind a commit, and whoever else has made something ready. */
  deliver(): void {
    if (this.#isDelivering || this.#waiters.size === 0) return
    if (this.#ready.length === 0 && this.#owner.catalog === this.#catalog) return
    this.#isDelivering = true
    try {
      this.#deliverSome()
    } finally {
      this.#isDelivering = false
    }
  }

  #deliverSome(): void {
    const lastLook = this.looks + looksPerTurn
    const isOver = (): boolean => this.looks >= lastLook
    for (;;) {
      this.#signalAll(this.#followCatalog())
      const waited = this.#ready.shift()
      if (waited === undefined) return
      waited.isReady = false
      if (!this.#serve(waited, isOver)) this.#enqueue(waited)
      if (isOver()) {
        if (this.#ready.length > 0) this.#later()
        return
      }
    }
  }

  #later(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#owner.turn(() => {
      this.#isScheduled = false
      this.deliver()
    })
  }

  /** Who had to move. */
  #followCatalog(): readonly KeyWaiter[] {
    const { catalog } = this.#owner
    if (catalog === this.#catalog) return []
    this.#catalog = catalog
    const moved = inOrder([...this.#waiters].filter((waiter) => !waiter.isPlaced(catalog)))
    for (const waiter of moved) waiter.move()
    return moved
  }

  /** False where the turn was over before all were asked. */
  #serve(waited: WaitedKey, isOver: () => boolean): boolean {
    let isDone = true
    for (const queue of waited.queues.slice()) {
      if (queue.isBusy) queue.isMissed = true
      else if (!this.#serveQueue(waited, queue, isOver)) isDone = false
    }
    return isDone
  }

  #serveQueue(waited: WaitedKey, queue: Queue, isOver: () => boolean): boolean {
    const { rest } = queue
    const waiters = rest ?? queue.waiters.values()
    queue.rest = undefined
    for (let next = waiters.next(); next.done !== true; next = waiters.next()) {
      const waiter = next.value
      this.looks++
      const found = waiter.look(waited.key)
      if (found instanceof Promise) {
        // What is there for all need not be waited for by those behind.
        if (queue.isShared) void found
        else {
          this.#await(waited, queue, found)
          return true
        }
      } else if (found !== looked.served && !queue.isShared) return true
      if (isOver()) {
        if (queue.isShared) queue.rest = waiters
        return false
      }
    }
    const isAgain = queue.isMissed
    queue.isMissed = false
    return !isAgain
  }

  /** Nobody behind it looks before it has found out. */
  #await(waited: WaitedKey, queue: Queue, found: Promise<Looked>): void {
    queue.isBusy = true
    void found.then((result) => {
      queue.isBusy = false
      const goesOn = result === looked.served || queue.isMissed
      queue.isMissed = false
      if (queue.waiters.size === 0) this.#drop(waited, queue)
      else if (goesOn) {
        this.#makeReady(waited)
        this.deliver()
      }
    })
  }

  #drop(waited: WaitedKey, queue: Queue): void {
    const at = waited.queues.indexOf(queue)
    if (at >= 0) waited.queues.splice(at, 1)
    if (waited.queues.length === 0 && this.#keys.get(waited.key) === waited) this.#keys.delete(waited.key)
  }
}

const visited = new MutableSlice()
const visitedEnd = new MutableSlice()

function isPrimary({ bytes, start, end }: Slice): boolean {
  const at = start + orderedVarintWidth(bytes[start]!)
  return at < end && bytes[at]! <= primaryIndex
}

function startsBehindPrimary({ bytes, start, end }: Slice): boolean {
  const at = start + orderedVarintWidth(bytes[start]!)
  return at < end && bytes[at]! > primaryIndex
}

function inOrder(waiters: Iterable<KeyWaiter>): KeyWaiter[] {
  return [...waiters].sort((a, b) => a.ticket - b.ticket)
}
