/**
 * When keys were used last (LRU), or how often (LFU): what an eviction asks of the keys that it has drawn.
 *
 * A table of numbers, found by a hash of the key and nothing else: four bytes a slot, two slots or more a key. Two keys that meet in
 * a slot are taken for one, which is used as often as both: of a table that is half full each fifth key or so, none by
 * much. So a key costs no object and no memory of its own, the table outlives its keys, and where no policy asks there is
 * none. Nothing of it is durable: after a start all keys have been used equally long ago.
 *
 * LRU: ticks of 10 ms since 30 days before the table was made: a key may be restored that nobody has used for long. LFU, as Redis counts: a counter of 8 bits that grows the less likely the
 * larger it is, and loses 1 for each `lfu-decay-time` minutes in which nobody used the key; minutes of the last use beside it.
 */
import type { Slice } from '../../../base/slice.ts'

export type AccessKind = 'lru' | 'lfu'

const tickMs = 10
const leastSlots = 1 << 16
/** Of Redis: new keys get a chance to be used again. */
const firstCount = 5
const mostCount = 255
const minuteMs = 60_000
const mostMinutes = 0xffffff
/** Of 497 days that there are ticks for. */
const beforeMs = 30 * 24 * 60 * 60_000

export interface AccessRules {
  /** `lfu-log-factor` */
  readonly logFactor: number
  /** `lfu-decay-time` */
  readonly decayMinutes: number
}

export class AccessTable {
  readonly kind: AccessKind
  readonly #rules: AccessRules
  readonly #startedMs: number
  /** Since when uses are noted. */
  readonly #firstTicks: number
  /** From 0 up to 1. */
  readonly #chance: () => number
  #slots = new Uint32Array(leastSlots)

  constructor(kind: AccessKind, rules: AccessRules, nowMs: number, chance: () => number) {
    this.kind = kind
    this.#rules = rules
    this.#startedMs = nowMs - beforeMs
    this.#firstTicks = this.#ticks(nowMs)
    this.#chance = chance
  }

  get sizeBytes(): number {
    return this.#slots.byteLength
  }

  /** For so many keys. */
  grow(keys: number): void {
    while (this.#slots.length < 2 * keys) {
      const slots = new Uint32Array(2 * this.#slots.length)
      // Whose slot it will be then is in one of the two.
      slots.set(this.#slots)
      slots.set(this.#slots, this.#slots.length)
      this.#slots = slots
    }
  }

  used(database: number, key: Slice, nowMs: number): void {
    const slot = this.#slotOf(database, key)
    if (this.kind === 'lru') this.#slots[slot] = this.#ticks(nowMs)
    else this.#slots[slot] = ((this.#minutes(nowMs) << 8) | this.#grown(this.#countAt(slot, nowMs))) >>> 0
  }

  /** As of another server: the key was used last so long ago, at most 30 days before there was a table. */
  setIdle(database: number, key: Slice, idleMs: number, nowMs: number): void {
    this.#slots[this.#slotOf(database, key)] = Math.max(1, this.#ticks(nowMs) - Math.floor(idleMs / tickMs))
  }

  /** Likewise how often, from 0 to 255. */
  setFrequency(database: number, key: Slice, count: number, nowMs: number): void {
    this.#slots[this.#slotOf(database, key)] = ((this.#minutes(nowMs) << 8) | count) >>> 0
  }

  /** Another key may come to its slot. */
  forget(database: number, key: Slice): void {
    this.#slots[this.#slotOf(database, key)] = 0
  }

  /** Since it was used, as far as it is known. */
  idleMs(database: number, key: Slice, nowMs: number): number {
    const slot = this.#slots[this.#slotOf(database, key)]!
    return Math.max(0, this.#ticks(nowMs) - (slot === 0 ? this.#firstTicks : slot)) * tickMs
  }

  /** How often it was used, from 0 to 255. */
  frequency(database: number, key: Slice, nowMs: number): number {
    return this.#countAt(this.#slotOf(database, key), nowMs)
  }

  /** The higher the sooner it goes. */
  score(database: number, key: Slice, nowMs: number): number {
    return this.kind === 'lru' ? this.idleMs(database, key, nowMs) : mostCount - this.frequency(database, key, nowMs)
  }

  #ticks(nowMs: number): number {
    return 1 + Math.max(0, Math.floor((nowMs - this.#startedMs) / tickMs))
  }

  #minutes(nowMs: number): number {
    return Math.floor(Math.max(0, nowMs - this.#startedMs) / minuteMs) & mostMinutes
  }

  #countAt(slot: number, nowMs: number): number {
    const value = this.#slots[slot]!
    if (value === 0) return firstCount
    const count = value & mostCount
    const { decayMinutes } = this.#rules
    if (decayMinutes === 0) return count
    const passed = this.#minutes(nowMs) - (value >>> 8)
    return Math.max(0, count - Math.floor(Math.max(0, passed) / decayMinutes))
  }

  #grown(count: number): number {
    if (count >= mostCount) return count
    const above = Math.max(0, count - firstCount)
    return this.#chance() < 1 / (above * this.#rules.logFactor + 1) ? count + 1 : count
  }

  #slotOf(database: number, { bytes, start, end }: Slice): number {
    let hash = 0x811c9dc5 ^ database
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
    hash ^= hash >>> 15
    hash = Math.imul(hash, 0x2c1b3c6d)
    hash ^= hash >>> 13
    return (hash >>> 0) & (this.#slots.length - 1)
  }
}
