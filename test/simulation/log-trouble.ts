/** The trouble of a log that lies on other machines, by chance. */
import type { Host } from '../../src/host/host.ts'
import { SeededRandom } from '../../src/host/simulated/random.ts'
import type { FaultSource, LogFault } from '../../src/log/faulty-log.ts'
import type { LogFaults } from './plan.ts'

export class LogTrouble {
  readonly #probability: LogFaults
  readonly #random: SeededRandom
  readonly #struck: Record<string, number>
  #isOn = false

  /** `struck` counts what has happened. */
  constructor(probability: LogFaults, seed: number, struck: Record<string, number>) {
    this.#probability = probability
    this.#random = new SeededRandom(seed)
    this.#struck = struck
  }

  begin(): void {
    this.#isOn = true
  }

  end(): void {
    this.#isOn = false
  }

  sourceFor(host: Host): FaultSource {
    return { host, next: () => (this.#isOn ? this.#next() : undefined) }
  }

  #next(): LogFault | undefined {
    for (const [kind, probability] of Object.entries(this.#probability)) {
      if (!this.#random.chance(probability)) continue
      const name = `log-${kind}`
      this.#struck[name] = (this.#struck[name] ?? 0) + 1
      return this.#faultOf(kind as LogFault['kind'])
    }
    return undefined
  }

  #faultOf(kind: LogFault['kind']): LogFault {
    const random = this.#random
    switch (kind) {
      case 'unknown':
        return { kind, isDone: random.chance(0.5), ...(random.chance(0.3) && { thenDownMs: random.between(1, 30) }) }
      case 'unavailable':
        return { kind, forMs: random.between(1, 40) }
      case 'fenced':
        return { kind, records: random.below(3) }
      case 'slow':
        return { kind, byMs: random.between(1, 5) }
    }
  }
}
