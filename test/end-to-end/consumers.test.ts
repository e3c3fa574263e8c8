import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { open, type EmbeddedDatabase } from '../../src/polylog.ts'

let folder: string
let db: EmbeddedDatabase

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polylog-consumer-'))
  db = await open(folder)
})

afterEach(async () => {
  await db.close()
  await rm(folder, { recursive: true })
})

const write = (key: string): Promise<unknown> => db.write((tx) => tx.keys().set(key, 'value'))

test('a consumer gets what it has not had, also after the database was closed', async () => {
  await write('before')
  const consumer = await db.createConsumer('search', { kind: 'learner' })
  for (const key of ['a', 'b', 'c']) await write(key)
  const had: number[] = []
  for await (const { sequence } of consumer.feed()) {
    had.push(sequence)
    if (had.length === 2) break
  }
  consumer.advance(had[1]!)
  await db.close()
  db = await open(folder)
  const again = db.consumer('search')
  const rest: number[] = []
  for await (const { sequence } of again.feed()) rest.push(sequence)
  expect([...had, ...rest]).toEqual([had[0]!, had[0]! + 1, had[0]! + 2])
  const session = db.sessions.openSession({ user: 'test', door: 'test' })
  const shown = session.evidence.find(({ name }) => name === 'consumers')!.rows()
  session.close()
  const [{ heldBytes, maxLagBytes }] = db.consumers as [(typeof db.consumers)[number]]
  expect(maxLagBytes).toBe(1024 ** 3)
  const position = BigInt(had[1]! + 1)
  expect(shown).toEqual([['search', 'learner', position, BigInt(heldBytes), BigInt(maxLagBytes), 'active']])
  await again.drop()
  expect(db.consumers).toEqual([])
  expect(() => again.status).toThrow('there is no consumer')
})

test('arguments that make no sense are refused', async () => {
  const code = { code: 'invalid_argument' }
  await expect(db.createConsumer('')).rejects.toMatchObject(code)
  await expect(db.createConsumer('x', { kind: 'other' as 'feed' })).rejects.toMatchObject(code)
  await expect(db.createConsumer('x', { maxLagBytes: -1 })).rejects.toMatchObject(code)
  const consumer = await db.createConsumer('x')
  expect(() => consumer.advance(-1)).toThrow(expect.objectContaining(code))
  expect(() => consumer.feed({ follow: 1 as unknown as boolean })).toThrow(expect.objectContaining(code))
  expect(() => db.consumer('none')).toThrow(expect.objectContaining({ code: 'undefined_object' }))
})
