/** What a client has named and the server keeps for it: bounded in number and in bytes, since only the client forgets. */
import { sqlError } from './errors.ts'

const maxNames = 10_000

interface Kept<T> {
  readonly value: T
  readonly bytes: number
}

export class BoundedNames<T> {
  readonly #kind: string
  readonly #limitBytes: number
  readonly #dropped: ((value: T) => void) | undefined
  readonly #kept = new Map<string, Kept<T>>()
  #bytes = 0

  /** `kind`: what the things are called in the error, in the plural. `dropped` is told of each that goes. */
  constructor(kind: string, limitBytes: number, dropped?: (value: T) => void) {
    this.#kind = kind
    this.#dropped = dropped
    this.#limitBytes = limitBytes
  }

  get size(): number {
    return this.#kept.size
  }

  get(name: string): T | undefined {
    return this.#kept.get(name)?.value
  }

  has(name: string): boolean {
    return this.#kept.has(name)
  }

  set(name: string, value: T, bytes: number): void {
    this.delete(name)
    if (this.#kept.size >= maxNames || this.#bytes + bytes > this.#limitBytes) {
      const message = `a connection cannot keep more than ${maxNames} ${this.#kind}, or ${this.#limitBytes} bytes of them`
      throw sqlError('too_large', '54000', message)
    }
    this.#kept.set(name, { value, bytes })
    this.#bytes += bytes
  }

  delete(name: string): void {
    const kept = this.#kept.get(name)
    if (kept === undefined) return
    this.#kept.delete(name)
    this.#bytes -= kept.bytes
    this.#dropped?.(kept.value)
  }

  deleteWhere(matches: (value: T) => boolean): void {
    for (const [name, { value }] of this.#kept) if (matches(value)) this.delete(name)
  }

  clear(): void {
    for (const name of this.#kept.keys()) this.delete(name)
  }
}
