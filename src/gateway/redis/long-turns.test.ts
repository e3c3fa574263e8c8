/**
 * Every command there is, given as much as it takes: between two pauses it makes a bounded number of calls on its arguments,
 * on its transaction and on its reply, copies a bounded number of bytes, and charges no more than a turn. A command that
 * is added without a row here fails, and so does a row that never pauses.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { ByteWriter } from '../../base/bytes.ts'
import { turnMeter } from '../../base/turn-meter.ts'
import { turnUnits } from '../../base/work.ts'
import { KernelTransaction } from '../../database/transaction/transaction.ts'
import { TransactionCursor } from '../../database/transaction/transaction-cursor.ts'
import { Call } from './call.ts'
import { createCommandTable } from './command-handlers.ts'
import type { Command } from './command-table.ts'
import { longArguments, type LongRow } from './long-arguments.ts'
import { Reply } from './reply.ts'
import { openTestServer, type TestClient, type TestServer } from './testing.ts'

vi.mock('../../base/work.ts', async (load) => {
  const { metered } = await import('../../base/turn-meter.ts')
  return metered(await load())
})

const sizeOf = ({ start, end }: { start: number; end: number }): number => end - start

function countWork(): void {
  turnMeter.count(Call.prototype, ['arg'])
  turnMeter.count(Reply.prototype, ['integer', 'bulk', 'bulkText', 'null', 'double', 'array', 'status'])
  turnMeter.count(KernelTransaction.prototype, ['get', 'delete', 'scan'])
  turnMeter.count(KernelTransaction.prototype, ['put', 'putNew'], (_: unknown, value: { start: number; end: number }) =>
    sizeOf(value),
  )
  turnMeter.count(TransactionCursor.prototype, ['next'])
  turnMeter.count(ByteWriter.prototype, ['copy'], (_: unknown, start = 0, end = 0) => end - start)
}

/** A turn has 1,000 keys, each of which is some of these calls. */
const callsPerTurn = 12_000
const bytesPerTurn = 4 * 1024 * 1024
/** A single step may go beyond. */
const unitsPerTurn = 2 * turnUnits

const { rows, stored, pairs } = longArguments({
  size: 4_000,
  keys: 4_000,
  longString: Buffer.alloc(6 * 1024 * 1024, 'long string '),
})

/** Whatever it is given and whatever is stored, their work is bounded; `why` by `what`. */
const bounded: Readonly<Record<string, string>> = {
  'a few values and one or two entries':
    'decr decrby expire expireat expiretime geodist getbit hexists hincrby hincrbyfloat hlen hstrlen incr incrby ' +
    'incrbyfloat llen persist pexpire pexpireat pexpiretime pttl rename renamenx scard ' +
    'sismember smove strlen ttl type xlen xsetid zcard zincrby zscore',
  'counted in the pages': 'dbsize zcount zlexcount zrank zrevrank randomkey',
  'range deletes': 'flushall flushdb ltrim xtrim',
  'at most 1,024 arguments, of which names and options are read':
    'acl asking auth bgrewriteaof bgsave client cluster command config debug echo failover hello info lastsave lolwut ' +
    'latency memory module monitor object ping publish pubsub spublish polylog.asof polylog.begin polylog.commit polylog.durability polylog.engine ' +
    'polylog.join polylog.leave polylog.rollback polylog.token polylog.use psync quit readonly readwrite replconf replicaof ' +
    'reset role save script select shutdown slaveof slowlog swapdb sync time wait waitaof',
  'at most 2,000 keys': 'unwatch watch',
  'some names a turn: pubsub.test.ts counts them':
    'subscribe psubscribe ssubscribe unsubscribe punsubscribe sunsubscribe',
  'what is queued is done one by one': 'multi exec discard',
  'another command': 'polylog.in',
  'restore under another name': 'restore-asking',
  refused: 'migrate',
  'a script, as EVAL runs it': 'evalsha evalsha_ro fcall fcall_ro',
  'a library, which is short': 'function',
}

const boundedNames = Object.values(bounded).flatMap((names) => names.split(' '))

let server: TestServer
let client: TestClient

/** The keys that a command names; many where it asks for all. */
async function fill(form: LongRow): Promise<void> {
  await client.send('FLUSHALL')
  for (const [key, command] of Object.entries(stored)) if (form.includes(key)) await client.send(...command)
  if (form[0] === '*' || form[0] === '0') await client.send('MSET', ...pairs)
}

beforeAll(async () => {
  server = await openTestServer()
  client = server.connect()
  countWork()
})

afterAll(async () => {
  await server.close()
})

async function measured(args: LongRow): Promise<typeof turnMeter> {
  turnMeter.reset()
  await client.send(...args)
  turnMeter.endTurn()
  return turnMeter
}

describe('no command does much in one turn:', () => {
  const table = createCommandTable()

  it('all are here', () => {
    const known = new Set([...Object.keys(rows), ...boundedNames])
    expect([...table.commands.keys()].filter((name) => !known.has(name))).toEqual([])
    const isMany = ([name, command]: [string, Command]): boolean => command.takesMany && rows[name] === undefined
    expect([...table.commands].filter(isMany).map(([name]) => name)).toEqual([
      'evalsha',
      'evalsha_ro',
      'fcall',
      'fcall_ro',
      'polylog.in',
      'psubscribe',
      'punsubscribe',
      'ssubscribe',
      'subscribe',
      'sunsubscribe',
      'unsubscribe',
      'watch',
    ])
  })

  it.each(Object.entries(rows))('%s', async (name, forms) => {
    for (const form of forms) {
      await fill(form)
      const { turns, mostCalls, mostBytes, mostUnits } = await measured([name, ...form])
      const isIn = {
        calls: mostCalls <= callsPerTurn,
        bytes: mostBytes <= bytesPerTurn,
        units: mostUnits <= unitsPerTurn,
      }
      const shown = `${form
        .slice(0, 3)
        .map((arg) => arg.toString('latin1').slice(0, 20))
        .join(' ')}: ${turns} turns, ${mostCalls} calls, ${mostBytes} bytes, ${mostUnits} units`
      expect({ ...isIn, pauses: turns > 2 }, shown).toEqual({ calls: true, bytes: true, units: true, pauses: true })
    }
  })
})
