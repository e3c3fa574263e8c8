/** A rule that hangs on the places of `row-hooks.ts` is asked whichever door a row is changed by, and once. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Values } from '../model/table/keys.ts'
import { registerRowRule, type RowRule } from '../model/table/row-hooks.ts'
import type { Table } from '../model/table/table.ts'
import { type AllDoors, copyIn, openAllDoors } from './testing.ts'

let doors: AllDoors
let pg: AllDoors['pg']
let mongo: AllDoors['mongo']
let library: AllDoors['library']
let unregister: () => void
let journal: string[]

const text = (row: Values, column: number): string => String(row[column] ?? '')

const isWatched = ({ name }: Table): boolean => name === 'item' || name === 'part'

/**
 * Writes down where it was asked. Of a row with the note `skip` it leaves the change out, and it counts the changes of a row
 * in its note, so that one that was asked twice would show.
 */
const watcher: RowRule = {
  name: 'watcher',
  onInsert(table) {
    if (!isWatched(table)) return undefined
    const note = table.getColumn('note').ordinal
    return {
      before: (_transaction, row) => {
        journal.push(`${table.name} before insert ${text(row, 0)}`)
        if (row[note] === 'skip') return false
        row[note] = `${text(row, note)}i`
        return true
      },
      check: (_transaction, row) => void journal.push(`${table.name} check ${text(row, 0)}`),
      write: (_transaction, row) => void journal.push(`${table.name} write ${text(row, 0)}`),
      after: (_transaction, row) => void journal.push(`${table.name} after insert ${text(row, 0)} ${text(row, note)}`),
    }
  },
  alsoSets: (table) => (isWatched(table) ? [table.getColumn('note').ordinal] : []),
  onUpdate(table) {
    if (!isWatched(table)) return undefined
    const note = table.getColumn('note').ordinal
    return {
      needed: [0, note],
      before: (_transaction, row, old) => {
        if (row[note] === 'skip') return false
        row[note] = `${text(row, note)}u`
        journal.push(`${table.name} before update ${text(old, 0)}`)
        return true
      },
      after: (_transaction, row) => void journal.push(`${table.name} after update ${text(row, 0)} ${text(row, note)}`),
    }
  },
  onDelete(table) {
    if (!isWatched(table)) return undefined
    const note = table.getColumn('note').ordinal
    return {
      needed: [0, note],
      before: (_transaction, old) => old[note] !== 'keepi',
      after: (_transaction, old) => void journal.push(`${table.name} after delete ${text(old, 0)}`),
    }
  },
  onStatement(table) {
    if (!isWatched(table)) return undefined
    return {
      before: (_transaction, event) => void journal.push(`${table.name} begins ${event}`),
      after: (_transaction, event) => {
        journal.push(`${table.name} ends ${event}`)
        return undefined
      },
    }
  },
}

beforeAll(async () => {
  doors = await openAllDoors()
  ;({ pg, mongo, library } = doors)
  unregister = registerRowRule(watcher)
  await pg.query(`
    CREATE TABLE item (id int PRIMARY KEY, note text, size int DEFAULT 1 CHECK (size > 0));
    CREATE TABLE part (id int PRIMARY KEY, item int REFERENCES item ON DELETE CASCADE ON UPDATE CASCADE, note text)`)
})

beforeEach(() => {
  journal = []
})

afterAll(async () => {
  unregister()
  await doors.close()
})

const inserted = (id: number, note: string): string[] => [
  'item begins insert',
  `item before insert ${id}`,
  `item check ${id}`,
  `item write ${id}`,
  `item after insert ${id} ${note}`,
  'item ends insert',
]

const changed = (id: number, note: string): string[] => [
  'item begins update',
  `item before update ${id}`,
  `item after update ${id} ${note}`,
  'item ends update',
]

const deleted = (id: number): string[] => ['item begins delete', `item after delete ${id}`, 'item ends delete']

describe('a rule sees each row once', () => {
  it('by INSERT, UPDATE and DELETE', async () => {
    expect((await pg.query('INSERT INTO item VALUES (1) RETURNING note')).rows).toEqual([{ note: 'i' }])
    expect(journal.splice(0)).toEqual(inserted(1, 'i'))
    expect((await pg.query('UPDATE item SET size = 2 WHERE id = 1 RETURNING note')).rows).toEqual([{ note: 'iu' }])
    expect(journal.splice(0)).toEqual(changed(1, 'iu'))
    expect((await pg.query('DELETE FROM item')).rowCount).toBe(1)
    expect(journal).toEqual(deleted(1))
  })

  it('by statements that change no row, and several', async () => {
    await pg.query('DELETE FROM item WHERE id = -1')
    await pg.query(`UPDATE item SET size = 1 WHERE id = -1`)
    await pg.query('INSERT INTO item SELECT 1 WHERE false')
    expect(journal.splice(0)).toEqual([
      'item begins delete',
      'item ends delete',
      'item begins update',
      'item ends update',
      'item begins insert',
      'item ends insert',
    ])
    await pg.query(`INSERT INTO item VALUES (1), (2)`)
    expect(journal.splice(0).filter((one) => /begins|ends/.test(one))).toEqual([
      'item begins insert',
      'item ends insert',
    ])
    await pg.query('TRUNCATE item, part')
    expect(journal).toEqual([
      'item begins truncate',
      'part begins truncate',
      'item ends truncate',
      'part ends truncate',
    ])
  })

  it('by COPY', async () => {
    expect(await copyIn(pg, 'COPY item (id, note) FROM STDIN', '1\tx\n2\tskip\n')).toBe('COPY 1')
    expect(journal.splice(0)).toEqual([...inserted(1, 'xi').slice(0, -1), 'item before insert 2', 'item ends insert'])
    await pg.query('DELETE FROM item')
  })

  it('by ON CONFLICT', async () => {
    await pg.query(`INSERT INTO item VALUES (1, 'a') ON CONFLICT DO NOTHING`)
    expect(journal.splice(0)).toEqual(inserted(1, 'ai'))
    const again = `INSERT INTO item VALUES (1, 'b') ON CONFLICT (id) DO`
    expect((await pg.query(`${again} UPDATE SET size = 3 RETURNING note`)).rows).toEqual([{ note: 'aiu' }])
    expect(journal.splice(0)).toEqual([
      'item begins insert',
      'item before insert 1',
      'item check 1',
      'item begins update',
      'item before update 1',
      'item after update 1 aiu',
      'item ends insert',
      'item ends update',
    ])
    expect((await pg.query(`${again} NOTHING`)).rowCount).toBe(0)
    await pg.query('DELETE FROM item')
  })

  it("by MongoDB's door", async () => {
    const items = mongo.db('public').collection<{ _id: number }>('item')
    await items.insertOne({ _id: 1 })
    expect(journal.splice(0)).toEqual(inserted(1, 'i'))
    await items.updateOne({ _id: 1 }, { $set: { size: 5 } })
    expect(journal.splice(0)).toEqual(changed(1, 'iu'))
    await items.deleteOne({ _id: 1 })
    expect(journal).toEqual(deleted(1))
  })

  it('by the library', async () => {
    const items = (
      work: (
        documents: ReturnType<Parameters<Parameters<typeof library.write>[0]>[0]['documents']>,
      ) => Promise<unknown>,
    ) => library.write((tx) => work(tx.documents('public', 'item')))
    await items((documents) => documents.insert({ _id: 1 }))
    expect(journal.splice(0)).toEqual(inserted(1, 'i'))
    await items((documents) => documents.update({ _id: 1 }, { $set: { size: 5 } }))
    expect(journal.splice(0)).toEqual(changed(1, 'iu'))
    await items((documents) => documents.delete({ _id: 1 }))
    expect(journal).toEqual(deleted(1))
  })

  it('by what follows from a foreign key', async () => {
    await pg.query('INSERT INTO item VALUES (1); INSERT INTO part VALUES (10, 1)')
    journal = []
    await pg.query('UPDATE item SET id = 2')
    expect(journal.splice(0)).toEqual([
      'item begins update',
      'item before update 1',
      'item write 2',
      'item after update 2 iu',
      'part begins update',
      'part before update 10',
      'part after update 10 iu',
      'item ends update',
      'part ends update',
    ])
    await pg.query('DELETE FROM item')
    expect(journal).toEqual([
      'item begins delete',
      'item after delete 2',
      'part begins delete',
      'part after delete 10',
      'item ends delete',
      'part ends delete',
    ])
    expect((await pg.query('SELECT * FROM part')).rows).toEqual([])
  })

  it('and may leave a change out', async () => {
    expect((await pg.query(`INSERT INTO item VALUES (1, 'skip'), (2, 'keep') RETURNING id`)).rows).toEqual([{ id: 2 }])
    const update = await pg.query(`UPDATE item SET note = 'skip' RETURNING id`)
    expect([update.rowCount, update.rows]).toEqual([0, []])
    expect((await pg.query('DELETE FROM item')).rowCount).toBe(0)
    expect((await pg.query('SELECT * FROM item')).rows).toEqual([{ id: 2, note: 'keepi', size: 1 }])
  })
})

it('asks again, of the row as it was, after it had to wait', async () => {
  const other = await doors.connectPg()
  await other.query('BEGIN; INSERT INTO item VALUES (77)')
  journal = []
  // It has yielded by then, so that it goes on where it was.
  const waiting = pg.query(`INSERT INTO item SELECT g, 'w' FROM generate_series(5000, 9000) g UNION ALL SELECT 77, 'w'`)
  await expect.poll(() => journal.includes('item before insert 77'), { timeout: 60_000 }).toBe(true)
  await other.query('ROLLBACK')
  await waiting
  expect((await pg.query('SELECT note FROM item WHERE id = 77')).rows).toEqual([{ note: 'wi' }])
  const count = (text: string): number => journal.filter((one) => one === text).length
  expect([count('item before insert 5000'), count('item before insert 77'), count('item ends insert')]).toEqual([
    1, 2, 1,
  ])
  await other.end()
})

it('asks for the default of a column who writes, not who made the table', async () => {
  await pg.query(
    'CREATE TABLE diary (id int PRIMARY KEY, who name DEFAULT current_user, door name DEFAULT session_user)',
  )
  await pg.query('INSERT INTO diary VALUES (1)')
  await library.write((tx) => tx.documents('public', 'diary').insert({ _id: 2 }))
  expect((await pg.query('SELECT * FROM diary ORDER BY id')).rows).toEqual([
    { id: 1, who: 'postgres', door: 'postgres' },
    { id: 2, who: 'library', door: 'library' },
  ])
})
