/**
 * What TLS costs: the handshake, GET and SELECT over it, beside redis-server and PostgreSQL with the same certificate and
 * beside the same in the open; and what a connection takes that does nothing, beside a bare server of Node's.
 */
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { fileURLToPath } from 'node:url'
import type { Area, BenchOptions } from '../area.ts'
import { compare, type Comparison, type Measured, type Peer, type Row } from '../measure.ts'
import { findPostgres, initializePgbench, runPgbench, startPostgres, type PgbenchLoad } from '../postgres-peer.ts'
import { measured, startPolylog, startScript, type Running } from '../processes.ts'
import { findProgram, versionOf } from '../programs.ts'
import { runRedisBenchmark, startRedis, type RedisLoad, type TlsPaths } from '../redis-peer.ts'

const canned = fileURLToPath(new URL('../canned/idle.js', import.meta.url))
const files: TlsPaths = {
  certificate: resolve('test/certificates/server.pem'),
  key: resolve('test/certificates/server.key'),
  authority: resolve('test/certificates/authority.pem'),
}
const tlsArguments = ['--tls-cert', files.certificate, '--tls-key', files.key]
const collector = fileURLToPath(new URL('../collector.js', import.meta.url))
const ping = '*1\r\n$4\r\nPING\r\n'

export const security: Area = {
  name: 'security',
  apart: true,
  async *rows(options) {
    const polylog = await startPolylog({ durability: 'memory', args: tlsArguments })
    try {
      yield* redisRows(polylog, options)
      yield* postgresRows(polylog, options)
    } finally {
      await polylog.stop()
    }
    yield* idleRows(options)
  },
}

function rowFor(name: string, unit: string, clients: number): Omit<Comparison, 'ours' | 'peers'> {
  return { area: 'security', name: `security/${name}`, unit, durability: 'memory', clients }
}

/** The peer over TLS, and ourselves in the open. */
function peersOf(name: string, program: string, overTls: Peer['run'], open: Peer['run']): Peer[] {
  return [
    overTls === undefined ? { name } : { name, version: versionOf(program), run: overTls },
    { name: 'in the open', suffix: '/open', run: open! },
  ]
}

// ---- Redis's protocol

async function* redisRows(polylog: Running, { quick, pairs }: BenchOptions): AsyncGenerator<Row> {
  const program = findProgram('redis-server')
  if (program === undefined || findProgram('redis-benchmark') === undefined) return
  const redis = await startRedis('memory', files)
  const { authority } = files
  try {
    for (const pipeline of [1, 16]) {
      const load: RedisLoad = { command: 'GET', pipeline, clients: 50, requests: (quick ? 20_000 : 200_000) * pipeline }
      const run = (server: Running, tls: boolean): Promise<Measured> => {
        const how = tls ? { ...load, authority } : load
        return measured(
          server,
          () => runRedisBenchmark(server.port, how),
          () => load.requests,
        )
      }
      const ours = { run: () => run(polylog, true) }
      const peers = peersOf(
        'redis-server',
        program,
        () => run(redis, true),
        () => run(polylog, false),
      )
      yield* await compare({ ...rowFor(`get-tls/p${pipeline}`, 'operations/s', 50), ours, peers }, pairs)
    }
    const count = quick ? 500 : 4000
    const run = (server: Running): Promise<Measured> =>
      measured(
        server,
        () => handshakes(server.port, count),
        () => count,
      )
    const peers: Peer[] = [{ name: 'redis-server', version: versionOf(program), run: () => run(redis) }]
    const notes = 'TLS 1.3, P-256, a PING each, no session taken up again'
    yield* await compare(
      { ...rowFor('handshake', 'connections/s', 8), ours: { run: () => run(polylog) }, peers, notes },
      pairs,
    )
  } finally {
    await redis.stop()
  }
}

/** Connections a second, each with a question; eight at a time. */
async function handshakes(port: number, count: number): Promise<number> {
  const ca = readFileSync(files.authority)
  const started = performance.now()
  let left = count
  const one = async (): Promise<void> => {
    while (left-- > 0) (await greeted(connectTls({ port, host: 'localhost', ca }))).destroy()
  }
  await Promise.all(Array.from({ length: 8 }, one))
  return count / ((performance.now() - started) / 1000)
}

function greeted(socket: Socket): Promise<Socket> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('data', () => resolve(socket))
    socket.write(ping)
  })
}

// ---- PostgreSQL's

async function* postgresRows(polylog: Running, { quick, pairs }: BenchOptions): AsyncGenerator<Row> {
  const program = findPostgres('postgres')
  if (program === undefined || findPostgres('pgbench') === undefined) return
  const postgres = await startPostgres(files)
  const load: PgbenchLoad = { mode: 'prepared', selectOnly: true, clients: 8, seconds: quick ? 1 : 5 }
  const run = (server: Running, database: string, mode: string): Promise<Measured> =>
    measured(
      server,
      () => runPgbench(server.port, `dbname=${database} sslmode=${mode}`, load),
      (rate) => rate * load.seconds,
    )
  try {
    await initializePgbench(polylog.port, 'polylog')
    await initializePgbench(postgres.port, 'postgres')
    const ours = { run: () => run(polylog, 'polylog', 'require') }
    const overTls = (): Promise<Measured> => run(postgres, 'postgres', 'require')
    const peers = peersOf('PostgreSQL', program, overTls, () => run(polylog, 'polylog', 'disable'))
    yield* await compare({ ...rowFor('select-tls/c8', 'transactions/s', 8), ours, peers }, pairs)
  } finally {
    await postgres.stop()
  }
}

// ---- connections that do nothing

async function* idleRows({ quick, pairs }: BenchOptions): AsyncGenerator<Row> {
  const count = quick ? 1000 : 10_000
  for (const isTls of [false, true]) {
    const ours = {
      run: () =>
        idleBytes(() => startPolylog({ durability: 'memory', args: tlsArguments, imports: collector }), count, isTls),
    }
    const bare = (): Promise<Running> => startScript(canned, isTls ? [files.certificate, files.key] : [], collector)
    const peers: Peer[] = [{ name: 'bare Node', version: process.version, run: () => idleBytes(bare, count, isTls) }]
    const notes = 'resident memory each, after a PING and a collection of garbage'
    const name = `idle/${isTls ? 'tls' : 'open'}`
    yield* await compare(
      { ...rowFor(name, 'bytes', count), lowerIsBetter: true, ours, peers, notes },
      Math.min(pairs, 3),
    )
  }
}

/** By how much the server has grown, for each connection: without what only waits for its collection, which is a matter of time. */
async function idleBytes(start: () => Promise<Running>, count: number, isTls: boolean): Promise<Measured> {
  const server = await start()
  const ca = readFileSync(files.authority)
  const sockets: Socket[] = []
  const one = async (): Promise<void> => {
    const socket = isTls
      ? connectTls({ port: server.port, host: 'localhost', ca })
      : connect({ port: server.port, host: '127.0.0.1' })
    sockets.push(socket)
    await greeted(socket)
  }
  try {
    // What is made for the first ones stays.
    for (let i = 0; i < 20; i++) await one()
    const before = await residentBytes(server.pid)
    for (let i = 0; i < count; i += 20) await Promise.all(Array.from({ length: 20 }, one))
    return { value: ((await residentBytes(server.pid)) - before) / count }
  } finally {
    for (const socket of sockets) socket.destroy()
    await server.stop()
  }
}

async function residentBytes(pid: number): Promise<number> {
  process.kill(pid, 'SIGUSR2')
  await sleep(2000)
  return Number(/VmRSS:\s*(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}
