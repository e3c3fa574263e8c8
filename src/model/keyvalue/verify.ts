/**
 * What must hold of a Redis database, from its stored bytes: counts are those of the elements, every element belongs to a
 * key, scores and expiries have their entries, groups of streams what is theirs, and no others are there.
 *
 * Elements name a generation and not their key, so whether somebody owns them is asked of a sorted list of the generations
 * that headers name: eight bytes for each hash, list, set, sorted set and stream.
 */
import { copySlice, equalSlices, MutableSlice, sliceOf, type KeyRange, type Slice } from '../../base/slice.ts'
import { keyspaceRange, KeyWriter } from '../../base/tuple.ts'
import type { Collection } from '../../database/catalog/catalog.ts'
import type { StatementSteps } from '../../database/contract.ts'
import { eachEntry, nameOf, type ModelVerifier, type Verification } from '../../database/verification/verification.ts'
import { decodeHeader, decodeScore, Header, kind, kindNames, never, type Kind } from './codec.ts'
import {
  decodeLastElement,
  elementRange,
  headerOffset,
  index,
  writeElementKey,
  writeExpiryKey,
  writeHeaderKey,
  writeScoreKey,
} from './keys.ts'
import { elementIndex } from './keyvalue.ts'
import { pieceBytes, piecesOf } from './pieces.ts'
import { boundsOf, isEven } from './list-places.ts'
import { FieldExpiryChecker } from './verify-field-expiry.ts'
import { StreamChecker } from './verify-streams.ts'
import { elementReader, LongValueChecker, PieceOrder } from './verify-long-values.ts'

const indexNames: ReadonlyMap<number, string> = new Map(Object.entries(index).map(([name, number]) => [number, name]))

export const keyvalueVerifier: ModelVerifier = {
  indexes: () => indexNames,
  *verify(verification, collection) {
    const checker = new Checker(verification, collection)
    yield* checker.headers()
    for (const of of [kind.string, kind.list, kind.set, kind.sortedSet, kind.hash, kind.stream]) {
      yield* checker.elements(of)
    }
    yield* checker.scores()
    yield* checker.expiries()
    yield* checker.long.verify()
    yield* checker.streams.verify()
    yield* checker.fieldExpiries.verify()
  },
}

class Checker {
  readonly #verification: Verification
  readonly #collection: Collection
  readonly #where: string
  readonly #generations = new Map<Kind, Generations>()
  /** Of uneven lists, which are few. */
  readonly #uneven = new Set<number>()
  readonly long: LongValueChecker
  readonly streams: StreamChecker
  readonly fieldExpiries: FieldExpiryChecker
  readonly #header = new Header()
  readonly #view = new MutableSlice()
  readonly #writer = new KeyWriter(64)

  constructor(verification: Verification, collection: Collection) {
    this.#verification = verification
    this.#collection = collection
    this.#where = nameOf(collection)
    this.long = new LongValueChecker(verification, collection, this.#where)
    this.streams = new StreamChecker(verification, collection, this.#where)
    this.fieldExpiries = new FieldExpiryChecker(verification, collection, this.#where)
  }

  #each(of: number, look: (key: Slice, value: Slice) => void): StatementSteps<void> {
    const at = { where: this.#where, index: of === index.header ? null : indexNames.get(of)! }
    return eachEntry(this.#verification, at, keyspaceRange(this.#collection.id, of), look)
  }

  *headers(): StatementSteps<void> {
    const offset = headerOffset(this.#collection)
    yield* this.#each(index.header, (key, value) => {
      const header = this.#header
      decodeHeader(value, header)
      const name = sliceOf(copySlice(decodeLastElement(key, offset, this.#view)))
      if (header.expiresAtMs !== never) this.#checkExpiryOf(name, header.expiresAtMs)
      this.fieldExpiries.noteHash(name, header)
      if (!header.isInline) this.#checkCollection(key, header)
    })
    for (const generations of this.#generations.values()) generations.sort()
  }

  #checkExpiryOf(name: Slice, expiresAtMs: bigint): void {
    const key = writeExpiryKey(this.#writer, this.#collection, expiresAtMs, name)
    if (this.#verification.transaction.get(key) !== undefined) return
    this.#verification.report('missing', this.#at(index.expiry, key), 'a key that expires has no entry')
  }

  #at(of: number, key: Slice): { where: string; index: string | null; key: Slice } {
    return { where: this.#where, index: indexNames.get(of)!, key }
  }

  #checkCollection(key: Slice, header: Header): void {
    const { kind: of, generation, count } = header
    const at = { where: this.#where, key }
    const { transaction, numbersEnd } = this.#verification
    const report = (what: string): void => this.#verification.report('count', at, `${kindNames[of]}: ${what}`)
    if (generation >= numbersEnd) report(`generation ${generation} is in use, and may be given out again`)
    if (count === 0 && of !== kind.stream) report('it is empty, and is stored')
    const range = elementRange(this.#collection, elementIndex(of), generation)
    const elements = transaction.count(range)
    const expected = header.isLong ? piecesOf(count) : count
    if (elements !== undefined && elements !== expected) report(`it says ${expected} elements, and has ${elements}`)
    if (header.isLong) this.#checkLastPiece(range, count, report)
    if (of === kind.list) this.#checkEnds(range, header, report)
    if (of === kind.stream) this.streams.checkHeader(header, report)
    // Last: what comes before it may have to wait, and is run again.
    this.#generationsOf(of).add(generation)
    if (header.hasLong) this.long.noteCollection(generation, of)
    if (of === kind.list && !isEven(header)) this.#uneven.add(generation)
  }

  /** The ends of an even list lie where its header says; no item of an uneven one lies beyond its bounds. */
  #checkEnds(range: KeyRange, list: Header, report: (what: string) => void): void {
    const { first, last } = boundsOf(list)
    for (const reverse of [false, true]) {
      const expected = reverse ? last : first
      const cursor = this.#verification.transaction.scan(range, { reverse })
      const found = cursor.next() ? positionOf(cursor.key) : undefined
      if (found === undefined || found === expected) continue
      if (isEven(list)) report(`an item lies at ${found} in place of ${expected}`)
      else if (found < first || found > last) report(`an item lies at ${found}, not from ${first} to ${last}`)
    }
  }

  /** The others are full: `elements` looks at them. */
  #checkLastPiece(range: KeyRange, count: number, report: (what: string) => void): void {
    const cursor = this.#verification.transaction.scan(range, { reverse: true })
    if (!cursor.next()) return
    const end = positionOf(cursor.key) * pieceBytes + cursor.value.end - cursor.value.start
    if (end !== count) report(`it says ${count} bytes, and its pieces end at ${end}`)
  }

  #generationsOf(of: Kind): Generations {
    let generations = this.#generations.get(of)
    if (generations === undefined) this.#generations.set(of, (generations = new Generations()))
    return generations
  }

  *elements(of: Kind): StatementSteps<void> {
    const number = elementIndex(of)
    const generations = this.#generationsOf(of)
    for (const twice of generations.twice()) {
      const message = `two keys have the ${kindNames[of]} of generation ${twice}`
      this.#verification.report('different', { where: this.#where, index: indexNames.get(number)! }, message)
    }
    const distances = new Distances()
    const pieces = new PieceOrder()
    yield* this.#each(number, (key, value) => {
      const reader = elementReader(key)
      const generation = reader.integer()
      const isNumbered = of === kind.list || of === kind.string
      const at = this.#at(number, key)
      if (of === kind.stream) {
        reader.uuid()
        const report = (what: string): void => this.#verification.report('different', at, what)
        if (value.end > value.start) this.streams.checkEntry(value, report)
      }
      const element = isNumbered || of === kind.stream ? undefined : sliceOf(reader.byteString())
      if (of === kind.list && !distances.areEven(generation, reader.integer()) && !this.#uneven.has(generation)) {
        this.#verification.report('different', at, 'an item of an even list lies at another distance than those before')
      }
      if (of === kind.string && !pieces.follow(`${generation}`, reader.integer(), value.end - value.start)) {
        this.#verification.report('different', at, 'a piece does not lie behind a full one')
      }
      if (!reader.done) this.#verification.report('unreadable', at, 'there are bytes after the element')
      if (!generations.has(generation)) {
        this.#verification.report('extra', at, `no key has a ${kindNames[of]} of generation ${generation}`)
      }
      if (of === kind.sortedSet) this.#checkScoreOf(generation, element!, decodeScore(value))
    })
  }

  #checkScoreOf(generation: number, member: Slice, score: number): void {
    const key = writeScoreKey(this.#writer, this.#collection, generation, score, member)
    const at = this.#at(index.byScore, key)
    if (Number.isNaN(score)) this.#verification.report('different', at, 'a score is not a number')
    if (this.#verification.transaction.get(key) !== undefined) return
    this.#verification.report('missing', at, 'a member has no entry under its score')
  }

  *scores(): StatementSteps<void> {
    yield* this.#each(index.byScore, (key) => {
      const reader = elementReader(key)
      const generation = reader.integer()
      reader.float8()
      const member = sliceOf(reader.byteString())
      const memberKey = writeElementKey(this.#writer, this.#collection, index.scored, generation, member)
      const stored = this.#verification.transaction.get(memberKey)
      const at = this.#at(index.byScore, key)
      if (stored === undefined) return this.#verification.report('extra', at, 'the entry leads to no member')
      const score = decodeScore(stored)
      if (equalSlices(writeScoreKey(this.#writer, this.#collection, generation, score, member), key)) return
      this.#verification.report('extra', at, `the member has the score ${score}`)
    })
  }

  *expiries(): StatementSteps<void> {
    yield* this.#each(index.expiry, (key) => {
      const reader = elementReader(key)
      const expiresAtMs = reader.int64()
      const name = sliceOf(reader.byteString())
      const stored = this.#verification.transaction.get(writeHeaderKey(this.#writer, this.#collection, name))
      const at = this.#at(index.expiry, key)
      if (stored === undefined) return this.#verification.report('extra', at, 'the entry leads to no key')
      decodeHeader(stored, this.#header)
      if (this.#header.expiresAtMs === expiresAtMs) return
      const real = this.#header.expiresAtMs === never ? 'never' : `at ${this.#header.expiresAtMs}`
      this.#verification.report('extra', at, `the key expires ${real}`)
    })
  }
}

function positionOf(key: Slice): number {
  const reader = elementReader(key)
  reader.int64()
  return reader.integer()
}

/** In place of a distance: a list has been reported. */
const said = -1

/** How far apart the items of each list lie, seen in the order of their keys. */
class Distances {
  #generation = -1
  #position = 0
  #distance = 0

  /** Whether the item lies as far from the one before as that one from its own; said of one item a list. */
  areEven(generation: number, position: number): boolean {
    const isFirst = generation !== this.#generation
    const distance = isFirst ? 0 : position - this.#position
    const differs = this.#distance > 0 && distance !== this.#distance
    if (isFirst || this.#distance === 0) this.#distance = distance
    else if (differs) this.#distance = said
    this.#generation = generation
    this.#position = position
    return isFirst || !differs
  }
}

/** Those that headers name, to be asked for in ascending order. */
class Generations {
  #numbers = new Float64Array(16)
  #count = 0
  #at = 0

  add(generation: number): void {
    if (this.#count === this.#numbers.length) {
      const larger = new Float64Array(this.#count * 2)
      larger.set(this.#numbers)
      this.#numbers = larger
    }
    this.#numbers[this.#count++] = generation
  }

  sort(): void {
    this.#numbers = this.#numbers.subarray(0, this.#count).sort()
  }

  *twice(): Generator<number> {
    for (let i = 1; i < this.#count; i++) if (this.#numbers[i] === this.#numbers[i - 1]) yield this.#numbers[i]!
  }

  has(generation: number): boolean {
    while (this.#at < this.#count && this.#numbers[this.#at]! < generation) this.#at++
    return this.#numbers[this.#at] === generation
  }
}
