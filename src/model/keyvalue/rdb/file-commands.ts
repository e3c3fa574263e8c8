/** What a file of Redis holds, as the commands that make it: a batch of elements at a time. */
import type { StatementSteps } from '../../../database/contract.ts'
import { formatDouble } from '../double-text.ts'
import type { Pending } from '../stream-groups.ts'
import { formatStreamId, type StreamId } from '../stream-ids.ts'
import type { FileTaker } from './rdb-file.ts'
import type { Element, ValueKind, ValueTaker } from './rdb-value.ts'
import type { ReadGroup, StreamFacts } from './stream-value.ts'

const pushing: Readonly<Record<ValueKind, string>> = {
  string: 'SET',
  list: 'RPUSH',
  set: 'SADD',
  zset: 'ZADD',
  hash: 'HSET',
  stream: 'XADD',
}

/** Counts what was sent. */
export interface SentCommands {
  keys: number
  commands: number
  /** Keys whose time was over. */
  expired: number
}

export type CommandArgument = Uint8Array | string | number | bigint

export class FileCommands implements FileTaker, ValueTaker {
  readonly done: SentCommands = { keys: 0, commands: 0, expired: 0 }
  /** Takes a command; a promise where the next one must wait. */
  readonly #take: (args: readonly CommandArgument[]) => Promise<void> | undefined
  readonly #nowMs: bigint
  #key: Uint8Array = new Uint8Array(0)
  #expiresAtMs = -1n
  #kind: ValueKind = 'string'
  #isOver = false
  #hasEntries = false
  #group: Uint8Array = new Uint8Array(0)

  constructor(take: (args: readonly CommandArgument[]) => Promise<void> | undefined, nowMs: number) {
    this.#take = take
    this.#nowMs = BigInt(Math.floor(nowMs))
  }

  *#send(...args: readonly CommandArgument[]): StatementSteps<void> {
    const wait = this.#take(args)
    if (wait !== undefined) yield wait
  }

  database(number: number): StatementSteps<void> {
    return this.#send('SELECT', number)
  }

  *key(key: Uint8Array, expiresAtMs: bigint): StatementSteps<ValueTaker> {
    this.#key = key
    this.#expiresAtMs = expiresAtMs
    this.#isOver = expiresAtMs >= 0n && expiresAtMs <= this.#nowMs
    yield* this.#send('DEL', key)
    return this
  }

  *string(value: Uint8Array): StatementSteps<void> {
    if (!this.#isOver) yield* this.#send('SET', this.#key, value)
  }

  begin(kind: ValueKind): void {
    this.#kind = kind
  }

  *batch(elements: readonly Element[]): StatementSteps<void> {
    if (this.#isOver) return
    const args = elements.flatMap(({ bytes, score, value }) => {
      if (this.#kind === 'zset') return [formatDouble(score), bytes]
      return value === undefined ? [bytes] : [bytes, value]
    })
    yield* this.#send(pushing[this.#kind], this.#key, ...args)
    for (const { bytes, expiresAtMs } of elements) {
      if (expiresAtMs >= 0n) yield* this.#send('HPEXPIREAT', this.#key, expiresAtMs, 'FIELDS', 1, bytes)
    }
  }

  *entry(id: StreamId, strings: readonly Uint8Array[]): StatementSteps<void> {
    this.#hasEntries = true
    if (!this.#isOver) yield* this.#send('XADD', this.#key, formatStreamId(id), ...strings)
  }

  *facts({ lastId, maxDeletedId, entriesAdded }: StreamFacts): StatementSteps<void> {
    if (this.#isOver) return
    const last = formatStreamId(lastId)
    // There is no other way to make a stream that is empty, but has had entries.
    if (!this.#hasEntries) yield* this.#send('XADD', this.#key, 'MAXLEN', 0, lastId === 0n ? '0-1' : last, 'x', 'y')
    const more = ['ENTRIESADDED', entriesAdded, 'MAXDELETEDID', formatStreamId(maxDeletedId)] as const
    yield* this.#send('XSETID', this.#key, last, ...more)
    this.#hasEntries = false
  }

  *group({ name, lastId, entriesRead }: ReadGroup): StatementSteps<void> {
    this.#group = name
    if (this.#isOver) return
    const more = entriesRead === undefined || entriesRead < 0n ? [] : ['ENTRIESREAD', entriesRead]
    yield* this.#send('XGROUP', 'CREATE', this.#key, name, formatStreamId(lastId), ...more)
  }

  *consumer(name: Uint8Array): StatementSteps<void> {
    if (!this.#isOver) yield* this.#send('XGROUP', 'CREATECONSUMER', this.#key, this.#group, name)
  }

  *pending(id: StreamId, { consumer, deliveredMs, deliveries }: Pending): StatementSteps<void> {
    if (this.#isOver) return
    const how = ['TIME', deliveredMs, 'RETRYCOUNT', deliveries, 'FORCE', 'JUSTID'] as const
    yield* this.#send('XCLAIM', this.#key, this.#group, consumer, 0, formatStreamId(id), ...how)
  }

  *endKey(): StatementSteps<void> {
    if (this.#isOver) this.done.expired++
    else this.done.keys++
    if (!this.#isOver && this.#expiresAtMs >= 0n) yield* this.#send('PEXPIREAT', this.#key, this.#expiresAtMs)
  }

  functions(code: Uint8Array): StatementSteps<void> {
    return this.#send('FUNCTION', 'LOAD', 'REPLACE', code)
  }

  *command(args: readonly Uint8Array[]): StatementSteps<void> {
    this.done.commands++
    yield* this.#send(...args)
  }
}
