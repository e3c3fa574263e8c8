/** What one document holds is gone through in turns: counted by the elements that are looked at between two pauses. */
import { MongoClient } from 'mongodb'
import { expect, it, vi } from 'vitest'
import type * as Work from '../../base/work.ts'
import { FieldCursor } from '../../model/document/bson.ts'
import { openTestMongodb } from './testing.ts'

const meter = vi.hoisted(() => ({ begins: (): void => undefined }))

vi.mock('../../base/work.ts', async (load) => {
  const work = await load<typeof Work>()
  return {
    ...work,
    beginTurn: (): void => {
      meter.begins()
      work.beginTurn()
    },
  }
})

it('the distinct values of an array', async () => {
  const server = await openTestMongodb()
  const client = new MongoClient(server.url)
  const items = client.db('d').collection<{ _id: number; a: (number | string)[] }>('items')
  const numbers = Array.from({ length: 30_000 }, (_, i) => (i * 7919) % 30_000)
  await items.insertOne({ _id: 1, a: ['text', ...numbers, ...numbers] })
  let looks = 0
  let most = 0
  meter.begins = () => {
    most = Math.max(most, looks)
    looks = 0
  }
  const next = vi.spyOn(FieldCursor.prototype, 'next').mockImplementation(function (this: FieldCursor) {
    looks++
    return original.call(this)
  })
  const found = await items.distinct('a')
  meter.begins()
  next.mockRestore()
  expect(most).toBeGreaterThan(100)
  expect(most).toBeLessThan(25_000)
  expect(found).toEqual([...numbers.toSorted((a, b) => a - b), 'text'])
  await client.close()
  await server.close()
})

const original = FieldCursor.prototype.next
