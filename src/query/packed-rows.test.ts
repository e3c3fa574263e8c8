import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { StatementSteps } from '../database/contract.ts'
import { batchRows } from './operator.ts'
import { PackedRows } from './packed-rows.ts'
import { rowFormat, type Row, type SmallMemory, smallMemory } from './testing.ts'

async function done<T>(steps: StatementSteps<T>): Promise<T> {
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done === true) return step.value
    await (step.value as Promise<void>)
  }
}

async function putAll<R>(packed: PackedRows<R>, rows: readonly R[], { run }: SmallMemory): Promise<void> {
  for (const row of rows) await packed.put(row, run)
}

async function takeAll<R>(packed: PackedRows<R>, { run }: SmallMemory): Promise<R[]> {
  const taken: R[] = []
  for (let rows = await done(packed.take(run)); rows !== undefined; rows = await done(packed.take(run))) {
    expect(rows.length).toBeLessThanOrEqual(batchRows)
    taken.push(...rows)
  }
  return taken
}

it('hands out what was put, in order, from memory and from its file, and holds nothing then', async () => {
  const many = fc.array(fc.tuple(fc.nat(40), fc.nat(1000)), { maxLength: 3000, size: 'max' })
  const property = fc.asyncProperty(many, fc.integer({ min: 0, max: 60_000 }), async (rows, operatorBytes) => {
    const memory = await smallMemory(operatorBytes)
    const packed = new PackedRows<Row>(rowFormat, 'rows')
    await putAll(packed, rows, memory)
    expect(packed.length).toBe(rows.length)
    expect(await takeAll(packed, memory)).toEqual(rows)
    expect(packed.length).toBe(0)
    packed.close()
    expect(memory.workspace.memory.usedBytes).toBe(0)
    expect(memory.temporary.openFiles).toBe(0)
  })
  await fc.assert(property)
})

const rowOf = (i: number): Row => [i, i + 1]

it('holds little more than the bytes of its rows, and gives them back as they are taken', async () => {
  const memory = await smallMemory(64 * 1024 * 1024)
  const packed = new PackedRows<Row>(rowFormat, 'rows')
  const count = 200_000
  for (let i = 0; i < count; i++) await packed.put(rowOf(i), memory.run)
  const heldBytes = memory.workspace.memory.usedBytes
  expect(heldBytes).toBeLessThan(20 * count)
  expect(packed.heldBytes).toBe(heldBytes)
  let taken = 0
  while (taken < count / 2) taken += (await done(packed.take(memory.run)))!.length
  expect(memory.workspace.memory.usedBytes).toBeLessThan(heldBytes * 0.6)
  expect(memory.temporary.usedBytes).toBe(0)
})

it('keeps what is more than its share in the file', async () => {
  const memory = await smallMemory(256 * 1024)
  const packed = new PackedRows<Row>(rowFormat, 'rows')
  const rows = Array.from({ length: 40_000 }, (_, i) => rowOf(i))
  await putAll(packed, rows, memory)
  expect(memory.workspace.memory.usedBytes).toBeLessThan(300 * 1024)
  expect(memory.temporary.usedBytes).toBeGreaterThan(200 * 1024)
  expect(await takeAll(packed, memory)).toEqual(rows)
})

it('packs nothing and asks for no memory where there are few rows', async () => {
  const memory = await smallMemory(0)
  const packed = new PackedRows<Row>(rowFormat, 'rows')
  const rows = Array.from({ length: batchRows }, (_, i) => rowOf(i))
  for (const row of rows) expect(packed.put(row, memory.run)).toBeUndefined()
  expect(memory.workspace.memory.usedBytes).toBe(0)
  expect((await takeAll(packed, memory)).every((row, i) => row === rows[i])).toBe(true)
})

it('packs the first rows too, where they are large', async () => {
  const memory = await smallMemory(1024 * 1024)
  const packed = new PackedRows<Row>({ ...rowFormat, sizeOf: () => 40_000 }, 'rows')
  const rows = [rowOf(1), rowOf(2), rowOf(3)]
  await putAll(packed, rows, memory)
  const [first, ...others] = await takeAll(packed, memory)
  expect([first, ...others]).toEqual(rows)
  expect([first === rows[0], others[0] === rows[1]]).toEqual([true, false])
})
