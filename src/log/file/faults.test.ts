import { describe, expect, it } from 'vitest'
import type { FaultName } from '../../host/simulated/faults.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import { batchOf, readTexts } from '../commit-log-contract.ts'
import { type CommitLog, LogError } from '../commit-log.ts'
import { openSmallLog, runWorkload, start, Workload } from './crash-workload.ts'

/** Opens as a new process and checks. A disk that has lied may also answer with corruption, never with other data. */
async function reopenAndVerify(world: SimulatedWorld, workload: Workload, name: string): Promise<CommitLog> {
  const log = await world.complete(openSmallLog(start(world, name)))
  await world.complete(workload.verify(log, 'power'))
  return log
}

/** Runs with one fault at its `after`-th opportunity; undefined where it struck before the log was open. */
async function runWithFault(seed: number, fault: FaultName, after: number, workload = new Workload(seed)) {
  const world = new SimulatedWorld(seed)
  const process = start(world, 'first')
  world.faults.once({ fault, path: 'log/', after })
  const log = await runWorkload(world, process, workload, 40).catch(() => undefined)
  return { world, workload, process, log, struck: world.faultCounts[fault] === 1 }
}

describe('a file log whose disk fails', () => {
  it.each(['sync-error', 'write-error', 'tear', 'shorten'] as const)(
    'never tries again after %s, reads on, and keeps what it acknowledged',
    async (fault) => {
      const codes = new Set<string>()
      for (let after = 0; after < 80; after++) {
        const { world, workload, process, log, struck } = await runWithFault(after, fault, after)
        if (!struck) continue
        if (log !== undefined) {
          const { synced } = workload
          const { oldest } = await log.end()
          const texts = await world.complete(readTexts(log, oldest))
          expect(texts).toEqual(workload.accepted.slice(oldest - 1, oldest - 1 + texts.length))
          expect(oldest - 1 + texts.length).toBeGreaterThanOrEqual(synced)
        }
        for (const code of workload.errors) codes.add(code)
        expect(workload.errors.slice(1).filter((code) => code !== 'unavailable')).toEqual([])
        world.crash(process, 'power')
        await reopenAndVerify(world, workload, 'second')
      }
      expect([...codes].sort()).toEqual(['unavailable', 'unknown'])
    },
  )

  it('refuses a batch that finds no space, and goes on', async () => {
    let refused = 0
    for (let after = 0; after < 120; after++) {
      // A batch over several segments cannot be taken back: it would be of unknown outcome.
      const run = runWithFault(after, 'no-space', after, new Workload(after, { largest: 'segment' }))
      const { world, workload, process, log, struck } = await run
      if (log === undefined) {
        expect(after).toBeLessThan(4)
        continue
      }
      // What has not struck by then would strike who opens the log.
      if (!struck) continue
      refused += workload.errors.length
      expect(workload.errors.filter((code) => code !== 'no-space')).toEqual([])
      expect(workload.errors.length).toBeLessThanOrEqual(1)
      world.crash(process, 'power')
      await reopenAndVerify(world, workload, 'second')
    }
    expect(refused).toBeGreaterThan(20)
  })

  it('takes appends again when there is space', async () => {
    const world = new SimulatedWorld(7)
    const process = start(world, 'first')
    const log = await world.complete(openSmallLog(process))
    const leader = await world.complete(log.acquire('a', 1000))
    process.machine.disk.capacityBytes = 2048 + 2 * 4096 + 100
    const texts: string[] = []
    const append = async (text: string): Promise<void> => {
      await world.complete(leader.append(texts.length, batchOf([text]), 'synced'))
      texts.push(text)
    }
    const fill = async (): Promise<unknown> => {
      try {
        for (;;) await append(`text ${texts.length}`)
      } catch (error) {
        return error
      }
    }
    expect(await fill()).toMatchObject({ code: 'no-space' })
    expect(await fill()).toMatchObject({ code: 'no-space' })
    expect(texts.length).toBe(3 + 7 + 7)
    expect(await world.complete(readTexts(log, 1))).toEqual(texts)
    await expect(world.complete(leader.append(17, batchOf(['x'.repeat(9000)]), 'synced'))).rejects.toMatchObject({
      code: 'no-space',
    })
    await world.complete(log.trim(15))
    await append('in the space of a trimmed segment')
    process.machine.disk.capacityBytes = Infinity
    await append('y'.repeat(9000))
    world.crash(process, 'power')
    const again = await world.complete(openSmallLog(start(world, 'second')))
    expect(await world.complete(readTexts(again, 15))).toEqual(texts.slice(14))
  })

  it('never gives other data when the disk has lied about syncs', async () => {
    const outcomes = { prefix: 0, corrupt: 0 }
    for (let seed = 0; seed < 60; seed++) {
      const world = new SimulatedWorld(seed)
      const workload = new Workload(seed)
      const process = start(world, 'first')
      world.faults.probability = { 'lying-sync': 0.3 }
      const log = await runWorkload(world, process, workload, 40)
      expect(log).toBeDefined()
      world.crash(process, 'power')
      world.faults.probability = {}
      workload.synced = 0
      workload.trimmed = Infinity
      try {
        await reopenAndVerify(world, workload, 'second')
        outcomes.prefix++
      } catch (error) {
        if (!(error instanceof LogError)) throw error
        expect(error).toMatchObject({ code: 'corrupt', position: expect.stringMatching(/^[0-9a-f]{16}\.log\+\d+$/) })
        outcomes.corrupt++
      }
    }
    expect(outcomes.prefix).toBeGreaterThan(0)
    expect(outcomes.corrupt).toBeGreaterThan(0)
  })

  it('is not misled by a bit that flips on its way from the disk', async () => {
    for (let after = 0; after < 40; after++) {
      const world = new SimulatedWorld(after)
      const workload = new Workload(after)
      const process = start(world, 'first')
      await runWorkload(world, process, workload, 40)
      world.crash(process, 'power')
      world.faults.once({ fault: 'flip-on-read', after })
      await reopenAndVerify(world, workload, 'second')
    }
  })
})
