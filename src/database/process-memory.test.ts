import { afterEach, describe, expect, it } from 'vitest'
import { sliceOf } from '../base/slice.ts'
import { keyspaceRange } from '../base/tuple.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { openMemoryLog } from '../log/memory-log.ts'
import { openMemoryStore } from '../storage/memory/memory.ts'
import { Database } from './database.ts'
import { ProcessMemory } from './process-memory.ts'
import type { KernelTransaction } from './transaction/transaction.ts'
import { commitNow } from './testing.ts'

const mib = 1024 * 1024
let database: Database | undefined
afterEach(() => database?.close())

async function openWith(memory: ProcessMemory): Promise<Database> {
  const host = createRealHost()
  const store = await openMemoryStore(host, undefined)
  database = await Database.open({ host, name: 'test', log: openMemoryLog({ keptBytes: 0 }), store, memory })
  return database
}

function key(number: number): { bytes: Uint8Array; start: number; end: number } {
  return sliceOf(Buffer.from(`\x15\x20key${String(number).padStart(8, '0')}`, 'latin1'))
}

async function alone(work: (transaction: KernelTransaction) => void): Promise<void> {
  const transaction = database!.beginAlone('read committed', false)
  try {
    transaction.beginStatement()
    work(transaction)
    commitNow(transaction)
  } catch (error) {
    transaction.rollback()
    throw error
  }
}

describe('memory of the process', () => {
  it('divides what is left beside the runtime, and never gives work more than half of the heap', () => {
    const memory = new ProcessMemory(1000 * mib, 100 * mib, 200 * mib)
    expect(memory.root.limitBytes).toBe(700 * mib)
    expect(memory.work.limitBytes).toBe(100 * mib)
    expect(new ProcessMemory(1000 * mib, 100 * mib, 2048 * mib).work.limitBytes).toBe(350 * mib)
  })

  it('refuses writes when the stored data have reached the limit, and takes them again when there is room', async () => {
    const memory = new ProcessMemory(320 * mib, 0, Infinity)
    await openWith(memory)
    const value = sliceOf(new Uint8Array(400_000))
    let written = 0
    const fill = async (): Promise<void> => {
      for (; written < 10_000; written++) await alone((transaction) => transaction.put(key(written), value))
    }
    await expect(fill()).rejects.toMatchObject({ code: 'out_of_memory' })
    expect(memory.stored.usedBytes).toBeLessThan(256 * mib)
    expect(written).toBeGreaterThan(100)
    for (let i = 0; i < written; i++) await alone((transaction) => transaction.delete(key(i)))
    // Until then the old versions may be needed again.
    await database!.pipeline.settled()
    await new Promise<void>((resolve) => database!.host.turn(resolve))
    while (database!.store.reclaim(10_000));
    await alone((transaction) => transaction.put(key(0), value))
  })

  it('charges the private writes of a large transaction, until it ends', async () => {
    const memory = new ProcessMemory(80 * mib, 0, Infinity)
    await openWith(memory)
    const value = sliceOf(new Uint8Array(1_000_000))
    const transaction = database!.begin({ isolation: 'read committed', readOnly: false, interactive: true })
    transaction.beginStatement()
    expect(() => {
      for (let i = 0; i < 64; i++) transaction.put(key(i), value)
    }).toThrow(expect.objectContaining({ code: 'out_of_memory' }))
    expect(memory.work.usedBytes).toBeGreaterThan(20 * mib)
    transaction.rollback()
    expect(memory.work.usedBytes).toBe(0)
  })

  it('refuses a commit for whose writes there is no room any more, with what it has drafted', async () => {
    const memory = new ProcessMemory(320 * mib, 0, Infinity)
    await openWith(memory)
    const value = sliceOf(new Uint8Array(400_000))
    const large = database!.begin({ isolation: 'read committed', readOnly: false, interactive: true })
    large.beginStatement()
    for (let i = 0; i < 150; i++) large.put(key(i), value)
    large.leaveTurn(false)
    for (let i = 0; i < 200; i++) await alone((transaction) => transaction.put(key(1000 + i), value))
    memory.stored.child('another database').force(110 * mib)
    await expect(large.commit()).rejects.toMatchObject({ code: 'out_of_memory' })
    large.rollback()
    expect(memory.stored.usedBytes).toBeLessThan(240 * mib)
    expect(database!.newest.count(keyspaceRange(0x15))).toBe(200)
    while (database!.store.reclaim(10_000));
    await alone((transaction) => transaction.put(key(0), value))
  })

  it('refuses the writes of a transaction as soon as they could not be stored', async () => {
    const memory = new ProcessMemory(640 * mib, 0, Infinity)
    await openWith(memory)
    const others = memory.stored.child('another database')
    others.force(400 * mib)
    const transaction = database!.begin({ isolation: 'read committed', readOnly: false, interactive: true })
    transaction.beginStatement()
    const value = sliceOf(new Uint8Array(400_000))
    const put = (count: number) => () => {
      for (let i = 0; i < count; i++) transaction.put(key(i), value)
    }
    expect(put(60)).not.toThrow()
    expect(put(400)).toThrow('the stored data have reached the memory limit')
    transaction.rollback()
    // What makes room is written, with a little beside.
    const deleting = database!.begin({ isolation: 'read committed', readOnly: false, interactive: true })
    deleting.beginStatement()
    others.force(448 * mib)
    for (let i = 0; i < 20_000; i++) deleting.delete(key(i))
    for (let i = 0; i < 30; i++) deleting.put(key(i), value)
    expect(() => {
      for (let i = 0; i < 30; i++) deleting.put(key(i), value)
    }).toThrow('the stored data have reached the memory limit')
    deleting.rollback()
  })

  it('gives a statement a workspace, which goes with it', async () => {
    const memory = new ProcessMemory(80 * mib, 0, Infinity)
    await openWith(memory)
    const transaction = database!.beginAlone('read committed', true)
    transaction.beginStatement()
    transaction.workspace.memory.charge(mib)
    expect(memory.work.usedBytes).toBeGreaterThanOrEqual(mib)
    transaction.endStatement()
    expect(memory.work.usedBytes).toBe(0)
    transaction.rollback()
  })
})
