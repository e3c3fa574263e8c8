/**
 * How many entries of a stream a group has read, and how many are before it, as Redis reckons them: from counters, and only
 * where no deleted entry makes them wrong.
 */
import type { TransactionReader } from '../../database/contract.ts'
import type { Header } from './codec.ts'
import type { Keyspace } from './keys.ts'
import { type Group, unknownCount } from './stream-groups.ts'
import { leastId, type StreamId } from './stream-ids.ts'
import { edgeId, stateOf } from './streams.ts'

export class StreamProgress {
  readonly #stream: Header
  /** 0-0 in an empty stream. */
  readonly firstId: StreamId

  /** Of the stream as it is now. */
  constructor(reader: TransactionReader, space: Keyspace, stream: Header) {
    this.#stream = stream
    this.firstId = edgeId(reader, space, stream, 'first') ?? leastId
  }

  /** Whether an entry at or behind `from` may have been deleted. */
  #mayHaveGaps(from: StreamId): boolean {
    const { maxDeletedId } = stateOf(this.#stream)
    if (this.#stream.count === 0 || maxDeletedId === leastId) return false
    return this.firstId <= maxDeletedId && from <= maxDeletedId
  }

  /** How many entries ever added have ids up to this one. */
  countUpTo(id: StreamId): bigint {
    const { count } = this.#stream
    const { entriesAdded, lastId, maxDeletedId } = stateOf(this.#stream)
    if (entriesAdded === 0n) return 0n
    if (count === 0 && id <= lastId) return entriesAdded
    if (id === lastId) return entriesAdded
    if (id > lastId) return unknownCount
    if (maxDeletedId !== leastId && maxDeletedId >= this.firstId) return unknownCount
    if (id < this.firstId) return entriesAdded - BigInt(count)
    return id === this.firstId ? entriesAdded - BigInt(count) + 1n : unknownCount
  }

  /** The entries that a group has not been given; undefined where that is not known. */
  lagOf({ entriesRead, lastId }: Group): bigint | undefined {
    const { entriesAdded } = stateOf(this.#stream)
    if (entriesAdded === 0n) return 0n
    if (entriesRead !== unknownCount && !this.#mayHaveGaps(lastId)) return entriesAdded - entriesRead
    const read = this.countUpTo(lastId)
    return read === unknownCount ? undefined : entriesAdded - read
  }

  /** Gives a group the next entry. */
  advance(group: Group, id: StreamId): void {
    if (group.entriesRead !== unknownCount && !this.#mayHaveGaps(id)) group.entriesRead++
    else if (stateOf(this.#stream).entriesAdded > 0n) group.entriesRead = this.countUpTo(id)
    group.lastId = id
  }
}
