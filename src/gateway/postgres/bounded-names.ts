/**
 * What a client has named and the server keeps for it: bounded in number and in bytes, since only the client forgets, and
 * charged to its session.
 */
import type { MemoryAccount, Payer } from '../../base/memory-account.ts'
import { sqlError } from './errors.ts'

const maxNames = 10_000

interface Kept<T> {
  readonly value: T
  /** Of all that were ever set. */
  readonly serial: number
  readonly bytes: number
  readonly heldBytes: number
}

/** Of anything that has a name. */
const entryBytes = 512

/** Of clients that name nothing: they are all of one. */
const none = new Map<string, never>()

export class BoundedNames<T> {
  readonly #kind: string
  readonly #limitBytes: number
  readonly #session: Payer
  /** Made with the first that is kept. */
  #memory: MemoryAccount | undefined
  readonly #dropped: ((value: T) => void) | undefined
  #named: Map<string, Kept<T>> = none
  /** That of the empty name, which most clients use alone: a map would be made anew every few statements. */
  #unnamed: Kept<T> | undefined
  #bytes = 0
  #lastSerial = 0

  /** `kind`: what the things are called in the error, in the plural. `dropped` is told of each that goes. */
  constructor(kind: string, limitBytes: number, session: Payer, dropped?: (value: T) => void) {
    this.#session = session
    this.#kind = kind
    this.#dropped = dropped
    this.#limitBytes = limitBytes
  }

  get size(): number {
    return this.#named.size + (this.#unnamed === undefined ? 0 : 1)
  }

  #find(name: string): Kept<T> | undefined {
    return name === '' ? this.#unnamed : this.#named.get(name)
  }

  get(name: string): T | undefined {
    return this.#find(name)?.value
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined
  }

  /** `bytes`: what the client has sent of it; `heldBytes`: what it takes here. Throws `out_of_memory`. */
  set(name: string, value: T, bytes: number, heldBytes: number = bytes): void {
    this.delete(name)
    if (this.size >= maxNames || this.#bytes + bytes > this.#limitBytes) {
      const message = `a connection cannot keep more than ${maxNames} ${this.#kind}, or ${this.#limitBytes} bytes of them`
      throw sqlError('too_large', '54000', message)
    }
    this.#memory ??= this.#session.account.child(`the ${this.#kind} of a connection`, { quantumBytes: 4096 })
    this.#memory.charge(heldBytes + entryBytes)
    const kept = { value, serial: ++this.#lastSerial, bytes, heldBytes }
    if (name === '') this.#unnamed = kept
    else {
      if (this.#named === none) this.#named = new Map()
      this.#named.set(name, kept)
    }
    this.#bytes += bytes
  }

  delete(name: string): void {
    const kept = this.#find(name)
    if (kept === undefined) return
    if (name === '') this.#unnamed = undefined
    else this.#named.delete(name)
    this.#bytes -= kept.bytes
    this.#memory?.release(kept.heldBytes + entryBytes)
    this.#dropped?.(kept.value)
  }

  some(matches: (value: T) => boolean): boolean {
    if (this.#unnamed !== undefined && matches(this.#unnamed.value)) return true
    for (const { value } of this.#named.values()) if (matches(value)) return true
    return false
  }

  *values(): Generator<T> {
    if (this.#unnamed !== undefined) yield this.#unnamed.value
    for (const { value } of this.#named.values()) yield value
  }

  deleteWhere(matches: (value: T) => boolean): void {
    if (this.#unnamed !== undefined && matches(this.#unnamed.value)) this.delete('')
    for (const [name, { value }] of this.#named) if (matches(value)) this.delete(name)
  }

  /** What is set from now on comes after it: see `deleteSince`. */
  get mark(): number {
    return this.#lastSerial
  }

  deleteSince(mark: number): void {
    if (this.#lastSerial === mark) return
    if (this.#unnamed !== undefined && this.#unnamed.serial > mark) this.delete('')
    for (const [name, { serial }] of this.#named) if (serial > mark) this.delete(name)
  }

  clear(): void {
    this.delete('')
    if (this.#named.size > 0) for (const name of this.#named.keys()) this.delete(name)
  }
}
