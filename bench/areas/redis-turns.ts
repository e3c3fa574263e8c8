/**
 * The longest turn of the server's event loop while a client of Redis gives each command there is as much as it takes:
 * collections of 200,000 elements, arguments as many, values of 48 MB. The bound is 10 ms (decision 081). What is counted by
 * `long-turns.test.ts` is measured here, and all others with a few long arguments.
 *
 * `POLYLOG_TURNS=name,name` measures these commands.
 */
import { Redis } from 'ioredis'
import { createCommandTable } from '../../src/gateway/redis/command-handlers.ts'
import { longArguments, type LongRow } from '../../src/gateway/redis/long-arguments.ts'
import type { Area } from '../area.ts'
import { removeFolder, scratchFolder } from '../processes.ts'
import { MeteredServer, measureTurn, type TurnCase } from '../turns.ts'

const longString = Buffer.alloc(48_000_000, 'a long string, ')
const { rows, stored, pairs } = longArguments({ size: 200_000, keys: 10_000, longString })

/** They end the connection, or take it elsewhere. */
const leaving: ReadonlySet<string> = new Set(['quit', 'reset', 'auth', 'hello', 'select', 'polylog.use'])

const call = (redis: Redis, name: string, args: LongRow): Promise<unknown> => redis.callBuffer(name, [...args])

/** The keys that a command names; many where it asks for all. */
async function fill(redis: Redis, form: LongRow): Promise<void> {
  await redis.flushall()
  for (const [key, [command, ...args]] of Object.entries(stored)) {
    if (form.includes(key)) await call(redis, command as string, args)
  }
  if (form[0] === '*' || form[0] === '0') await call(redis, 'MSET', pairs)
}

const shownForm = (form: LongRow): string =>
  form
    .slice(0, 3)
    .map((arg) => arg.toString('latin1').slice(0, 12))
    .join(' ')

function* casesOf(redis: Redis, name: string): Generator<TurnCase> {
  for (const form of rows[name] ?? []) {
    yield {
      name: `${name} ${shownForm(form)} (${form.length})`,
      before: () => fill(redis, form),
      run: () => call(redis, name, form),
    }
  }
  if (rows[name] !== undefined || leaving.has(name)) return
  const short = Array.from({ length: 1022 }, (_, i) => `${i}`)
  const forms = [[longString], ['k', longString], ['k', 'a', longString], ['k', ...short]]
  yield {
    name: `${name} with long arguments`,
    before: () => redis.flushall(),
    run: async () => {
      for (const form of forms) await call(redis, name, form).catch(() => undefined)
      if (name === 'multi') await redis.call('DISCARD')
    },
  }
}

export const redisTurns: Area = {
  name: 'redis-turns',
  apart: false,
  async *rows({ quick }) {
    const folder = scratchFolder('redis-turns')
    const server = await MeteredServer.start(folder)
    const redis = new Redis({ port: server.running.port })
    try {
      const chosen = process.env['POLYLOG_TURNS']?.split(',')
      for (const name of createCommandTable().commands.keys()) {
        if (chosen !== undefined && !chosen.includes(name)) continue
        for (const one of casesOf(redis, name)) yield await measureTurn(server, 'redis-turns', one, quick ? 1 : 3)
      }
    } finally {
      redis.disconnect()
      await server.running.stop()
      removeFolder(folder)
    }
  },
}
