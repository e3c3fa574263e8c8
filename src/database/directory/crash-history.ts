/**
 * For the tests of recovery: a database on a simulated disk, a random workload on it, and what it was after each commit.
 *
 * The history holds the whole content of the memory, catalog and counters included, at every sequence. Whatever a crash
 * leaves must be one of those states, and not an older one than what was acknowledged.
 *
 * Where it is asked for, each collection has a twin of another engine, to which the same transactions do the same: whatever
 * a crash leaves, both must hold the same. Little is handed over at a time, so that this happens often.
 */
import { assert, PolylogError } from '../../base/errors.ts'
import { sliceOf, sliceToLatin1 } from '../../base/slice.ts'
import { keyspaceRange, KeyWriter } from '../../base/tuple.ts'
import type { CrashKind } from '../../host/simulated/faults.ts'
import { SeededRandom } from '../../host/simulated/random.ts'
import type { SimulatedProcess } from '../../host/simulated/simulated-process.ts'
import type { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import type { Durability } from '../../log/commit-log.ts'
import { isMiss, type Reader, type Snapshot } from '../../storage/store.ts'
import type { Catalog, Collection, Namespace } from '../catalog/catalog.ts'
import { LockWait, type Sequence } from '../contract.ts'
import type { Database } from '../database.ts'
import { memoryEngine } from '../engines.ts'
import { Instance, type InstanceOptions } from '../instance.ts'
import { storedNumbers } from '../catalog/numbers.ts'
import { PinnedPages } from '../transaction/pinned-pages.ts'
import type { KernelTransaction } from '../transaction/transaction.ts'

export const name = 'main'

/** Some transactions are committed in slices, and meanwhile others at once. */
const limits = { largeCommitWrites: 8, sliceKeys: 4 }

export const optionsOn = (process: SimulatedProcess): InstanceOptions & { readonly directory: string } => ({
  host: process,
  directory: 'data',
  segmentBytes: 16 * 1024,
  checkpointEveryBytes: 6 * 1024,
  limits,
  engines: { handOverBytes: 2 * 1024, overlayBytesMax: 64 * 1024 },
})

export function openOn(process: SimulatedProcess): Promise<Instance> {
  return Instance.open(optionsOn(process), name)
}

export function databaseOf(instance: Instance): Database {
  return instance.databases.get(name)!
}

/** Everything that the memory holds, as one text: what no read has to wait for. */
export function contentOf(
  database: Database,
  reader: Reader = database.engines?.store.memory.current ?? database.newest,
): string {
  const lines: string[] = []
  const cursor = reader.scan({ start: sliceOf(new Uint8Array(0)), end: sliceOf(new Uint8Array([0xff])) })
  while (cursor.next()) lines.push(`${sliceToLatin1(cursor.key)}=${sliceToLatin1(cursor.value)}`)
  return lines.join('\n')
}

/** What the twins of collections hold that is not the same; undefined where there is nothing. */
export async function faultOfTwins(database: Database): Promise<string | undefined> {
  const snapshot = database.pin()
  try {
    for (const collection of database.catalog.collectionsOf('test')) {
      const twin = twinOf(collection, database.catalog)
      if (twin === undefined) continue
      const [found, expected] = [await entriesOf(snapshot, twin.id), await entriesOf(snapshot, collection.id)]
      if (found !== expected) return `collection ${collection.name} and its twin differ:\n${expected}\n---\n${found}`
    }
    return undefined
  } finally {
    snapshot.release()
  }
}

async function entriesOf(snapshot: Snapshot, collection: number): Promise<string> {
  const lines: string[] = []
  const cursor = snapshot.scan(keyspaceRange(collection))
  const width = keyspaceRange(collection).start.end
  const pages = new PinnedPages()
  for (;;) {
    try {
      if (!cursor.next()) break
      lines.push(`${sliceToLatin1(cursor.key).slice(width)}=${sliceToLatin1(cursor.value)}`)
      pages.release()
    } catch (error) {
      if (!isMiss(error)) throw error
      await pages.load(snapshot, error)
    }
  }
  return lines.join('\n')
}

/** Of the collections that are not twins themselves. */
function twinOf({ engine, definition }: Collection, catalog: Catalog): Collection | undefined {
  if (engine !== memoryEngine) return undefined
  return catalog
    .collectionsOf('test')
    .find((other) => other.engine !== memoryEngine && other.definition['serial'] === definition['serial'])
}

function withTwin(collection: Collection, catalog: Catalog): readonly Collection[] {
  const twin = twinOf(collection, catalog)
  return twin === undefined ? [collection] : [collection, twin]
}

/** Namespaces and collections, as statements see them. */
export function catalogOf(database: Database): unknown {
  const { catalog } = database
  return [...catalog.namespaces.values()]
    .sort((a, b) => a.id - b.id)
    .map((namespace) => [namespace.id, namespace.name, catalog.collectionsOf(namespace.name)])
}

function pick<T>(random: SeededRandom, from: readonly T[]): T {
  return from[random.below(from.length)]!
}

/**
 * Numbers that must not be given out again: by one life of the database never, and after a crash not where a transaction
 * that is still there has taken them. Who was rolled back, refused or lost has left nothing that a number could be
 * mistaken for.
 */
class GivenNumbers {
  /** By the sequence that has them; 0 where none has, or it is not known yet. */
  readonly #given = new Map<number, Sequence>()
  /** By the transaction that is being made. */
  readonly taken: number[] = []
  readonly repeated: number[] = []

  get size(): number {
    return this.#given.size
  }

  take(number: number): void {
    if (this.#given.has(number)) this.repeated.push(number)
    this.#given.set(number, 0)
    this.taken.push(number)
  }

  committed(numbers: readonly number[], sequence: Sequence): void {
    for (const number of numbers) this.#given.set(number, sequence)
  }

  refused(refused: Sequence): void {
    for (const [number, sequence] of this.#given) if (sequence === refused) this.#given.set(number, 0)
  }

  restartFrom(end: Sequence): void {
    this.taken.length = 0
    for (const [number, sequence] of this.#given) if (sequence === 0 || sequence > end) this.#given.delete(number)
  }
}

interface Taken {
  readonly numbers: readonly number[]
  readonly ids: readonly number[]
}

export class History {
  readonly random: SeededRandom
  contents: Map<Sequence, string> = new Map()
  catalogs: Map<Sequence, string> = new Map()
  /** What was acknowledged at each level. */
  acknowledged: Record<Durability, Sequence> = { memory: 0, written: 0, synced: 0 }
  /** Of `nextNumber`, and the numbers of collections. */
  readonly numbers: GivenNumbers = new GivenNumbers()
  readonly ids: GivenNumbers = new GivenNumbers()
  largeCommits = 0
  readonly #hasTwins: boolean
  #committing: Promise<void> = Promise.resolve()
  #serial = 0

  constructor(seed: number, options: { readonly hasTwins?: boolean } = {}) {
    this.random = new SeededRandom(seed)
    this.#hasTwins = options.hasTwins === true
  }

  /** The state that was found after a crash: what lay behind it is gone, and may be written otherwise. */
  restartFrom(database: Database): void {
    const end = database.newestSequence
    for (const sequence of this.contents.keys()) if (sequence > end) this.contents.delete(sequence)
    this.numbers.restartFrom(end)
    this.ids.restartFrom(end)
    this.note(database)
    this.acknowledged = { memory: end, written: end, synced: end }
    this.#committing = Promise.resolve()
  }

  /** A full disk has refused records: in the log, empty ones stand for them, so that they are the state before. */
  noteRefused(database: Database): void {
    for (let sequence = 1; sequence <= database.newestSequence; sequence++) {
      if (database.pipeline.stateOf(sequence) === sequence) continue
      this.contents.set(sequence, this.contents.get(sequence - 1) ?? '')
      this.catalogs.set(sequence, this.catalogs.get(sequence - 1) ?? '[]')
      this.numbers.refused(sequence)
      this.ids.refused(sequence)
    }
  }

  note(database: Database): void {
    this.contents.set(database.newestSequence, contentOf(database))
    this.catalogs.set(database.newestSequence, JSON.stringify(catalogOf(database)))
  }

  /** Runs one random transaction; its acknowledgement comes when it comes, and its commit where that takes several turns. */
  step(database: Database): void {
    const transaction = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
    transaction.beginStatement()
    try {
      this.#change(transaction)
    } catch (error) {
      transaction.rollback()
      this.#taken()
      if (error instanceof LockWait) return
      throw error
    }
    const isEmpty = transaction.writes.count === 0
    const taken = this.#taken()
    const committed = transaction.commit()
    if (isEmpty) return
    if (typeof committed === 'number') this.#committed(database, committed, taken)
    else this.#committing = this.#inSlices(database, committed, taken)
  }

  /** By the transaction that has just been made, or rolled back: another one does not answer for it. */
  #taken(): Taken {
    return { numbers: this.numbers.taken.splice(0), ids: this.ids.taken.splice(0) }
  }

  async #inSlices(database: Database, committing: Promise<Sequence>, taken: Taken): Promise<void> {
    try {
      this.#committed(database, await committing, taken)
      this.largeCommits++
    } catch (error) {
      if (!(error instanceof PolylogError)) throw error
    }
  }

  /** The last commit in slices, of which there is one at a time, has come to its end. */
  async settled(): Promise<void> {
    await this.#committing
  }

  #committed(database: Database, sequence: Sequence, { numbers, ids }: Taken): void {
    assert(database.newestSequence === sequence, 'another commit came before a commit was told of')
    this.numbers.committed(numbers, sequence)
    this.ids.committed(ids, sequence)
    // Whatever crash leaves this state, or a later one, leaves the bound with it.
    const bound = storedNumbers(database.newest)
    for (const number of numbers) assert(number < bound, `${number} is used, and a crash gives out ${bound} next`)
    this.note(database)
    const level = pick(this.random, ['synced', 'synced', 'written', 'memory'] as const)
    database.whenDurable(sequence, level, (error) => {
      if (error === undefined) this.acknowledged[level] = Math.max(this.acknowledged[level], sequence)
    })
  }

  #change(transaction: KernelTransaction): void {
    const { random } = this
    const namespace = transaction.catalog.namespaces.get('test') ?? this.#namespace(transaction)
    const collections = transaction.catalog.collectionsOf('test').filter(({ engine }) => engine === memoryEngine)
    const dice = random.below(20)
    if (collections.length < 2 || dice === 0) {
      const name = `c${++this.#serial}`
      const definition = { serial: this.#serial }
      this.ids.take(transaction.createCollection(namespace, name, 'table', definition).id)
      if (this.#hasTwins) {
        this.ids.take(transaction.createCollection(namespace, `t${this.#serial}`, 'table', definition, 'sorted').id)
      }
      return
    }
    const collection = pick(random, collections)
    if (dice === 1 && collections.length > 2) {
      transaction.dropCollection(collection, withTwin(collection, transaction.catalog).slice(1))
    } else if (dice === 2) {
      for (const each of withTwin(collection, transaction.catalog)) transaction.clearCollection(each)
    } else if (dice === 3) transaction.alterCollection(collection, { name: `r${++this.#serial}` })
    else if (dice === 4)
      transaction.createIndex(collection, { name: `i${++this.#serial}`, unique: false, definition: {} })
    else if (dice === 5) transaction.widenCollection(collection, `f${random.below(3)}`, 'string')
    else if (dice === 6) this.#number(transaction, collection)
    else if (dice < 9) this.#manyRows(transaction, collection)
    else this.#rows(transaction, collection)
  }

  #namespace(transaction: KernelTransaction): Namespace {
    const namespace = transaction.createNamespace('test')
    this.ids.take(namespace.id)
    return namespace
  }

  #number(transaction: KernelTransaction, collection: Collection): void {
    const { random } = this
    let number = transaction.services.nextNumber()
    // A record reserves a thousand: some must carry a new bound, and be refused or lost with it.
    for (let skipped = random.below(500); skipped > 0; skipped--) number = transaction.services.nextNumber()
    this.numbers.take(number)
    this.#put(transaction, collection, number, Buffer.from('number'))
  }

  #rows(transaction: KernelTransaction, collection: Collection): void {
    const { random } = this
    for (let i = random.between(1, 4); i > 0; i--) {
      const key = random.below(30)
      if (random.chance(0.3)) this.#put(transaction, collection, key, undefined)
      else this.#put(transaction, collection, key, Buffer.alloc(random.below(400), `v${++this.#serial}`))
    }
    if (random.chance(0.1)) this.#put(transaction, collection, 99, Buffer.alloc(40_000, 'large'))
    if (random.chance(0.1)) this.#deleteRange(transaction, collection, 5, 5 + random.below(9))
  }

  #manyRows(transaction: KernelTransaction, collection: Collection): void {
    const { random } = this
    if (random.chance(0.3)) this.#number(transaction, collection)
    if (random.chance(0.2)) this.#deleteRange(transaction, collection, 100, 130)
    for (let i = random.between(10, 60); i > 0; i--) {
      const key = 100 + random.below(60)
      if (random.chance(0.2)) this.#put(transaction, collection, key, undefined)
      else this.#put(transaction, collection, key, Buffer.alloc(random.below(200), `m${++this.#serial}`))
    }
  }

  /** Or deleted, where there is no value; the same in the twin. */
  #put(transaction: KernelTransaction, collection: Collection, number: number, value: Buffer | undefined): void {
    for (const each of withTwin(collection, transaction.catalog)) {
      if (value === undefined) transaction.delete(this.#key(each, number))
      else transaction.put(this.#key(each, number), sliceOf(value))
    }
  }

  #deleteRange(transaction: KernelTransaction, collection: Collection, from: number, to: number): void {
    for (const each of withTwin(collection, transaction.catalog)) {
      transaction.deleteRange({ start: this.#key(each, from), end: this.#key(each, to) })
    }
  }

  #key(collection: Collection, number: number): KeyWriter {
    return new KeyWriter(16).begin(collection.id, 1).int64(number)
  }

  /** What is wrong with what was found, or undefined. */
  faultOf(database: Database, kind: CrashKind): string | undefined {
    const end = database.newestSequence
    const least =
      kind === 'power' ? this.acknowledged.synced : Math.max(this.acknowledged.written, this.acknowledged.synced)
    if (end < least) return `${least} was acknowledged, ${end} is there`
    const expected = this.contents.get(end) ?? (end === 0 ? '' : undefined)
    if (expected === undefined) return `sequence ${end} has never been`
    if (expected !== contentOf(database)) return `the content at sequence ${end} is not what it was`
    const catalog = this.catalogs.get(end) ?? '[]'
    if (catalog !== JSON.stringify(catalogOf(database))) {
      return `the catalog at sequence ${end} is not what it was: ${catalog}, now ${JSON.stringify(catalogOf(database))}`
    }
    return undefined
  }
}

/** Opens, runs `steps` transactions with pauses, and closes; ends early where the process does. */
export async function runHistory(
  world: SimulatedWorld,
  process: SimulatedProcess,
  history: History,
  steps: number,
): Promise<void> {
  const running = run(world, process, history, steps).catch((error: unknown) => {
    if (process.alive) throw error
  })
  let isOver = false
  void running.then(() => (isOver = true))
  await world.run({ until: () => isOver || !process.alive })
}

async function run(world: SimulatedWorld, process: SimulatedProcess, history: History, steps: number): Promise<void> {
  const instance = await openOn(process)
  const database = databaseOf(instance)
  history.restartFrom(database)
  for (let i = 0; i < steps; i++) {
    history.step(database)
    if (history.random.chance(0.6)) await new Promise<void>((resolve) => void process.at(0, resolve))
  }
  await history.settled()
  await instance.close()
}
