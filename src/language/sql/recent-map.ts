/**
 * A map that keeps what was used lately: at least the last `limit / 2` entries used, at most `limit`.
 *
 * Two generations instead of an order of use: when the young one is full it becomes the old one, and what nobody asks for
 * in the meantime goes with it. Nothing is ever deleted one by one, which a Map in order of insertion makes slow.
 */
export class RecentMap<K, V> {
  readonly #half: number
  #young = new Map<K, V>()
  #old = new Map<K, V>()

  constructor(limit: number) {
    this.#half = Math.max(1, limit >> 1)
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  get(key: K): V | undefined {
    const value = this.#young.get(key)
    if (value !== undefined) return value
    const older = this.#old.get(key)
    if (older !== undefined) this.set(key, older)
    return older
  }

  set(key: K, value: V): void {
    if (this.#young.size >= this.#half && !this.#young.has(key)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }
}
