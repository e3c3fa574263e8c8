/**
 * Who may use how much memory: a tree of accounts, each with a limit.
 *
 *   process ── stored data                     what the stores hold; never refused here, see below
 *           └─ work ── database ── principal ── session ── statement ── operator
 *                                                       └─ cursors, portals, queues: what outlives a statement
 *
 * A byte that a leaf is charged counts in every account above it, and the first account whose limit it would pass refuses
 * it. Who can do with less (an operator that spills, a queue that makes its client wait) asks with `tryCharge` and hears
 * false; all others `charge` and throw `out_of_memory`, which is the error of that statement and of nobody else.
 *
 * Walking up six accounts for each row would cost more than the row. So an account takes from its parent in advance, a
 * quantum at a time (the grant), and a charge within the grant is one addition and one comparison; it asks for the exact
 * rest only where a whole quantum is refused. What is given back stays granted up to two quanta, so that who charges and
 * releases by turns does not go up each time.
 *
 *   granted 64 KiB  ┌───────────────┬──────────┐
 *                   │ used 41 KiB   │   free   │   charge(9 KiB): used 50, nobody above hears of it
 *                   └───────────────┴──────────┘
 *
 * What is charged is what values really hold, as far as it can be known (`heapBytesOf…` of each language); the garbage
 * that a collector has not collected yet is nobody's. Therefore an account may have a `weight`: how many bytes of the
 * process a byte of it stands for.
 *
 * `force` goes past every limit: for what is there already and cannot be refused, such as a chunk that a store needs in
 * the middle of a commit. It shows in `available`, and the next who asks is refused.
 *
 * `assuredBytes` is what an account may always have, past every limit: what a client needs to be greeted and to ask for a
 * row. Else those who ask for much, and are refused, would have left nothing for those who ask for little.
 *
 * An account may be counted by another tree, too (`beside`): what a principal has in each database is part of what the database
 * has, and of what the principal may have in all of them. What is granted is charged there as well, and its limit refuses.
 *
 * An account is listed with its parent as long as anything is granted to it (`holders`), so that whoever asks why memory is
 * short, or why it does not come back, is told by names. An account that was forgotten instead of closed stays listed.
 *
 * Invariants: granted ≥ used; an account's grants are part of its parent's `used`; a closed account has neither, and its
 * parent has got all of it back, whatever its children still held.
 */
import { InvariantError, PolylogError } from './errors.ts'

const defaultQuantumBytes = 64 * 1024

export interface AccountOptions {
  /** Default: no limit but those above. */
  readonly limitBytes?: number
  /** What is asked of the parent at once. */
  readonly quantumBytes?: number
  /** Bytes of the parent that one byte of this account stands for. Default 1. */
  readonly weight?: number
  /** What is never refused. Default 0. */
  readonly assuredBytes?: number
  /** Whose limit counts as well. */
  readonly beside?: MemoryAccount
  /** Tells it from others of its name in `holders`. */
  readonly id?: number
}

/** Who pays for what is done: mostly its account is made when something is charged to it, so it is asked then. */
export interface Payer {
  readonly account: MemoryAccount
}

/** An account that holds something, as `holders` tells of it. */
export interface Holder {
  /** Names from the account that was asked down to this one. */
  readonly path: readonly string[]
  readonly account: MemoryAccount
}

export class MemoryAccount {
  readonly name: string
  limitBytes: number
  /** Asked when this account, not one above it, is about to refuse for want of so many bytes: they may be there afterwards. */
  onRefusal: ((missingBytes: number) => void) | undefined
  readonly #parent: MemoryAccount | undefined
  readonly #quantumBytes: number
  readonly #weight: number
  readonly #assuredBytes: number
  #beside: MemoryAccount | undefined
  #usedBytes = 0
  #grantedBytes = 0
  #peakBytes = 0
  #refusals = 0
  #closed = false
  readonly #id: number | undefined
  /** Of its children those to whom anything is granted, as a list: they come and go with statements. */
  #firstHolder: MemoryAccount | undefined
  #nextHolder: MemoryAccount | undefined
  #previousHolder: MemoryAccount | undefined

  constructor(name: string, parent?: MemoryAccount, options: AccountOptions = {}) {
    this.name = name
    this.limitBytes = options.limitBytes ?? Infinity
    this.#parent = parent
    this.#quantumBytes = options.quantumBytes ?? defaultQuantumBytes
    this.#weight = options.weight ?? 1
    this.#assuredBytes = options.assuredBytes ?? 0
    this.#id = options.id
    this.#beside = options.beside
  }

  child(name: string, options?: AccountOptions): MemoryAccount {
    return new MemoryAccount(name, this, options)
  }

  /** What it holds counts there from now on, past that one's limit where it must. */
  countBeside(beside: MemoryAccount | undefined): void {
    if (this.#closed || beside === this.#beside) return
    this.#beside?.release(this.#grantedBytes)
    this.#beside = beside
    beside?.force(beside.#usedBytes + this.#grantedBytes)
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  get grantedBytes(): number {
    return this.#grantedBytes
  }

  /** The one that all others are part of. */
  get root(): MemoryAccount {
    return this.#parent === undefined ? this : this.#parent.root
  }

  /** This one and all below it that hold anything, each before its children. */
  *holders(above: readonly string[] = []): Iterable<Holder> {
    const path = [...above, this.#id === undefined ? this.name : `${this.name} ${this.#id}`]
    yield { path, account: this }
    for (let one = this.#firstHolder; one !== undefined; one = one.#nextHolder) yield* one.holders(path)
  }

  /** The most that its grants have been. */
  get peakBytes(): number {
    return this.#peakBytes
  }

  /** How often it, and not one above it, has said no. */
  get refusals(): number {
    return this.#refusals
  }

  /** What could be charged now, by this account's limit and those above; negative where `force` went past one. */
  get availableBytes(): number {
    const own = this.limitBytes - this.#usedBytes
    if (this.#parent === undefined) return own
    return Math.min(own, this.#grantedBytes - this.#usedBytes + this.#parent.availableBytes / this.#weight)
  }

  /** False where a limit would be passed; then nothing is charged. */
  tryCharge(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.#grantedBytes && this.#grow(bytes) !== undefined) return false
    this.#usedBytes += bytes
    return true
  }

  /** Throws `out_of_memory`; `what` is who needs it, for the message. */
  charge(bytes: number, what: string = this.name): void {
    const refusing = this.#usedBytes + bytes > this.#grantedBytes ? this.#grow(bytes) : undefined
    if (refusing !== undefined) throw outOfMemory(what, bytes, refusing)
    this.#usedBytes += bytes
  }

  /** Holds exactly so many bytes from here on, past every limit where it must. */
  force(bytes: number): void {
    if (bytes < this.#usedBytes) return this.release(this.#usedBytes - bytes)
    this.#usedBytes = bytes
    if (bytes > this.#grantedBytes) this.#take(bytes - this.#grantedBytes)
  }

  release(bytes: number): void {
    if (this.#closed) return
    this.#usedBytes -= bytes
    if (this.#usedBytes < 0) throw new InvariantError(`the memory account ${this.name} gets back more than was charged`)
    if (this.#grantedBytes - this.#usedBytes >= 2 * this.#quantumBytes) this.#giveBack(this.#usedBytes)
  }

  /** Charges or releases, so that `bytes` of what was charged as `before` stay. Throws as `charge` does. */
  resize(before: number, bytes: number, what?: string): void {
    if (bytes > before) this.charge(bytes - before, what)
    else if (bytes < before) this.release(before - bytes)
  }

  /** Releases all; its children are charged to nobody from here on. Again, it does nothing. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#usedBytes = 0
    this.#giveBack(0)
  }

  /** Takes what `more` needs from those above; the account that refuses it, where one does. */
  #grow(more: number): MemoryAccount | undefined {
    // What is charged to a closed account belongs to a statement that was ended while it worked.
    if (this.#closed) return this
    if (this.#usedBytes + more > this.limitBytes) this.onRefusal?.(this.#usedBytes + more - this.limitBytes)
    // Who was asked may have given back some of what this account holds, and of what it was granted.
    if (this.#usedBytes + more > this.limitBytes) return this.#refuse()
    const parent = this.#parent
    const rounded = Math.ceil((this.#usedBytes + more) / this.#quantumBytes) * this.#quantumBytes
    const exact = this.#usedBytes + more - this.#grantedBytes
    const roomBytes = this.#beside === undefined ? Infinity : this.#beside.limitBytes - this.#beside.#usedBytes
    if (exact > roomBytes) return this.#beside!.#refuse()
    const wanted = Math.min(Math.min(rounded, this.limitBytes) - this.#grantedBytes, roomBytes)
    if (wanted <= 0) return undefined
    if (parent === undefined || parent.tryCharge(wanted * this.#weight)) {
      this.#granted(wanted)
      return this.#isShort(more) ? this.#grow(more) : undefined
    }
    if (!this.#isShort(more)) return undefined
    if (this.#usedBytes + more <= this.#assuredBytes) {
      this.#take(exact)
      return undefined
    }
    const bytes = exact * this.#weight
    const refusing = parent.#usedBytes + bytes > parent.#grantedBytes ? parent.#grow(bytes) : undefined
    if (refusing !== undefined) return refusing
    parent.#usedBytes += bytes
    this.#granted(exact)
    return this.#isShort(more) ? this.#grow(more) : undefined
  }

  #refuse(): this {
    this.#refusals++
    return this
  }

  #isShort(more: number): boolean {
    return this.#usedBytes + more > this.#grantedBytes
  }

  #take(bytes: number): void {
    if (this.#closed) return
    const parent = this.#parent
    parent?.force(parent.#usedBytes + bytes * this.#weight)
    this.#granted(bytes)
  }

  #granted(bytes: number): void {
    if (this.#grantedBytes === 0 && bytes > 0 && this.#parent !== undefined) this.#parent.#list(this)
    this.#grantedBytes += bytes
    const beside = this.#beside
    beside?.force(beside.#usedBytes + bytes)
    if (this.#grantedBytes > this.#peakBytes) this.#peakBytes = this.#grantedBytes
  }

  #giveBack(kept: number): void {
    const bytes = this.#grantedBytes - kept
    if (bytes === 0) return
    this.#grantedBytes = kept
    this.#beside?.release(bytes)
    const parent = this.#parent
    if (kept === 0 && parent !== undefined) parent.#unlist(this)
    if (parent !== undefined && !parent.#closed) parent.release(bytes * this.#weight)
  }

  #list(child: MemoryAccount): void {
    const next = this.#firstHolder
    child.#nextHolder = next
    if (next !== undefined) next.#previousHolder = child
    this.#firstHolder = child
  }

  #unlist(child: MemoryAccount): void {
    const previous = child.#previousHolder
    const next = child.#nextHolder
    if (previous === undefined) this.#firstHolder = next
    else previous.#nextHolder = next
    if (next !== undefined) next.#previousHolder = previous
    child.#previousHolder = undefined
    child.#nextHolder = undefined
  }
}

function outOfMemory(what: string, bytes: number, refusing: MemoryAccount): PolylogError {
  const limit = describe(refusing.limitBytes)
  const message = `out of memory: ${what} needs ${bytes} more bytes, and ${refusing.name} may use ${limit}`
  return new PolylogError('out_of_memory', message, {
    detail: { hint: 'Ask for less at once, or raise the memory limit of the server.', account: refusing.name },
  })
}

function describe(bytes: number): string {
  return bytes >= 1024 * 1024 ? `${Math.floor(bytes / 1024 / 1024)} MiB` : `${bytes} bytes`
}
