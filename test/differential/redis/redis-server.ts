/** A real Redis of our own: behind a socket in a scratch folder, so that it needs no port, and without persistence. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { WireClient } from './wire-client.ts'

export interface RedisServer {
  readonly path: string
  close(): Promise<void>
}

/** `7.0.15`; undefined where redis-server is not installed. */
export function redisVersion(): string | undefined {
  const run = spawnSync('redis-server', ['--version'], { encoding: 'utf8' })
  return /\bv=([\d.]+)/.exec(run.stdout ?? '')?.[1]
}

export async function startRedisServer(): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'polylog-redis-'))
  const path = join(folder, 'redis.sock')
  const args = ['--port', '0', '--unixsocket', path, '--dir', folder, '--save', '', '--appendonly', 'no']
  const child = spawn('redis-server', args, { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const kill = (): void => void child.kill('SIGKILL')
  // A run that ends early takes its server along.
  process.once('exit', kill)
  const close = async (): Promise<void> => {
    process.off('exit', kill)
    kill()
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  for (let left = 200; left > 0; left--) {
    try {
      const client = await WireClient.open({ path })
      client.close()
      return { path, close }
    } catch {
      await sleep(20)
    }
  }
  await close()
  throw new Error('redis-server did not start within four seconds')
}
