/**
 * What must hold of the ordered store whatever is in it: one walk over all keys of the snapshot.
 *
 * - keys ascend, and each is found by itself: a page whose inline heads or fences are wrong answers scans and not look-ups
 * - `count` of each run of keys is their number. A store counts by what its pages say of the keys below them, and a run
 *   that crosses the end of a page takes that page's word for it, so every page is asked about
 * - the key begins with a collection that exists and an index that its model knows
 */
import { compareSlices, copySlice, emptySlice, equalSlices, sliceOf, type Slice } from '../../base/slice.ts'
import { KeyReader } from '../../base/tuple-reader.ts'
import { keyspaceOf, keyspaceRange } from '../../base/tuple.ts'
import { catalogIndex, catalogKeyspace } from '../catalog/catalog-entries.ts'
import type { StatementSteps, Wait } from '../contract.ts'
import { damageIn } from './damage.ts'
import { nameOf, type ModelVerifiers, type Verification } from './verification.ts'
import { advance, inPlace } from '../transaction/wait.ts'

const where = 'store'
const runKeys = 61
/** Above every key: none begins with FF. */
const endOfKeys: Slice = sliceOf(Uint8Array.of(0xff))

export function* verifyStore(verification: Verification, models: ModelVerifiers): StatementSteps<void> {
  const { transaction } = verification
  const places = new Places(verification, models)
  const cursor = transaction.scan({ start: emptySlice, end: endOfKeys })
  let before: Slice | undefined
  let runStart: Slice = emptySlice
  let run = 0
  for (let moved = advance(transaction, cursor); moved !== false; moved = advance(transaction, cursor)) {
    if (moved !== true) {
      const damage = yield* damageIn(oneWait(moved))
      if (damage === undefined) continue
      // What follows in the collection is for its model to look at; here it goes on with the next one.
      verification.report('unreadable', { where }, damage)
      const next = places.behind(before)
      if (next === undefined) return
      cursor.seek(next)
      verification.countKeys(run)
      ;[runStart, run] = [next, 0]
      continue
    }
    const key = sliceOf(copySlice(cursor.key))
    const value = sliceOf(copySlice(cursor.value))
    if (before !== undefined && compareSlices(before, key) >= 0) {
      verification.report('different', { where, key }, 'the key does not sort after the one before it')
    }
    if (run === runKeys) {
      yield* checkCount(verification, runStart, key, run)
      runStart = key
      run = 0
      if (transaction.slice.spend(runKeys)) yield undefined
    }
    run++
    before = key
    places.look(key)
    yield* inPlace(transaction, () => checkLookUp(verification, key, value))
  }
  yield* checkCount(verification, runStart, endOfKeys, run)
}

function* oneWait(wait: Wait): StatementSteps<void> {
  yield wait
}

function checkLookUp(verification: Verification, key: Slice, value: Slice): void {
  const found = verification.transaction.get(key)
  if (found === undefined) verification.report('missing', { where, key }, 'a scan shows the key, a look-up does not')
  else if (!equalSlices(found, value)) {
    verification.report('different', { where, key }, 'a scan and a look-up of the key give different values')
  }
}

function* checkCount(verification: Verification, start: Slice, end: Slice, keys: number): StatementSteps<void> {
  const { transaction } = verification
  verification.countKeys(keys)
  let counted: number | undefined
  const counting = inPlace(transaction, () => void (counted = transaction.count({ start, end })))
  const damage = yield* damageIn(counting)
  if (damage !== undefined) verification.report('unreadable', { where, key: start }, damage)
  if (counted === undefined || counted === keys) return
  verification.report('count', { where, key: start }, `${keys} keys from here on are counted as ${counted}`)
}

/** Whose the keys are. They come in order, so each place is looked at once. */
class Places {
  readonly #verification: Verification
  readonly #models: ModelVerifiers
  #keyspace = -1
  #index = -1
  #indexes: ReadonlyMap<number, string> = new Map()
  #where = ''
  /** No collection from this one on back is gone on with. */
  #passed = -1

  constructor(verification: Verification, models: ModelVerifiers) {
    this.#verification = verification
    this.#models = models
  }

  /** Where the keys of the next collection begin, behind those of all that were asked for; undefined behind the last one. */
  behind(last: Slice | undefined): Slice | undefined {
    const { catalog } = this.#verification.transaction
    this.#passed = Math.max(this.#passed, last === undefined ? catalogKeyspace : keyspaceOf(last))
    let next = Infinity
    for (const namespace of catalog.namespaces.keys()) {
      for (const { id } of catalog.collectionsOf(namespace)) if (id > this.#passed) next = Math.min(next, id)
    }
    if (next === Infinity) return undefined
    this.#passed = next
    return keyspaceRange(next).start
  }

  look(key: Slice): void {
    const reader = new KeyReader(key)
    this.#verification.reading({ where, key }, () => {
      this.#lookAt(key, reader.orderedVarint(), reader.orderedVarint())
    })
  }

  #lookAt(key: Slice, keyspace: number, index: number): void {
    if (keyspace === this.#keyspace && index === this.#index) return
    if (keyspace !== this.#keyspace) this.#enter(key, keyspace)
    this.#index = index
    if (this.#where === '' || this.#indexes.has(index)) return
    this.#verification.report(
      'extra',
      { where: this.#where, key },
      `there are keys of an index ${index}, which is none`,
    )
  }

  #enter(key: Slice, keyspace: number): void {
    this.#keyspace = keyspace
    this.#where = ''
    if (keyspace === catalogKeyspace) {
      this.#where = 'catalog'
      this.#indexes = catalogIndexes
      return
    }
    const collection = this.#verification.transaction.catalog.collectionById(keyspace)
    if (collection === undefined) {
      this.#verification.report('extra', { where, key }, `there are keys of a collection ${keyspace}, which is none`)
      return
    }
    this.#where = nameOf(collection)
    this.#indexes = this.#models[collection.model]?.indexes(collection) ?? this.#indexes
  }
}

const catalogIndexes: ReadonlyMap<number, string> = new Map(
  Object.entries(catalogIndex).map(([name, index]) => [index, name]),
)
