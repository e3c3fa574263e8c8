/**
 * Sequences: a collection of model `table` whose definition has the kind `sequence`.
 *
 * Numbers are given out from memory, in blocks; what the log knows is only how far they may have gone:
 *
 *   (collection, 1, block number int64) → format u8 01 · given u8 · number i64 little endian
 *
 * The entry with the highest block number counts: everything up to its number (in the direction of the increment) may
 * have been given out, or, where `given` is 0, its number comes next. A transaction that takes a number writes its
 * block's entry unless it is committed already. Entries are written as derived: without a lock, so that transactions that
 * take numbers never wait for one another, and without a trace in feeds. As in PostgreSQL, a number that was taken is
 * gone, rolled back or not, and a restart skips the rest of a block.
 *
 * Invariants: no number is given out twice by one life of a sequence, across rollbacks, conflicts and restarts; a
 * committed number lies in a committed block. `docs/decisions/060-sequences.md` tells what this costs.
 */
import { ByteReader, ByteWriter } from '../../base/bytes.ts'
import type { Slice } from '../../base/slice.ts'
import { KeyReader } from '../../base/tuple-reader.ts'
import { KeyWriter, keyspaceRange, primaryIndex } from '../../base/tuple.ts'
import type { Collection, JsonObject, Namespace } from '../../database/catalog/catalog.ts'
import { drawNumber } from '../../database/transaction/draws.ts'
import type { Transaction, TransactionServices } from '../../database/contract.ts'
import { definitionOf } from '../../database/catalog/objects.ts'
import { checkLast, type SequenceDefinition, type SequenceOwner } from './sequence-definition.ts'
import { sequenceKind } from './sequence-kind.ts'
import { sqlError } from './types/type.ts'

export function createSequence(
  transaction: Transaction,
  namespace: Namespace,
  name: string,
  definition: SequenceDefinition,
): Collection {
  return transaction.createCollection(namespace, name, sequenceKind.name, definition as unknown as JsonObject)
}

export function isSequence(collection: Collection): boolean {
  return collection.kind === sequenceKind.name
}

/** Undefined takes it from the one that it has. */
export function setOwner(transaction: Transaction, collection: Collection, owner: SequenceOwner | undefined): void {
  const { owner: _, ...definition } = sequenceDefinitionOf(collection)
  const changed: SequenceDefinition = { ...definition, ...(owner && { owner }) }
  transaction.alterCollection(collection, { definition: changed as unknown as JsonObject })
}

export function sequenceDefinitionOf(collection: Collection): SequenceDefinition {
  if (isSequence(collection)) return definitionOf(sequenceKind, collection)
  throw sqlError('wrong_type', '42809', `"${collection.name}" is not a sequence`)
}

/** PostgreSQL logs 32 values ahead (SEQ_LOG_VALS). */
const blockLength = 32n

/** What is given out next, of one sequence in one database, since the process began. */
interface Counter {
  /** The last number given out, undefined before the first: then `first` comes next. */
  last: bigint | undefined
  first: bigint
  /** The last number of the block; a number beyond it needs a new block. */
  end: bigint
  block: number
  /** False until a block of this process has begun. */
  hasBlock: boolean
}

const counters = new WeakMap<TransactionServices, Map<number, Counter>>()

function counterOf(transaction: Transaction, collection: Collection): Counter {
  const { services } = transaction
  let ofDatabase = counters.get(services)
  if (ofDatabase === undefined) {
    ofDatabase = new Map<number, Counter>()
    counters.set(services, ofDatabase)
  }
  let counter = ofDatabase.get(collection.id)
  if (counter === undefined) {
    counter = loadCounter(transaction, collection)
    ofDatabase.set(collection.id, counter)
  }
  return counter
}

function loadCounter(transaction: Transaction, collection: Collection): Counter {
  const first = BigInt(sequenceDefinitionOf(collection).start)
  const fresh = { last: undefined, first, end: 0n, block: 0, hasBlock: false }
  const cursor = transaction.scan(keyspaceRange(collection.id, primaryIndex), { reverse: true })
  if (!cursor.next()) return fresh
  const key = new KeyReader(cursor.key)
  key.orderedVarint()
  key.orderedVarint()
  const block = key.integer()
  const { isGiven, number } = decodeSequenceEntry(cursor.value)
  return isGiven ? { ...fresh, last: number, block } : { ...fresh, first: number, block }
}

const entryFormat = 0x01

function encodeEntry(isGiven: boolean, number: bigint): Slice {
  const writer = new ByteWriter(10)
  writer.u8(entryFormat)
  writer.u8(isGiven ? 1 : 0)
  writer.i64le(number)
  return writer
}

export function decodeSequenceEntry(value: Slice): { isGiven: boolean; number: bigint } {
  const reader = ByteReader.of(value)
  if (reader.u8() !== entryFormat) throw sqlError('data_newer', 'XX001', 'a sequence has an unknown format')
  return { isGiven: reader.u8() === 1, number: reader.i64le() }
}

const keyWriter = new KeyWriter(32)

function blockKey(collection: Collection, block: number): KeyWriter {
  return keyWriter.begin(collection.id, primaryIndex).int64(block)
}

/** Work that is run again is given the same number again, and writes its block's entry, which was taken back, again. */
export function nextValue(transaction: Transaction, collection: Collection): bigint {
  return drawNumber(
    collection.id,
    () => takeValue(transaction, collection),
    () => {
      const counter = counterOf(transaction, collection)
      if (counter.hasBlock) reserve(transaction, collection, counter)
    },
  )
}

function takeValue(transaction: Transaction, collection: Collection): bigint {
  const definition = sequenceDefinitionOf(collection)
  const counter = counterOf(transaction, collection)
  const increment = BigInt(definition.increment)
  const { last, end, block, hasBlock } = counter
  try {
    const value = wrap(counter, definition, collection.name)
    const isAhead = increment > 0n ? value > counter.end : value < counter.end
    if (!counter.hasBlock || isAhead) beginBlock(counter, definition, value)
    counter.last = value
    reserve(transaction, collection, counter)
    return value
  } catch (error) {
    // Where it has to wait for a page it is asked again: the number is still the next one.
    Object.assign(counter, { last, end, block, hasBlock })
    throw error
  }
}

/** The next number, or the first one again where the sequence cycles. */
function wrap(counter: Counter, definition: SequenceDefinition, name: string): bigint {
  const next = counter.last === undefined ? counter.first : counter.last + BigInt(definition.increment)
  const minimum = BigInt(definition.minimum)
  const maximum = BigInt(definition.maximum)
  if (next >= minimum && next <= maximum) return next
  const isUpward = BigInt(definition.increment) > 0n
  if (!definition.cycle) {
    const limit = isUpward
      ? `maximum value of sequence "${name}" (${maximum})`
      : `minimum value of sequence "${name}" (${minimum})`
    throw sqlError('out_of_range', '2200H', `nextval: reached ${limit}`)
  }
  counter.hasBlock = false
  return isUpward ? minimum : maximum
}

function beginBlock(counter: Counter, definition: SequenceDefinition, from: bigint): void {
  const end = from + BigInt(definition.increment) * (blockLength - 1n)
  const minimum = BigInt(definition.minimum)
  const maximum = BigInt(definition.maximum)
  counter.end = end > maximum ? maximum : end < minimum ? minimum : end
  counter.block++
  counter.hasBlock = true
}

/** Writes the block's entry unless this transaction's view has it. The previous one is of no use any more. */
function reserve(transaction: Transaction, collection: Collection, counter: Counter): void {
  if (transaction.get(blockKey(collection, counter.block)) !== undefined) return
  transaction.put(keyWriter, encodeEntry(true, counter.end), 'derived')
  if (counter.block > 1) transaction.delete(blockKey(collection, counter.block - 1), 'derived')
}

/** setval: `isCalled` false makes `value` itself the next one. At once, for everybody, as in PostgreSQL. */
export function setValue(transaction: Transaction, collection: Collection, value: bigint, isCalled = true): bigint {
  const definition = sequenceDefinitionOf(collection)
  const { minimum, maximum } = definition
  if (value < BigInt(minimum) || value > BigInt(maximum)) {
    const message = `setval: value ${value} is out of bounds for sequence "${collection.name}" (${minimum}..${maximum})`
    throw sqlError('out_of_range', '22003', message)
  }
  const counter = counterOf(transaction, collection)
  transaction.put(blockKey(collection, counter.block + 1), encodeEntry(isCalled, value), 'derived')
  transaction.delete(blockKey(collection, counter.block), 'derived')
  counter.last = isCalled ? value : undefined
  counter.first = value
  counter.hasBlock = false
  counter.block++
  return value
}

/** `last_value` and `is_called` of a sequence read as a table. */
export function sequenceState(transaction: Transaction, collection: Collection): { last: bigint; isCalled: boolean } {
  const counter = counterOf(transaction, collection)
  if (counter.last !== undefined) return { last: counter.last, isCalled: true }
  return { last: counter.first, isCalled: false }
}

/** TRUNCATE … RESTART IDENTITY. */
export function restartSequence(transaction: Transaction, collection: Collection): void {
  setValue(transaction, collection, BigInt(sequenceDefinitionOf(collection).start), false)
}

/** ALTER SEQUENCE: `restart` is the number that comes next; left out, the sequence goes on from where it is. */
export function alterSequence(
  transaction: Transaction,
  collection: Collection,
  change: (definition: SequenceDefinition) => SequenceDefinition,
  restart: 'start' | bigint | undefined,
): void {
  const { last, isCalled } = sequenceState(transaction, collection)
  const definition = change(sequenceDefinitionOf(collection))
  const next = restart === 'start' ? BigInt(definition.start) : restart
  checkLast(definition, next ?? last)
  const altered = transaction.alterCollection(collection, { definition: definition as unknown as JsonObject })
  setValue(transaction, altered, next ?? last, next === undefined && isCalled)
}
