/** A named consumer of the log, as callers of the library hold it. */
import type { Consumer } from '../database/following/consumers.ts'
import type { Database } from '../database/database.ts'
import type { FeedTransaction } from '../database/following/feed.ts'
import { checkInteger, checkOptions, checkBoolean, check } from './arguments.ts'
import { follow } from './follow.ts'

export interface ConsumerFeedOptions {
  /** Waits for more at the end. */
  readonly follow?: boolean
  readonly signal?: AbortSignal
}

const checkSequence = checkInteger(0)
const checkFeed = checkOptions({
  follow: checkBoolean,
  signal: check((value) => value instanceof AbortSignal, 'an AbortSignal'),
})

export class EmbeddedConsumer {
  readonly name: string
  readonly #database: () => Database

  constructor(name: string, database: () => Database) {
    this.name = name
    this.#database = database
  }

  /** Errors: `undefined_object` once it was dropped. */
  get status(): Consumer {
    return this.#database().logUse.consumer(this.name)
  }

  /**
   * Transactions from its position on, each when it is synced, large ones in parts as by `feed` of the database. That it has
   * had one it says itself, by `advance`, after the last part: what it has not said comes again, from the first part on.
   * Errors: `trimmed` where it was too far behind: `detail.oldest` says where it may go on.
   */
  feed(options: ConsumerFeedOptions = {}): AsyncIterable<FeedTransaction> {
    checkFeed('the options of feed', options)
    return follow(this.#feed(options))
  }

  async *#feed(options: ConsumerFeedOptions): AsyncGenerator<FeedTransaction> {
    const database = this.#database()
    yield* database.feed({ from: await database.logUse.positionOf(this.name), ...options })
  }

  /** It has had everything through `sequence`, and the log may forget it. Errors: `trimmed`, `undefined_object`. */
  advance(sequence: number): void {
    checkSequence('the sequence to advance to', sequence)
    this.#database().logUse.advance(this.name, sequence + 1)
  }

  /** After `trimmed`: goes on at the oldest sequence that the log still has, which is answered. */
  goOn(): Promise<number> {
    return this.#database().logUse.goOn(this.name)
  }

  /** Keeps nothing from being trimmed any more. */
  drop(): Promise<void> {
    return this.#database().logUse.drop(this.name)
  }
}
