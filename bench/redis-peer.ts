/** `redis-server` as a peer, and `redis-benchmark` as the driver of both. */
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { serverCommand } from './cores.ts'
import { removeFolder, running, scratchFolder, waitUntil, type Running } from './processes.ts'
import { findProgram, runProgram } from './programs.ts'

/** `synced`: every write reaches the disk before its reply. `memory`: nothing is kept. `tls`: its port speaks nothing else. */
export async function startRedis(durability: 'memory' | 'synced', tls?: TlsPaths): Promise<Running> {
  const folder = scratchFolder('redis')
  const port = await freePort()
  const keep = durability === 'synced' ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no']
  const listen =
    tls === undefined
      ? ['--port', String(port)]
      : ['--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no', ...redisFiles(tls)]
  const args = [...listen, '--bind', '127.0.0.1', '--dir', folder, '--save', '', ...keep]
  const child = spawn(...serverCommand('redis-server', args), { stdio: 'ignore' })
  const cli = findProgram('redis-cli')!
  await waitUntil(async () => {
    const how = tls === undefined ? [] : ['--tls', '--cacert', tls.authority]
    const answer = await runProgram(cli, ['-p', String(port), ...how, 'ping']).catch(() => '')
    return answer.startsWith('PONG')
  }, 'redis-server')
  return running(child, port, () => removeFolder(folder))
}

/** The files of a server's certificate, and what clients trust. */
export interface TlsPaths {
  readonly certificate: string
  readonly key: string
  readonly authority: string
}

function redisFiles({ certificate, key, authority }: TlsPaths): string[] {
  return ['--tls-cert-file', certificate, '--tls-key-file', key, '--tls-ca-cert-file', authority]
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

export interface RedisLoad {
  readonly command: string
  readonly pipeline: number
  readonly clients: number
  readonly requests: number
  /** In PEM: over TLS, with a server that this one signed. */
  readonly authority?: string
}

/** Operations a second. Values of 64 bytes, 100,000 keys. */
export async function runRedisBenchmark(port: number, load: RedisLoad): Promise<number> {
  const target = ['-p', String(port), '-t', load.command.toLowerCase(), '-c', String(load.clients)]
  const amount = ['-n', String(load.requests), '-P', String(load.pipeline), '-d', '64', '-r', '100000']
  const tls = load.authority === undefined ? [] : ['--tls', '--cacert', load.authority]
  const out = await runProgram('redis-benchmark', [...target, ...amount, ...tls, '--csv'])
  return rateOf(out)
}

/** Of what `--csv` prints of one test, whose name may hold anything: seven figures follow it, and the first is the rate. */
export function rateOf(out: string): number {
  const line = out.trim().split('\n').at(-1) ?? ''
  const rate = Number(line.split('","').at(-figures))
  if (!Number.isFinite(rate)) throw new Error(`redis-benchmark said: ${out.slice(0, 500)}`)
  return rate
}

const figures = 7
