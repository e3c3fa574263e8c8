/**
 * A map that keeps what was used lately: up to a total weight, of which the later half at least is always there.
 *
 * Two generations instead of an order of use: when the young one is full it becomes the old one, and what nobody asks for
 * in the meantime goes with it. Nothing is ever deleted one by one, which a Map in order of insertion makes slow. Weights
 * are for entries whose size a caller can choose, such as texts.
 */
export class RecentMap<K, V> {
  readonly #half: number
  #young = new Map<K, Entry<V>>()
  #old = new Map<K, Entry<V>>()
  #youngWeight = 0

  constructor(limit: number) {
    this.#half = Math.max(1, limit / 2)
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  get(key: K): V | undefined {
    const entry = this.#young.get(key)
    if (entry !== undefined) return entry.value
    const older = this.#old.get(key)
    if (older === undefined) return undefined
    this.set(key, older.value, older.weight)
    return older.value
  }

  /** What weighs more than half of the limit is not kept. */
  set(key: K, value: V, weight = 1): void {
    if (weight > this.#half) return
    const known = this.#young.get(key)
    const added = weight - (known?.weight ?? 0)
    if (this.#youngWeight + added > this.#half) {
      this.#old = this.#young
      this.#young = new Map()
      this.#youngWeight = weight
    } else this.#youngWeight += added
    this.#young.set(key, { value, weight })
  }
}

interface Entry<V> {
  readonly value: V
  readonly weight: number
}
