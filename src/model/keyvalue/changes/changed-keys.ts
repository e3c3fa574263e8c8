/**
 * What of Redis's keys has changed between two states, put together from the log's records and from notes of touched keys: for who
 * tells somebody else how to come from one to the other.
 *
 * The log has headers by their keys, and elements by their generations. Which key a generation is of follows from the headers of
 * the changed and touched keys; where only elements were written and nobody has noted the key, as with groups of streams, from what
 * was seen before, or a walk through all headers (`nameGenerations`).
 */
import { sliceOf, sliceToLatin1 } from '../../../base/slice.ts'
import { KeyReader } from '../../../base/tuple-reader.ts'
import { KeyWriter } from '../../../base/tuple.ts'
import type { StatementSteps, TransactionReader } from '../../../database/contract.ts'
import type { FeedChange } from '../../../database/following/feed.ts'
import { decodeHeader, Header, kind } from '../codec.ts'
import { index, type Keyspace, writeHeaderKey } from '../keys.ts'
import { walkKeys } from '../keyspace.ts'
import { eachStep, type SlicedReader } from '../walk.ts'

/** Of one collection: the keys of changed elements, each byte a character. */
export class ChangedElements {
  readonly keys: Set<string> = new Set()
  /** That were removed as ranges. */
  readonly ranges: { readonly start: Uint8Array; readonly end: Uint8Array }[] = []
  hasPuts = false
}

export class ChangedSpace {
  /** All keys of before are gone. */
  isCleared = false
  /** By their bytes as characters. */
  readonly keys: Set<string> = new Set()
  readonly generations: Map<number, ChangedElements> = new Map()
  /** Of headers that were written, kept or not. */
  readonly named: Set<number> = new Set()
}

/** What one costs beside its bytes. */
const entryBytes = 96
const mostKnown = 10_000
const scratch = new Header()
const headerKey = new KeyWriter(64)
const keyReader = new KeyReader(sliceOf(new Uint8Array(0)))

export class ChangedKeys {
  readonly spaces: Map<number, ChangedSpace> = new Map()
  readonly #grow: (bytes: number) => void
  readonly #streams: KnownStreams

  /** `spaces`: the keyspaces that are looked at; `grow` is told of what is kept. */
  constructor(spaces: Iterable<number>, streams: KnownStreams, grow: (bytes: number) => void) {
    for (const id of spaces) this.spaces.set(id, new ChangedSpace())
    this.#streams = streams
    this.#grow = grow
  }

  touched(keyspace: number, key: Uint8Array): void {
    const space = this.spaces.get(keyspace)
    if (space !== undefined) this.#addKey(space, sliceToLatin1(sliceOf(key)))
  }

  note(change: FeedChange): void {
    if (change.kind === 'notify') return
    const space = this.spaces.get(change.collection)
    if (space === undefined) return
    if (change.kind === 'delete range') this.#noteRange(space, change)
    else this.#noteEntry(space, change.key, change.kind === 'put' ? change.value : undefined)
  }

  #noteEntry(space: ChangedSpace, key: Uint8Array, value: Uint8Array | undefined): void {
    keyReader.reset(sliceOf(key)).orderedVarint()
    const at = keyReader.orderedVarint()
    if (at === index.header) {
      const name = sliceToLatin1(sliceOf(keyReader.byteString()))
      this.#addKey(space, name)
      if (value !== undefined) {
        decodeHeader(sliceOf(value), scratch)
        if (!scratch.isInline) space.named.add(scratch.generation)
        if (scratch.kind === kind.stream) this.#streams.add(scratch.generation, name)
      }
      return
    }
    if (at === index.expiry || at === index.hashExpiry) return
    const elements = this.#elementsOf(space, keyReader.integer())
    elements.hasPuts ||= value !== undefined
    const name = sliceToLatin1(sliceOf(key))
    if (elements.keys.has(name)) return
    elements.keys.add(name)
    this.#grow(name.length + entryBytes)
  }

  #noteRange(space: ChangedSpace, { start, end }: { readonly start: Uint8Array; readonly end: Uint8Array }): void {
    keyReader.reset(sliceOf(start)).orderedVarint()
    if (keyReader.done || keyReader.orderedVarint() === index.header) {
      space.isCleared = true
      return
    }
    if (keyReader.done) return
    this.#elementsOf(space, keyReader.integer()).ranges.push({ start, end })
    this.#grow(start.length + end.length + entryBytes)
  }

  #addKey(space: ChangedSpace, key: string): void {
    if (space.keys.has(key)) return
    space.keys.add(key)
    this.#grow(key.length + entryBytes)
  }

  #elementsOf(space: ChangedSpace, generation: number): ChangedElements {
    let elements = space.generations.get(generation)
    if (elements === undefined) {
      space.generations.set(generation, (elements = new ChangedElements()))
      this.#grow(2 * entryBytes)
    }
    return elements
  }
}

/** Adds the keys of those generations that only have elements to show for them. */
export function* nameGenerations(
  reader: SlicedReader,
  space: Keyspace,
  changed: ChangedSpace,
  streams: KnownStreams,
): StatementSteps<void> {
  const unnamed = new Set<number>()
  for (const [generation, { hasPuts }] of changed.generations) {
    if (hasPuts && !changed.named.has(generation)) unnamed.add(generation)
  }
  const keys = [...changed.keys]
  const look = (key: string): void => {
    if (!readHeader(reader, space, keyBytes(key), scratch) || scratch.isInline) return
    if (unnamed.delete(scratch.generation)) changed.keys.add(key)
  }
  if (unnamed.size > 0) yield* eachStep(reader, 0, keys.length, 1, (at) => look(keys[at]!))
  const seen = [...unnamed].map((generation) => streams.find(generation)).filter((key) => key !== undefined)
  yield* eachStep(reader, 0, seen.length, 1, (at) => look(seen[at]!))
  if (unnamed.size === 0) return
  yield* walkKeys(reader, space, (key, header) => {
    if (!header.isInline && unnamed.delete(header.generation)) {
      const name = sliceToLatin1(key)
      changed.keys.add(name)
      if (header.kind === kind.stream) streams.add(header.generation, name)
    }
    return unnamed.size > 0
  })
}

/** Which keys generations of streams were of, of those that were written last. */
export class KnownStreams {
  readonly #keys = new Map<number, string>()

  find(generation: number): string | undefined {
    return this.#keys.get(generation)
  }

  add(generation: number, key: string): void {
    this.#keys.delete(generation)
    this.#keys.set(generation, key)
    if (this.#keys.size > mostKnown) this.#keys.delete(this.#keys.keys().next().value!)
  }
}

/** A copy that outlives the reader's next call; of a string the value does not come along. */
export function copyHeader(header: Header): Header {
  const copy = new Header()
  copy.kind = header.kind
  copy.expiresAtMs = header.expiresAtMs
  copy.generation = header.isInline ? 0 : header.generation
  copy.takeContents(header)
  return copy
}

/** Of a key that stands there as characters. */
export function keyBytes(key: string): Uint8Array {
  return Buffer.from(key, 'latin1')
}

/** As it is stored, living or not; false where there is none. */
export function readHeader(reader: TransactionReader, space: Keyspace, key: Uint8Array, into: Header): boolean {
  const stored = reader.get(writeHeaderKey(headerKey, space, sliceOf(key)))
  if (stored === undefined) into.clear()
  else decodeHeader(stored, into)
  return stored !== undefined
}
