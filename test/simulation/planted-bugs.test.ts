/**
 * The simulation must find what it is there for: each test plants a bug, from outside of the code, and wants a seed among
 * those that every run tries to break an invariant.
 */
import { syncBuiltinESMExports } from 'node:module'
import zlib from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import { KernelTransaction } from '../../src/database/transaction/transaction.ts'
import type { Disk, File, Host } from '../../src/host/host.ts'
import { planOf } from './plan.ts'
import { shrink, simulate, type Plant, type SeedResult } from './simulation.ts'

const seeds = 200

/** The first seed that fails. */
async function find(plant: Plant): Promise<SeedResult> {
  for (let seed = 1; seed <= seeds; seed++) {
    const result = await simulate(planOf(seed), plant)
    if (result.violations.length > 0) return result
  }
  throw new Error(`none of ${seeds} seeds has found the bug`)
}

/** A host whose files of the log say that they are synced, and are not. */
function withoutSync(host: Host): Host {
  const { disk } = host
  const open: Disk['open'] = async (path, options) => {
    if (!path.includes('/log/')) return disk.open(path, options)
    const file = await disk.open(path, { mode: options.mode })
    return new Proxy(file, { get: (target, name) => (name === 'sync' ? lie : bound(target, name)) })
  }
  const lying = new Proxy(disk, { get: (target, name) => (name === 'open' ? open : bound(target, name)) })
  return new Proxy(host, { get: (target, name) => (name === 'disk' ? lying : bound(target, name)) })
}

async function lie(): Promise<void> {}

function bound(target: File | Disk | Host, name: string | symbol): unknown {
  const value = (target as unknown as Record<string | symbol, unknown>)[name]
  return typeof value === 'function' ? (value.bind(target) as unknown) : value
}

const { crc32 } = zlib
const put = KernelTransaction.prototype.put

afterEach(() => {
  zlib.crc32 = crc32
  syncBuiltinESMExports()
  KernelTransaction.prototype.put = put
})

describe('the simulation finds', { timeout: 240_000 }, () => {
  test('a sync that is skipped', async () => {
    const found = await find({ host: withoutSync })
    expect(['durable', 'recovery', 'start']).toContain(found.violations[0]!.invariant)
    const small = await shrink(found, { host: withoutSync }, 20)
    expect(small.violations.length).toBeGreaterThan(0)
    expect(JSON.stringify(small.plan).length).toBeLessThan(JSON.stringify(found.plan).length)
  })

  test('a lock that is not taken', async () => {
    const plant = (database: Database): void => {
      const acquire = database.locks.acquire.bind(database.locks)
      // Rows are not locked any more; names and schemas are.
      database.locks.acquire = (owner, key, mode, policy) =>
        key.startsWith('\xff') ? acquire(owner, key, mode, policy) : true
    }
    const found = await find({ database: plant })
    expect(['money', 'all-or-none', 'derived', 'durable']).toContain(found.violations[0]!.invariant)
  })

  test('a torn record that is accepted', async () => {
    zlib.crc32 = () => 7
    syncBuiltinESMExports()
    const found = await find({})
    expect(found.violations.length).toBeGreaterThan(0)
  })

  test('an index entry that is forgotten', async () => {
    let entries = 0
    KernelTransaction.prototype.put = function (key, value, kind) {
      if (kind === 'derived' && ++entries % 50 === 0) return
      put.call(this, key, value, kind)
    }
    const found = await find({})
    expect(found.violations[0]!.invariant).toBe('derived')
  })

  test('a serializable transaction that is not validated', async () => {
    const plant = (database: Database): void => {
      database.conflicts.changed = () => false
    }
    const found = await find({ database: plant })
    expect(found.violations[0]!.invariant).toBe('serializable')
  })

  test('a reply that does not wait for its data to be durable', async () => {
    const plant = (database: Database): void => {
      database.whenDurable = (_sequence, _level, run) => run()
    }
    const found = await find({ database: plant })
    expect(found.violations[0]!.invariant).toBe('durable')
  })
})
