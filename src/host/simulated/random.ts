/**
 * xoshiro128** by Blackman and Vigna, seeded by splitmix32: small, fast, and the same on every machine. Not for secrets.
 */
export class SeededRandom {
  #a: number
  #b: number
  #c: number
  #d: number

  constructor(seed: number) {
    let state = seed >>> 0
    // The part above 32 bits counts too, so that 2^32 and 0 are different seeds.
    state ^= Math.floor(seed / 2 ** 32) | 0
    const next = (): number => {
      state = (state + 0x9e3779b9) | 0
      let mixed = state ^ (state >>> 16)
      mixed = Math.imul(mixed, 0x21f0aaad)
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
      return mixed ^ (mixed >>> 15)
    }
    this.#a = next()
    this.#b = next()
    this.#c = next()
    this.#d = next() | 1
  }

  /** 32 random bits, as an unsigned number. */
  bits(): number {
    const scaled = Math.imul(this.#b, 5)
    const result = Math.imul((scaled << 7) | (scaled >>> 25), 9)
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = (this.#d << 11) | (this.#d >>> 21)
    return result >>> 0
  }

  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor((this.bits() / 2 ** 32) * limit)
  }

  between(lowest: number, highest: number): number {
    return lowest + this.below(highest - lowest + 1)
  }

  chance(probability: number): boolean {
    return this.bits() < probability * 2 ** 32
  }

  fill(into: Uint8Array): void {
    for (let at = 0; at < into.length; at += 1) into[at] = this.bits() >>> 24
  }
}
