/** Servers on data directories of tests, and the files that they leave there. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { type Exit, runPolylog, ServerProcess } from './server-process.ts'

export const serveOn = (folder: string): Promise<ServerProcess> => ServerProcess.start('--data', folder)
export const tryToServe = (folder: string): Promise<Exit> => runPolylog('serve', '--port', '0', '--data', folder)

/** Sets keys and stops, so that the log has records. */
export async function fill(folder: string, end: 'stop' | 'kill' = 'stop'): Promise<void> {
  const server = await serveOn(folder)
  const redis = new Redis(server.port)
  for (let number = 0; number < 20; number++) await redis.set(`key:${number}`, 'value '.repeat(100))
  redis.disconnect()
  await server[end]()
}

/** How many keys there are after a start, and what the server has said until its stop. */
export async function countIn(folder: string): Promise<{ count: number; stderr: string }> {
  const server = await serveOn(folder)
  const redis = new Redis(server.port)
  const count = await redis.dbsize()
  redis.disconnect()
  return { count, stderr: (await server.stop()).stderr }
}

export async function oneReply(port: number, command: string, ...args: string[]): Promise<unknown> {
  const redis = new Redis(port, { retryStrategy: () => null })
  try {
    return await redis.call(command, ...args)
  } finally {
    redis.disconnect()
  }
}

export function databaseIn(folder: string): string {
  const databases = join(folder, 'databases')
  return join(databases, readdirSync(databases)[0]!)
}

/** The lines of one level that it logged. */
export function loggedAt(level: string, stderr: string): Record<string, unknown>[] {
  const lines = stderr.trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line['level'] === level)
}

/** The newest log segment's path. */
export function segmentIn(folder: string): string {
  const log = join(databaseIn(folder), 'log')
  const segments = readdirSync(log).filter((name) => statSync(join(log, name)).size > 4096)
  return join(log, segments.sort()[0]!)
}
