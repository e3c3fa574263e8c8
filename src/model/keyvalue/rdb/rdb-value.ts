/**
 * Values of keys as RDB has them, of every type and encoding that Redis 2.4 to 7.4 write, but for modules'. A
 * collection is handed out in batches, so that neither all of it lies in memory nor a turn has to take all.
 */
import type { StatementSteps } from '../../../database/contract.ts'
import { never } from '../codec.ts'
import { parseDouble } from '../double-text.ts'
import { parseInt64 } from '../integer-text.ts'
import { badData } from './bad-data.ts'
import { IntsetEntries, ListpackEntries, type PackedEntries, ZiplistEntries, ZipmapEntries } from './packed-entries.ts'
import type { RdbInput } from './rdb-input.ts'
import { readStream, type StreamTaker } from './stream-value.ts'
import { valueType } from './value-types.ts'

/** An item, a member, a member with its score, or a field with its value. */
export interface Element {
  readonly bytes: Uint8Array
  readonly score: number
  readonly value: Uint8Array | undefined
  /** When a field expires; `never` where it does not. */
  readonly expiresAtMs: bigint
}

export type ValueKind = 'string' | 'list' | 'set' | 'zset' | 'hash' | 'stream'

/** Takes what a key holds. */
export interface ValueTaker extends StreamTaker {
  string(value: Uint8Array): StatementSteps<void>
  /** Before the first batch. */
  begin(kind: ValueKind): void
  batch(elements: readonly Element[]): StatementSteps<void>
}

/** Elements of a batch, or their bytes. */
const batchElements = 128
const batchBytes = 256 * 1024

type Packing = new (bytes: Uint8Array) => PackedEntries

interface Shape {
  readonly kind: ValueKind
  /** All of it is one string. */
  readonly packing?: Packing
}

const shapes: ReadonlyMap<number, Shape> = new Map<number, Shape>([
  [valueType.string, { kind: 'string' }],
  [valueType.list, { kind: 'list' }],
  [valueType.set, { kind: 'set' }],
  [valueType.zset, { kind: 'zset' }],
  [valueType.hash, { kind: 'hash' }],
  [valueType.zset2, { kind: 'zset' }],
  [valueType.hashZipmap, { kind: 'hash', packing: ZipmapEntries }],
  [valueType.listZiplist, { kind: 'list', packing: ZiplistEntries }],
  [valueType.setIntset, { kind: 'set', packing: IntsetEntries }],
  [valueType.zsetZiplist, { kind: 'zset', packing: ZiplistEntries }],
  [valueType.hashZiplist, { kind: 'hash', packing: ZiplistEntries }],
  [valueType.listQuicklist, { kind: 'list' }],
  [valueType.hashListpack, { kind: 'hash', packing: ListpackEntries }],
  [valueType.zsetListpack, { kind: 'zset', packing: ListpackEntries }],
  [valueType.listQuicklist2, { kind: 'list' }],
  [valueType.stream, { kind: 'stream' }],
  [valueType.stream2, { kind: 'stream' }],
  [valueType.stream3, { kind: 'stream' }],
  [valueType.setListpack, { kind: 'set', packing: ListpackEntries }],
  [valueType.hashMetadata, { kind: 'hash' }],
  [valueType.hashListpackEx, { kind: 'hash', packing: ListpackEntries }],
])

const plainNode = 1
const packedNode = 2

/** Errors: `BadData`; what was taken before is to be forgotten then. */
export function* readValue(input: RdbInput, type: number, taker: ValueTaker): StatementSteps<void> {
  const shape = shapes.get(type)
  if (shape === undefined) throw badData(`values of type ${type} are not known`)
  if (shape.kind === 'string') return yield* taker.string(yield* input.string())
  taker.begin(shape.kind)
  if (shape.kind === 'stream') return yield* readStream(input, type, taker)
  const batches = new Batches(taker)
  if (type === valueType.hashMetadata) yield* readExpiringFields(input, batches)
  else if (type === valueType.hashListpackEx) {
    yield* input.i64()
    yield* takeExpiringFields(new ListpackEntries(yield* input.string()), batches)
  } else if (shape.packing !== undefined) {
    yield* takeEntries(new shape.packing(yield* input.string()), shape.kind, batches)
  } else if (type === valueType.listQuicklist || type === valueType.listQuicklist2) {
    yield* readNodes(input, type, batches)
  } else yield* readElements(input, type, shape.kind, batches)
  yield* batches.end()
}

/** Gathers elements and hands them on. */
class Batches {
  readonly #taker: ValueTaker
  #elements: Element[] = []
  #bytes = 0
  #count = 0

  constructor(taker: ValueTaker) {
    this.#taker = taker
  }

  /** True where the batch is full. */
  add(bytes: Uint8Array, score = 0, value?: Uint8Array, expiresAtMs: bigint = never): boolean {
    this.#elements.push({ bytes, score, value, expiresAtMs })
    this.#bytes += bytes.length + (value?.length ?? 0)
    this.#count++
    return this.#elements.length >= batchElements || this.#bytes >= batchBytes
  }

  *flush(): StatementSteps<void> {
    const elements = this.#elements
    this.#elements = []
    this.#bytes = 0
    if (elements.length > 0) yield* this.#taker.batch(elements)
  }

  *end(): StatementSteps<void> {
    if (this.#count === 0) throw badData('a collection is empty')
    yield* this.flush()
  }
}

function* readElements(input: RdbInput, type: number, kind: ValueKind, batches: Batches): StatementSteps<void> {
  const count = yield* input.length()
  for (let left = count; left > 0; left--) {
    const bytes = yield* input.string()
    let score = 0
    if (type === valueType.zset2) score = checkedScore(yield* input.f64())
    else if (type === valueType.zset) score = checkedScore(yield* readOldDouble(input))
    const value = kind === 'hash' ? yield* input.string() : undefined
    if (batches.add(bytes, score, value)) yield* batches.flush()
  }
}

/** Each field's time stands before it, counted from the first one's; 0 is none. */
function* readExpiringFields(input: RdbInput, batches: Batches): StatementSteps<void> {
  const firstMs = yield* input.i64()
  for (let left = yield* input.length(); left > 0; left--) {
    const after = yield* input.length()
    const field = yield* input.string()
    const value = yield* input.string()
    const expiresAtMs = after === 0 ? never : checkedTime(firstMs + BigInt(after) - 1n)
    if (batches.add(field, 0, value, expiresAtMs)) yield* batches.flush()
  }
}

/** Field, value and time, one after another. */
function* takeExpiringFields(entries: PackedEntries, batches: Batches): StatementSteps<void> {
  for (let field = entries.next(); field !== undefined; field = entries.next()) {
    const value = entries.next()
    const text = entries.next()
    if (value === undefined || text === undefined) throw badData('a field has no time')
    const time = parseInt64({ bytes: text, start: 0, end: text.length })
    if (time === undefined) throw badData("a field's time is no number")
    if (batches.add(field, 0, value, time === 0n ? never : checkedTime(time))) yield* batches.flush()
  }
}

/** As far as Redis goes. */
const latestMs = 2n ** 46n

function checkedTime(ms: bigint): bigint {
  if (ms < 0n || ms >= latestMs) throw badData("a field's time is none")
  return ms
}

/** A text of a length below 253, or one of three that have none. */
function* readOldDouble(input: RdbInput): StatementSteps<number> {
  const length = yield* input.byte()
  if (length === 253) return NaN
  if (length >= 254) return length === 254 ? Infinity : -Infinity
  return scoreOfText(yield* input.bytes(length))
}

function scoreOfText(text: Uint8Array): number {
  return parseDouble({ bytes: text, start: 0, end: text.length }) ?? NaN
}

function checkedScore(score: number): number {
  if (Number.isNaN(score)) throw badData('a score is no number')
  return score
}

/** A list of packed lists; the newer form may have an item by itself in place of one. */
function* readNodes(input: RdbInput, type: number, batches: Batches): StatementSteps<void> {
  const isNew = type === valueType.listQuicklist2
  for (let left = yield* input.length(); left > 0; left--) {
    const container = isNew ? yield* input.length() : packedNode
    if (container !== plainNode && container !== packedNode) throw badData('a part of a list is of no kind')
    const bytes = yield* input.string()
    if (bytes.length === 0) throw badData('a part of a list is empty')
    if (container === plainNode) {
      if (batches.add(bytes)) yield* batches.flush()
    } else yield* takeEntries(isNew ? new ListpackEntries(bytes) : new ZiplistEntries(bytes), 'list', batches)
  }
}

function* takeEntries(entries: PackedEntries, kind: ValueKind, batches: Batches): StatementSteps<void> {
  const isPaired = kind === 'hash' || kind === 'zset'
  for (let first = entries.next(); first !== undefined; first = entries.next()) {
    const second = isPaired ? entries.next() : undefined
    if (isPaired && second === undefined) throw badData('an entry has no second')
    const score = kind === 'zset' ? checkedScore(scoreOfText(second!)) : 0
    if (batches.add(first, score, kind === 'hash' ? second : undefined)) yield* batches.flush()
  }
}
