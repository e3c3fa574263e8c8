/** Makes a key of what `readValue` reads: elements under a generation of their own, which has no key until `place`. */
import { sliceOf, type Slice } from '../../../base/slice.ts'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { type Header, kind, never } from '../codec.ts'
import { setFieldExpiry } from '../field-expiry.ts'
import { setField } from '../hashes.ts'
import { elementRange, type Keyspace } from '../keys.ts'
import { clearKey, contentIndexes, newCollection, placeCollection, writeKindOf } from '../keyvalue.ts'
import { pushItem } from '../lists.ts'
import { addMember } from '../sets.ts'
import { change, setScore } from '../sorted-sets.ts'
import { checkStringLength, setString } from '../strings.ts'
import { EntryDraft } from '../stream-entries.ts'
import { createGroup, findGroup, type Group, type Pending, putPending, seeConsumer } from '../stream-groups.ts'
import type { StreamId } from '../stream-ids.ts'
import { StreamProgress } from '../stream-progress.ts'
import { noteAppended, stateOf } from '../streams.ts'
import { eachStep } from '../walk.ts'
import { badData } from './bad-data.ts'
import type { Element, ValueKind, ValueTaker } from './rdb-value.ts'
import type { ReadGroup, StreamFacts } from './stream-value.ts'

const kinds = { list: kind.list, set: kind.set, zset: kind.sortedSet, hash: kind.hash, stream: kind.stream } as const

export class KeyBuilder implements ValueTaker {
  readonly #tx: Transaction
  readonly #space: Keyspace
  #value: Uint8Array | undefined
  #collection: Header | undefined
  /** Of a stream, the last one. */
  #group: Group | undefined

  constructor(tx: Transaction, space: Keyspace) {
    this.#tx = tx
    this.#space = space
  }

  // oxlint-disable-next-line require-yield -- as the others
  *string(value: Uint8Array): StatementSteps<void> {
    checkStringLength(value.length)
    this.#value = value
  }

  begin(of: ValueKind): void {
    if (of === 'string') throw new RangeError('a string has no elements')
    this.#collection = newCollection(this.#tx, kinds[of])
  }

  batch(elements: readonly Element[]): StatementSteps<void> {
    return eachStep(this.#tx, 0, elements.length, 1, (at) => this.#add(elements[at]!))
  }

  #add({ bytes, score, value, expiresAtMs }: Element): StatementSteps<void> | undefined {
    const tx = this.#tx
    const space = this.#space
    const collection = this.#collection!
    const element = sliceOf(bytes)
    if (collection.kind === kind.list) return pushItem(tx, space, collection, element, false)
    if (collection.kind === kind.hash) return this.#addField(element, sliceOf(value!), expiresAtMs)
    const isNew =
      collection.kind === kind.set
        ? addMember(tx, space, collection, element)
        : setScore(tx, space, collection, element, score) === change.added
    if (!isNew) throw badData('an element is there twice')
    return undefined
  }

  #addField(field: Slice, value: Slice, expiresAtMs: bigint): StatementSteps<void> | undefined {
    const answer = setField(this.#tx, this.#space, this.#collection!, field, value)
    if (typeof answer !== 'boolean') return this.#checkLater(answer, field, expiresAtMs)
    if (!answer) throw badData('a field is there twice')
    this.#expire(field, expiresAtMs)
    return undefined
  }

  *#checkLater(steps: StatementSteps<boolean>, field: Slice, expiresAtMs: bigint): StatementSteps<void> {
    if (!(yield* steps)) throw badData('a field is there twice')
    yield* inPlace(this.#tx, () => this.#expire(field, expiresAtMs))
  }

  #expire(field: Slice, expiresAtMs: bigint): void {
    if (expiresAtMs === never) return
    setFieldExpiry(this.#tx, this.#space, this.#collection!, field, never, expiresAtMs)
  }

  // ---- streams

  *entry(id: StreamId, strings: readonly Uint8Array[]): StatementSteps<void> {
    const stream = this.#collection!
    if (id <= stateOf(stream).lastId || strings.length === 0) throw badData('an entry of a stream is not in order')
    const draft = new EntryDraft(this.#tx, this.#space, stream, strings.length)
    yield* eachStep(this.#tx, 0, strings.length, 1, (at) => draft.add(sliceOf(strings[at]!)))
    const steps = yield* inPlace(this.#tx, () => draft.finish(id))
    if (steps !== undefined) yield* steps
    noteAppended(stream, id)
  }

  // oxlint-disable-next-line require-yield -- as the others
  *facts(facts: StreamFacts): StatementSteps<void> {
    const state = stateOf(this.#collection!)
    if (facts.lastId < state.lastId) throw badData('a stream has entries behind its last one')
    Object.assign(state, facts)
  }

  *group({ name, lastId, entriesRead }: ReadGroup): StatementSteps<void> {
    const [tx, space, stream] = [this.#tx, this.#space, this.#collection!]
    yield* inPlace(tx, () => {
      if (findGroup(tx, space, stream, sliceOf(name)) !== undefined) throw badData('a group is there twice')
      const known = entriesRead ?? new StreamProgress(tx, space, stream).countUpTo(lastId)
      createGroup(tx, space, stream, sliceOf(name), { lastId, entriesRead: known })
      this.#group = findGroup(tx, space, stream, sliceOf(name))
    })
  }

  *consumer(name: Uint8Array, seenMs: bigint): StatementSteps<void> {
    yield* inPlace(this.#tx, () => {
      seeConsumer(this.#tx, this.#space, this.#collection!, this.#group!, sliceOf(name), seenMs)
    })
  }

  *pending(id: StreamId, pending: Pending): StatementSteps<void> {
    yield* inPlace(this.#tx, () => {
      putPending(this.#tx, this.#space, this.#collection!, this.#group!, id, undefined, pending)
    })
  }

  /** In place of whatever is at the key. */
  *place(key: Uint8Array, expiresAtMs: bigint): StatementSteps<void> {
    const tx = this.#tx
    const value = this.#value
    if (value !== undefined) {
      const steps = yield* inPlace(tx, () => setString(tx, this.#space, sliceOf(key), sliceOf(value), expiresAtMs))
      if (steps !== undefined) yield* steps
      return
    }
    const collection = this.#collection!
    yield* inPlace(tx, () => {
      clearKey(tx, this.#space, sliceOf(key))
      collection.expiresAtMs = expiresAtMs
      placeCollection(tx, this.#space, sliceOf(key), collection)
    })
  }

  /** Nobody wants what was taken. */
  *drop(): StatementSteps<void> {
    const collection = this.#collection
    if (collection === undefined) return
    yield* inPlace(this.#tx, () => {
      for (const of of contentIndexes(collection)) {
        this.#tx.deleteRange(elementRange(this.#space, of, collection.generation), writeKindOf(of))
      }
    })
  }
}
