/** Databases that nobody uses are closed, and nobody notices: tried with many callers in simulated worlds. */
import { expect, test } from 'vitest'
import { PolylogError } from '../base/errors.ts'
import { sliceOf } from '../base/slice.ts'
import { KeyWriter } from '../base/tuple.ts'
import { Instance } from '../database/instance.ts'
import type { SimulatedProcess } from '../host/simulated/simulated-process.ts'
import { SimulatedWorld } from '../host/simulated/simulated-world.ts'
import type { Session } from './contract.ts'
import { IdleDatabases } from './idle-databases.ts'
import { Sessions } from './sessions.ts'

const key = (n: number): KeyWriter => new KeyWriter(16).begin(100, 1).int64(n)
const put = (session: Session, n: number, text: string): unknown =>
  session.run((tx) => tx.put(key(n), sliceOf(Buffer.from(text))))
const get = (session: Session, n: number): string | undefined =>
  session.run((tx) => {
    const found = tx.get(key(n))
    return found === undefined ? undefined : Buffer.from(found.bytes.subarray(found.start, found.end)).toString()
  }) as string | undefined

interface Opened {
  readonly host: SimulatedProcess
  readonly instance: Instance
  readonly sessions: Sessions
}

async function open(world: SimulatedWorld, mostIdleDatabases: number, idleDatabaseMs = 300_000): Promise<Opened> {
  const host = world.startProcess('server')
  const instance = await Instance.open({ host, directory: 'data', segmentBytes: 16 * 1024 }, 'main')
  const sessions = new Sessions(host, () => instance.databases, {
    defaultDatabase: 'main',
    catalog: instance,
    mostIdleDatabases,
    idleDatabaseMs,
  })
  return { host, instance, sessions }
}

const sleep = (host: SimulatedProcess, ms: number): Promise<void> => new Promise((resolve) => host.at(ms, resolve))

function synced(session: Session): Promise<void> {
  return new Promise((resolve, reject) => {
    session.durabilityWatch.whenDurable(session.seen, 'synced', (error) => (error ? reject(error) : resolve()))
  })
}

async function enter({ sessions }: Opened, name: string): Promise<Session> {
  await sessions.openDatabase(name)
  return sessions.openSession({ user: 'me', door: 'test', database: name })
}

test('those that were used longest ago are closed where too many are open, and those that nobody has used for long', () => {
  const idle = new IdleDatabases({ idleDatabaseMs: 1000, mostIdleDatabases: 2 })
  for (const [i, name] of ['a', 'b', 'c', 'd'].entries()) idle.used(name, i)
  idle.used('a', 10)
  expect(idle.toClose(['a', 'b', 'c', 'd'], 20)).toEqual(['b', 'c'])
  expect(idle.toClose(['a', 'd'], 20)).toEqual([])
  expect(idle.toClose(['a', 'd'], 1005)).toEqual(['d'])
  expect(idle.toClose(['new'], 5000)).toEqual([])
})

test('a database that nobody uses is closed, gives back its memory, and has everything when it is used again', async () => {
  const world = new SimulatedWorld(11)
  await world.complete(
    (async () => {
      const opened = await open(world, 0)
      const { instance, sessions } = opened
      const before = instance.memory.root.usedBytes
      for (let i = 0; i < 20; i++) {
        await sessions.createDatabase(`d${i}`)
        const session = await enter(opened, `d${i}`)
        await put(session, 1, `value ${i}`)
        await synced(session)
        session.close()
      }
      expect(instance.databases.size).toBe(21)
      const full = instance.memory.root.usedBytes
      await sessions.closeIdle()
      expect([...instance.databases.keys()]).toEqual(['main'])
      expect(instance.memory.root.usedBytes - before).toBeLessThan((full - before) / 5)
      for (let i = 0; i < 20; i++) {
        const session = await enter(opened, `d${i}`)
        expect(get(session, 1)).toBe(`value ${i}`)
        session.close()
      }
      await instance.close()
    })(),
  )
})

test('what is used stays open: by a session, a transaction that was joined, a cursor without a session', async () => {
  const world = new SimulatedWorld(12)
  await world.complete(
    (async () => {
      const opened = await open(world, 0)
      const { instance, sessions } = opened
      for (const name of ['used', 'cursor', 'idle']) await sessions.createDatabase(name)
      const user = await enter(opened, 'used')
      ;(await enter(opened, 'cursor')).close()
      ;(await enter(opened, 'idle')).close()
      const workspace = sessions.openWorkspace('cursor', 'the cursor')
      await sessions.closeIdle()
      expect([...instance.databases.keys()]).toEqual(['main', 'used', 'cursor'])
      workspace.close()
      user.close()
      await sessions.closeIdle()
      expect([...instance.databases.keys()]).toEqual(['main'])
      await instance.close()
    })(),
  )
})

test('who comes while another database is being closed keeps the own one open', async () => {
  const world = new SimulatedWorld(14)
  await world.complete(
    (async () => {
      const opened = await open(world, 0)
      for (const name of ['first', 'second']) {
        await opened.sessions.createDatabase(name)
        const session = await enter(opened, name)
        await put(session, 1, name)
        await synced(session)
        session.close()
        await sleep(opened.host, 5)
      }
      const closing = opened.sessions.closeIdle()
      expect([...opened.instance.databases.keys()]).toEqual(['main', 'second'])
      const user = opened.sessions.openSession({ user: 'me', door: 'test', database: 'second' })
      await closing
      expect(opened.instance.databases.has('second')).toBe(true)
      expect(get(user, 1)).toBe('second')
      await opened.instance.close()
    })(),
  )
})

test('what is not in the log yet keeps its database open, and a database in memory is never closed', async () => {
  const world = new SimulatedWorld(13)
  await world.complete(
    (async () => {
      const opened = await open(world, 0)
      await opened.sessions.createDatabase('d')
      const session = await enter(opened, 'd')
      void put(session, 1, 'not durable yet')
      session.close()
      const closing = opened.sessions.closeIdle()
      expect(opened.instance.databases.has('d')).toBe(true)
      await closing
      await opened.instance.close()
      const host = world.startProcess('memory')
      const inMemory = await Instance.open({ host }, 'main')
      await inMemory.create('other')
      expect(inMemory.release('other')).toBeUndefined()
      expect(inMemory.release('main')).toBeUndefined()
      await inMemory.close()
    })(),
  )
})

/** What each caller was told that is durable, by database and key. */
type Told = Map<string, Map<number, string>>

async function call(opened: Opened, random: () => number, told: Told, caller: number, rounds: number): Promise<void> {
  const { host } = opened
  for (let round = 0; round < rounds; round++) {
    const name = `d${Math.floor(random() * 5)}`
    const session = await enter(opened, name)
    const known = told.get(name)!
    expect(get(session, caller)).toBe(known.get(caller))
    const value = `${caller}.${round}`
    const [kind] = [random()]
    if (kind < 0.5) {
      await put(session, caller, value)
      if (random() < 0.5) await synced(session)
      else {
        // Whoever goes before it is durable is not told; what comes after sees it all the same.
        session.close()
        known.set(caller, value)
        continue
      }
      known.set(caller, value)
    } else if (kind < 0.7) {
      session.begin()
      await put(session, caller, value)
      await sleep(host, random() * 40)
      await session.rollback()
    } else await sleep(host, random() * 60)
    session.close()
    if (random() < 0.5) await sleep(host, random() * 30)
  }
}

async function closeAgainAndAgain({ host, sessions }: Opened, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await sessions.closeIdle()
    await sleep(host, 3)
  }
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'callers never notice that databases are closed under them (seed %i)',
  async (seed) => {
    const world = new SimulatedWorld(seed)
    const random = (): number => world.random.between(0, 1_000_000) / 1_000_001
    const told: Told = new Map(Array.from({ length: 5 }, (_, i) => [`d${i}`, new Map<number, string>()]))
    let closed = 0
    await world.complete(
      (async () => {
        const opened = await open(world, seed % 3)
        const { instance, sessions } = opened
        for (const name of told.keys()) await sessions.createDatabase(name)
        const { release } = Instance.prototype
        instance.release = (name) => {
          const closing = release.call(instance, name)
          if (closing !== undefined) closed++
          return closing
        }
        let isOver = false
        const closing = closeAgainAndAgain(opened, () => isOver)
        await Promise.all([1, 2, 3, 4].map((caller) => call(opened, random, told, caller, 40)))
        isOver = true
        await closing
        await instance.close()
        world.crash(opened.host, 'process')
      })(),
    )
    expect(closed).toBeGreaterThan(10)
    await world.complete(
      (async () => {
        const again = await open(world, 5)
        for (const [name, known] of told) {
          const session = await enter(again, name)
          for (const [caller, value] of known) expect(get(session, caller)).toBe(value)
        }
        await again.instance.close()
      })(),
    )
  },
)

test.each([1, 2, 3, 4])('what was told survives a crash while databases are closed (seed %i)', async (seed) => {
  const world = new SimulatedWorld(100 + seed)
  const durable = new Map<string, number>()
  const opened = await world.complete(open(world, 0))
  const names = ['d0', 'd1', 'd2']
  await world.complete(
    (async () => {
      for (const name of names) await opened.sessions.createDatabase(name)
    })(),
  )
  const write = async (): Promise<void> => {
    for (let n = 1; ; n++) {
      for (const name of names) {
        const session = await enter(opened, name)
        await put(session, 1, `${n}`)
        await synced(session)
        durable.set(name, n)
        session.close()
        void opened.sessions.closeIdle()
      }
    }
  }
  void write().catch(() => undefined)
  await world.complete(sleep(world.startProcess('clock'), 20 * seed))
  world.crash(opened.host, 'power')
  await world.complete(
    (async () => {
      const again = await open(world, 5)
      for (const [name, n] of durable) {
        const session = await enter(again, name)
        expect(Number(get(session, 1))).toBeGreaterThanOrEqual(n)
      }
      await again.instance.close()
    })(),
  )
  expect(durable.size).toBe(3)
})

test('a database can be dropped, made and used while it is being closed', async () => {
  const world = new SimulatedWorld(21)
  await world.complete(
    (async () => {
      const opened = await open(world, 0)
      const { instance, sessions } = opened
      await sessions.createDatabase('d')
      const first = await enter(opened, 'd')
      await put(first, 1, 'first')
      await synced(first)
      first.close()
      const closing = sessions.closeIdle()
      expect(instance.databases.has('d')).toBe(false)
      expect(() => sessions.openSession({ user: 'me', door: 'test', database: 'd' })).toThrow(PolylogError)
      const second = await enter(opened, 'd')
      expect(get(second, 1)).toBe('first')
      await closing
      second.close()
      const closingAgain = sessions.closeIdle()
      await sessions.dropDatabase('d', false)
      await closingAgain
      await expect(enter(opened, 'd')).rejects.toThrow('does not exist')
      await sessions.createDatabase('d')
      expect(get(await enter(opened, 'd'), 1)).toBeUndefined()
      await instance.close()
    })(),
  )
})
