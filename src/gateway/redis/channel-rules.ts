/**
 * Which channels a role may use at this door: `&news.*` in Redis's words. A channel must fit one of the patterns; a pattern
 * that is listened to must be one of them, letter by letter, or all must be allowed.
 */
import { sliceOf, type Slice } from '../../base/slice.ts'
import { Glob } from './glob.ts'
import type { Subscriptions } from './subscriptions.ts'

interface Rule {
  readonly text: string
  readonly glob: Glob
}

export class ChannelRules {
  readonly #rules: readonly Rule[]
  readonly #areAll: boolean

  constructor(patterns: readonly string[]) {
    this.#areAll = patterns.includes('*')
    this.#rules = patterns.map((pattern) => {
      const bytes = Buffer.from(pattern)
      return { text: bytes.toString('latin1'), glob: new Glob(sliceOf(bytes)) }
    })
  }

  mayUse(channel: Slice): boolean {
    return this.#areAll || this.#rules.some(({ glob }) => glob.matches(channel))
  }

  /** `pattern`: its bytes, as a latin1 string. */
  mayListenTo(pattern: string): boolean {
    return this.#areAll || this.#rules.some(({ text }) => text === pattern)
  }

  /** All that somebody listens to is allowed. */
  areHeard(subscriptions: Subscriptions): boolean {
    for (const kind of ['channels', 'shards'] as const) {
      for (const name of subscriptions.names(kind)) if (!this.mayUse(sliceOf(Buffer.from(name, 'latin1')))) return false
    }
    for (const pattern of subscriptions.names('patterns')) if (!this.mayListenTo(pattern)) return false
    return true
  }
}
