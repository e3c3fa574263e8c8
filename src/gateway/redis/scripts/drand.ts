/** `math.random` of Redis's Lua: C's `lrand48`, a generator of 48 bits, seeded for each run from the host's chance. */

const multiplier = 0x5_deec_e66dn
const increment = 0xbn
const mask = (1n << 48n) - 1n
const lowWord = 0x330en

export class Drand {
  #state = 0n
  #firstSeed: (() => number) | undefined

  /** Asked once somebody draws: few scripts do, and chance is dear. */
  seedLater(seed: () => number): void {
    this.#firstSeed = seed
  }

  seed(value: number): void {
    this.#firstSeed = undefined
    this.#state = (BigInt.asUintN(32, BigInt(value)) << 16n) | lowWord
  }

  /** From 0 to below 1. */
  next(): number {
    if (this.#firstSeed !== undefined) this.seed(this.#firstSeed())
    this.#state = (this.#state * multiplier + increment) & mask
    return Number(this.#state >> 17n) / 2 ** 31
  }
}
