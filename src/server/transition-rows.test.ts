/** A rule that hangs on whole statements sees the rows that they have changed, whichever door, and may write of them. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { registerRowRule, type RowRule } from '../model/table/row-hooks.ts'
import { insertRow } from '../model/table/rows.ts'
import { Table } from '../model/table/table.ts'
import { type AllDoors, copyIn, openAllDoors } from './testing.ts'

let doors: AllDoors
let pg: AllDoors['pg']
let unregister: () => void
let statements: string[] = []

/** Writes each change of a row to the table `audit`, at the end of its statement. */
const auditor: RowRule = {
  name: 'auditor',
  onStatement(table) {
    if (!['account', 'entry'].includes(table.name)) return undefined
    return {
      rows: ['insert', 'update', 'delete'],
      *after(transaction, event, rows) {
        if (event === 'truncate') return
        const audit = Table.of(transaction.catalog.findCollection('public', 'audit')!)
        let count = 0
        yield* rows.each(({ oldRow, newRow }) => {
          const text = (row: typeof oldRow): string | null => (row === undefined ? null : row.map(String).join(' '))
          insertRow(transaction, audit, [undefined, `${table.name} ${event}`, text(oldRow), text(newRow)])
          count++
        })
        statements.push(`${table.name} ${event} ${count}`)
      },
    }
  },
}

beforeAll(async () => {
  doors = await openAllDoors()
  ;({ pg } = doors)
  unregister = registerRowRule(auditor)
  await pg.query(`
    CREATE TABLE audit (id serial PRIMARY KEY, what text, was text, became text);
    CREATE TABLE account (id int PRIMARY KEY, owner text, amount int NOT NULL CHECK (amount >= 0), note text);
    CREATE TABLE entry (id int PRIMARY KEY, account int REFERENCES account ON DELETE CASCADE ON UPDATE CASCADE,
      follows int REFERENCES entry)`)
})

beforeEach(async () => {
  await pg.query('TRUNCATE audit, account, entry')
  statements = []
})

afterAll(async () => {
  unregister()
  await doors.close()
})

async function audited(): Promise<string[]> {
  const { rows } = await pg.query('SELECT what, was, became FROM audit ORDER BY id')
  return rows.map(({ what, was, became }) => `${what}: ${was ?? '-'} > ${became ?? '-'}`)
}

describe('a rule of a statement is given its rows', () => {
  it('by INSERT, UPDATE, DELETE and ON CONFLICT, whole ones, old and new', async () => {
    await pg.query(`INSERT INTO account VALUES (1, 'a', 10), (2, 'b', 20)`)
    await pg.query('UPDATE account SET amount = amount + 1 WHERE id = 2')
    await pg.query(`INSERT INTO account VALUES (2, 'x', 7), (3, 'c', 30) ON CONFLICT (id) DO UPDATE SET amount = 0`)
    await pg.query('UPDATE account SET id = 9 WHERE id = 1')
    await pg.query('DELETE FROM account WHERE id > 2')
    await pg.query('DELETE FROM account WHERE id = 77')
    expect(await audited()).toEqual([
      'account insert: - > 1 a 10 null',
      'account insert: - > 2 b 20 null',
      'account update: 2 b 20 null > 2 b 21 null',
      'account insert: - > 3 c 30 null',
      'account update: 2 b 21 null > 2 b 0 null',
      'account update: 1 a 10 null > 9 a 10 null',
      'account delete: 3 c 30 null > -',
      'account delete: 9 a 10 null > -',
    ])
    expect(statements).toEqual([
      'account insert 2',
      'account update 1',
      'account insert 1',
      'account update 1',
      'account update 1',
      'account delete 2',
      'account delete 0',
    ])
  })

  it('of rows that follow from others, too', async () => {
    await pg.query(`INSERT INTO account VALUES (1, 'a', 10)`)
    await pg.query('INSERT INTO entry VALUES (10, 1), (11, 1)')
    statements = []
    await pg.query('UPDATE account SET id = 2')
    await pg.query('DELETE FROM account')
    expect(statements).toEqual(['account update 1', 'entry update 2', 'account delete 1', 'entry delete 2'])
    expect((await audited()).slice(3)).toEqual([
      'account update: 1 a 10 null > 2 a 10 null',
      'entry update: 10 1 null > 10 2 null',
      'entry update: 11 1 null > 11 2 null',
      'account delete: 2 a 10 null > -',
      'entry delete: 10 2 null > -',
      'entry delete: 11 2 null > -',
    ])
  })

  it('by a COPY of any size, once', async () => {
    const filler = 'x'.repeat(200)
    const lines = Array.from({ length: 3_000 }, (_, n) => `${n}\tme\t${n}\t${filler}\n`)
    expect(await copyIn(pg, 'COPY account FROM STDIN', lines.join(''))).toBe('COPY 3000')
    expect(statements).toEqual(['account insert 3000'])
    const { rows } = await pg.query(`SELECT count(*), count(DISTINCT became) AS different, min(was) FROM audit`)
    expect(rows).toEqual([{ count: '3000', different: '3000', min: null }])
  })

  it('by a COPY within a transaction, of which a savepoint takes all back', async () => {
    await pg.query('BEGIN; SAVEPOINT s')
    const lines = Array.from({ length: 2_000 }, (_, n) => `${n}\tme\t${n}\t${'x'.repeat(100)}\n`)
    const failing = copyIn(pg, 'COPY account FROM STDIN', `${lines.join('')}1\tme\t-1\tx\n`)
    await expect(failing).rejects.toMatchObject({ code: '23514' })
    await pg.query('ROLLBACK TO s')
    await pg.query(`INSERT INTO account VALUES (1, 'a', 10)`)
    await pg.query('COMMIT')
    expect(statements).toEqual(['account insert 1'])
    expect(await audited()).toEqual(['account insert: - > 1 a 10 null'])
  })

  it('by a command of MongoDB, without the documents that have failed', async () => {
    const accounts = doors.mongo.db('public').collection<{ _id: number }>('account')
    const documents = [1, 2, 1, 3, 4].map((_id, i) => ({ _id, amount: i === 4 ? -1 : 5 }))
    const failed = await accounts.insertMany(documents, { ordered: false }).catch((error: unknown) => error)
    expect(failed).toMatchObject({
      insertedCount: 3,
      writeErrors: [
        { index: 2, code: 11_000 },
        { index: 4, code: 121 },
      ],
    })
    await accounts.updateMany({ _id: { $lt: 3 } }, { $inc: { amount: 1 } })
    await accounts.deleteMany({})
    expect(statements).toEqual(['account insert 3', 'account update 2', 'account delete 3'])
    expect((await audited()).slice(2, 5)).toEqual([
      'account insert: - > 3 null 5 null',
      'account update: 1 null 5 null > 1 null 6 null',
      'account update: 2 null 5 null > 2 null 6 null',
    ])
  })

  it('by the library', async () => {
    await doors.library.write((tx) => tx.documents('public', 'account').insert({ _id: 1, amount: 3 }))
    await doors.library.write((tx) => tx.documents('public', 'account').delete({ _id: 1 }))
    expect(statements).toEqual(['account insert 1', 'account delete 1'])
    expect(await audited()).toEqual(['account insert: - > 1 null 3 null', 'account delete: 1 null 3 null > -'])
  })
})

it('rows of a COPY may refer to later ones of it, however far behind', async () => {
  const count = 6_000
  const lines = Array.from({ length: count }, (_, n) => `${n}\t\\N\t${count - 1 - n}\n`)
  expect(await copyIn(pg, 'COPY entry FROM STDIN', lines.join(''))).toBe(`COPY ${count}`)
  await pg.query('BEGIN; SAVEPOINT s')
  await expect(copyIn(pg, 'COPY entry FROM STDIN', '-1\t\\N\t-5\n')).rejects.toMatchObject({ code: '23503' })
  await pg.query('ROLLBACK')
})
