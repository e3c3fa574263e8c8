/**
 * Redis's commands that `kv` does not have, by redis-benchmark; messages to a hundred listeners; and items that are handed to
 * who waits for them. All against redis-server, in memory.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Area, BenchOptions } from '../area.ts'
import { compare, type Row } from '../measure.ts'
import { measured, startPolylog, type Running } from '../processes.ts'
import { findProgram, runProgram, versionOf } from '../programs.ts'
import { rateOf, startRedis } from '../redis-peer.ts'

const clients = 50
const listeners = 100
const value = 'x'.repeat(64)
const someKeys = (rest: readonly string[]): string[] =>
  Array.from({ length: 10 }, () => ['key:__rand_int__', ...rest]).flat()
const scores = Array.from({ length: 1000 }, (_, i) => [`${i}`, `member:${i}`]).flat()

interface Case {
  readonly name: string
  readonly command: readonly string[]
  /** Of one client, before it. */
  readonly before?: readonly string[]
  /** Thousands of requests, where they are not as many as others are. */
  readonly thousands?: number
}

const cases: readonly Case[] = [
  { name: 'LPUSH', command: ['LPUSH', 'list', value] },
  // What the one before has left.
  { name: 'LPOP', command: ['LPOP', 'list'] },
  { name: 'ZRANGE', command: ['ZRANGE', 'sorted', '0', '9'], before: ['ZADD', 'sorted', ...scores] },
  { name: 'MSET', command: ['MSET', ...someKeys([value])], thousands: 50 },
  { name: 'XADD', command: ['XADD', 'stream', '*', 'field', value] },
  { name: 'EVAL', command: ['EVAL', 'return redis.call("incr", KEYS[1])', '1', 'counter:__rand_int__'] },
]

export const redis: Area = {
  name: 'redis',
  apart: true,
  async *rows(options) {
    if (findProgram('redis-benchmark') === undefined) throw new Error('redis-benchmark is not installed')
    const polylog = await startPolylog({ durability: 'memory' })
    const server = findProgram('redis-server') === undefined ? undefined : await startRedis('memory')
    try {
      for (const tested of cases) {
        for (const pipeline of [16, 1]) yield* await compareCase(tested, pipeline, { polylog, server }, options)
      }
      yield* await comparePublish({ polylog, server }, options)
      yield* await compareHandOver({ polylog, server }, options)
    } finally {
      await Promise.all([polylog.stop(), server?.stop()])
    }
  },
}

interface Servers {
  readonly polylog: Running
  readonly server: Running | undefined
}

async function compareCase(tested: Case, pipeline: number, servers: Servers, options: BenchOptions): Promise<Row[]> {
  const { name, command, before, thousands = pipeline === 1 ? 100 : 500 } = tested
  const requests = thousands * 1000 * (options.quick ? 0.2 : 1)
  for (const one of [servers.polylog, servers.server]) {
    if (before !== undefined && one !== undefined) await runProgram('redis-cli', ['-p', `${one.port}`, ...before])
  }
  const load = (port: number): Promise<number> => loadWith(port, { command, pipeline, requests })
  return compareOn(servers, { name: `redis/${name}/p${pipeline}`, clients, requests, load }, options)
}

interface Load {
  readonly command: readonly string[]
  readonly pipeline: number
  readonly requests: number
}

async function loadWith(port: number, { command, pipeline, requests }: Load): Promise<number> {
  const amount = ['-c', `${clients}`, '-n', `${requests}`, '-P', `${pipeline}`, '-r', '100000', '--csv']
  return rateOf(await runProgram('redis-benchmark', ['-p', `${port}`, ...amount, ...command]))
}

interface Comparison {
  readonly name: string
  readonly clients: number
  readonly requests: number
  readonly load: (port: number) => Promise<number>
}

function compareOn({ polylog, server }: Servers, about: Comparison, options: BenchOptions): Promise<Row[]> {
  const { name, requests, load } = about
  const on = (running: Running) => () =>
    measured(
      running,
      () => load(running.port),
      () => requests,
    )
  const peer = { name: 'redis-server', ...(server && { version: versionOf('redis-server'), run: on(server) }) }
  const row = { area: 'redis', name, unit: 'operations/s', durability: 'memory', clients: about.clients }
  return compare({ ...row, ours: { run: on(polylog) }, peers: [peer] }, options.pairs)
}

// ---- messages

async function comparePublish(servers: Servers, options: BenchOptions): Promise<Row[]> {
  const requests = options.quick ? 2000 : 10_000
  const load = async (port: number): Promise<number> => {
    const listening = await Promise.all(Array.from({ length: listeners }, () => listen(port)))
    try {
      return await loadWith(port, { command: ['PUBLISH', 'news', value], pipeline: 16, requests })
    } finally {
      for (const socket of listening) socket.destroy()
    }
  }
  return compareOn(servers, { name: `redis/PUBLISH-to-${listeners}/p16`, clients, requests, load }, options)
}

async function listen(port: number): Promise<Socket> {
  const socket = await open(port)
  await ask(socket, 'SUBSCRIBE news')
  socket.on('data', () => undefined)
  return socket
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  await once(socket, 'connect')
  return socket
}

/** Answers short enough to come in one piece. */
async function ask(socket: Socket, line: string): Promise<void> {
  const answered = once(socket, 'data')
  socket.write(`${line}\r\n`)
  await answered
}

// ---- who waits

async function compareHandOver(servers: Servers, options: BenchOptions): Promise<Row[]> {
  const requests = options.quick ? 10_000 : 50_000
  return compareOn(servers, { name: 'redis/BLPOP-hand-over', clients: 2 * clients, requests, load }, options)

  async function load(port: number): Promise<number> {
    const startedMs = performance.now()
    await Promise.all(Array.from({ length: clients }, (_, i) => handOver(port, `queue:${i}`, requests / clients)))
    return (requests * 1000) / (performance.now() - startedMs)
  }
}

/** One waits, the other pushes: an operation is both. */
async function handOver(port: number, key: string, count: number): Promise<void> {
  const [waiting, pushing] = await Promise.all([open(port), open(port)])
  for (let i = 0; i < count; i++) {
    const taken = ask(waiting, `BLPOP ${key} 0`)
    await ask(pushing, `LPUSH ${key} ${value}`)
    await taken
  }
  waiting.destroy()
  pushing.destroy()
}
