/** `polylog import redis FILE` and `polylog export redis FILE`, of a running server. */
import { parseArgs } from 'node:util'
import { createRealHost } from '../host/real/real-host.ts'
import { UsageError } from './arguments.ts'
import { connectToRedis, redisCallerOf } from './redis-client.ts'
import { exportRedis } from './redis-export.ts'
import { importRedis } from './redis-import.ts'

const options = { url: { type: 'string' } } as const

export async function transferCommand(direction: 'import' | 'export', args: readonly string[]): Promise<void> {
  const { url, file } = parse(direction, args)
  const host = createRealHost()
  const client = await connectToRedis(host, redisCallerOf(url))
  try {
    if (direction === 'import') {
      const { keys, commands, expired } = await importRedis(host, client, file)
      process.stdout.write(`imported ${keys} keys and ${commands} commands; ${expired} keys had expired\n`)
    } else {
      const { keys } = await exportRedis(host, client, file)
      process.stdout.write(`exported ${keys} keys\n`)
    }
  } finally {
    client.close()
  }
}

function parse(direction: string, args: readonly string[]): { url: string; file: string } {
  let parsed
  try {
    parsed = parseArgs({ args: [...args], options, strict: true, allowPositionals: true })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
  const [what, file, ...more] = parsed.positionals
  if (what !== 'redis' || file === undefined || more.length > 0) {
    throw new UsageError(`polylog ${direction} takes: redis FILE`)
  }
  return { url: parsed.values.url ?? 'redis://127.0.0.1:7654', file }
}
