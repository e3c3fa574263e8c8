/** Policies of rows for who reads and writes a table as documents, by the driver of MongoDB; and for the two doors in one transaction. */
import { type Db, MongoClient } from 'mongodb'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Answers } from './testing-answers.ts'

let answers: Answers
let client: MongoClient
let db: Db

beforeEach(async () => {
  answers = await Answers.start()
  const make = [
    "CREATE ROLE ada LOGIN PASSWORD 'ada'",
    "CREATE ROLE bob LOGIN PASSWORD 'bob'",
    'CREATE TABLE notes (id int PRIMARY KEY, owner text, n int)',
    "INSERT INTO notes SELECT g, CASE WHEN g % 2 = 0 THEN 'bob' ELSE 'ada' END, g FROM generate_series(1, 6) g",
    'GRANT ALL ON notes TO bob',
    'CREATE POLICY own ON notes USING (owner = current_user)',
    'ALTER TABLE notes ENABLE ROW LEVEL SECURITY',
  ]
  for (const text of make) expect(await answers.to('admin', text), text).not.toMatch(/^E /)
  client = new MongoClient(`mongodb://bob:bob@127.0.0.1:${answers.server.port}/?serverSelectionTimeoutMS=20000`)
  db = client.db('public')
})

afterEach(async () => {
  await client.close()
  await answers.stop()
})

describe('a table with policies as a collection', { timeout: 120_000 }, () => {
  test('shows the rows that they let through, by whatever reads', async () => {
    const notes = db.collection<{ id: number; owner: string; n: number }>('notes')
    const ids = async (found: Promise<{ id: number }[]>): Promise<number[]> =>
      (await found).map(({ id }) => id).sort((a, b) => a - b)
    expect(await ids(notes.find().toArray())).toEqual([2, 4, 6])
    expect(await ids(notes.find({ id: { $in: [1, 2, 3] } }).toArray())).toEqual([2])
    expect(await notes.findOne({ _id: 1 as never })).toBeNull()
    expect(await notes.findOne({ id: 3 })).toBeNull()
    expect(await ids(notes.find().sort({ n: -1 }).skip(1).limit(1).toArray())).toEqual([4])
    expect(await notes.countDocuments()).toBe(3)
    expect(await notes.estimatedDocumentCount()).toBe(3)
    expect((await notes.distinct('owner')).sort()).toEqual(['bob'])
    expect(
      await notes.aggregate([{ $group: { _id: null, sum: { $sum: '$n' }, count: { $sum: 1 } } }]).toArray(),
    ).toEqual([{ _id: null, sum: 12, count: 3 }])
    expect(
      await ids(notes.find({ $expr: { $gt: [{ $divide: [1, { $subtract: ['$n', 3] }] }, -9] } }).toArray()),
    ).toEqual([2, 4, 6])
  })

  test('is joined by its visible rows alone', async () => {
    const [first] = await db
      .collection('notes')
      .aggregate([
        { $limit: 1 },
        { $lookup: { from: 'notes', pipeline: [{ $project: { _id: 1 } }], as: 'all' } },
        { $lookup: { from: 'notes', localField: 'none', foreignField: 'none', as: 'same' } },
      ])
      .toArray()
    expect(first!['all']).toHaveLength(3)
    expect(first!['same']).toHaveLength(3)
  })

  test('is changed where they let it be', async () => {
    const notes = db.collection<{ id: number; owner: string; n: number }>('notes')
    expect((await notes.updateMany({}, { $set: { n: 0 } })).modifiedCount).toBe(3)
    expect((await notes.updateOne({ id: 1 }, { $set: { n: 0 } })).matchedCount).toBe(0)
    expect((await notes.deleteMany({ id: { $lt: 4 } })).deletedCount).toBe(1)
    expect((await notes.deleteOne({ _id: 3 as never })).deletedCount).toBe(0)
    expect(await notes.findOneAndUpdate({ id: 5 }, { $set: { n: 9 } })).toBeNull()
    expect(await notes.findOneAndDelete({ id: 5 })).toBeNull()
    await expect(notes.insertOne({ id: 10, owner: 'ada', n: 1 })).rejects.toThrow(/row-level security policy/)
    await expect(notes.updateOne({ id: 4 }, { $set: { owner: 'ada' } })).rejects.toThrow(/row-level security policy/)
    await notes.insertOne({ id: 11, owner: 'bob', n: 1 })
    const bulk = [
      { updateOne: { filter: { id: 3 }, update: { $set: { n: 5 } } } },
      { deleteOne: { filter: { id: 5 } } },
    ]
    const { matchedCount, deletedCount } = await notes.bulkWrite(bulk)
    expect([matchedCount, deletedCount]).toEqual([0, 0])
    expect(await answers.to('admin', 'SELECT id, owner, n FROM notes ORDER BY id')).toBe(
      'SELECT 6 [[1,"ada",1],[3,"ada",3],[4,"bob",0],[5,"ada",5],[6,"bob",0],[11,"bob",1]]',
    )
  })

  test('asks of changes and of deletes what their own policies ask', async () => {
    for (const text of [
      'DROP POLICY own ON notes',
      'CREATE POLICY r ON notes FOR SELECT USING (true)',
      'CREATE POLICY u ON notes FOR UPDATE USING (n > 3) WITH CHECK (n < 100)',
      'CREATE POLICY d ON notes FOR DELETE USING (n = 6)',
    ]) {
      expect(await answers.to('admin', text)).not.toMatch(/^E /)
    }
    const notes = db.collection<{ id: number; owner: string; n: number }>('notes')
    expect(await notes.countDocuments()).toBe(6)
    expect((await notes.updateMany({}, { $inc: { n: 10 } })).modifiedCount).toBe(3)
    await expect(notes.updateMany({}, { $set: { n: 100 } })).rejects.toThrow(/row-level security policy/)
    expect((await notes.deleteMany({})).deletedCount).toBe(0)
    await expect(notes.insertOne({ id: 20, owner: 'bob', n: 1 })).rejects.toThrow(/row-level security policy/)
  })

  test('tests subqueries of policies with the rights and the policies of the caller', async () => {
    for (const text of [
      'CREATE TABLE members (who text, id int)',
      "INSERT INTO members VALUES ('bob', 1), ('bob', 2), ('ada', 3)",
      'ALTER POLICY own ON notes USING (id IN (SELECT m.id FROM members m WHERE m.who = current_user))',
    ]) {
      expect(await answers.to('admin', text)).not.toMatch(/^E /)
    }
    const notes = db.collection('notes')
    await expect(notes.countDocuments()).rejects.toThrow(/permission denied|not authorized/i)
    expect(await answers.to('admin', 'GRANT SELECT ON members TO bob')).not.toMatch(/^E /)
    expect((await notes.find().toArray()).map(({ _id }) => _id as unknown)).toEqual([1, 2])
    expect((await notes.updateMany({}, { $set: { n: 0 } })).modifiedCount).toBe(2)
    for (const text of ['ALTER TABLE members ENABLE ROW LEVEL SECURITY', 'CREATE POLICY m ON members USING (id < 2)']) {
      expect(await answers.to('admin', text)).not.toMatch(/^E /)
    }
    expect((await notes.find().toArray()).map(({ _id }) => _id as unknown)).toEqual([1])
  })
})
