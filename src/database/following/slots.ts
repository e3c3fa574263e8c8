/**
 * Slots of logical replication: named consumers of the log that one reader at a time goes on from, and for which published rows
 * leave notes (`model/table/publication/row-notes.ts`). A slot holds the log back as any consumer does.
 *
 *   create ──▶ registered: from here on rows are noted ──every transaction that had written before has ended──▶ consistent
 *
 * What a transaction wrote before the first slot was there has no notes. So a slot begins behind the last of those: what is
 * committed later is noted whole, and what was committed earlier is in the state that the slot begins with.
 */
import { PolylogError } from '../../base/errors.ts'
import type { Sequence } from '../contract.ts'
import type { OpenTransactions } from '../transaction/open-transactions.ts'
import { type ConsumerKind, type Consumer, temporarySlotPrefix } from './consumers.ts'

const slotPrefix = 'slot '

export interface Slot extends Pick<Consumer, 'position' | 'maxLagBytes'> {
  /** `active` or `lost`. */
  readonly state: string
  readonly name: string
  readonly isTemporary: boolean
  readonly heldBytes: number
  /** The session that reads it. */
  readonly holder: number | undefined
}

/** Of the log's users. */
export interface SlotKeeper {
  readonly consumers: readonly (Pick<Slot, 'name' | 'position' | 'state' | 'maxLagBytes' | 'heldBytes'> & {
    readonly kind: string
  })[]
  register(name: string, options: { readonly kind: ConsumerKind }): Promise<void>
  advance(name: string, position: Sequence): void
  drop(name: string): Promise<void>
}

export interface SlotUser {
  readonly open: OpenTransactions
  readonly logPosition: Sequence
}

export class Slots {
  readonly #keeper: SlotKeeper
  readonly #user: SlotUser
  /** By the name of the slot. */
  readonly #holders = new Map<string, number>()
  /** Of temporary slots: the sessions with which they go. */
  readonly #owners = new Map<string, number>()

  constructor(keeper: SlotKeeper, user: SlotUser) {
    this.#keeper = keeper
    this.#user = user
  }

  /** Of the log: what comes next is behind it. */
  get end(): Sequence {
    return this.#user.logPosition
  }

  get all(): readonly Slot[] {
    return this.#keeper.consumers.flatMap(({ kind, name: consumer, position, state, maxLagBytes, heldBytes }) => {
      if (kind !== 'slot') return []
      const isTemporary = consumer.startsWith(temporarySlotPrefix)
      const name = consumer.slice(isTemporary ? temporarySlotPrefix.length : slotPrefix.length)
      return [{ name, isTemporary, position, state, maxLagBytes, heldBytes, holder: this.#holders.get(name) }]
    })
  }

  find(name: string): Slot | undefined {
    return this.all.find((slot) => slot.name === name)
  }

  /**
   * Answers where it begins: behind the state that `look` has seen, which is called in the turn in which every transaction
   * that had written without notes has ended, and answers that state's place in the log. Until then it is held by `holder`.
   *
   * Errors: `duplicate_object`, those of the disk, and whatever `look` throws; then there is no slot.
   */
  async create(name: string, isTemporary: boolean, holder: number, look: () => Sequence): Promise<Sequence> {
    if (this.find(name) !== undefined) throw new PolylogError('duplicate_object', `there is a slot "${name}" already`)
    const consumer = consumerOf({ name, isTemporary })
    this.#holders.set(name, holder)
    try {
      await this.#keeper.register(consumer, { kind: 'slot' })
      await this.#user.open.whenWritersEnd()
      const position = look() + 1
      this.#keeper.advance(consumer, position)
      if (isTemporary) this.#owners.set(name, holder)
      return position
    } catch (error) {
      if (this.find(name) !== undefined) await this.#keeper.drop(consumer)
      throw error
    } finally {
      this.#holders.delete(name)
    }
  }

  /** False where somebody else reads it. */
  hold(name: string, holder: number): boolean {
    if (this.#holders.has(name)) return false
    this.#holders.set(name, holder)
    return true
  }

  letGo(name: string): void {
    this.#holders.delete(name)
  }

  /** Nothing before `position` is needed any more. */
  advance(slot: Pick<Slot, 'name' | 'isTemporary'>, position: Sequence): void {
    this.#keeper.advance(consumerOf(slot), position)
  }

  endSession(id: number): void {
    for (const [name, owner] of this.#owners) {
      const slot = owner === id ? this.find(name) : undefined
      if (owner === id) this.#owners.delete(name)
      // What cannot be written now is not read at the next start.
      if (slot !== undefined) this.drop(slot).catch(() => undefined)
    }
  }

  async drop(slot: Pick<Slot, 'name' | 'isTemporary'>): Promise<void> {
    await this.#keeper.drop(consumerOf(slot))
  }
}

function consumerOf({ name, isTemporary }: Pick<Slot, 'name' | 'isTemporary'>): string {
  return `${isTemporary ? temporarySlotPrefix : slotPrefix}${name}`
}
