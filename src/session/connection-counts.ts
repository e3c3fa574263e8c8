/**
 * How many connections there are, in all and of each address: counted from the acceptance on, before anybody has said a word.
 *
 * Who is one too many hears so in its protocol's words, and the others go on. This machine itself has no limit of its own unless
 * one is asked for: all who work on it, and a proxy on it, share its address.
 */
import { PolylogError } from '../base/errors.ts'
import type { Socket } from '../host/host.ts'

const defaultMost = 20_000
const defaultPerAddress = 1000

export interface ConnectionLimits {
  /** Default: 20,000. */
  readonly most?: number
  /** Default: 1,000 of another machine, any number of this one. */
  readonly mostPerAddress?: number
}

export class ConnectionCounts {
  /** May be changed while there are more: those stay. */
  most: number
  readonly #perAddress: number | undefined
  readonly #byAddress = new Map<string, number>()
  #count = 0

  constructor({ most = defaultMost, mostPerAddress }: ConnectionLimits = {}) {
    this.most = most
    this.#perAddress = mostPerAddress
  }

  /** Why it is one too many, and is not counted; or what says that it has gone. */
  enter({ remote, isLocal }: Pick<Socket, 'remote' | 'isLocal'>): PolylogError | (() => void) {
    const address = remote.replace(/:\d+$/, '')
    const ofAddress = this.#byAddress.get(address) ?? 0
    if (this.#count >= this.most) return tooMany('sorry, too many clients already')
    if (ofAddress >= (this.#perAddress ?? (isLocal ? Infinity : defaultPerAddress))) {
      return tooMany(`too many connections from address ${address}`)
    }
    this.#count++
    this.#byAddress.set(address, ofAddress + 1)
    return () => {
      this.#count--
      const left = this.#byAddress.get(address)! - 1
      if (left === 0) this.#byAddress.delete(address)
      else this.#byAddress.set(address, left)
    }
  }
}

function tooMany(message: string): PolylogError {
  return new PolylogError('too_many_connections', message)
}
