/**
 * What every gateway promises, whatever its protocol: tried on each that is registered, by sockets of the machine and by
 * the simulated network, which cuts and joins what is sent as it likes. Nothing outside of tests imports this.
 */
import { describe, expect, test } from 'vitest'
import { InvariantError } from '../base/errors.ts'
import { ProcessMemory } from '../database/process-memory.ts'
import type { Probe } from './gateway-probes.ts'
import { Tried, type Ground, type Plant } from './gateway-trial.ts'
import { protocols, type ProtocolName } from './protocols.ts'

const mebibyte = 1024 * 1024

type Trying = (run: (tried: Tried, ground: Ground) => Promise<void>, memory?: ProcessMemory) => () => Promise<void>

/** `canDie`: a process of the ground may end without this one. */
export function describeGateways(where: string, openGround: () => Ground, canDie: boolean): void {
  describe.each([...protocols.keys()])(`%s ${where}`, (name) => {
    const trying: Trying =
      (run, memory = ProcessMemory.unlimited()) =>
      async () => {
        const ground = openGround()
        const body = async (): Promise<void> => {
          const tried = await Tried.open(ground, name, memory)
          await run(tried, ground)
          await tried.close()
          expect(tried.sessionCount).toBe(0)
          expect(memory.work.usedBytes).toBe(0)
        }
        await ground.complete(body())
      }
    testMessages(trying)
    testGarbage(trying)
    testMemory(trying)
    testGoing(trying)
    testCancellation(trying)
    testEnds(trying)
    testFaults(trying)
    testRefusals(trying)
    if (canDie) testKernelFaults(name, openGround)
  })
}

function testMessages(trying: Trying): void {
  test(
    'takes each opening and each request in two halves, wherever they are cut',
    trying(async (tried) => {
      for (const opening of tried.probe.openings) {
        for (let at = 1; at < opening.length; at++) {
          const client = await tried.connect()
          client.send(opening.subarray(0, at))
          await client.turns(2)
          client.send(opening.subarray(at))
          await client.answers(1)
          client.destroy()
        }
      }
      const client = await tried.greet()
      const { request } = tried.probe
      for (let at = 1; at < request.length; at++) {
        client.send(request.subarray(0, at))
        await client.turns(2)
        client.send(request.subarray(at))
        await client.answers(1 + at)
      }
      client.destroy()
    }),
  )

  test(
    'answers many requests of one chunk in order, and many connections',
    trying(async (tried) => {
      const clients = await Promise.all(Array.from({ length: 100 }, () => tried.greet()))
      for (const client of clients) client.send(Buffer.concat(Array.from({ length: 20 }, () => tried.probe.request)))
      for (const client of clients) await client.answers(21)
      for (const client of clients) client.destroy()
    }),
  )

  test(
    'takes long messages in pieces of any size',
    trying(async (tried) => {
      const client = await tried.prepare()
      let sent = 0
      for (const pieceBytes of [777, 64 * 1024, 300_000]) {
        for (const message of tried.probe.large(400_000)) {
          await client.sendInPieces(message, pieceBytes)
          await client.answers(++sent)
        }
      }
      expect(tried.probe.countAnswers(client.received)).toBe(sent)
      expect(tried.probe.countErrors(client.received)).toBe(0)
      client.destroy()
    }),
  )
}

function testGarbage(trying: Trying): void {
  test(
    'outlives any bytes, at first and after a greeting',
    trying(async (tried) => {
      for (let seed = 1; seed <= 40; seed++) {
        const client = seed % 2 === 0 ? await tried.connect() : await tried.greet()
        client.send(garbage(seed, tried.probe))
        await client.turns(3)
        client.end()
        await client.closed()
      }
      await tried.checkAlive()
    }),
  )

  test(
    'closes for a length that no message has, and takes no memory for one that is only announced',
    trying(async (tried) => {
      const stranger = await tried.connect()
      stranger.send(tried.probe.oversized)
      const known = await tried.greet()
      known.send(tried.probe.oversized)
      await known.closed()
      const announcing = await tried.greet()
      announcing.send(tried.probe.announce(40_000_000))
      await announcing.turns(5)
      expect(tried.memory.work.usedBytes).toBeLessThan(mebibyte)
      for (const client of [stranger, announcing]) client.destroy()
    }),
  )
}

function testMemory(trying: Trying): void {
  const small = new ProcessMemory(24 * mebibyte, 0, Infinity)
  test(
    'holds half messages of many within one limit, and serves others',
    trying(async (tried) => {
      const clients = await Promise.all(Array.from({ length: 24 }, () => tried.greet()))
      const piece = Buffer.alloc(64 * 1024, 0x20)
      for (const client of clients) client.send(tried.probe.announce(40_000_000))
      for (let round = 0; round < 32; round++) {
        for (const client of clients) client.send(piece)
        await clients[0]!.turns(2)
      }
      await tried.until(() => clients.some(({ isClosed }) => isClosed))
      expect(tried.memory.work.usedBytes).toBeLessThanOrEqual(tried.memory.work.limitBytes)
      for (const client of clients) client.destroy()
      await tried.until(() => tried.sessionCount === 0)
      await tried.checkAlive()
    }, small),
  )

  test(
    'holds no more than 64 KiB for who has not said anything yet',
    trying(async (tried) => {
      const client = await tried.connect()
      client.send(tried.probe.beginning)
      for (let sent = 0; sent < 8 && !client.isClosed; sent++) {
        await client.turns(3)
        expect(tried.memory.work.usedBytes).toBeLessThanOrEqual(64 * 1024)
        client.send(Buffer.alloc(32 * 1024, 0x20))
      }
      await client.closed()
      client.destroy()
    }),
  )

  test(
    'lets who does not read wait, and gives it all replies when it does',
    trying(async (tried) => {
      const slow = await tried.greet()
      slow.pause()
      const count = 60
      const request = tried.probe.longReply(200_000)
      for (let i = 0; i < count; i++) slow.send(request)
      await slow.turns(200)
      await tried.checkAlive()
      // A mebibyte, the reply that passed it, and what is read ahead, in a buffer twice as large.
      expect(tried.heldBytes).toBeLessThan(2 * mebibyte + 128 * 1024)
      slow.resume()
      await slow.answers(1 + count)
      expect(slow.received.length).toBeGreaterThan(count * 200_000)
      slow.destroy()
    }),
  )
}

function testGoing(trying: Trying): void {
  test(
    'frees everything of who goes at any moment',
    trying(async (tried) => {
      const { openings, request } = tried.probe
      const script = Buffer.concat([openings[0]!, request, request])
      for (let at = 1; at <= script.length; at += 3) {
        const client = await tried.connect()
        client.send(script.subarray(0, at))
        await client.turns(at % 7)
        if (at % 2 === 0) client.destroy()
        else client.end()
      }
      await tried.until(() => tried.sessionCount === 0 && tried.heldBytes === 0)
    }),
  )

  test(
    'frees everything of who goes in the middle of long messages, and of their answers',
    trying(async (tried) => {
      await (await tried.prepare()).turns(1)
      for (const message of tried.probe.large(400_000)) {
        for (let at = 1; at < message.length; at += Math.ceil(message.length / 9)) {
          const client = await tried.greet()
          await client.sendInPieces(message.subarray(0, at), 50_000)
          await client.turns(at % 5)
          if (at % 2 === 0) client.destroy()
          else client.end()
        }
      }
      for (let turns = 0; turns < 40; turns += 4) {
        const client = await tried.greet()
        client.pause()
        for (let i = 0; i < 10; i++) client.send(tried.probe.longReply(300_000))
        await client.turns(turns)
        client.destroy()
      }
      await tried.until(() => tried.sessionCount <= 1)
      await tried.checkAlive()
    }),
  )

  test.each(['destroys', 'ends'] as const)('ends the statement of who %s its connection', async (way) =>
    trying(async (tried, ground) => {
      const client = await tried.greet()
      tried.plant = 'never ends'
      client.send(tried.probe.request)
      await tried.until(() => tried.running === 1)
      const sinceMs = ground.server.monotonic() / 1000
      if (way === 'destroys') client.destroy()
      else client.end()
      await tried.until(() => tried.running === 0)
      // Of simulated time, which passes as the simulation says: no machine can be too slow for it.
      if (ground.address === 'server') expect(ground.server.monotonic() / 1000 - sinceMs).toBeLessThan(250)
      await tried.until(() => tried.sessionCount === 0)
    })(),
  )

  test(
    'answers what was sent before the client ended its half',
    trying(async (tried) => {
      const client = await tried.greet()
      client.send(tried.probe.request)
      client.end()
      await client.answers(2)
      await client.closed()
    }),
  )
}

function testCancellation(trying: Trying): void {
  test(
    'ends a statement that another connection cancels',
    trying(async (tried) => {
      const client = await tried.greet()
      const other = tried.probe.cancelEnds ? await tried.greet() : undefined
      tried.plant = 'never ends'
      client.send(tried.probe.request)
      await tried.until(() => tried.running === 1)
      const canceling = other ?? (await tried.connect())
      canceling.send(tried.probe.cancel(client.received, tried.runningSession))
      await tried.until(() => tried.running === 0)
      tried.plant = 'nothing'
      canceling.destroy()
      if (tried.probe.cancelEnds) await client.closed()
      else {
        await client.answers(2)
        expect(tried.probe.countErrors(client.received)).toBe(1)
        client.send(tried.probe.request)
        await client.answers(3)
        expect(tried.probe.countErrors(client.received)).toBe(1)
      }
      client.destroy()
    }),
  )
}

function testEnds(trying: Trying): void {
  test(
    'ends when the server stops: who is idle, who waits, and who is in the middle of a message',
    trying(async (tried) => {
      const idle = await tried.greet()
      const half = await tried.greet()
      half.send(tried.probe.request.subarray(0, 5))
      const unclear = await tried.connect()
      unclear.send(tried.probe.openings[0]!.subarray(0, 1))
      const busy = await tried.greet()
      tried.plant = 'never ends'
      busy.send(tried.probe.request)
      await tried.until(() => tried.running === 1)
      await tried.stop()
      expect(tried.running).toBe(0)
      for (const client of [idle, half, unclear, busy]) await client.closed()
      // The greeting, and the error of what was canceled.
      expect(tried.probe.countAnswers(busy.received)).toBeGreaterThanOrEqual(2)
    }),
  )

  test(
    'lets a statement end that ends soon after the server stops, and answers it',
    trying(async (tried) => {
      const client = await tried.greet()
      tried.plant = 'ends when told'
      client.send(Buffer.concat([tried.probe.request, tried.probe.request]))
      await tried.until(() => tried.running === 1)
      const stopped = tried.stop()
      await client.turns(5)
      expect(client.isClosed).toBe(false)
      tried.mayEnd = true
      await stopped
      await client.closed()
      // The second request was not begun.
      expect(tried.probe.countAnswers(client.received)).toBeGreaterThanOrEqual(2)
      expect(tried.running).toBe(0)
    }),
  )

  test(
    'cuts who does not take the replies when the server stops',
    trying(async (tried) => {
      const slow = await tried.greet()
      slow.pause()
      for (let i = 0; i < 60; i++) slow.send(tried.probe.longReply(200_000))
      await slow.turns(100)
      await tried.stop()
      expect(tried.memory.work.usedBytes).toBe(0)
      slow.destroy()
    }),
  )
}

function testFaults(trying: Trying): void {
  test.each(['throws', 'throws later'] as const)(
    'answers a fault (%s) by a number that is in the log, and goes on',
    async (plant) =>
      trying(async (tried, ground) => {
        const client = await tried.greet()
        tried.plant = plant
        client.send(tried.probe.request)
        await client.answers(2)
        const id = tried.probe.faultIn(client.received)
        expect(ground.logged.map((line) => line['id'])).toContain(id)
        expect(client.received.toString('latin1')).not.toContain('planted')
        tried.plant = 'nothing'
        client.send(tried.probe.request)
        await client.answers(3)
        client.destroy()
      })(),
  )
}

function testRefusals(trying: Trying): void {
  test(
    'tells an error for each write that a full disk refuses, and goes on',
    trying(async (tried) => {
      const { probe } = tried
      const client = await tried.prepare()
      client.send(probe.write)
      await client.answers(1)
      tried.disk.isFull = true
      client.send(Buffer.concat([probe.write, probe.write, probe.write]))
      await client.answers(4)
      expect(probe.countErrors(client.received)).toBe(3)
      tried.disk.empty()
      client.send(probe.write)
      await client.answers(5)
      expect([probe.countErrors(client.received), client.isClosed]).toEqual([3, false])
      client.destroy()
    }),
  )

  test(
    'frees who goes while the log is waited for',
    trying(async (tried) => {
      const client = await tried.prepare()
      tried.disk.hold()
      client.send(tried.probe.write)
      await client.turns(5)
      expect(client.received.length).toBe(0)
      client.destroy()
      await tried.until(() => tried.sessionCount === 0 && tried.heldBytes === 0)
      tried.disk.release()
      await tried.checkAlive()
    }),
  )
}

/** The server's process ends, so nothing of it is looked at but why. */
function testKernelFaults(name: ProtocolName, openGround: () => Ground): void {
  const plants: Plant[] = ['breaks the kernel', 'breaks it later', 'breaks it at its commit']
  test.each(plants)('ends the process where a statement %s', async (plant) => {
    const ground = openGround()
    const body = async (): Promise<void> => {
      const tried = await Tried.open(ground, name, ProcessMemory.unlimited())
      const client = await tried.greet()
      tried.plant = plant
      client.send(tried.probe.request)
      await client.closed()
      expect(tried.probe.countAnswers(client.received)).toBe(1)
    }
    await ground.complete(body())
    expect(ground.fatals).toEqual([expect.objectContaining({ error: expect.any(InvariantError) as unknown })])
  })
}

/** Bytes at random, or a request with some of them changed. */
function garbage(seed: number, { request }: Probe): Buffer {
  let state = seed
  const next = (): number => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 16
  const bytes = seed % 3 === 0 ? Buffer.alloc(1 + (next() % 300)) : Buffer.concat([request, request])
  const changes = seed % 3 === 0 ? bytes.length : 1 + (next() % 4)
  for (let i = 0; i < changes; i++) bytes[seed % 3 === 0 ? i : next() % bytes.length] = next() & 0xff
  return bytes
}
