/**
 * Unions, intersections and differences of sets and sorted sets in one pass: members lie in byte order under every
 * generation, so all inputs are read side by side, as in a merge join, and nothing is gathered in memory.
 */
import { compareSlices, copySlice, MutableSlice, sliceOf, type Slice } from '../../base/slice.ts'
import type { StatementSteps } from '../../database/contract.ts'
import type { Cursor } from '../../storage/store.ts'
import { decodeScore, kind, type Header } from './codec.ts'
import { decodeLastElement, elementOffset, elementRange, type Keyspace } from './keys.ts'
import { elementIndex } from './keyvalue.ts'
import type { SlicedReader } from './walk.ts'

/** One input: a set, a sorted set, or nothing where the key does not exist. */
export class MemberStream {
  readonly #reader: SlicedReader
  readonly #space: Keyspace
  readonly #header: Header | undefined
  readonly #offset: number
  #cursor: Cursor | undefined
  /** The member with its tag, escaped as in the key: the order is the same. */
  readonly element: MutableSlice = new MutableSlice()
  alive = false
  /** Whether the member at hand comes from this input too. */
  present = false

  constructor(reader: SlicedReader, space: Keyspace, header: Header | undefined) {
    this.#reader = reader
    this.#space = space
    this.#header = header
    this.#offset = header === undefined ? 0 : elementOffset(space, elementIndex(header.kind), header.generation)
    this.open()
  }

  /** From the first member, or from `at` on. */
  open(at?: Slice): void {
    const header = this.#header
    if (header === undefined) return
    const range = elementRange(this.#space, elementIndex(header.kind), header.generation)
    this.#cursor = this.#reader.scan(range)
    if (at !== undefined) this.#cursor.seek(sliceOf(Buffer.concat([copySlice(range.start), copySlice(at)])))
    this.advance()
  }

  advance(): void {
    this.alive = this.#cursor?.next() ?? false
    if (!this.alive) return
    const { key } = this.#cursor!
    this.element.set(key.bytes, key.start + this.#offset, key.end)
  }

  /** The member's score; members of plain sets count 1. */
  get score(): number {
    return this.#header?.kind === kind.sortedSet ? decodeScore(this.#cursor!.value) : 1
  }

  decode(into: MutableSlice): Slice {
    return decodeLastElement(this.element, 0, into)
  }
}

/**
 * Calls `visit` for every member of any input, in order, with `present` set in each stream; it answers false to stop.
 * The member holds until the transaction is called.
 */
export function* mergeMembers(
  reader: SlicedReader,
  streams: readonly MemberStream[],
  visit: (member: Slice) => boolean | void,
): StatementSteps<void> {
  const member = new MutableSlice()
  for (;;) {
    const least = leastOf(streams)
    if (least === undefined) return
    for (const stream of streams) {
      stream.present = stream.alive && (stream === least || compareSlices(stream.element, least.element) === 0)
    }
    const shouldPause = reader.slice.spend(streams.length)
    const at = shouldPause ? copySlice(least.element) : undefined
    if (visit(least.decode(member)) === false) return
    if (at === undefined) {
      for (const stream of streams) if (stream.present) stream.advance()
    } else {
      yield undefined
      for (const stream of streams) reopenAfter(stream, sliceOf(at))
    }
  }
}

function leastOf(streams: readonly MemberStream[]): MemberStream | undefined {
  let least: MemberStream | undefined
  for (const stream of streams) {
    if (!stream.alive) continue
    if (least === undefined || compareSlices(stream.element, least.element) < 0) least = stream
  }
  return least
}

function reopenAfter(stream: MemberStream, at: Slice): void {
  stream.open(at)
  if (stream.alive && compareSlices(stream.element, at) === 0) stream.advance()
}
