/**
 * Random numbers that can be had again: a draw that had to wait for a page is made anew, and with other numbers it would
 * favour what is resident. Four words of the host's chance are stretched by sfc32 (C. Doty-Humphrey's small fast counting
 * generator), which every replay begins from.
 */
import type { TransactionServices } from '../../database/contract.ts'

export type Chance = Pick<TransactionServices, 'random'>

/** Each call begins the same numbers again. */
export function chanceOf(services: Chance): () => Chance {
  const seed = new Uint32Array(4)
  services.random(new Uint8Array(seed.buffer))
  return () => new SmallFastCounter(seed)
}

class SmallFastCounter implements Chance {
  readonly #state: Uint32Array

  constructor(seed: Uint32Array) {
    this.#state = seed.slice()
  }

  random(into: Uint8Array): void {
    for (let i = 0; i < into.length; i++) into[i] = this.#next() >>> 24
  }

  #next(): number {
    const state = this.#state
    const [a, b, c, counter] = state as unknown as [number, number, number, number]
    const sum = (a + b + counter) >>> 0
    state[0] = b ^ (b >>> 9)
    state[1] = (c + (c << 3)) >>> 0
    state[2] = ((c << 21) | (c >>> 11)) + sum
    state[3] = counter + 1
    return sum
  }
}
