import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { PolylogError } from '../base/errors.ts'
import { copySlice, sliceOf } from '../base/slice.ts'
import { keyspaceRange, KeyWriter } from '../base/tuple.ts'
import { DiskError, type Disk, type File } from '../host/host.ts'
import { createMemoryDisk } from '../host/simulated/memory-disk.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { isMiss } from '../storage/store.ts'
import type { Collection } from './catalog/catalog.ts'
import type { Transaction } from './contract.ts'
import type { Database } from './database.ts'
import type { EngineLimits } from './engines.ts'
import { Instance } from './instance.ts'
import { PinnedPages } from './transaction/pinned-pages.ts'
import { openTestDatabase } from './testing.ts'

const name = 'main'
const folderOf = (disk: Disk): Promise<string> => disk.list('data/databases').then(([uuid]) => `data/databases/${uuid}`)

/** Everything fails whose path says so. */
class FaultyDisk {
  readonly inner: Disk = createMemoryDisk()
  /** Of what is opened for writing or renamed. */
  fault: DiskError['code'] | undefined
  #held: Promise<void> | undefined
  #letGo: () => void = () => undefined

  hold(): void {
    this.#held = new Promise((resolve) => (this.#letGo = resolve))
  }

  letGo(): void {
    this.#letGo()
    this.#held = undefined
  }

  readonly disk: Disk = new Proxy(this.inner, {
    get: (target, property) => {
      const call = Reflect.get(target, property) as (...args: unknown[]) => Promise<unknown>
      if (property !== 'open') return typeof call === 'function' ? call.bind(target) : call
      return async (path: string, ...rest: unknown[]): Promise<File> => {
        if (path.includes('/sorted/next.part')) {
          await this.#held
          if (this.fault !== undefined) throw new DiskError(this.fault, path, `${path}: ${this.fault}`)
        }
        return (await call.call(target, path, ...rest)) as File
      }
    },
  })
}

let faulty: FaultyDisk
beforeEach(() => (faulty = new FaultyDisk()))

function open(engines: Partial<EngineLimits> = {}): Promise<Instance> {
  const host = { ...createRealHost(), disk: faulty.disk, log: () => undefined }
  return Instance.open({ host, directory: 'data', segmentBytes: 64 * 1024, engines }, name)
}

const databaseOf = (instance: Instance): Database => instance.databases.get(name)!

async function change<T>(database: Database, work: (tx: Transaction) => T): Promise<T> {
  const transaction = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  transaction.beginStatement()
  const result = work(transaction)
  const sequence = await Promise.resolve(transaction.commit()).catch((error: unknown) => {
    transaction.rollback()
    throw error
  })
  await new Promise<void>((resolve, reject) => {
    database.whenDurable(sequence, 'synced', (error) => (error === undefined ? resolve() : reject(error)))
  })
  return result
}

function create(database: Database, title: string, engine?: string): Promise<Collection> {
  return change(database, (tx) => {
    const namespace = tx.catalog.namespaces.get('test') ?? tx.createNamespace('test')
    return tx.createCollection(namespace, title, 'table', {}, engine)
  })
}

const collectionOf = (database: Database, title: string): Collection => database.catalog.findCollection('test', title)!

function write(database: Database, title: string, from: number, to: number, text: string): Promise<void> {
  return change(database, (tx) => put(tx, title, from, to, text))
}

function put(tx: Transaction, title: string, from: number, to: number, text: string): void {
  const { id } = tx.catalog.findCollection('test', title)!
  for (let n = from; n < to; n++) {
    tx.put(new KeyWriter(16).begin(id, 1).int64(n), sliceOf(Buffer.from(`${text} ${n}`)))
  }
}

async function rowsOf(database: Database, title: string): Promise<string[]> {
  const snapshot = database.pin()
  const pages = new PinnedPages()
  const cursor = snapshot.scan(keyspaceRange(collectionOf(database, title).id))
  const rows: string[] = []
  for (;;) {
    try {
      if (!cursor.next()) break
      rows.push(Buffer.from(copySlice(cursor.value)).toString())
    } catch (error) {
      if (!isMiss(error)) throw error
      await pages.load(snapshot, error)
    }
  }
  pages.release()
  snapshot.release()
  return rows
}

const texts = (from: number, to: number, text: string): string[] =>
  Array.from({ length: to - from }, (_, i) => `${text} ${from + i}`)

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

describe('a collection of an engine', () => {
  test('is there after a restart, with transactions that span it and the memory', async () => {
    let instance = await open()
    await create(databaseOf(instance), 'kept', 'sorted')
    await create(databaseOf(instance), 'beside')
    await change(databaseOf(instance), (tx) => {
      put(tx, 'kept', 0, 500, 'kept')
      put(tx, 'beside', 0, 3, 'beside')
    })
    for (const round of [1, 2, 3]) {
      await instance.close()
      instance = await open()
      const database = databaseOf(instance)
      expect(collectionOf(database, 'kept').engine).toBe('sorted')
      const found = [await rowsOf(database, 'kept'), await rowsOf(database, 'beside')]
      expect(found).toEqual([texts(0, 500, 'kept').slice(0, 501 - round), texts(0, 3, 'beside')])
      expect(database.recovered.replayed).toBe(0)
      const key = new KeyWriter(16).begin(collectionOf(database, 'kept').id, 1).int64(500 - round)
      await change(database, (tx) => tx.delete(key))
    }
    const folder = await folderOf(faulty.inner)
    expect(await faulty.inner.list(`${folder}/sorted`)).toEqual([expect.stringMatching(/^state-\d+$/)])
    await instance.close()
  })

  test('made, cleared and dropped, leaves nothing in its engine', async () => {
    const instance = await open()
    const database = databaseOf(instance)
    await create(database, 'one', 'sorted')
    await create(database, 'two', 'sorted')
    await write(database, 'one', 0, 100, 'one')
    await write(database, 'two', 0, 100, 'two')
    await database.checkpoint()
    await change(database, (tx) => tx.clearCollection(collectionOf(database, 'one')))
    await change(database, (tx) => tx.dropCollection(collectionOf(database, 'two')))
    await write(database, 'one', 7, 9, 'again')
    expect(await rowsOf(database, 'one')).toEqual(texts(7, 9, 'again'))
    await instance.close()
    const later = await open()
    const engine = databaseOf(later).engines!.store.at(1)
    expect(engine.statistics().keys).toBe(2)
    await later.close()
  })

  test('is refused where there is no such engine, or no directory', async () => {
    const instance = await open()
    await expect(create(databaseOf(instance), 'x', 'toad')).rejects.toMatchObject({ code: 'invalid_argument' })
    const inMemory = await openTestDatabase()
    await expect(create(inMemory, 'x', 'sorted')).rejects.toMatchObject({ code: 'unsupported' })
    await instance.close()
    await inMemory.close()
  })

  test('whose creation is taken back by its transaction leaves the next one as it is', async () => {
    const instance = await open()
    const database = databaseOf(instance)
    const transaction = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
    transaction.beginStatement()
    transaction.createCollection(transaction.createNamespace('test'), 'x', 'table', {}, 'sorted')
    transaction.rollback()
    await create(database, 'x')
    await write(database, 'x', 0, 3, 'memory')
    expect(database.engines!.isMemoryOnly).toBe(true)
    await instance.close()
  })

  test('is forked with its database, and each side goes on by itself', async () => {
    const instance = await open()
    const database = databaseOf(instance)
    await create(database, 'kept', 'sorted')
    await write(database, 'kept', 0, 50, 'both')
    await database.checkpoint()
    await write(database, 'kept', 50, 60, 'both')
    const fork = await database.fork('fork')
    await write(database, 'kept', 0, 5, 'parent')
    await write(fork, 'kept', 55, 60, 'fork')
    await fork.engines!.handOver()
    await database.checkpoint()
    expect(await rowsOf(fork, 'kept')).toEqual([...texts(0, 55, 'both'), ...texts(55, 60, 'fork')])
    expect(await rowsOf(database, 'kept')).toEqual([...texts(0, 5, 'parent'), ...texts(5, 60, 'both')])
    await fork.close()
    await instance.close()
    const folder = await folderOf(faulty.inner)
    expect(await faulty.inner.list(`${folder}/sorted`)).toHaveLength(1)
  })
})

describe('handing over', () => {
  test('begins by itself once there is enough, and empties the overlay', async () => {
    const instance = await open({ handOverBytes: 4096 })
    const database = databaseOf(instance)
    await create(database, 'kept', 'sorted')
    const engine = database.engines!.store
    for (let round = 0; round < 20; round++) await write(database, 'kept', round * 30, round * 30 + 30, 'row')
    await until(() => engine.at(1).statistics()['batches']! >= 2)
    await database.engines!.handOver()
    expect(engine.at(1).statistics()).toMatchObject({ overlayEntries: 0, keys: 600 })
    expect(await rowsOf(database, 'kept')).toEqual(texts(0, 600, 'row'))
    await instance.close()
  })

  test('trims the log no further than the bases are', async () => {
    let instance = await open()
    await create(databaseOf(instance), 'kept', 'sorted')
    await create(databaseOf(instance), 'beside')
    await write(databaseOf(instance), 'kept', 0, 10, 'first')
    faulty.fault = 'no-space'
    for (let round = 0; round < 40; round++) await write(databaseOf(instance), 'beside', 0, 200, `round ${round}`)
    const checkpoint = await databaseOf(instance).checkpoint()
    await instance.close()
    faulty.fault = undefined
    instance = await open()
    const { recovered } = databaseOf(instance)
    expect(recovered.replayed).toBeGreaterThan(40)
    expect(recovered.end).toBeGreaterThanOrEqual(checkpoint)
    expect(await rowsOf(databaseOf(instance), 'kept')).toEqual(texts(0, 10, 'first'))
    expect(await rowsOf(databaseOf(instance), 'beside')).toEqual(texts(0, 200, 'round 39'))
    await databaseOf(instance).checkpoint()
    expect((await databaseOf(instance).log.end()).oldest).toBeGreaterThan(1)
    await instance.close()
  })

  test('to a slow base makes writers wait, and nobody else', async () => {
    const instance = await open({ handOverBytes: 1000, overlayBytesMax: 10_000 })
    const database = databaseOf(instance)
    await create(database, 'kept', 'sorted')
    await create(database, 'beside')
    faulty.hold()
    await write(database, 'kept', 0, 200, 'much')
    let isWritten = false
    const waiting = write(database, 'kept', 200, 210, 'more').then(() => (isWritten = true))
    await write(database, 'beside', 0, 3, 'beside')
    expect(await rowsOf(database, 'kept')).toEqual(texts(0, 200, 'much'))
    expect(isWritten).toBe(false)
    faulty.letGo()
    await waiting
    expect(await rowsOf(database, 'kept')).toEqual([...texts(0, 200, 'much'), ...texts(200, 210, 'more')])
    await instance.close()
  })

  test('to a full disk loses nothing, refuses what does not fit any more, and goes on when there is space', async () => {
    const instance = await open({ handOverBytes: 1000, overlayBytesMax: 10_000 })
    const database = databaseOf(instance)
    await create(database, 'kept', 'sorted')
    await create(database, 'beside')
    faulty.fault = 'no-space'
    await write(database, 'kept', 0, 200, 'much')
    await expect(write(database, 'kept', 200, 201, 'refused')).rejects.toMatchObject({ code: 'disk_full' })
    await write(database, 'beside', 0, 3, 'beside')
    expect(await rowsOf(database, 'kept')).toEqual(texts(0, 200, 'much'))
    faulty.fault = undefined
    await database.engines!.handOver()
    await write(database, 'kept', 200, 201, 'later')
    expect(await rowsOf(database, 'kept')).toEqual([...texts(0, 200, 'much'), 'later 200'])
    await instance.close()
  })

  test('to a disk that fails makes the database read-only, and loses nothing', async () => {
    let instance = await open({ handOverBytes: 1000 })
    const database = databaseOf(instance)
    await create(database, 'kept', 'sorted')
    faulty.fault = 'io'
    await write(database, 'kept', 0, 200, 'much')
    await until(() => database.pipeline.failure !== undefined)
    await expect(write(database, 'kept', 0, 1, 'refused')).rejects.toMatchObject({ code: 'read_only' })
    expect(await rowsOf(database, 'kept')).toEqual(texts(0, 200, 'much'))
    await instance.close()
    faulty.fault = undefined
    instance = await open()
    expect(await rowsOf(databaseOf(instance), 'kept')).toEqual(texts(0, 200, 'much'))
    await instance.close()
  })
})

describe('a start', () => {
  /** A directory whose checkpoint notes how far its engine is. */
  async function filled(): Promise<string> {
    const instance = await open()
    await create(databaseOf(instance), 'kept', 'sorted')
    await write(databaseOf(instance), 'kept', 0, 100, 'row')
    await instance.close()
    return folderOf(faulty.inner)
  }

  const codeOfOpen = (): Promise<string> =>
    open().then(
      () => 'opened',
      (error: unknown) => (error as PolylogError).code,
    )

  test('notices an engine that is lost, or older than it was', async () => {
    const folder = await filled()
    const { inner } = faulty
    const [state] = await inner.list(`${folder}/sorted`)
    await inner.rename(`${folder}/sorted/${state}`, `${folder}/sorted/state-1`)
    expect(await codeOfOpen()).toBe('data_corrupted')
    await inner.remove(`${folder}/sorted/state-1`)
    expect(await codeOfOpen()).toBe('data_corrupted')
    await inner.remove(`${folder}/sorted`)
    const error = await open().catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(PolylogError)
    expect((error as PolylogError).message).toContain('the engine "sorted" holds the state at sequence 0, and had')
  })

  test('notices an engine that knows more than the log', async () => {
    const folder = await filled()
    const { inner } = faulty
    const [state] = await inner.list(`${folder}/sorted`)
    await inner.rename(`${folder}/sorted/${state}`, `${folder}/sorted/state-99999`)
    expect(await codeOfOpen()).toBe('data_corrupted')
  })

  test('notices a damaged note', async () => {
    const folder = await filled()
    const { inner } = faulty
    const [checkpoint] = await inner.list(`${folder}/checkpoint`)
    const file = await inner.open(`${folder}/checkpoint/${checkpoint}/engines`, { mode: 'write' })
    await file.writeAt(8, Buffer.from('9'))
    await file.close()
    expect(await codeOfOpen()).toBe('data_corrupted')
  })
})

describe('verifying', () => {
  let instance: Instance
  let database: Database
  beforeEach(async () => {
    instance = await open()
    database = databaseOf(instance)
    await create(database, 'kept', 'sorted')
    await create(database, 'beside')
    await write(database, 'kept', 0, 100, 'row')
    await database.checkpoint()
  })
  afterEach(() => instance.close())

  const found = async (): Promise<unknown[]> => {
    const { differences } = await database.verifyFiles()
    return differences.map(({ kind, where, message }) => [kind, where, message])
  }

  test('reads what the base has again, and finds nothing', async () => {
    expect(await database.verifyFiles()).toMatchObject({ differences: [], baseEntries: 100 })
    await write(database, 'kept', 100, 120, 'later')
    expect(await database.verifyFiles()).toMatchObject({ differences: [], baseEntries: 100 })
  })

  test('names a byte that the disk has changed, and looks at everything else', async () => {
    const folder = await folderOf(faulty.inner)
    const [state] = await faulty.inner.list(`${folder}/sorted`)
    const file = await faulty.inner.open(`${folder}/sorted/${state}`, { mode: 'write' })
    await file.writeAt(40, Buffer.from('!'))
    await file.close()
    expect(await found()).toEqual([
      [
        'unreadable',
        'engine sorted',
        expect.stringMatching(/sorted\/state-\d+ is damaged at byte 0: the checksum of block 0/),
      ],
    ])
  })

  test('names data that lies in another store than the catalog says', async () => {
    const { store } = database.engines!
    const mark = store.mark()
    const stray = new KeyWriter(16).begin(collectionOf(database, 'beside').id, 1).int64(1)
    const lost = new KeyWriter(16).begin(collectionOf(database, 'kept').id, 1).int64(1)
    store.at(1).put(stray, sliceOf(Buffer.from('stray')))
    store.memory.put(lost, sliceOf(Buffer.from('lost')))
    store.publish(store.current.sequence + 1)
    expect(await found()).toEqual([
      ['extra', 'engine memory', expect.stringContaining('which does not lie there')],
      ['extra', 'engine sorted', expect.stringContaining('which does not lie there')],
    ])
    mark.rollback()
    mark.release()
    expect(await found()).toEqual([])
  })

  test('names a collection that the routes lead elsewhere', async () => {
    database.engines!.store.route(collectionOf(database, 'beside').id, 1)
    expect(await found()).toEqual([
      ['different', 'test.beside', 'it lies in the engine "memory", and is looked for in another'],
    ])
  })
})
