/**
 * What others are told of a transaction once it is committed, and never if it is not: messages on channels, and which keys
 * of the keyvalue model it has touched. Both stand in the order in which they came about; a savepoint is a position in that
 * order. Touches are noted only while somebody asks for them (`Hub.observes`).
 */
import type { Sequence } from '../contract.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Hub, MessageLog } from './hub.ts'

/** On a channel. */
export interface Message {
  /** The kind of channels: those of another have names of their own. */
  readonly scope: string
  /** Its bytes, as a latin1 string. */
  readonly channel: string
  readonly payload: Uint8Array
  /** The same one of a transaction is told once. */
  readonly isOnce?: boolean
  /** What the server itself has to say: nobody else is told of it who has the data, too. */
  readonly isOwn?: boolean
  /** For those who deliver it: its bytes in their protocol, made once for all. */
  forms?: Map<string, Uint8Array>
}

/** `written`: it is there, and has another value; `shrunk`: it has lost elements; `lapsed`: their time was over; `expiry`: it has another time or none; `consumer`: a stream got a consumer. */
export type KeyChange = 'written' | 'shrunk' | 'lapsed' | 'expiry' | 'removed' | 'expired' | 'evicted' | 'consumer'

export interface KeyTouch {
  readonly keyspace: number
  /** Undefined: all keys of the keyspace are gone. */
  readonly key: Uint8Array | undefined
  readonly change: KeyChange
  /** Of the model. */
  readonly kind: number
  /** It was not there before. */
  readonly isNew: boolean
  /** Whose statement it was. */
  readonly sessionId: number
  /** A door has told of it in words of its own. */
  isNamed: boolean
}

export type Effect = { readonly message: Message } | { readonly touch: KeyTouch } | { readonly apply: () => void }

/** What the heap holds for one, beside its bytes. */
const effectBytes = 200

export function sizeOfEffect(effect: Effect): number {
  if ('apply' in effect) return effectBytes
  if ('touch' in effect) return effectBytes + (effect.touch.key?.length ?? 0)
  return effectBytes + effect.message.channel.length + effect.message.payload.length
}

/** Where it is committed. */
export interface CommittingKernel {
  readonly hub: Hub
  readonly pipeline: MessageLog
  readonly catalog: Catalog
}

/** Whose effects they are. */
interface Owner {
  readonly kernel: CommittingKernel
  readonly writes: { readonly count: number }
  readonly principal: { readonly sessionId: number }
}

export class Effects {
  readonly #owner: Owner
  /** Told of growth; may refuse it. */
  readonly #grown: () => void
  #effects: Effect[] = []
  sizeBytes = 0
  /** Of the transaction, when something was touched last. */
  #writesBefore = 0

  constructor(owner: Owner, grown: () => void) {
    this.#owner = owner
    this.#grown = grown
  }

  get size(): number {
    return this.#effects.length
  }

  /** Who may listen. */
  get hub(): Hub {
    return this.#owner.kernel.hub
  }

  /** Somebody wants to know what becomes of keys of the keyvalue model. */
  get areObserved(): boolean {
    return this.#owner.kernel.hub.observes
  }

  /** Those behind so many. */
  since(count: number): readonly Effect[] {
    return this.#effects.slice(count)
  }

  tell(message: Message): void {
    this.#add({ message })
  }

  /** Runs once it is committed, before anything of it is told. It must not throw. */
  apply(run: () => void): void {
    this.#add({ apply: run })
  }

  /** `key`: undefined for all of the keyspace. */
  touched(keyspace: number, key: Uint8Array | undefined, change: KeyChange, kind: number, isNew: boolean): void {
    const { principal, writes } = this.#owner
    const { sessionId } = principal
    this.#writesBefore = writes.count
    this.#add({ touch: { keyspace, key, change, kind, isNew, sessionId, isNamed: false } })
  }

  /** Something was written since a key was touched, or since `begin`. */
  get hasWritten(): boolean {
    return this.#owner.writes.count > this.#writesBefore
  }

  /** What is written from here on is another command's. How many there are so far. */
  begin(): number {
    this.#writesBefore = this.#owner.writes.count
    return this.#effects.length
  }

  #add(effect: Effect): void {
    this.#effects.push(effect)
    this.sizeBytes += sizeOfEffect(effect)
    this.#grown()
  }

  rollbackTo(count: number): void {
    this.#writesBefore = Math.min(this.#writesBefore, this.#owner.writes.count)
    while (this.#effects.length > count) this.sizeBytes -= sizeOfEffect(this.#effects.pop()!)
  }

  /** `committed`: as which sequence, where it was. */
  end(committed: Sequence | undefined): void {
    this.#writesBefore = 0
    if (this.#effects.length === 0) return
    const effects = this.#effects
    this.#effects = []
    this.sizeBytes = 0
    const { kernel } = this.#owner
    if (committed !== undefined) kernel.hub.committed(effects, committed, kernel)
  }
}
