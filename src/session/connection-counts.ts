/**
 * How many connections there are, in all and of each address: counted from the acceptance on, before anybody has said a word.
 *
 * Who is one too many hears so in its protocol's words, and the others go on. The last few places are for superusers, so that
 * somebody can always look what is wrong: who comes is told apart when it has proved who it is, and has a place until then. This machine itself has no limit of its own unless
 * one is asked for: all who work on it, and a proxy on it, share its address.
 */
import { PolylogError } from '../base/errors.ts'
import type { Socket } from '../host/host.ts'

const defaultMost = 20_000
const defaultPerAddress = 1000
/** As in PostgreSQL. A shell of MongoDB takes three: it has two that look whether the server is there. */
const defaultReserved = 3

export interface ConnectionLimits {
  /** Default: 20,000. */
  readonly most?: number
  /** Default: 1,000 of another machine, any number of this one. */
  readonly mostPerAddress?: number
  /** Of them, for superusers. Default: 3. */
  readonly reserved?: number
}

export class ConnectionCounts {
  /** May be changed while there are more: those stay. */
  most: number
  readonly reserved: number
  readonly #perAddress: number | undefined
  readonly #byAddress = new Map<string, AddressCount>()
  #count = 0

  constructor({ most = defaultMost, mostPerAddress, reserved = defaultReserved }: ConnectionLimits = {}) {
    this.most = most
    this.reserved = reserved
    this.#perAddress = mostPerAddress
  }

  /** How many more may come. */
  get free(): number {
    return Math.max(0, this.most - this.#count)
  }

  /** Those that there are take places for superusers, the last one perhaps; one place is everybody's, however few there are. */
  get areReserved(): boolean {
    return this.free < Math.min(this.reserved, this.most - 1)
  }

  /** Of somebody who has a place and turns out to be no superuser. Errors: `too_many_connections`. */
  checkNotReserved(): void {
    if (this.areReserved)
      throw tooMany('remaining connection slots are reserved for non-replication superuser connections')
  }

  /** Why it is one too many, and is not counted; or whom to tell that it has gone. */
  enter({ remote, isLocal }: Pick<Socket, 'remote' | 'isLocal'>): PolylogError | AddressCount {
    const address = remote.replace(/:\d+$/, '')
    const ofAddress = this.#byAddress.get(address) ?? new AddressCount(this, address)
    if (this.#count >= this.most) return tooMany('sorry, too many clients already')
    if (ofAddress.count >= (this.#perAddress ?? (isLocal ? Infinity : defaultPerAddress))) {
      return tooMany(`too many connections from address ${address}`)
    }
    this.#count++
    if (ofAddress.count++ === 0) this.#byAddress.set(address, ofAddress)
    return ofAddress
  }

  /** One of an address has gone. */
  leave(of: AddressCount): void {
    this.#count--
    if (--of.count === 0) this.#byAddress.delete(of.address)
  }
}

/** What all connections of an address have together. */
export class AddressCount {
  count = 0
  readonly address: string
  readonly #counts: ConnectionCounts

  constructor(counts: ConnectionCounts, address: string) {
    this.#counts = counts
    this.address = address
  }

  /** Of one of them, once. */
  leave(): void {
    this.#counts.leave(this)
  }
}

function tooMany(message: string): PolylogError {
  return new PolylogError('too_many_connections', message)
}
