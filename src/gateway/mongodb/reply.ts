/**
 * Replies, and how long ones are written: some of it a turn, into memory of their own, which the connection's outbox takes
 * over when the reply is whole. So 48 MB of documents or 100,000 errors hold nobody up.
 */
import type { Slice } from '../../base/slice.ts'
import { beginTurn, charge, isTurnOver } from '../../base/work.ts'
import type { Host } from '../../host/host.ts'
import type { BsonWriter } from '../../model/document/bson-writer.ts'
import { indexName } from '../../model/document/bson-writer.ts'
import type { BsonValue } from '../../model/document/bson.ts'

/** Nothing is yielded but that the turn is over. */
export type ReplySteps = Generator<undefined, void, void>

/** One that may be long. */
export interface LongReply {
  readonly steps: (writer: BsonWriter) => ReplySteps
}

export type ShortReply = (writer: BsonWriter) => void

/** Writes a reply's fields, all but `ok`. */
export type Reply = ShortReply | LongReply

const copiedAtOnce: number = 1024 * 1024

/** Elements that are written already. */
export function* copyElements(writer: BsonWriter, { bytes, start, end }: Slice): ReplySteps {
  writer.out.reserve(end - start)
  for (let at = start; at < end; at += copiedAtOnce) {
    if (isTurnOver()) yield undefined
    const stop = Math.min(at + copiedAtOnce, end)
    writer.elements(bytes, at, stop)
    charge(stop - at)
  }
}

/** Type, index and end of an array's element. */
const elementHeadBytes = 10
const unitsPerElement = 100

/** The elements of an array. */
export function* writeElements(writer: BsonWriter, values: readonly BsonValue[]): ReplySteps {
  let bytes = 0
  for (const { start, end } of values) bytes += end - start + elementHeadBytes
  writer.out.reserve(bytes)
  for (const [i, value] of values.entries()) {
    if (isTurnOver()) yield undefined
    charge(unitsPerElement)
    if (value.end - value.start <= copiedAtOnce) {
      charge(value.end - value.start)
      writer.value(indexName(i), value)
    } else {
      writer.head(value.type, indexName(i))
      yield* copyElements(writer, value)
    }
  }
}

/** Tries it once a turn, until it answers something; undefined: `isOver`. */
export async function inTurns<T>(
  host: Host,
  isOver: () => boolean,
  attempt: () => T | undefined,
): Promise<T | undefined> {
  for (;;) {
    await new Promise<void>((resolve) => host.turn(resolve))
    if (isOver()) return undefined
    beginTurn()
    const result = attempt()
    if (result !== undefined) return result
  }
}
