import { describe, expect, it } from 'vitest'
import { MemoryAccount } from '../base/memory-account.ts'
import type { Garbage, Host } from '../host/host.ts'
import { MemoryPressure } from './memory-pressure.ts'

const mib = 1024 * 1024
const limitBytes = 400 * mib
const runtimeBytes = 60 * mib
const heapBytes = 40 * mib
/** Of the limit, 18 % are kept back. */
const usableBytes = 328 * mib

/** A process whose buffers are what the test says: some of them garbage, of which some is young. */
function tried(limit = limitBytes): {
  pressure: MemoryPressure
  root: MemoryAccount
  buffers: { live: number; young: number; old: number; unused: number; workers: number }
  collected: Garbage[]
  wait: () => void
  looks: () => number
  later: (() => void)[]
} {
  const buffers = { live: 0, young: 0, old: 0, unused: 0, workers: 0 }
  const collected: Garbage[] = []
  const later: (() => void)[] = []
  let nowUs = 0
  let looks = 0
  const host = {
    monotonic: () => nowUs,
    at: (_: number, run: () => void) => {
      later.push(run)
      return () => undefined
    },
    memory: () => {
      looks++
      const bufferBytes = buffers.live + buffers.young + buffers.old
      const workerBytes = buffers.workers
      const residentBytes = runtimeBytes + heapBytes + bufferBytes + workerBytes + buffers.unused
      return { totalBytes: Infinity, heapLimitBytes: Infinity, residentBytes, heapBytes, bufferBytes, workerBytes }
    },
    collectGarbage: (which: Garbage) => {
      nowUs += which === 'all' ? 20_000 : 1000
      collected.push(which)
      buffers.young = 0
      if (which === 'all') buffers.old = 0
    },
  } as unknown as Host
  const root = new MemoryAccount('the server', undefined, { limitBytes: 250 * mib, quantumBytes: 1 })
  const pressure = new MemoryPressure(limit, root, root.child('stored data'))
  pressure.watch(host)
  return { pressure, root, buffers, collected, wait: () => void (nowUs += 1_000_000), looks: () => looks, later }
}

describe('pressure of memory', () => {
  it('leaves alone what uses less than half of the limit', () => {
    const { pressure, root, buffers, collected } = tried()
    buffers.old = 90 * mib
    pressure.look()
    expect(collected).toEqual([])
    expect(root.limitBytes).toBe(usableBytes - 190 * mib)
    expect(pressure.isAtLimit).toBe(false)
  })

  it('charges what other threads have, and takes none of it for what can be used again', () => {
    const { pressure, root, buffers } = tried()
    buffers.workers = 100 * mib
    pressure.look()
    const charged = [...root.holders()].map(({ path, account }) => [path.at(-1), account.usedBytes])
    expect(charged).toContainEqual(['worker threads', 100 * mib])
    expect(root.limitBytes - root.usedBytes).toBe(usableBytes - 200 * mib)
    buffers.workers = 0
    pressure.look()
    expect(root.usedBytes).toBe(0)
  })

  it('is looked at after each slice, or each eighth while half of the limit is not in use', () => {
    const { pressure, buffers, looks } = tried()
    const looksIn = (slices: number): number => {
      const before = looks()
      for (let i = 0; i < slices; i++) pressure.sliceDone()
      return looks() - before
    }
    expect([looksIn(1), looksIn(7), looksIn(1), looksIn(80)]).toEqual([1, 0, 1, 10])
    buffers.live = 110 * mib
    pressure.look()
    expect(looksIn(5)).toBe(5)
  })

  it('collects young garbage first, all of it where that was not enough, and nothing again before it has grown', () => {
    const { pressure, buffers, collected } = tried()
    buffers.young = 150 * mib
    pressure.look()
    expect(collected.splice(0)).toEqual(['young'])
    buffers.live = 100 * mib
    buffers.old = 50 * mib
    pressure.look()
    expect(collected.splice(0)).toEqual(['young', 'all'])
    buffers.young = 12 * mib
    pressure.look()
    expect(collected.splice(0)).toEqual([])
    for (let i = 0; i < 10; i++) {
      buffers.young += mib
      pressure.look()
    }
    expect(collected.splice(0)).toEqual(['young'])
  })

  it('collects what closed databases have left, by steps, whatever else is in use', () => {
    const { pressure, buffers, collected, wait, later } = tried()
    const step = limitBytes / 32
    buffers.old = step
    pressure.givenBack(step - 1)
    expect(collected).toEqual([])
    pressure.givenBack(1)
    expect(collected.splice(0)).toEqual(['all'])
    expect(buffers.old).toBe(0)
    // It takes a tenth of the time at most.
    pressure.givenBack(step)
    expect(collected).toEqual([])
    wait()
    pressure.givenBack(1)
    expect(collected.splice(0)).toEqual(['all'])
    // Somebody may have referred to it still.
    wait()
    for (const run of later.splice(0)) run()
    expect(collected).toEqual(['all'])
  })

  it('collects what open stores have let go of in steps of 64 MiB, however large the limit is', () => {
    const { pressure, collected } = tried(100 * 1024 * mib)
    pressure.givenBack(64 * mib - 1)
    expect(collected).toEqual([])
    pressure.givenBack(1)
    expect(collected).toEqual(['all'])
  })

  it('lets accounts hand out what is left up to the limit, and a little for what lies unused', () => {
    const { pressure, root, buffers } = tried()
    root.charge(100 * mib)
    buffers.live = 200 * mib
    pressure.look()
    expect(root.availableBytes).toBe(usableBytes - 300 * mib)
    buffers.unused = 30 * mib
    pressure.look()
    expect(root.availableBytes).toBe(usableBytes - 330 * mib + 15 * mib)
    buffers.live = 100 * mib
    buffers.unused = 130 * mib
    pressure.look()
    expect(root.availableBytes).toBe(usableBytes - 330 * mib + 20 * mib)
    buffers.live = 0
    buffers.unused = 0
    pressure.look()
    expect(root.limitBytes).toBe(250 * mib)
  })

  it('leaves something to work with whatever is measured', () => {
    const { pressure, root, buffers } = tried()
    root.charge(100 * mib)
    buffers.live = 500 * mib
    pressure.look()
    expect(root.tryCharge(1)).toBe(false)
    expect(pressure.isAtLimit).toBe(true)
    root.release(90 * mib)
    expect(root.tryCharge(7 * mib)).toBe(false)
    expect(root.tryCharge(6 * mib)).toBe(true)
  })

  it('collects before anybody is refused, but not again and again', () => {
    const { pressure, root, buffers, collected, wait } = tried()
    root.charge(100 * mib)
    buffers.live = 210 * mib
    pressure.look()
    collected.length = 0
    buffers.old = 10 * mib
    pressure.look()
    expect(root.availableBytes).toBe(8 * mib)
    wait()
    expect(root.tryCharge(18 * mib)).toBe(true)
    expect(collected.splice(0)).toEqual(['all'])
    buffers.live += 18 * mib
    expect(root.tryCharge(10 * mib)).toBe(false)
    expect(root.tryCharge(10 * mib)).toBe(false)
    expect(collected.splice(0)).toEqual(['young'])
    wait()
    expect(root.tryCharge(10 * mib)).toBe(false)
    expect(root.refusals).toBe(3)
    expect(collected.splice(0)).toEqual(['all'])
  })

  it('in between takes at least what statements have just let go of', () => {
    const { pressure, root, buffers, collected, wait } = tried()
    root.charge(100 * mib)
    buffers.live = 210 * mib
    pressure.look()
    wait()
    buffers.live += root.availableBytes
    expect(root.tryCharge(root.availableBytes + 10 * mib)).toBe(false)
    buffers.live -= 20 * mib
    buffers.young = 20 * mib
    collected.length = 0
    expect(pressure.isAtLimit).toBe(true)
    expect(pressure.isSurelyAtLimit()).toBe(false)
    expect(collected).toEqual(['young'])
  })

  it('looks again some time later where little was left', () => {
    const { pressure, root, buffers, collected, wait, later } = tried()
    buffers.live = 100 * mib
    pressure.look()
    expect(later).toHaveLength(0)
    buffers.live = 210 * mib
    pressure.look()
    pressure.look()
    expect(later).toHaveLength(1)
    expect(root.limitBytes).toBe(18 * mib)
    collected.length = 0
    buffers.live = 0
    buffers.old = 250 * mib
    wait()
    later.shift()!()
    expect(collected).toEqual(['all'])
    expect(root.limitBytes).toBe(usableBytes - 100 * mib)
    expect(later).toHaveLength(0)
  })

  it('looks after so many bytes have been moved', () => {
    const { pressure, root, buffers } = tried()
    buffers.live = 246 * mib
    for (let i = 0; i < 15; i++) pressure.moved(100_000)
    expect(root.limitBytes).toBe(250 * mib)
    for (let i = 0; i < 15; i++) pressure.moved(100_000)
    // Nothing is left, but for the least.
    expect(root.limitBytes).toBe(16 * mib)
  })
})
