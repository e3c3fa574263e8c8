/**
 * Who listens to which channel, by its name or by a pattern. Names are bytes, as latin1 strings.
 *
 * Who listens is told of what is published after it has begun to, and before it ends, however late a message is delivered:
 * each has the moment in which it began, and who has come later than a message is passed over.
 */
import { unitsDone } from '../../base/work.ts'
import type { Message } from './effects.ts'

/** Of a connection. */
export interface Subscriber {
  /** `pattern`: by which it hears of the message; undefined where that is the channel's name. */
  deliver(message: Message, pattern: string | undefined): void
}

/** Of one channel or pattern: each with the moment in which it began to listen. */
export interface Receivers {
  readonly pattern: string | undefined
  readonly subscribers: ReadonlyMap<Subscriber, number>
}

interface Pattern {
  readonly receivers: { readonly pattern: string; readonly subscribers: Map<Subscriber, number> }
  readonly matches: (channel: string) => boolean
}

/** Of comparing patterns with a channel, in one look: some microseconds. */
const unitsPerLook = 16_384
/** A comparison of one byte of a channel with one of a pattern. */
const unitsPerByte = 4

export class Channels {
  readonly #exact = new Map<string, { readonly pattern: undefined; readonly subscribers: Map<Subscriber, number> }>()
  readonly #patterns = new Map<string, Pattern>()
  #patternBytes = 0
  /** Counts messages and beginnings, so that they can be told apart in time. */
  readonly #moment: () => number

  constructor(moment: () => number) {
    this.#moment = moment
  }

  get channelCount(): number {
    return this.#exact.size
  }

  get patternCount(): number {
    return this.#patterns.size
  }

  /** How often `receivers` stops at most until all patterns have been compared with the channel. */
  mostLooks(channel: string): number {
    return this.#patterns.size + Math.ceil((this.#patternBytes * channel.length * unitsPerByte) / unitsPerLook)
  }

  /** With how many listen to it. */
  *names(): Generator<readonly [name: string, count: number]> {
    for (const [name, { subscribers }] of this.#exact) yield [name, subscribers.size]
  }

  count(channel: string): number {
    return this.#exact.get(channel)?.subscribers.size ?? 0
  }

  listen(channel: string, subscriber: Subscriber): void {
    let receivers = this.#exact.get(channel)
    if (receivers === undefined) {
      receivers = { pattern: undefined, subscribers: new Map() }
      this.#exact.set(channel, receivers)
    }
    receivers.subscribers.set(subscriber, this.#moment())
  }

  leave(channel: string, subscriber: Subscriber): void {
    const subscribers = this.#exact.get(channel)?.subscribers
    subscribers?.delete(subscriber)
    if (subscribers?.size === 0) this.#exact.delete(channel)
  }

  /** `matches`: the same for all of that pattern. */
  listenTo(pattern: string, matches: (channel: string) => boolean, subscriber: Subscriber): void {
    let found = this.#patterns.get(pattern)
    if (found === undefined) {
      found = { receivers: { pattern, subscribers: new Map() }, matches }
      this.#patterns.set(pattern, found)
      this.#patternBytes += pattern.length
    }
    found.receivers.subscribers.set(subscriber, this.#moment())
  }

  leavePattern(pattern: string, subscriber: Subscriber): void {
    const subscribers = this.#patterns.get(pattern)?.receivers.subscribers
    subscribers?.delete(subscriber)
    if (subscribers?.size !== 0) return
    this.#patterns.delete(pattern)
    this.#patternBytes -= pattern.length
  }

  /**
   * All that hear of a message there: those of the channel, then those of patterns. Stops behind each pattern, with undefined
   * where that does not match, and the more often the more it took to find out.
   */
  *receivers(channel: string): Generator<Receivers | undefined> {
    const exact = this.#exact.get(channel)
    if (exact !== undefined) yield exact
    for (const { receivers, matches } of this.#patterns.values()) {
      const before = unitsDone()
      const doesMatch = matches(channel)
      for (let left = unitsDone() - before; left >= unitsPerLook; left -= unitsPerLook) yield undefined
      yield doesMatch ? receivers : undefined
    }
  }

  /** Nobody listens to anything. */
  get isEmpty(): boolean {
    return this.#exact.size === 0 && this.#patterns.size === 0
  }
}
