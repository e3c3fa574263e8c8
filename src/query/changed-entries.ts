/**
 * What a transaction has changed of Redis's data: keys with their type and expiry, strings, and the entries of hashes, lists,
 * sets, sorted sets and streams. What is over and still lies there is there: it goes by a transaction of its own.
 *
 * Entries name the generation of their collection and not its key. Whose it is stands in the header, which mostly is written
 * with them; else all headers are looked at once, and those that come later noted.
 */
import { copySlice, type Slice, sliceOf } from '../base/slice.ts'
import { keyspaceOf, KeyWriter } from '../base/tuple.ts'
import { KeyReader } from '../base/tuple-reader.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import type { Transaction, TransactionReader } from '../database/contract.ts'
import type { KeyChange } from '../database/history/change-walk.ts'
import { decodeHeader, decodeScore, Header, kind, kindNames, never } from '../model/keyvalue/codec.ts'
import { headerRange } from '../model/keyvalue/entries.ts'
import { findFieldExpiry } from '../model/keyvalue/field-expiry.ts'
import { index, type Keyspace, writeElementKey, writeHeaderKey, writeItemKey } from '../model/keyvalue/keys.ts'
import { findValue } from '../model/keyvalue/long-values.ts'
import { piecesOfString } from '../model/keyvalue/long-strings.ts'
import { collectPieces, Pieces } from '../model/keyvalue/pieces.ts'
import { entryStrings } from '../model/keyvalue/stream-entries.ts'
import { formatStreamId } from '../model/keyvalue/stream-ids.ts'
import { idOfKey, writeEntryKey } from '../model/keyvalue/stream-keys.ts'
import type { SqlValue } from '../model/table/types/value.ts'
import type { ChangedRow, RowImage } from './changed-rows.ts'
import { fieldsAsJsonb, shownBytes } from './keyvalue-bytes.ts'

/** Of which key a generation is. */
export class GenerationNames {
  readonly #keys = new Map<string, Uint8Array>()
  readonly #loaded = new Set<number>()
  readonly #header = new Header()
  readonly #isKeyvalue: (collection: number) => boolean
  readonly #keep: (bytes: number) => void

  /** `keep`: is told of bytes that it holds from then on. */
  constructor(isKeyvalue: (collection: number) => boolean, keep: (bytes: number) => void) {
    this.#isKeyvalue = isKeyvalue
    this.#keep = keep
  }

  /** Something was put under this key. */
  see(key: Slice, value: Slice | undefined): void {
    const collection = keyspaceOf(key)
    if (value === undefined || !this.#isKeyvalue(collection)) return
    const reader = afterKeyspace(key)
    if (reader.orderedVarint() === index.header) this.#note(collection, reader.byteString(), value)
  }

  #note(collection: number, key: Uint8Array, header: Slice): void {
    decodeHeader(header, this.#header)
    if (this.#header.isInline) return
    this.#keys.set(`${collection}/${this.#header.generation}`, key)
    this.#keep(key.length + noteBytes)
  }

  /** `transaction`: reads what was there before anything was seen, or later. Undefined: of none. */
  async of(transaction: Transaction, space: Keyspace, generation: number): Promise<Uint8Array | undefined> {
    const name = `${space.id}/${generation}`
    const known = this.#keys.get(name)
    if (known !== undefined || this.#loaded.has(space.id)) return known
    const cursor = transaction.scan(headerRange(space))
    for (let read = 1; cursor.next(); read++) {
      const reader = afterKeyspace(cursor.key)
      reader.orderedVarint()
      this.#note(space.id, reader.byteString(), cursor.value)
      if (read % headersPerTurn === 0) await transaction.services.turn()
    }
    this.#loaded.add(space.id)
    return this.#keys.get(name)
  }
}

const headersPerTurn = 500
/** About, beside the key. */
const noteBytes = 150

function afterKeyspace(key: Slice): KeyReader {
  const reader = new KeyReader(key)
  reader.orderedVarint()
  return reader
}

const text = 25
const int8 = 20
const float8 = 701
const timestamptz = 1184
const jsonb = 3802

function imageOf(...columns: readonly (readonly [name: string, type: number, value: SqlValue])[]): RowImage {
  return {
    columns: columns.map(([name, type], i) => ({ name, type, number: i + 1 })),
    values: columns.map(([, , value]) => value),
  }
}

interface Images {
  readonly name: string
  readonly key: RowImage
  readonly image: (transaction: Transaction) => RowImage | undefined
}

/** None of what is counted, derived or a part of something else. May throw a miss. */
export async function changedEntries(
  collection: Collection,
  { key, before, after }: KeyChange,
  names: GenerationNames,
): Promise<readonly ChangedRow[]> {
  const reader = afterKeyspace(key)
  const of = reader.orderedVarint()
  const found =
    of === index.header ? keyImages(collection, reader) : await entryImages(collection, of, reader, key, before, names)
  return found.flatMap(({ name, key: named, image }) => {
    const [then, now] = [image(before), image(after)]
    if (then === undefined && now === undefined) return []
    return [{ collection, schema: collection.namespace.name, name, key: named, before: then, after: now }]
  })
}

function headerOf(transaction: TransactionReader, space: Keyspace, key: Uint8Array): Header | undefined {
  const value = transaction.get(writeHeaderKey(headerKey, space, sliceOf(key)))
  if (value === undefined) return undefined
  const header = new Header()
  decodeHeader(value, header)
  return header
}

const headerKey = new KeyWriter(64)
const entryKey = new KeyWriter(64)

function shownExpiry(expiresAtMs: bigint): SqlValue {
  return expiresAtMs === never ? null : expiresAtMs * 1000n
}

/** A key, and a string that it holds. */
function keyImages(collection: Collection, reader: KeyReader): readonly Images[] {
  const key = reader.byteString()
  const shown = shownBytes(key)
  const named = imageOf(['key', text, shown])
  const keyImage = (transaction: Transaction): RowImage | undefined => {
    const header = headerOf(transaction, collection, key)
    if (header === undefined) return undefined
    const expiry = shownExpiry(header.expiresAtMs)
    return imageOf(['key', text, shown], ['type', text, kindNames[header.kind]!], ['expires_at', timestamptz, expiry])
  }
  const stringImage = (transaction: Transaction): RowImage | undefined => {
    const header = headerOf(transaction, collection, key)
    if (header?.kind !== kind.string) return undefined
    const bytes = header.isLong ? collectPieces(transaction, piecesOfString(collection, header)) : copySlice(header)
    return imageOf(['key', text, shown], ['value', text, shownBytes(bytes)])
  }
  return [
    { name: collection.name, key: named, image: keyImage },
    { name: `${collection.name}_string`, key: named, image: stringImage },
  ]
}

async function entryImages(
  collection: Collection,
  of: number,
  reader: KeyReader,
  at: Slice,
  before: Transaction,
  names: GenerationNames,
): Promise<readonly Images[]> {
  const part = parts.get(of)
  if (part === undefined) return []
  const generation = reader.integer()
  const key = await names.of(before, collection, generation)
  if (key === undefined) return []
  const element = part.element(reader, at)
  const shown = shownBytes(key)
  const named = imageOf(['key', text, shown], ...part.named(element))
  const image = (transaction: Transaction): RowImage | undefined => {
    const header = headerOf(transaction, collection, key)
    // Its key holds something else now.
    if (header === undefined || header.isInline || header.generation !== generation) return undefined
    const values = part.values(transaction, collection, header, element)
    return values && imageOf(['key', text, shown], ...part.named(element), ...values)
  }
  return [{ name: `${collection.name}_${part.view}`, key: named, image }]
}

type Shown = readonly [name: string, type: number, value: SqlValue]

/** What lies under one element's key. */
interface Part {
  readonly view: string
  readonly element: (reader: KeyReader, key: Slice) => Uint8Array | number | bigint
  readonly named: (element: Uint8Array | number | bigint) => readonly Shown[]
  readonly values: (
    transaction: Transaction,
    space: Keyspace,
    header: Header,
    element: Uint8Array | number | bigint,
  ) => readonly Shown[] | undefined
}

type ShownValues = (value: Uint8Array, transaction: Transaction, space: Keyspace, header: Header) => readonly Shown[]

function valuesAt(
  transaction: Transaction,
  space: Keyspace,
  header: Header,
  entry: KeyWriter,
  shown: ShownValues,
): readonly Shown[] | undefined {
  const found = findValue(transaction, space, header, sliceOf(entry.toBytes()))
  if (found === undefined) return undefined
  const bytes = found instanceof Pieces ? collectPieces(transaction, found) : copySlice(found)
  return shown(bytes, transaction, space, header)
}

/** `shown`: of an element, what stands beside it. */
function bytesPart(view: string, name: string, of: number, shown: (element: Slice) => ShownValues): Part {
  return {
    view,
    element: (reader) => reader.byteString(),
    named: (element) => [[name, text, shownBytes(element as Uint8Array)]],
    values: (transaction, space, header, element) => {
      const own = sliceOf(element as Uint8Array)
      const entry = writeElementKey(entryKey, space, of, header.generation, own)
      return valuesAt(transaction, space, header, entry, shown(own))
    },
  }
}

const hashPart = bytesPart('hash', 'field', index.field, (field) => (value, transaction, space, header) => [
  ['value', text, shownBytes(value)],
  ['expires_at', timestamptz, shownExpiry(findFieldExpiry(transaction, space, header, field))],
])

/** By the number of their index. */
const parts: ReadonlyMap<number, Part> = new Map([
  [index.field, hashPart],
  [index.fieldExpiry, hashPart],
  [index.member, bytesPart('set', 'member', index.member, () => () => [])],
  [
    index.scored,
    bytesPart('zset', 'member', index.scored, () => (value) => [['score', float8, decodeScore(sliceOf(value))]]),
  ],
  [
    index.item,
    {
      view: 'list',
      element: (reader) => reader.integer(),
      named: (position) => [['position', int8, BigInt(position as number)]],
      values: (transaction, space, header, position) => {
        const entry = writeItemKey(entryKey, space, header.generation, position as number)
        return valuesAt(transaction, space, header, entry, (value) => [['item', text, shownBytes(value)]])
      },
    },
  ],
  [
    index.entry,
    {
      view: 'stream',
      element: (_, key) => idOfKey(key),
      named: (id) => [['id', text, formatStreamId(id as bigint)]],
      values: (transaction, space, header, id) => {
        const entry = writeEntryKey(entryKey, space, header.generation, id as bigint)
        const fields = (value: Uint8Array): Shown[] => [['fields', jsonb, fieldsAsJsonb(entryStrings(sliceOf(value)))]]
        return valuesAt(transaction, space, header, entry, fields)
      },
    },
  ],
])
