import { hear } from '../deaf.ts'
import { describe, expect, test } from 'vitest'
import type { Host } from '../host.ts'
import { SimulatedWorld } from './simulated-world.ts'

/** A server that logs what it is sent and echoes it once it is durable; clients that send and check. */
async function serve(host: Host): Promise<void> {
  const log = await host.disk.open('log', { mode: 'create', syncWrites: true })
  let end = 0
  await host.network.listen({ host: '127.0.0.1', port: 7654 }, (socket) => {
    const onData = (chunk: Uint8Array): void => {
      const at = end
      end += chunk.length
      void log.writeAt(at, chunk).then(() => socket.write(chunk))
    }
    hear(socket, { onData, onEnd: () => socket.end() })
  })
}

async function request(host: Host, port: number, messages: number): Promise<string> {
  const socket = await host.network.connect({ host: 'server', port })
  let heard = ''
  const onData = (chunk: Uint8Array): void => {
    heard += Buffer.from(chunk).toString()
    if (heard.length === messages * 5) socket.end()
  }
  const ended = new Promise<void>((resolve) => hear(socket, { onData, onClose: resolve }))
  const bytes = new Uint8Array(4)
  for (let count = 0; count < messages; count += 1) {
    host.random(bytes)
    socket.write(Buffer.from(`${(bytes[0] ?? 0).toString().padStart(4, '0')};`))
    await new Promise<void>((resolve) => void host.at(bytes[1] ?? 0, resolve))
  }
  await ended
  return heard
}

async function story(seed: number): Promise<{ hash: string; steps: number; heard: string[] }> {
  const world = new SimulatedWorld(seed)
  const server = world.startProcess('server')
  await world.complete(serve(server))
  const clients = ['a', 'b', 'c'].map((name) => request(world.startProcess(name), 7654, 20))
  const heard = await world.complete(Promise.all(clients))
  expect(world.fatals).toEqual([])
  return { hash: world.hash(), steps: world.steps, heard }
}

describe('one order of events', () => {
  test('the same seed gives the same run, another seed another', async () => {
    const first = await story(7)
    expect(await story(7)).toEqual(first)
    expect((await story(8)).hash).not.toBe(first.hash)
    expect(first.steps).toBeGreaterThan(200)
  })

  test('two worlds that run at once do not disturb each other', async () => {
    const [one, other] = await Promise.all([story(7), story(9)])
    expect(one.hash).toBe((await story(7)).hash)
    expect(other.hash).toBe((await story(9)).hash)
  })

  test('one different byte on the disk gives a different hash', async () => {
    const hashOf = async (text: string): Promise<string> => {
      const world = new SimulatedWorld(1)
      const { disk } = world.startProcess('p')
      const file = await world.complete(disk.open('f', { mode: 'create' }))
      await world.complete(file.writeAt(0, Buffer.from(text)))
      return world.hash()
    }
    expect(await hashOf('a')).toBe(await hashOf('a'))
    expect(await hashOf('a')).not.toBe(await hashOf('b'))
  })

  test('timers come in the order of their times, turns in the order in which they were asked for', async () => {
    const world = new SimulatedWorld(3)
    const host = world.startProcess('p')
    const order: string[] = []
    host.at(30, () => order.push('30'))
    host.at(10, () => order.push('10'))
    host.at(20, () => order.push('canceled'))()
    for (let count = 0; count < 20; count += 1) host.turn(() => order.push(`turn ${count}`))
    expect(await world.run()).toBe('idle')
    expect(order).toEqual([...Array.from({ length: 20 }, (_, count) => `turn ${count}`), '10', '30'])
    expect(world.timeUs).toBeGreaterThanOrEqual(30_000)
  })

  test('a run ends at a time, at a number of steps, or when nothing is left', async () => {
    const world = new SimulatedWorld(3)
    const host = world.startProcess('p')
    let ticks = 0
    const tick = (): void => {
      ticks += 1
      host.at(9, tick)
    }
    tick()
    expect(await world.run({ maxSteps: 5 })).toBe('steps')
    expect(ticks).toBe(6)
    expect(await world.run({ untilMs: 1000 })).toBe('time')
    expect(world.timeUs).toBe(1_000_000)
    expect(await world.run({ until: () => ticks === 200 })).toBe('until')
    await expect(world.complete(new Promise(() => {}), { maxSteps: 3 })).rejects.toThrow(/ended by steps/)
  })
})

describe('a crash', () => {
  test('ends every callback of the process, whichever way it would have come', async () => {
    for (const kind of ['process', 'power'] as const) {
      const world = new SimulatedWorld(5)
      await world.complete(serve(world.startProcess('server')))
      const host = world.startProcess('p')
      const socket = await world.complete(host.network.connect({ host: 'server', port: 7654 }))
      const file = await world.complete(host.disk.open('f', { mode: 'create' }))
      const late: string[] = []
      host.at(1, () => late.push('timer'))
      host.turn(() => late.push('turn'))
      void file.writeAt(0, new Uint8Array(9)).finally(() => late.push('write'))
      void file.sync().finally(() => late.push('sync'))
      void host.worker('none', 1).catch(() => late.push('before'))
      hear(socket, { onClose: () => late.push('close'), onData: () => late.push('data') })
      socket.write(Buffer.from('hello'))
      world.crash(host, kind)
      host.turn(() => late.push('turn after'))
      void host.disk.list('').finally(() => late.push('list after'))
      void host.network.connect({ host: 'server', port: 7654 }).finally(() => late.push('connect after'))
      expect(() => file.writeAtSync(0, new Uint8Array(1))).toThrow(/has ended/)
      expect(await world.run()).toBe('idle')
      expect(late).toEqual(['before'])
      expect(host.alive).toBe(false)
    }
  })

  test('frees its locks and its name, and leaves its disk to the next process', async () => {
    const world = new SimulatedWorld(5)
    const first = world.startProcess('p')
    expect(() => world.startProcess('p')).toThrow(/is running/)
    const beside = world.startProcess('q', { machine: 'p' })
    await world.complete(first.disk.lock('LOCK'))
    await expect(world.complete(beside.disk.lock('LOCK'))).rejects.toMatchObject({ code: 'locked', pid: first.pid })
    world.crash(first, 'process')
    await world.complete(beside.disk.lock('LOCK'))
    expect(await world.complete(world.startProcess('p').disk.list(''))).toEqual(['LOCK'])
  })

  test('by power takes every process of the machine', () => {
    const world = new SimulatedWorld(5)
    const first = world.startProcess('p')
    const beside = world.startProcess('q', { machine: 'p' })
    const elsewhere = world.startProcess('r')
    world.crash(first, 'power')
    expect([first.alive, beside.alive, elsewhere.alive]).toEqual([false, false, true])
  })

  test('by power may come after one of the process, with nothing running', async () => {
    const found = new Set<number>()
    for (let seed = 1; seed <= 20; seed += 1) {
      const world = new SimulatedWorld(seed)
      const host = world.startProcess('p')
      const file = await world.complete(host.disk.open('f', { mode: 'create' }))
      await world.complete(host.disk.syncFolder(''))
      await world.complete(file.writeAt(0, new Uint8Array(7)))
      world.crash(host, 'process')
      const size = (): number => world.machine('p').disk.openFile('f').size
      expect(size()).toBe(7)
      world.cutPower(world.machine('p'))
      found.add(size())
    }
    expect(found).toEqual(new Set([0, 7]))
  })

  test('can be set for every disk operation of a process, one after the other', async () => {
    const work = async (host: Host): Promise<void> => {
      const file = await host.disk.open('f', { mode: 'create' })
      await file.writeAt(0, new Uint8Array(2000))
      file.writeAtSync(2000, new Uint8Array(10))
      await file.sync()
      await host.disk.syncFolder('')
    }
    const dry = new SimulatedWorld(1)
    await dry.complete(work(dry.startProcess('p')))
    expect(dry.ioCount).toBe(5)
    for (let index = 1; index <= dry.ioCount; index += 1) {
      const world = new SimulatedWorld(index)
      world.faults.crashAt('p', index, index % 2 === 0 ? 'process' : 'power')
      const host = world.startProcess('p')
      let done = false
      void work(host).then(() => (done = true))
      expect(await world.run()).toBe('idle')
      expect([done, host.alive, host.ioCount]).toEqual([false, false, index])
    }
  })
})

test('fatal, and an exception that nothing caught, end the process and are recorded', async () => {
  const world = new SimulatedWorld(2)
  const late: string[] = []
  const one = world.startProcess('one')
  one.at(1, () => one.fatal(new Error('first')))
  one.at(5, () => late.push('one'))
  const two = world.startProcess('two')
  two.at(2, () => {
    throw new RangeError('second')
  })
  const three = world.startProcess('three')
  three.at(10, () => {
    // Nobody awaits this: its rejection must not reach the test's process.
    void (async () => three.fatal(new Error('third')))()
  })
  await world.run()
  expect(world.fatals.map(({ process, error }) => [process, (error as Error).message])).toEqual([
    ['one', 'first'],
    ['two', 'second'],
    ['three', 'third'],
  ])
  expect(late).toEqual([])
})

describe('time', () => {
  test('asking for it takes some, and it never goes back while the wall clock jumps', async () => {
    const world = new SimulatedWorld(4)
    const host = world.startProcess('p')
    const start = host.monotonic()
    while (host.monotonic() - start < 2000);
    const before = host.now()
    host.jumpClock(-60_000)
    expect(host.now()).toBe(before - 60_000)
    host.jumpClock(3_600_000)
    expect(host.now()).toBe(before + 3_540_000)
    world.faults.probability = { 'clock-jump': 0.5, stall: 0.1 }
    let last = 0
    const walls = new Set<number>()
    for (let count = 0; count < 200; count += 1) {
      const next = host.monotonic()
      expect(next).toBeGreaterThan(last)
      last = next
      walls.add(host.now())
    }
    expect(walls.size).toBeGreaterThan(50)
    expect(world.faultCounts['clock-jump']).toBeGreaterThan(50)
    expect(world.faultCounts['stall']).toBeGreaterThan(5)
  })
})

describe('workers', () => {
  test('run the named job on a clone and deliver later', async () => {
    const jobs = new Map([
      ['sum', (input: unknown): unknown => (input as number[]).reduce((sum, value) => sum + value, 0)],
      [
        'fail',
        (): unknown => {
          throw new RangeError('as asked')
        },
      ],
    ])
    const world = new SimulatedWorld(4, { jobs })
    const host = world.startProcess('p')
    const input = [1, 2, 3]
    const sum = host.worker('sum', input)
    input.push(100)
    expect(await world.complete(sum)).toBe(6)
    expect(world.timeUs).toBeGreaterThan(50)
    await expect(world.complete(host.worker('fail', 0))).rejects.toThrow('as asked')
    await expect(host.worker('other', 0)).rejects.toThrow('no worker job is named other')
  })
})
