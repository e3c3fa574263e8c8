/** Redis data through MongoDB's door, to read. */
import { Binary, Double, MongoClient } from 'mongodb'
import { expect, it } from 'vitest'
import { sliceOf } from '../../base/slice.ts'
import type { Transaction } from '../../database/contract.ts'
import { asOneBatch } from '../../database/transaction/wait.ts'
import { kind } from '../../model/keyvalue/codec.ts'
import { setField } from '../../model/keyvalue/hashes.ts'
import { openCollection, saveCollection } from '../../model/keyvalue/keyvalue.ts'
import { addMember } from '../../model/keyvalue/sets.ts'
import { setScore } from '../../model/keyvalue/sorted-sets.ts'
import { setString } from '../../model/keyvalue/strings.ts'
import { putEntry } from '../../model/keyvalue/writes.ts'
import { openTestMongodb } from './testing.ts'

const bytes = (text: string): ReturnType<typeof sliceOf> => sliceOf(new Uint8Array(Buffer.from(text)))

function fill(tx: Transaction): void {
  const namespace = tx.catalog.namespaces.get('redis') ?? tx.createNamespace('redis')
  const space = tx.createCollection(namespace, 'db0', 'keyvalue', {})
  setString(tx, space, bytes('plain'), bytes('text'))
  setString(tx, space, sliceOf(new Uint8Array([255, 1])), sliceOf(new Uint8Array([254])))
  asOneBatch(setString(tx, space, bytes('long'), bytes('ab'.repeat(50_000)))!)
  const hash = openCollection(tx, space, bytes('hash'), kind.hash)
  setField(tx, space, hash, bytes('f'), bytes('v'))
  saveCollection(tx, space, bytes('hash'), hash)
  const set = openCollection(tx, space, bytes('set'), kind.set)
  for (const member of ['b', 'a']) addMember(tx, space, set, bytes(member))
  saveCollection(tx, space, bytes('set'), set)
  const sorted = openCollection(tx, space, bytes('board'), kind.sortedSet)
  setScore(tx, space, sorted, bytes('ann'), 2)
  setScore(tx, space, sorted, bytes('bob'), 1)
  saveCollection(tx, space, bytes('board'), sorted)
  const add = (...strings: readonly string[]): unknown =>
    asOneBatch(
      putEntry(
        tx,
        space,
        bytes('stream').bytes,
        undefined,
        strings.map((text) => bytes(text).bytes),
      ),
    )
  add('f', 'v')
  add('f', 'v', 'f', 'w')
}

it('shows keys as documents, and refuses writes', async () => {
  const server = await openTestMongodb()
  const client = new MongoClient(server.url)
  const session = server.test.sessions.openSession({ user: 'test', door: 'test' })
  await session.run(fill)
  const keys = client.db('redis').collection('db0')
  expect(await keys.find({}, { promoteValues: false, batchSize: 2 }).sort({ _id: 1 }).toArray()).toEqual([
    {
      _id: 'board',
      type: 'zset',
      value: [
        { member: 'bob', score: new Double(1) },
        { member: 'ann', score: new Double(2) },
      ],
    },
    { _id: 'hash', type: 'hash', value: { f: 'v' } },
    { _id: 'long', type: 'string', value: 'ab'.repeat(50_000) },
    { _id: 'plain', type: 'string', value: 'text' },
    { _id: 'set', type: 'set', value: ['a', 'b'] },
    {
      _id: 'stream',
      type: 'stream',
      value: [
        { id: expect.stringMatching(/^\d+-0$/), fields: { f: 'v' } },
        {
          id: expect.stringMatching(/^\d+-1$/),
          fields: [
            { field: 'f', value: 'v' },
            { field: 'f', value: 'w' },
          ],
        },
      ],
    },
    { _id: new Binary(Buffer.from([255, 1]), 0), type: 'string', value: new Binary(Buffer.from([254]), 0) },
  ])
  expect(await keys.findOne({ _id: 'plain' as never })).toMatchObject({ value: 'text' })
  expect(await keys.countDocuments({ 'value.member': 'ann' })).toBe(1)
  await expect(keys.insertOne({ _id: 'x' as never })).rejects.toMatchObject({ code: 121 })
  await expect(keys.deleteMany({})).rejects.toMatchObject({ code: 121 })
  session.close()
  await client.close()
  await server.close()
})
