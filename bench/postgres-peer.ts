/** PostgreSQL as a peer, and `pgbench` as the driver of both. */
import { execFileSync, spawn } from 'node:child_process'
import { chownSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { serverCommand } from './cores.ts'
import {
  cpuSeconds,
  endedChildrenSeconds,
  removeFolder,
  running,
  scratchFolder,
  waitUntil,
  type Running,
} from './processes.ts'
import { findProgram, runProgram } from './programs.ts'
import { freePort, type TlsPaths } from './redis-peer.ts'

const folders = ['/usr/lib/postgresql/15/bin', '/usr/lib/postgresql/16/bin', '/usr/lib/postgresql/17/bin']

export function findPostgres(name: string): string | undefined {
  return findProgram(name, folders)
}

/** PostgreSQL refuses to run as root: then it runs as the user that its package made. */
function owner(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: idOf('-u'), gid: idOf('-g') }
}

/** `tls`: clients may ask for it. */
export async function startPostgres(tls?: TlsPaths): Promise<Running> {
  const folder = scratchFolder('postgres')
  const user = owner()
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid!)
  const data = join(folder, 'data')
  execFileSync(findPostgres('initdb')!, ['-D', data, '-U', 'postgres', '-A', 'trust'], { ...user, stdio: 'ignore' })
  const port = await freePort()
  const settings = ['-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${folder}`]
  const secure = tls === undefined ? [] : tlsSettings(tls, data, user)
  const args = ['-D', data, '-p', String(port), ...settings, ...secure]
  const child = spawn(...serverCommand(findPostgres('postgres')!, args), { ...user, stdio: 'ignore' })
  const ready = findPostgres('pg_isready')!
  await waitUntil(
    () =>
      runProgram(ready, ['-h', '127.0.0.1', '-p', String(port)]).then(
        () => true,
        () => false,
      ),
    'postgres',
  )
  const server = running(child, port, () => removeFolder(folder))
  return { ...server, cpuSeconds: () => familySeconds(child.pid!) }
}

/** The key has to be the server's own. */
function tlsSettings({ certificate, key }: TlsPaths, data: string, user: { uid?: number; gid?: number }): string[] {
  for (const [from, name] of [
    [certificate, 'server.crt'],
    [key, 'server.key'],
  ] as const) {
    const to = join(data, name)
    writeFileSync(to, readFileSync(from), { mode: 0o600 })
    if (user.uid !== undefined) chownSync(to, user.uid, user.gid!)
  }
  return ['-c', 'ssl=on']
}

/** Of the postmaster, of the processes that it runs, and of those that have ended and it has waited for. */
function familySeconds(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
  const running = children.reduce((sum, child) => sum + secondsOfLiving(Number(child)), 0)
  return running + cpuSeconds(pid) + endedChildrenSeconds(pid)
}

/** 0 where it has ended meanwhile: then the postmaster's ended children have its time. */
function secondsOfLiving(pid: number): number {
  try {
    return cpuSeconds(pid)
  } catch {
    return 0
  }
}

export interface PgbenchLoad {
  readonly mode: 'simple' | 'extended' | 'prepared'
  readonly selectOnly: boolean
  readonly clients: number
  readonly seconds: number
}

function connection(port: number): string[] {
  return ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres']
}

/** Makes pgbench's tables. The database is the server's default one. */
export async function initializePgbench(port: number, database: string, scale = 1): Promise<void> {
  await runProgram(findPostgres('pgbench')!, ['-i', '-q', '-s', String(scale), ...connection(port), database])
}

/** Transactions a second. */
export async function runPgbench(port: number, database: string, load: PgbenchLoad): Promise<number> {
  const work = load.selectOnly ? ['-S'] : []
  const out = await runProgram(findPostgres('pgbench')!, [
    '-n',
    '-M',
    load.mode,
    '-c',
    String(load.clients),
    '-j',
    '1',
    '-T',
    String(load.seconds),
    ...work,
    ...connection(port),
    database,
  ])
  const rate = Number(/tps = ([\d.]+)/.exec(out)?.[1])
  if (!Number.isFinite(rate)) throw new Error(`pgbench said: ${out.slice(0, 500)}`)
  return rate
}
