/** The logs of tests keep what every log promises, and fail as they are told to and in no other way. */
import { describe, expect, it } from 'vitest'
import { SimulatedWorld } from '../host/simulated/simulated-world.ts'
import type { CommitLog, Leader } from './commit-log.ts'
import { batchOf, commitLogContract, readTexts } from './commit-log-contract.ts'
import { FaultyLog, type LogFault } from './faulty-log.ts'
import { openMemoryLog } from './memory-log.ts'
import { SharedLog } from './shared-log.ts'

const quiet = { host: new SimulatedWorld(1).startProcess('quiet'), next: () => undefined }

commitLogContract('a handle of a shared log', async () => ({ log: new SharedLog(openMemoryLog()).open() }))
commitLogContract('a log that could fail', async () => ({ log: new FaultyLog(openMemoryLog(), quiet) }))

describe('a shared log', () => {
  it('has one leader among its handles', async () => {
    const shared = new SharedLog(openMemoryLog())
    const [a, b] = [shared.open(), shared.open()]
    const first = await a.acquire('a', 1000)
    await first.append(0, batchOf(['1']), 'synced')
    const second = await b.acquire('b', 1000)
    expect(first.lost.reason).toMatchObject({ code: 'fenced' })
    await expect(first.append(1, batchOf(['x']), 'synced')).rejects.toMatchObject({ code: 'fenced' })
    await second.append(1, batchOf(['2']), 'synced')
    expect(await readTexts(a, 1)).toEqual(['1', '2'])
  })

  it('goes on when a handle is closed, whose readers end', async () => {
    const shared = new SharedLog(openMemoryLog())
    const [a, b] = [shared.open(), shared.open()]
    const following = readTexts(a, 1, { follow: true })
    const leader = await a.acquire('a', 1000)
    await leader.append(0, batchOf(['1']), 'synced')
    await a.close()
    expect(['1']).toEqual(expect.arrayContaining(await following))
    expect(leader.lost.aborted).toBe(true)
    await (await b.acquire('b', 1000)).append(1, batchOf(['2']), 'synced')
    expect(await readTexts(b, 1)).toEqual(['1', '2'])
  })
})

describe('a fault', () => {
  const world = new SimulatedWorld(2)
  const host = world.startProcess('server')

  async function lead(...faults: LogFault[]): Promise<{ log: CommitLog; leader: Leader }> {
    const log = new FaultyLog(openMemoryLog(), { host, next: () => faults.shift() })
    return { log, leader: await log.acquire('a', 1000) }
  }

  it.each([true, false])('unknown: whether the append was made (%s) is told by resolve alone', async (isDone) => {
    const { log, leader } = await lead({ kind: 'unknown', isDone })
    await expect(leader.append(0, batchOf(['1']), 'synced')).rejects.toMatchObject({ code: 'unknown' })
    expect(leader.syncedThrough).toBe(0)
    expect(await leader.resolve(0)).toBe(isDone ? 'committed' : 'absent')
    expect(await readTexts(log, 1)).toEqual(isDone ? ['1'] : [])
    expect(leader.syncedThrough).toBe(isDone ? 1 : 0)
  })

  it('unavailable: nothing is done, by nobody, for so long', async () => {
    const { log, leader } = await lead({ kind: 'unavailable', forMs: 20 })
    const unavailable = { code: 'unavailable' }
    await expect(leader.append(0, batchOf(['1']), 'synced')).rejects.toMatchObject(unavailable)
    await expect(leader.renew()).rejects.toMatchObject(unavailable)
    await expect(log.end()).rejects.toMatchObject(unavailable)
    await expect(readTexts(log, 1)).rejects.toMatchObject(unavailable)
    await world.complete(new Promise<void>((resolve) => void host.at(25, resolve)))
    expect(await readTexts(log, 1)).toEqual([])
    expect(await leader.append(0, batchOf(['1']), 'synced')).toEqual({ first: 1, last: 1 })
  })

  it('fenced: another one leads, and its records are there instead', async () => {
    const { log, leader } = await lead({ kind: 'fenced', records: 2 })
    await expect(leader.append(0, batchOf(['1']), 'synced')).rejects.toMatchObject({ code: 'fenced' })
    expect(leader.lost.aborted).toBe(true)
    expect(await log.end()).toMatchObject({ end: 2, epoch: leader.epoch + 1 })
  })

  it('slow: the answer comes, and not before', async () => {
    const { leader } = await lead({ kind: 'slow', byMs: 10 })
    const startMs = world.timeUs / 1000
    await world.complete(leader.append(0, batchOf(['1']), 'synced'))
    expect(world.timeUs / 1000 - startMs).toBeGreaterThanOrEqual(10)
  })
})
