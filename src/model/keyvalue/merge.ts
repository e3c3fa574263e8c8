/**
 * Unions, intersections and differences of sets and sorted sets in one pass: members lie in byte order under every
 * generation, so all inputs are read side by side, as in a merge join, and nothing is gathered in memory.
 */
import { compareSlices, copySlice, MutableSlice, type Slice } from '../../base/slice.ts'
import { PolylogError } from '../../base/errors.ts'
import type { StatementSteps } from '../../database/contract.ts'
import { attempt, done, orWait } from '../../database/transaction/wait.ts'
import type { Cursor } from '../../storage/store.ts'
import { decodeScore, kind, type Header } from './codec.ts'
import { decodeLastElement, elementOffset, elementRange, type Keyspace } from './keys.ts'
import { elementIndex } from './keyvalue.ts'
import type { SlicedReader } from './walk.ts'

/** One input: a set, a sorted set, or nothing where the key does not exist. */
export class MemberStream {
  readonly #header: Header | undefined
  readonly #offset: number
  readonly #cursor: Cursor | undefined
  #keptScore: number | undefined
  /** The member with its tag, escaped as in the key: the order is the same. */
  readonly element: MutableSlice = new MutableSlice()
  alive = false
  /** Whether the member at hand comes from this input too. */
  present = false

  constructor(reader: SlicedReader, space: Keyspace, header: Header | undefined) {
    this.#header = header
    if (header === undefined) {
      this.#offset = 0
      return
    }
    const of = elementIndex(header.kind)
    this.#offset = elementOffset(space, of, header.generation)
    this.#cursor = reader.scan(elementRange(space, of, header.generation))
  }

  /** To the next member, before the first one to that. Where it has to wait it stays where it is. */
  advance(): void {
    this.alive = this.#cursor?.next() ?? false
    this.present = false
    this.#keptScore = undefined
    if (!this.alive) return
    const { key } = this.#cursor!
    this.element.set(key.bytes, key.start + this.#offset, key.end)
  }

  /** What it shows does not outlast the turn: before that is over, it is copied. */
  keep(): void {
    if (!this.alive) return
    this.#keptScore = this.score
    const kept = copySlice(this.element)
    this.element.set(kept, 0, kept.length)
  }

  /** The member's score; members of plain sets count 1. */
  get score(): number {
    if (this.#header?.kind !== kind.sortedSet) return 1
    return this.#keptScore ?? decodeScore(this.#cursor!.value)
  }

  decode(into: MutableSlice): Slice {
    return decodeLastElement(this.element, 0, into)
  }
}

/**
 * Calls `visit` for every member of any input, in order, with `present` set in each stream; it answers false to stop.
 * The member holds until the transaction is called. Where `visit` has to wait, which it does before its first change, it is
 * called for the same member again.
 */
export function* mergeMembers(
  reader: SlicedReader,
  streams: readonly MemberStream[],
  visit: (member: Slice) => boolean | void,
): StatementSteps<void> {
  const member = new MutableSlice()
  for (;;) {
    const least = meetLeast(streams)
    if (least === undefined) return
    const shouldPause = reader.slice.spend(streams.length)
    let goesOn = orWait(visit, least.decode(member), undefined)
    for (; typeof goesOn === 'object'; goesOn = orWait(visit, least.decode(member), undefined)) {
      keepAll(streams)
      yield goesOn
    }
    if (goesOn === false) return
    for (let at = 0; at < streams.length; at++) {
      const stream = streams[at]!
      if (!stream.present) continue
      // Not `advanceOne`: a generator for each member costs more than the rest.
      for (let wait = attempt(advanceStream, stream); wait !== done; wait = attempt(advanceStream, stream)) {
        keepAll(streams)
        yield wait
      }
    }
    if (!shouldPause) continue
    keepAll(streams)
    yield undefined
  }
}

const advanceStream = (stream: MemberStream): void => stream.advance()

function* advanceOne(stream: MemberStream, all: readonly MemberStream[]): StatementSteps<void> {
  for (let wait = attempt(advanceStream, stream); wait !== done; wait = attempt(advanceStream, stream)) {
    keepAll(all)
    yield wait
  }
}

function keepAll(streams: readonly MemberStream[]): void {
  for (const stream of streams) stream.keep()
}

/** Each member asks all of them. */
const mostInputs = 10_000

/** One for each input, at its first member. */
export function* openStreams(
  reader: SlicedReader,
  space: Keyspace,
  inputs: readonly (Header | undefined)[],
): StatementSteps<MemberStream[]> {
  if (inputs.length > mostInputs) {
    throw new PolylogError(
      'too_large',
      `${inputs.length} collections are more than the ${mostInputs} that are read together`,
    )
  }
  const streams: MemberStream[] = []
  for (const input of inputs) {
    const stream = new MemberStream(reader, space, input)
    streams.push(stream)
    yield* advanceOne(stream, streams)
    if (!reader.slice.spend(1)) continue
    keepAll(streams)
    yield undefined
  }
  return streams
}

/** A stream that shows the least member, which is `present` in it and in all others that show it. */
function meetLeast(streams: readonly MemberStream[]): MemberStream | undefined {
  let least: MemberStream | undefined
  for (let at = 0; at < streams.length; at++) {
    const stream = streams[at]!
    stream.present = false
    if (!stream.alive) continue
    const order = least === undefined ? -1 : compareSlices(stream.element, least.element)
    if (order > 0) continue
    stream.present = true
    if (order === 0) continue
    for (let before = 0; before < at; before++) streams[before]!.present = false
    least = stream
  }
  return least
}
