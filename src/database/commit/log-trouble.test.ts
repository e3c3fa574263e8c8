/** What a database does about each trouble of its log: the table of `commit-pipeline.ts`. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { PolylogError } from '../../base/errors.ts'
import { sliceOf, sliceToLatin1 } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { SimulatedProcess } from '../../host/simulated/simulated-process.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import { LogError } from '../../log/commit-log.ts'
import { FaultyLog, type LogFault } from '../../log/faulty-log.ts'
import { openMemoryLog } from '../../log/memory-log.ts'
import { SharedLog } from '../../log/shared-log.ts'
import { openMemoryStore } from '../../storage/memory/memory.ts'
import type { Sequence } from '../contract.ts'
import { Database } from '../database.ts'
import { Member } from '../following/member.ts'
import { commitNow } from '../testing.ts'

let world: SimulatedWorld
let host: SimulatedProcess
let shared: SharedLog
let log: FaultyLog
let faults: (LogFault | undefined)[]
let member: Member

const patienceMs = 300

beforeEach(async () => {
  world = new SimulatedWorld(1)
  host = world.startProcess('server')
  faults = []
  shared = new SharedLog(openMemoryLog())
  log = new FaultyLog(shared.open(), { host, next: () => faults.shift() })
  member = await open('a', log)
})

async function open(owner: string, its: FaultyLog | ReturnType<SharedLog['open']>): Promise<Member> {
  const store = await openMemoryStore(host, undefined)
  const leadership = { owner, ttlMs: 400, patienceMs }
  return world.complete(
    Member.open({ host, name: owner, log: its, store, leadership }, owner === 'a' ? 'lead' : 'follow'),
  )
}

const keyOf = (name: string): KeyWriter => new KeyWriter(32).begin(20, 1).string(name)

function commit(name: string, value: string, database = member.database): Sequence {
  const transaction = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  transaction.beginStatement()
  try {
    transaction.put(keyOf(name), sliceOf(Buffer.from(value)))
    return commitNow(transaction)
  } finally {
    transaction.rollback()
  }
}

function read(name: string, database = member.database): string | undefined {
  const found = database.newest.get(keyOf(name))
  return found === undefined ? undefined : sliceToLatin1(found)
}

/** What who waits for a commit is told. */
function told(sequence: Sequence, database = member.database): Promise<string> {
  return new Promise((resolve) => {
    database.whenDurable(sequence, 'synced', (error) => resolve(error?.code ?? 'durable'))
  })
}

function codeOf(run: () => unknown): string {
  try {
    run()
    return 'done'
  } catch (error) {
    return (error as PolylogError).code
  }
}

async function inLog(name: string): Promise<string | undefined> {
  const other = await open('reader', shared.open())
  const value = read(name, other.database)
  await world.complete(other.close())
  return value
}

describe('an answer that was lost', () => {
  test.each([true, false])('is found out: the append was made %s', async (isDone) => {
    faults = [{ kind: 'unknown', isDone }]
    const first = told(commit('a', '1'))
    expect(await world.complete(first)).toBe('durable')
    expect(await world.complete(told(commit('b', '1')))).toBe('durable')
    expect([await inLog('a'), await inLog('b')]).toEqual(['1', '1'])
    expect((await log.end()).end).toBe(2)
    expect(member.database.pipeline.state).toBe('leading')
  })

  test('is found out when the log can be reached again', async () => {
    faults = [{ kind: 'unknown', isDone: true, thenDownMs: 50 }]
    const outcome = told(commit('a', '1'))
    await world.run({ until: () => member.database.pipeline.state === 'resolving' })
    expect(await world.complete(outcome)).toBe('durable')
    expect((await log.end()).end).toBe(1)
    expect(await inLog('a')).toBe('1')
  })

  test.each([true, false])('is found out where another one leads since, from the log: made %s', async (isDone) => {
    faults = [{ kind: 'unknown', isDone, thenDownMs: 50 }]
    const before = member.database
    const outcome = told(commit('a', '1'))
    await world.run({ until: () => log.struck.unknown === 1 })
    const behind = told(commit('b', '1'))
    await log.fence(3)
    expect(await world.complete(Promise.all([outcome, behind]))).toEqual([
      isDone ? 'durable' : 'not_leading',
      'not_leading',
    ])
    expect([read('a', before), read('b', before)]).toEqual([isDone ? '1' : undefined, undefined])
    await world.complete(member.database.role.waitFor(isDone ? 4 : 3))
    expect(read('a')).toBe(isDone ? '1' : undefined)
  })

  test('that nobody can find out is told as such, and what came behind it as not done', async () => {
    faults = [{ kind: 'unknown', isDone: true, thenDownMs: 5_000 }]
    const outcome = told(commit('a', '1'))
    await world.run({ until: () => log.struck.unknown === 1 })
    const behind = told(commit('b', '1'))
    expect(await world.complete(Promise.all([outcome, behind]))).toEqual(['outcome_unknown', 'not_leading'])
    expect(codeOf(() => commit('c', '1'))).toBe('not_leading')
    // It is there after all, and so it comes back.
    await world.complete(member.database.role.waitFor(1))
    expect([read('a'), read('b')]).toEqual(['1', undefined])
  })
})

test('an append that is still on its way when the leader gives up may yet arrive', async () => {
  faults = [{ kind: 'slow', byMs: 2_000 }]
  const outcome = told(commit('a', '1'))
  await world.run({ until: () => log.struck.slow === 1 })
  const behind = told(commit('b', '1'))
  member.database.pipeline.stepDown(new LogError('unavailable', 'for the test'))
  expect(await world.complete(Promise.all([outcome, behind]))).toEqual(['outcome_unknown', 'not_leading'])
  expect(read('a')).toBeUndefined()
  await world.complete(member.database.role.waitFor(1))
  expect([read('a'), read('b')]).toEqual(['1', undefined])
})

describe('a log that cannot be reached', () => {
  test('is waited for: what was committed meanwhile gets there, in order', async () => {
    expect(await world.complete(told(commit('a', '1')))).toBe('durable')
    log.goDown(patienceMs / 2)
    const waiting = [told(commit('a', '2')), told(commit('b', '1'))]
    await world.run({ until: () => member.database.pipeline.state === 'waiting' })
    waiting.push(told(commit('c', '1')))
    // What is durable can be told all the while.
    expect(member.database.isDurable(1, 'synced')).toBe(true)
    expect(member.database.isDurable(2, 'synced')).toBe(false)
    expect(await world.complete(Promise.all(waiting))).toEqual(['durable', 'durable', 'durable'])
    expect(member.database.pipeline.retries).toBeGreaterThan(2)
    expect([await inLog('a'), await inLog('c')]).toEqual(['2', '1'])
  })

  test('for too long is given up: nothing of what waited is done, and reads are of what is durable', async () => {
    expect(await world.complete(told(commit('a', 'durable')))).toBe('durable')
    log.goDown(5_000)
    const before = member.database
    const saw = before.begin({ isolation: 'repeatable read', readOnly: true, interactive: true })
    const outcome = told(commit('a', 'lost'))
    const sees = before.begin({ isolation: 'repeatable read', readOnly: true, interactive: true })
    for (const transaction of [saw, sees]) transaction.beginStatement()
    for (const transaction of [saw, sees]) transaction.leaveTurn(false)
    expect(await world.complete(outcome)).toBe('not_leading')
    expect([read('a', before), read('a')]).toEqual(['durable', 'durable'])
    expect([codeOf(() => commit('b', '1')), codeOf(() => commit('b', '1', before))]).toEqual([
      'not_leading',
      'not_leading',
    ])
    expect(before.pipeline.state).toBe('stepped down')
    expect(member.database.pipeline.state).toBe('following')
    expect(sees.doomed?.code).toBe('not_leading')
    for (const transaction of [saw, sees]) transaction.rollback()
    await world.complete(member.lead())
    expect(await world.complete(told(commit('a', 'again')))).toBe('durable')
    expect(await inLog('a')).toBe('again')
  })

  test('lets only so much wait for it', async () => {
    const store = await openMemoryStore(host, undefined)
    const small = new FaultyLog(openMemoryLog(), { host, next: () => undefined })
    const database = await world.complete(
      Database.open({ host, name: 'small', log: small, store, maxWaitingBytes: 2_000 }),
    )
    small.goDown(200)
    const value = 'v'.repeat(500)
    const first = told(commit('0', value, database), database)
    await world.run({ until: () => database.pipeline.state === 'waiting' })
    const codes = Array.from({ length: 6 }, (_, i) => codeOf(() => commit(`${i}`, value, database)))
    expect(codes.filter((code) => code === 'done').length).toBeLessThan(5)
    expect(codes.at(-1)).toBe('not_leading')
    expect(await world.complete(first)).toBe('durable')
    await world.complete(database.pipeline.settled())
    expect(codeOf(() => commit('after', value, database))).toBe('done')
    await world.complete(database.close())
  })
})

describe('another leader', () => {
  test('takes over: what was not in the log is told as not done, and what follows is followed', async () => {
    const other = await open('b', shared.open())
    const before = member.database
    expect(await world.complete(told(commit('a', '1')))).toBe('durable')
    const open1 = before.begin({ isolation: 'read committed', readOnly: false, interactive: true })
    open1.beginStatement()
    open1.put(keyOf('open'), sliceOf(Buffer.from('1')))
    open1.leaveTurn(false)
    await world.complete(other.lead())
    await world.complete(told(commit('b', '2', other.database), other.database))
    expect(open1.doomed?.code).toBe('not_leading')
    expect(codeOf(() => commit('c', '3', before))).toBe('not_leading')
    await world.complete(member.database.role.waitFor(2))
    expect([read('a'), read('b'), read('c')]).toEqual(['1', '2', undefined])
    expect(before.successor).toBe(member.database)
    await world.complete(member.lead())
    expect(await world.complete(told(commit('c', '4')))).toBe('durable')
    await world.complete(other.database.role.waitFor(3))
    expect(read('c', other.database)).toBe('4')
    await world.complete(other.close())
  })

  test('is found by an append that it fences', async () => {
    faults = [undefined, { kind: 'fenced', records: 2 }]
    expect(await world.complete(told(commit('a', '1')))).toBe('durable')
    expect(await world.complete(told(commit('a', '2')))).toBe('not_leading')
    expect(read('a')).toBe('1')
  })

  test('may be there where a lease could not be renewed, although nobody has said so', async () => {
    log.goDown(1_000)
    await world.run({ until: () => member.database.pipeline.state === 'following' })
    expect(world.timeUs / 1000).toBeLessThan(600)
    expect(codeOf(() => commit('a', '1'))).toBe('not_leading')
  })

  test('is not, where the lease is renewed', async () => {
    const before = member.database
    await world.run({ untilMs: world.timeUs / 1000 + 1_000 })
    expect(member.database).toBe(before)
    expect(before.pipeline.state).toBe('leading')
  })
})

test('a member that is told to leads no longer, once what it was given is in the log', async () => {
  const outcome = told(commit('a', '1'))
  await world.complete(member.stepDown())
  expect(await world.complete(outcome)).toBe('durable')
  expect(member.database.pipeline.state).toBe('following')
  expect(read('a')).toBe('1')
})

test('a record that no batch of the log could hold goes in pieces, or is refused before it is committed', async () => {
  const inner = openMemoryLog()
  const small = Object.assign(inner, { limits: { ...inner.limits, maxBatchBytes: 4_000 } })
  const store = await openMemoryStore(host, undefined)
  const limits = { largeCommitWrites: 5 }
  const database = await world.complete(Database.open({ host, name: 'small', log: small, store, limits }))
  const value = 'v'.repeat(1_500)
  expect(codeOf(() => commit('large', 'v'.repeat(5_000), database))).toBe('too_large')
  const all = ['a', 'b', 'c', 'd'].map((name) => told(commit(name, value, database), database))
  expect(await world.complete(Promise.all(all))).toEqual(Array(4).fill('durable'))
  for await (const batch of small.read(1)) expect(batch.bytes.length).toBeLessThanOrEqual(4_000)
  const putMany = (sizes: readonly number[]): Promise<unknown> => {
    const many = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
    many.beginStatement()
    for (const [i, size] of sizes.entries()) many.put(keyOf(`many ${i}`), sliceOf(Buffer.from('v'.repeat(size))))
    const failed = Promise.resolve(many.commit()).catch((error: unknown) => (error as PolylogError).code)
    return world.complete(failed.finally(() => many.rollback()))
  }
  expect(await putMany([10, 10, 10, 5_000, 10, 10, 10])).toBe('too_large')
  expect([read('large', database), read('many 0', database)]).toEqual([undefined, undefined])
  expect(await putMany(Array(9).fill(1_500))).toBe(database.newestSequence)
  expect(read('many 8', database)).toBe(value)
  await world.complete(database.close())
})
