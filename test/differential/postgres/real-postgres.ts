/** The real PostgreSQL, on a data directory of its own that is thrown away. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../free-port.ts'
import { WireClient } from './wire-client.ts'

/** The version whose answers Polylog gives. */
const binaries = '/usr/lib/postgresql/15/bin'

export interface RealPostgres {
  readonly port: number
  stop(): Promise<void>
}

export function isPostgresInstalled(): boolean {
  return existsSync(join(binaries, 'postgres'))
}

/** PostgreSQL refuses to run as root: then it runs as the user that its package made. */
function owner(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: idOf('-u'), gid: idOf('-g') }
}

/** Texts are ordered by code point and zones are UTC, as in Polylog. */
export async function startRealPostgres(): Promise<RealPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'polylog-differential-'))
  const user = owner()
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid!)
  const data = join(folder, 'data')
  const options = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync']
  execFileSync(join(binaries, 'initdb'), ['-D', data, ...options], { ...user, stdio: 'ignore' })
  const port = await freePort()
  const settings = [
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${folder}`,
    'fsync=off',
    'timezone=UTC',
    'wal_level=logical',
  ]
  const args = ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])]
  const child = spawn(join(binaries, 'postgres'), args, { ...user, stdio: 'ignore' })
  const exited = once(child, 'exit')
  const stop = async (): Promise<void> => {
    child.kill('SIGINT')
    await exited
    rmSync(folder, { recursive: true, force: true })
  }
  for (let tries = 0; tries < 200; tries++) {
    try {
      const client = await WireClient.connect(port, 'postgres')
      client.close()
      return { port, stop }
    } catch {
      await sleep(50)
    }
  }
  await stop()
  throw new Error('PostgreSQL did not become ready')
}
