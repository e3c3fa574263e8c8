import { describe, expect, test } from 'vitest'
import { sliceOf } from '../../../base/slice.ts'
import { KeyWriter } from '../../../base/tuple.ts'
import type { SimulatedProcess } from '../../../host/simulated/simulated-process.ts'
import { SimulatedWorld } from '../../../host/simulated/simulated-world.ts'
import { decodeJson, formatKey } from '../../catalog/catalog-entries.ts'
import type { Transaction } from '../../contract.ts'
import { encodeContents } from '../contents.ts'
import type { Database } from '../../database.ts'
import { Instance } from '../../instance.ts'
import { writeSmallFile } from '../small-files.ts'
import { type MigrationStep, registerStep } from './migrations.ts'
import { commitNow } from '../../testing.ts'

const rows = 10
const pieceRows = 3
let serial = 0

function start(world: SimulatedWorld): SimulatedProcess {
  return world.startProcess(`process ${++serial}`, { machine: 'disk' })
}

function keyOf(row: number): KeyWriter {
  return new KeyWriter(8).begin(20, 1).int64(row)
}

function valueOf(reader: Pick<Transaction, 'get'>, row: number): string {
  const found = reader.get(keyOf(row))
  return found === undefined ? 'none' : Buffer.from(found.bytes.subarray(found.start, found.end)).toString()
}

/** Appends its letter to every row, a few at a time; what it has changed already shows by the letter. */
function appending(letter: string, calls: string[] = []): MigrationStep {
  const begin = (): ((transaction: Transaction) => boolean) => {
    let row = 0
    return (transaction) => {
      calls.push(letter)
      for (const stop = row + pieceRows; row < stop && row < rows; row++) {
        const value = valueOf(transaction, row)
        if (!value.includes(letter)) transaction.put(keyOf(row), sliceOf(Buffer.from(value + letter)))
      }
      return row === rows
    }
  }
  return { name: letter, begin }
}

function open(process: SimulatedProcess, migrationSteps: readonly MigrationStep[]): Promise<Instance> {
  const options = { host: process, directory: 'data', segmentBytes: 16 * 1024, checkpointEveryBytes: 512 }
  return Instance.open({ ...options, migrationSteps }, 'main')
}

function mainOf(instance: Instance): Database {
  return instance.databases.get('main')!
}

function markOf(database: Database): unknown {
  const mark = database.newest.get(formatKey())
  return mark === undefined ? undefined : decodeJson(mark)
}

function valuesOf(database: Database): string[] {
  return Array.from({ length: rows }, (_, row) => valueOf(database.newest, row))
}

function write(database: Database, work: (transaction: Transaction) => void): void {
  const transaction = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  transaction.beginStatement()
  work(transaction)
  commitNow(transaction)
}

/** A directory as one of format 2 is, with rows. */
async function version2(seed: number): Promise<SimulatedWorld> {
  const world = new SimulatedWorld(seed)
  const process = start(world)
  const instance = await world.complete(open(process, []))
  write(mainOf(instance), (tx) => {
    for (let row = 0; row < rows; row++) tx.put(keyOf(row), sliceOf(Buffer.from(`${row}`)))
  })
  write(mainOf(instance), (tx) => tx.delete(formatKey()))
  await world.complete(instance.close())
  const [uuid] = await world.complete(process.disk.list('data/databases'))
  const contents = encodeContents({ databases: [{ uuid: uuid!, name: 'main' }], dropped: [] }, 2)
  await world.complete(writeSmallFile(process.disk, 'data', 'CONTENTS', contents))
  await world.complete(writeSmallFile(process.disk, 'data', 'FORMAT', '2\n'))
  world.crash(process, 'process')
  return world
}

const migrated = Array.from({ length: rows }, (_, row) => `${row}ab`)

describe('a database of format 2', () => {
  test('goes through all steps, once, in their order', async () => {
    const world = await version2(1)
    const calls: string[] = []
    const steps = [appending('a', calls), appending('b', calls)]
    const instance = await world.complete(open(start(world), steps))
    expect(valuesOf(mainOf(instance))).toEqual(migrated)
    expect(calls.join('')).toBe('aaaabbbb')
    expect(markOf(mainOf(instance))).toEqual({ format: 3 })
    await world.complete(instance.close())
    await world.complete(open(start(world), steps))
    expect(calls.length).toBe(8)
  })

  test('is complete however often that is cut short, and repeats no step that is done', async () => {
    const sizing = await version2(2)
    const sized = start(sizing)
    await sizing.complete(open(sized, [appending('a'), appending('b')]))
    expect(sized.ioCount).toBeGreaterThan(30)
    for (let io = 1; io <= sized.ioCount; io++) {
      const world = await version2(2)
      const process = start(world)
      world.faults.crashAt(process.name, io, io % 3 === 0 ? 'process' : 'power')
      let settled = false
      const end = (): boolean => (settled = true)
      open(process, [appending('a'), appending('b')]).then(end, end)
      await world.run({ until: () => settled || !process.alive })
      world.crash(process, 'power')
      const calls: string[] = []
      const instance = await world.complete(open(start(world), [appending('a', calls), appending('b', calls)]))
      expect(valuesOf(mainOf(instance)), `cut at ${io}`).toEqual(migrated)
      expect(markOf(mainOf(instance))).toEqual({ format: 3 })
      if (calls.length > 0 && !calls.includes('a')) expect(calls.join('')).toBe('bbbb')
    }
  })

  test('is not opened where a step fails, and goes on later', async () => {
    const world = await version2(3)
    const failing: MigrationStep = {
      name: 'b',
      begin: () => () => {
        throw new Error('no')
      },
    }
    await expect(world.complete(open(start(world), [appending('a'), failing]))).rejects.toThrow('no')
    const calls: string[] = []
    const steps = [appending('a', calls), appending('b', calls)]
    const instance = await world.complete(open(start(world), steps))
    expect(valuesOf(mainOf(instance))).toEqual(migrated)
    expect(calls).not.toContain('a')
  })

  test('on a full disk says so', async () => {
    const world = await version2(4)
    const large: MigrationStep = {
      name: 'a',
      begin: () => (tx) => {
        tx.put(keyOf(0), sliceOf(Buffer.alloc(100_000)))
        return true
      },
    }
    const { disk } = world.machine('disk')
    disk.capacityBytes = disk.usedBytes + 4 * 1024
    await expect(world.complete(open(start(world), [large]))).rejects.toMatchObject({ code: 'disk_full' })
    disk.capacityBytes = Infinity
    const instance = await world.complete(open(start(world), [appending('a'), appending('b')]))
    expect(valuesOf(mainOf(instance))).toEqual(migrated)
  })
})

describe('a new database', () => {
  test('is of the present format from its first record on, and not before it', async () => {
    const world = new SimulatedWorld(5)
    const process = start(world)
    const instance = await world.complete(open(process, []))
    expect(markOf(mainOf(instance))).toBeUndefined()
    write(mainOf(instance), (tx) => tx.put(keyOf(1), sliceOf(Buffer.from('1'))))
    write(mainOf(instance), (tx) => tx.delete(keyOf(1)))
    expect(markOf(mainOf(instance))).toEqual({ format: 3 })
    await world.complete(mainOf(instance).pipeline.settled())
    world.crash(process, 'power')
    const calls: string[] = []
    await world.complete(open(start(world), [appending('a', calls)]))
    expect(calls).toEqual([])
  })

  test('whose first record was refused carries the mark in the next one', async () => {
    const world = new SimulatedWorld(6)
    const process = start(world)
    const instance = await world.complete(open(process, []))
    const { disk } = world.machine('disk')
    const database = mainOf(instance)
    disk.capacityBytes = disk.usedBytes
    write(database, (tx) => tx.put(keyOf(1), sliceOf(Buffer.alloc(100_000))))
    await world.complete(database.pipeline.settled())
    expect(database.returns).toBe(1)
    disk.capacityBytes = Infinity
    await world.complete(new Promise<void>((resolve) => void process.at(1000, resolve)))
    write(database, (tx) => tx.put(keyOf(1), sliceOf(Buffer.from('1'))))
    expect(markOf(database)).toEqual({ format: 3 })
  })

  test('of a newer format is refused', async () => {
    const world = new SimulatedWorld(7)
    const process = start(world)
    const instance = await world.complete(open(process, []))
    write(mainOf(instance), (tx) => tx.put(keyOf(1), sliceOf(Buffer.from('1'))))
    write(mainOf(instance), (tx) => tx.put(formatKey(), sliceOf(Buffer.from('{"format":4}'))))
    await world.complete(instance.close())
    await expect(world.complete(open(start(world), []))).rejects.toMatchObject({
      code: 'data_newer',
      message: expect.stringContaining('has format 4; this Polylog knows up to 3') as string,
    })
  })
})

test('a step of the same name is refused', () => {
  registerStep(appending('twice'))
  expect(() => registerStep(appending('twice'))).toThrow('the step "twice" is registered twice')
})
