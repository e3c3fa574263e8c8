/**
 * Group commit against a log that answers when the test says so, and as it says.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { PolylogError } from '../../base/errors.ts'
import { sliceOf, sliceToLatin1 } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { Host } from '../../host/host.ts'
import { createRealHost } from '../../host/real/real-host.ts'
import type { AppendBatch, CommitLog, Durability, Leader, Sequence } from '../../log/commit-log.ts'
import { LogError } from '../../log/commit-log.ts'
import { openMemoryStore } from '../../storage/memory/memory.ts'
import { LockWait } from '../contract.ts'
import { Database } from '../database.ts'
import { commitNow } from '../testing.ts'
import type { KernelTransaction } from '../transaction/transaction.ts'

interface Pending {
  readonly what: 'append' | 'flush'
  readonly level: Durability
  readonly through: Sequence
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** A leader whose appends and flushes wait in `pending` until the test lets them succeed or fail. */
class ScriptedLeader implements Leader {
  readonly epoch = 1
  readonly #ended = new AbortController()
  readonly lost = this.#ended.signal
  writtenThrough: Sequence = 0
  syncedThrough: Sequence = 0
  end: Sequence = 0
  onDurable: (() => void) | undefined
  pending: Pending[] = []

  async append(
    expectedEnd: Sequence,
    batch: AppendBatch,
    level: Durability,
  ): Promise<{ first: Sequence; last: Sequence }> {
    expect(expectedEnd).toBe(this.end)
    const through = expectedEnd + batch.count
    await this.#wait('append', level, through)
    this.end = through
    return { first: expectedEnd + 1, last: through }
  }

  beginStaging(): never {
    throw new Error('nothing is staged here')
  }

  stage(): never {
    throw new Error('nothing is staged here')
  }

  abandon(): void {}

  flush(level: Durability): Promise<void> {
    return this.#wait('flush', level, this.end)
  }

  #wait(what: 'append' | 'flush', level: Durability, through: Sequence): Promise<void> {
    return new Promise((resolve, reject) => this.pending.push({ what, level, through, resolve, reject }))
  }

  /** The oldest call succeeds, at the level that it asked for. */
  succeed(): void {
    const { level, through, resolve } = this.pending.shift()!
    if (level !== 'memory') this.writtenThrough = through
    if (level === 'synced') this.syncedThrough = through
    this.onDurable?.()
    resolve()
  }

  /** The oldest append is synced, and is not answered yet. */
  sync(): void {
    this.writtenThrough = this.syncedThrough = this.pending[0]!.through
    this.onDurable?.()
  }

  fail(error: Error): void {
    this.pending.shift()!.reject(error)
  }

  /** As a file log whose disk has failed: the oldest call fails, and so does whatever is asked of it later. */
  breakDown(): void {
    const failure = new LogError('unknown', 'sync failed')
    this.#ended.abort(failure)
    this.fail(failure)
  }

  lose(reason: LogError): void {
    this.#ended.abort(reason)
  }

  /** What `resolve` answers, in order; an error is thrown. */
  readonly outcomes: ('committed' | 'absent' | LogError)[] = []

  async resolve(expectedEnd: Sequence): Promise<'committed' | 'absent'> {
    expect(expectedEnd).toBe(this.end)
    const outcome = this.outcomes.shift()
    if (typeof outcome !== 'string') throw outcome ?? new Error('nobody has said what became of the append')
    return outcome
  }

  async renew(): Promise<void> {}
  async release(): Promise<void> {}
}

let leader: ScriptedLeader
let log: CommitLog
let host: Host
let database: Database
let clockUs: number
let timers: (() => void)[]

beforeEach(async () => {
  leader = new ScriptedLeader()
  log = {
    limits: { maxBatchBytes: 1e9, durability: 'disk-local' },
    acquire: async () => leader,
    end: async () => ({ end: 0, epoch: 1, oldest: 1 }),
    read: () => ({ [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }) }),
    trim: async () => undefined,
    describe: () => [],
    close: async () => undefined,
  }
  clockUs = 0
  timers = []
  const at = (delayMs: number, run: () => void): (() => void) => {
    if (delayMs < 100) {
      const soon = setImmediate(run)
      return () => clearImmediate(soon)
    }
    // What the store keeps is looked at again in between.
    if (delayMs >= 1000) timers.push(run)
    return () => undefined
  }
  host = { ...createRealHost(), monotonic: () => clockUs, at }
  database = await Database.open({ host, name: 'test', log, store: await openMemoryStore(host, undefined) })
})

afterEach(async () => {
  const closing = database.close()
  for (let i = 0; i < 4; i++) {
    await turns()
    while (leader.pending.length > 0) leader.succeed()
  }
  await closing
})

const keyOf = (name: string): KeyWriter => new KeyWriter(32).begin(20, 1).string(name)
const noSpace = (): LogError => new LogError('no-space', 'the disk is full')

function begin(): KernelTransaction {
  return database.begin({ isolation: 'repeatable read', readOnly: false, interactive: true })
}

function write(transaction: KernelTransaction, name: string, value: string): void {
  transaction.beginStatement()
  transaction.put(keyOf(name), sliceOf(Buffer.from(value)))
  transaction.leaveTurn(false)
}

function read(transaction: KernelTransaction, name: string): string | undefined {
  transaction.beginStatement()
  const found = transaction.get(keyOf(name))
  const text = found === undefined ? undefined : sliceToLatin1(found)
  transaction.leaveTurn(false)
  return text
}

function commit(name: string, value: string): Sequence {
  const transaction = begin()
  write(transaction, name, value)
  try {
    return commitNow(transaction)
  } finally {
    transaction.rollback()
  }
}

function readNow(name: string): string | undefined {
  const transaction = begin()
  const value = read(transaction, name)
  transaction.rollback()
  return value
}

/** What the waiter was told, as soon as it is. */
function watch(sequence: Sequence, level: Durability = 'synced'): { told: string | undefined } {
  const watched: { told: string | undefined } = { told: undefined }
  database.whenDurable(sequence, level, (error) => (watched.told = error === undefined ? 'durable' : error.code))
  return watched
}

async function turns(): Promise<void> {
  for (let i = 0; i < 6; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** All appends up to this sequence. */
async function succeedThrough(sequence: Sequence): Promise<void> {
  for (let end = 0; end < sequence;) {
    await turns()
    end = leader.pending[0]!.through
    leader.succeed()
  }
  await turns()
}

function codeOf(run: () => unknown): string {
  try {
    run()
    return 'done'
  } catch (error) {
    if (error instanceof LockWait) return 'waits'
    return (error as PolylogError).code
  }
}

describe('group commit', () => {
  test('takes what one turn commits in one append, and the rest while it is in flight in the next', async () => {
    const [a, b] = [watch(commit('a', '1')), watch(commit('b', '1'))]
    await turns()
    expect(leader.pending.map(({ through }) => through)).toEqual([2])
    const c = watch(commit('c', '1'))
    await turns()
    expect(leader.pending).toHaveLength(1)
    expect([a.told, b.told]).toEqual([undefined, undefined])
    leader.succeed()
    expect([a.told, b.told, c.told]).toEqual(['durable', 'durable', undefined])
    await turns()
    expect(leader.pending.map(({ through }) => through)).toEqual([3])
    leader.succeed()
    expect(c.told).toBe('durable')
  })

  test('asks for the strictest level that anybody waits for, and tells each at its own', async () => {
    const sequence = commit('a', '1')
    const memory = watch(sequence, 'memory')
    expect(memory.told).toBe('durable')
    const written = watch(commit('b', '1'), 'written')
    await turns()
    expect(leader.pending[0]?.level).toBe('written')
    const synced = watch(sequence, 'synced')
    leader.succeed()
    expect([written.told, synced.told]).toEqual(['durable', undefined])
    await turns()
    expect(leader.pending.map(({ what, level }) => [what, level])).toEqual([['flush', 'synced']])
    leader.succeed()
    expect(synced.told).toBe('durable')
  })

  test('is settled when the log has answered, although it was synced before: the store lets go of its ways back', async () => {
    const sequence = commit('a', '1')
    const watched = watch(sequence)
    let isSettled = false
    void database.pipeline.settled().then(() => (isSettled = true))
    await turns()
    leader.sync()
    await turns()
    expect([watched.told, isSettled, database.store.statistics()['marks']]).toEqual(['durable', false, 2])
    leader.succeed()
    await turns()
    expect([isSettled, database.store.statistics()['marks']]).toEqual([true, 1])
  })

  test('what nobody waits for is handed over all the same', async () => {
    commit('a', '1')
    await turns()
    expect(leader.pending.map(({ level }) => level)).toEqual(['memory'])
  })
})

describe('a checkpoint', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polylog-checkpoint-'))
  })

  afterEach(() => rm(folder, { recursive: true }))

  test('that holds what a full disk took back while it was written does not count', async () => {
    const store = await openMemoryStore(host, undefined)
    const write = store.checkpoint.bind(store)
    let goOn = (): void => undefined
    const opened = new Promise<void>((resolve) => (goOn = resolve))
    let pinned = (): void => undefined
    const writing = new Promise<void>((resolve) => (pinned = resolve))
    store.checkpoint = async (...target) => {
      const written = write(...target)
      pinned()
      await opened
      return written
    }
    await database.close()
    database = await Database.open({ host, name: 'test', log, store, checkpointFolder: folder })
    commit('a', 'never was')
    const outcome = database.checkpoint().then(String, (error: unknown) => (error as PolylogError).code)
    await writing
    await turns()
    leader.fail(noSpace())
    await turns()
    clockUs += 2_000_000
    const kept = watch(commit('b', 'kept'))
    await succeedThrough(3)
    expect(kept.told).toBe('durable')
    goOn()
    expect(await outcome).toBe('disk_full')
    expect(await readdir(folder)).toEqual([])
    store.checkpoint = () => Promise.reject(new Error('the folder goes away'))
  })
})

describe('a full disk', () => {
  test('takes back the batch and what was committed behind it, and dooms who has seen it', async () => {
    const first = watch(commit('a', 'old'))
    await turns()
    leader.succeed()
    expect(first.told).toBe('durable')
    const before = begin()
    expect(read(before, 'a')).toBe('old')
    const refused = watch(commit('a', 'new'))
    await turns()
    const behind = watch(commit('b', 'new'))
    const saw = begin()
    expect(read(saw, 'a')).toBe('new')
    leader.fail(noSpace())
    await turns()
    expect([refused.told, behind.told]).toEqual(['disk_full', 'disk_full'])
    expect([readNow('a'), readNow('b')]).toEqual(['old', undefined])
    expect(codeOf(() => read(saw, 'a'))).toBe('disk_full')
    expect(codeOf(() => saw.commit())).toBe('disk_full')
    expect(read(before, 'a')).toBe('old')
    saw.rollback()
    before.rollback()
    expect(database.newestSequence).toBe(4)
  })

  test('is not settled before what is left is synced', async () => {
    let isSettled = false
    watch(commit('a', 'left'), 'written')
    await turns()
    leader.succeed()
    watch(commit('a', 'refused'))
    void database.pipeline.settled().then(() => (isSettled = true))
    await turns()
    leader.fail(noSpace())
    await turns()
    expect([readNow('a'), isSettled]).toEqual(['left', false])
    for (const run of timers.splice(0)) run()
    await turns()
    expect(leader.pending).toMatchObject([{ what: 'flush', level: 'synced' }])
    leader.succeed()
    await turns()
    expect(isSettled).toBe(true)
  })

  test('refuses writes for a second, then lets one try', async () => {
    watch(commit('a', '1'))
    await turns()
    leader.fail(noSpace())
    await turns()
    expect(codeOf(() => commit('a', '2'))).toBe('disk_full')
    expect(readNow('a')).toBeUndefined()
    clockUs += 1_100_000
    const again = commit('a', '3')
    expect(again).toBe(3)
    const told = watch(again)
    expect(codeOf(() => commit('b', '1'))).toBe('disk_full')
    await turns()
    expect(codeOf(() => commit('b', '1'))).toBe('disk_full')
    await succeedThrough(3)
    expect(told.told).toBe('durable')
    expect(readNow('a')).toBe('3')
    expect(commit('b', '1')).toBe(4)
  })

  test('burns the sequences that it refused: nobody who has seen them takes another for them', async () => {
    watch(commit('a', 'kept'))
    await succeedThrough(1)
    const watched = begin()
    expect(read(watched, 'a')).toBe('kept')
    const refused = commit('a', 'refused')
    const waiter = watch(refused, 'written')
    const sessionSaw = database.newestSequence
    const watchedSince = sessionSaw
    database.conflicts.open(watchedSince)
    await turns()
    leader.fail(noSpace())
    await turns()
    expect(waiter.told).toBe('disk_full')

    const reader = begin()
    expect(read(reader, 'a')).toBe('kept')
    expect(watch(commitNow(reader)).told).toBe('durable')
    const key = sliceToLatin1(keyOf('a'))
    expect(database.conflicts.changed(key, `${key}\0`, watchedSince)).toBe(true)
    expect(database.conflicts.changed(key, `${key}\0`, database.newestSequence)).toBe(false)

    clockUs += 1_100_000
    const later = commit('b', 'kept')
    expect(later).toBeGreaterThan(Math.max(sessionSaw, reader.sequence))
    expect(watch(reader.sequence).told).toBe('durable')
    expect([sessionSaw, reader.sequence, later].map((n) => database.isDurable(n, 'synced'))).toEqual([
      false,
      true,
      false,
    ])
    const kept = watch(later)
    await succeedThrough(later)
    expect(kept.told).toBe('durable')
    for (const level of ['memory', 'written', 'synced'] as const) {
      expect(watch(sessionSaw, level).told).toBe('disk_full')
      expect([sessionSaw, reader.sequence, later].map((n) => database.isDurable(n, level))).toEqual([false, true, true])
    }
    expect(watch(reader.sequence).told).toBe('durable')
    database.conflicts.close(watchedSince)
    watched.rollback()
  })

  test('that stays full burns on, and what was read in between is as durable as what is left', async () => {
    const first = commit('a', 'kept')
    watch(first, 'written')
    await turns()
    leader.succeed()
    await turns()
    const seen: Sequence[] = []
    const refused: Sequence[] = []
    for (let round = 0; round < 3; round++) {
      clockUs += 1_100_000
      refused.push(commit('a', 'refused'))
      watch(refused.at(-1)!)
      await turns()
      leader.fail(noSpace())
      await turns()
      expect(readNow('a')).toBe('kept')
      seen.push(database.newestSequence)
    }
    expect(new Set([first, ...seen, ...refused]).size).toBe(7)
    const readers = seen.map((sequence) => watch(sequence))
    expect(readers.map(({ told }) => told)).toEqual([undefined, undefined, undefined])
    expect(seen.map((sequence) => watch(sequence, 'written').told)).toEqual(['durable', 'durable', 'durable'])
    await turns()
    expect(leader.pending.map(({ what }) => what)).toEqual(['flush'])
    leader.succeed()
    expect(readers.map(({ told }) => told)).toEqual(['durable', 'durable', 'durable'])
    expect(refused.map((sequence) => watch(sequence).told)).toEqual(['disk_full', 'disk_full', 'disk_full'])
  })

  test('that has room for what was burned, and none for what follows, goes back once more', async () => {
    watch(commit('a', 'kept'))
    await succeedThrough(1)
    watch(commit('a', 'refused'))
    await turns()
    leader.fail(noSpace())
    await turns()
    clockUs += 1_100_000
    const again = watch(commit('a', 'refused again'))
    await turns()
    expect(leader.pending.map(({ through }) => through)).toEqual([3])
    leader.succeed()
    await turns()
    leader.fail(noSpace())
    await turns()
    expect(again.told).toBe('disk_full')
    expect(readNow('a')).toBe('kept')
    expect(watch(database.newestSequence).told).toBe('durable')
    clockUs += 1_100_000
    const kept = watch(commit('a', 'kept again'))
    await succeedThrough(6)
    expect(kept.told).toBe('durable')
  })

  test('dooms nobody who has read between two refusals', async () => {
    commit('a', 'refused')
    await turns()
    leader.fail(noSpace())
    await turns()
    const between = begin()
    expect(read(between, 'a')).toBeUndefined()
    clockUs += 1_100_000
    commit('a', 'refused')
    const saw = begin()
    expect(read(saw, 'a')).toBe('refused')
    await turns()
    leader.fail(noSpace())
    await turns()
    expect(read(between, 'a')).toBeUndefined()
    expect(codeOf(() => read(saw, 'a'))).toBe('disk_full')
    between.rollback()
    saw.rollback()
  })

  test('a waiter whose transaction has been doomed stops waiting', async () => {
    const holder = begin()
    write(holder, 'k', '1')
    commit('a', '1')
    await turns()
    const waiting = begin()
    expect(read(waiting, 'a')).toBe('1')
    let wait: LockWait | undefined
    try {
      write(waiting, 'k', '2')
    } catch (error) {
      wait = error as LockWait
    }
    leader.fail(noSpace())
    await expect(wait!.granted).rejects.toMatchObject({ code: 'disk_full' })
    holder.rollback()
    waiting.rollback()
    expect(database.locks.size).toBe(0)
  })

  test('takes back deletes, ranges and schema changes too', async () => {
    const setup = begin()
    setup.beginStatement()
    const namespace = setup.createNamespace('kept')
    for (const name of ['a', 'b', 'c', 'd']) setup.put(keyOf(name), sliceOf(Buffer.from('old')))
    setup.leaveTurn(false)
    watch(commitNow(setup))
    await turns()
    leader.succeed()
    await turns()
    const doomed = begin()
    doomed.beginStatement()
    doomed.createCollection(namespace, 'gone', 'document', {})
    doomed.put(keyOf('bb'), sliceOf(Buffer.from('new')))
    doomed.deleteRange({ start: keyOf('b'), end: keyOf('d') })
    doomed.put(keyOf('c'), sliceOf(Buffer.from('new')))
    doomed.delete(keyOf('a'))
    doomed.leaveTurn(false)
    watch(commitNow(doomed))
    expect(readNow('c')).toBe('new')
    await turns()
    leader.fail(noSpace())
    await turns()
    expect(['a', 'b', 'bb', 'c', 'd'].map(readNow)).toEqual(['old', 'old', undefined, 'old', 'old'])
    expect(database.catalog.collectionsOf('kept')).toEqual([])
    expect(database.catalog.namespaces.size).toBe(1)
  })

  test('what waits for a sequence that was taken back is told so', async () => {
    const sequence = commit('a', '1')
    await turns()
    leader.fail(noSpace())
    await turns()
    expect(watch(sequence, 'synced').told).toBe('disk_full')
    expect(watch(sequence, 'memory').told).toBe('disk_full')
  })

  test('numbers that a refused record made good for are made good for again', async () => {
    const numbered = (): number => {
      const transaction = begin()
      transaction.beginStatement()
      const number = transaction.services.nextNumber()
      transaction.put(keyOf('n'), sliceOf(Buffer.from('1')))
      transaction.leaveTurn(false)
      commitNow(transaction)
      return number
    }
    numbered()
    await turns()
    leader.fail(noSpace())
    await turns()
    clockUs += 1_100_000
    const given = numbered()
    const bound = database.store.current.get(new KeyWriter(8).begin(0, 5))
    expect(Buffer.from(bound!.bytes.subarray(bound!.start, bound!.end)).readBigUInt64LE()).toBeGreaterThan(
      BigInt(given),
    )
  })

  test('a flush that finds no space is not asked for again and again', async () => {
    const sequence = commit('a', '1')
    await turns()
    leader.succeed()
    await turns()
    const told = watch(sequence)
    await turns()
    let flushes = 0
    for (let i = 0; i < 20; i++) {
      while (leader.pending.length > 0) {
        expect(leader.pending[0]!.what).toBe('flush')
        flushes++
        leader.fail(noSpace())
      }
      await turns()
    }
    expect(flushes).toBe(1)
    expect(told.told).toBeUndefined()
    expect(readNow('a')).toBe('1')
    expect(timers).toHaveLength(1)
    timers[0]!()
    await turns()
    leader.succeed()
    expect(told.told).toBe('durable')
  })
})

describe('a failed sync', () => {
  test('leaves the state that was durable last, for reading only', async () => {
    watch(commit('a', 'durable'))
    await turns()
    leader.succeed()
    await turns()
    const old = begin()
    expect(read(old, 'a')).toBe('durable')
    const lost = watch(commit('a', 'lost'))
    await turns()
    const behind = watch(commit('b', 'lost'))
    const saw = begin()
    expect(read(saw, 'a')).toBe('lost')
    leader.breakDown()
    await turns()
    expect([lost.told, behind.told]).toEqual(['outcome_unknown', 'not_leading'])
    expect([readNow('a'), readNow('b')]).toEqual(['durable', undefined])
    expect(codeOf(() => read(saw, 'a'))).toBe('outcome_unknown')
    expect(read(old, 'a')).toBe('durable')
    expect(codeOf(() => commit('c', '1'))).toBe('read_only')
    expect(readNow('c')).toBeUndefined()
    expect(database.newestSequence).toBe(1)
    expect(watch(1).told).toBe('durable')
    expect(leader.pending).toEqual([])
    saw.rollback()
    old.rollback()
  })

  test('goes back to what was synced, not to what was written', async () => {
    watch(commit('a', 'synced'))
    await turns()
    leader.succeed()
    await turns()
    watch(commit('a', 'written'), 'written')
    await turns()
    leader.succeed()
    await turns()
    watch(commit('a', 'lost'))
    await turns()
    leader.breakDown()
    await turns()
    expect(readNow('a')).toBe('synced')
    expect(database.catalog.namespaces.size).toBe(0)
  })

  test('lets no fork hold what is gone, nor be made of it', async () => {
    commit('a', 'never was')
    const early = database.fork('early').then(String, (error: unknown) => (error as PolylogError).code)
    await turns()
    leader.breakDown()
    expect(await early).toBe('outcome_unknown')
    await expect(database.fork('late')).rejects.toMatchObject({ code: 'read_only' })
  })
})

describe('a commit in slices', () => {
  const many = 2500

  function commitMany(): { readonly transaction: KernelTransaction; readonly ended: Promise<string | Sequence> } {
    const transaction = begin()
    transaction.beginStatement()
    for (let n = 0; n < many; n++) transaction.put(keyOf(`many ${n}`), sliceOf(Buffer.from('new')))
    transaction.leaveTurn(false)
    const committing = transaction.commit()
    expect(committing).toBeInstanceOf(Promise)
    const ended = Promise.resolve(committing).catch((error: unknown) => (error as PolylogError).code)
    return { transaction, ended }
  }

  const countMany = (): number | undefined =>
    database.newest.count({ start: keyOf('many'), end: new KeyWriter(32).begin(20, 1).string('n') })

  test('is a batch by itself, with what was committed before and after it in others', async () => {
    const before = watch(commit('a', 'before'))
    await turns()
    const inFlight = watch(commit('b', 'before'))
    const { ended } = commitMany()
    const sequence = (await ended) as Sequence
    const after = watch(commit('a', 'after'))
    const large = watch(sequence)
    expect([sequence, countMany()]).toEqual([3, many])
    await succeedThrough(4)
    expect([before, inFlight, large, after].map(({ told }) => told)).toEqual(Array(4).fill('durable'))
    expect(database.store.statistics()).toMatchObject({ marks: 1 })
  })

  test('that the log refuses is taken back whole, and so is what came after it', async () => {
    await commitAndSucceed()
    const { ended } = commitMany()
    const sequence = (await ended) as Sequence
    const asker = begin()
    read(asker, 'many 7')
    database.conflicts.open(sequence)
    const large = watch(sequence)
    const after = watch(commit('many 7', 'after'))
    await turns()
    expect([countMany(), database.store.statistics().keys]).toEqual([many, many + 2])
    leader.fail(noSpace())
    await turns()
    expect([large.told, after.told, countMany()]).toEqual(['disk_full', 'disk_full', 0])
    expect([readNow('a'), database.store.current.sequence]).toEqual(['durable', 1])
    expect(codeOf(() => write(asker, 'many 7', 'x'))).toBe('disk_full')
    asker.rollback()
    const name = sliceToLatin1(keyOf('many 8'))
    expect(database.conflicts.lastChange(name)).toBe(database.newestSequence)
    database.conflicts.close(sequence)
    clockUs += 1_100_000
    const again = watch(commit('b', 'again'))
    await succeedThrough(again.told === undefined ? database.newestSequence : 0)
    expect([again.told, readNow('b')]).toEqual(['durable', 'again'])
    const { ended: second } = commitMany()
    while (leader.pending.length > 0) leader.succeed()
    expect(typeof (await second)).toBe('number')
    expect(countMany()).toBe(many)
  })

  test('is refused where the disk turns out to be full while it is prepared', async () => {
    await commitAndSucceed()
    const lost = watch(commit('a', 'lost'))
    await turns()
    const { transaction, ended } = commitMany()
    for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve))
    expect(database.store.statistics()).toMatchObject({ drafts: 1 })
    leader.fail(noSpace())
    expect(await ended).toBe('disk_full')
    transaction.rollback()
    expect([lost.told, readNow('a'), countMany()]).toEqual(['disk_full', 'durable', 0])
    expect(database.store.statistics()).toMatchObject({ drafts: 0 })
  })

  test('is not known to have happened where the log fails after it', async () => {
    await commitAndSucceed()
    const { ended } = commitMany()
    const large = watch((await ended) as Sequence)
    await turns()
    leader.breakDown()
    await turns()
    expect([large.told, countMany(), readNow('a')]).toEqual(['outcome_unknown', 0, 'durable'])
  })

  async function commitAndSucceed(): Promise<void> {
    watch(commit('a', 'durable'))
    await succeedThrough(1)
  }
})

describe('a commit that the store cannot take', () => {
  test.each(['success', 'failure'])(
    'leaves what was synced, and nothing in the log, after %s in flight',
    async (end) => {
      watch(commit('a', 'durable'))
      await succeedThrough(1)
      const inFlight = watch(commit('b', 'in flight'))
      await turns()
      const put = database.store.put.bind(database.store)
      let puts = 0
      database.store.put = (key, value) => {
        if (++puts === 2) throw new RangeError('Array buffer allocation failed')
        put(key, value)
      }
      const large = begin()
      for (const name of ['a', 'c']) write(large, name, 'half')
      expect(codeOf(() => large.commit())).toBe('outcome_unknown')
      large.rollback()
      database.store.put = put
      expect(codeOf(() => commit('d', '1'))).toBe('read_only')
      expect(inFlight.told).toBe('outcome_unknown')
      expect(['a', 'b', 'c', 'd'].map(readNow)).toEqual(['durable', undefined, undefined, undefined])
      if (end === 'success') leader.succeed()
      else leader.fail(noSpace())
      await turns()
      expect([leader.pending, leader.end]).toEqual([[], end === 'success' ? 2 : 1])
      expect(['a', 'b'].map(readNow)).toEqual(['durable', undefined])
    },
  )
})

describe('the end', () => {
  test('comes on a full disk too, is told to who still waits, and asks nothing of the log later', async () => {
    const sequence = commit('a', '1')
    await turns()
    leader.succeed()
    await turns()
    const told = watch(sequence)
    await turns()
    leader.fail(noSpace())
    await turns()
    const closed = database.close()
    await turns()
    expect(told.told).toBeUndefined()
    for (const run of timers.splice(0)) run()
    await turns()
    while (leader.pending.length > 0) leader.fail(noSpace())
    await closed
    expect(told.told).toBe('outcome_unknown')
    for (const run of timers.splice(0)) run()
    await turns()
    expect(leader.pending).toEqual([])
  })

  test('begins nothing more, and a second call waits for the same', async () => {
    const sequence = commit('a', '1')
    const first = database.close()
    expect(codeOf(begin)).toBe('shutting_down')
    const order: string[] = []
    const second = database.close().then(() => order.push('closed'))
    await turns()
    expect(order).toEqual([])
    expect(leader.pending.map(({ through }) => through)).toEqual([sequence])
    leader.succeed()
    await Promise.all([first, second])
  })
})
