/** Random rows with NULLs in every place, against a list of rows; after each step the table's own verifier looks. */
import { expect, test } from 'vitest'
import { sliceOf } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import type { Database } from '../../database/database.ts'
import { openTestDatabase, runNow } from '../../database/testing.ts'
import { Verification } from '../../database/verification/verification.ts'
import { SeededRandom } from '../../host/simulated/random.ts'
import { newTable, withPrimaryKey } from './definition.ts'
import { deleteRow, getRow, insertRow, planUpdate, updateRow, writePrimaryKey } from './rows.ts'
import { createTable, createTableIndex } from './schema.ts'
import { Table } from './table.ts'
import type { SqlValue } from './types/value.ts'
import { tableVerifier } from './verify.ts'

const width = 10
const unique = [
  [1, 2],
  [8, 9],
] as const

const tableOf = (tx: Transaction): Table => Table.of(tx.catalog.findCollection('public', 't')!)

function* makeTable(tx: Transaction): StatementSteps<void> {
  const columns = Array.from({ length: width }, (_, i) => ({ name: `c${i}`, type: i === 9 ? 25 : 23 }))
  const definition = withPrimaryKey(newTable(columns), { name: 't_pkey', columns: [1] })
  let table = createTable(tx, tx.createNamespace('public'), 't', definition)
  for (const [i, ordinals] of unique.entries()) {
    const parts = ordinals.map((ordinal) => ({ number: ordinal + 1 }))
    table = yield* createTableIndex(tx, table, { name: `t_unique_${i}`, isUnique: true, columns: parts })
  }
  const plain = [{ number: 4, descending: true }, { number: 10 }]
  yield* createTableIndex(tx, table, { name: 't_plain', isUnique: false, columns: plain })
}

function differences(database: Database): string[] {
  return runNow(database, function* (tx) {
    const verification = new Verification(tx, Number.MAX_SAFE_INTEGER)
    yield* tableVerifier.verify(verification, tableOf(tx).collection)
    return verification.result.differences.map(({ kind, index, message }) => `${kind} ${index ?? ''}: ${message}`)
  })
}

function randomRow(random: SeededRandom, id: number): SqlValue[] {
  return Array.from({ length: width }, (_, ordinal): SqlValue => {
    if (ordinal === 0) return id
    if (random.chance(0.35)) return null
    return ordinal === 9 ? 'x'.repeat(126 + random.below(4)) : random.between(-2, 2)
  })
}

/** Rows that a unique index keeps apart from this one. */
function conflicting(rows: ReadonlyMap<number, SqlValue[]>, id: number, row: SqlValue[]): boolean {
  return [...rows].some(([other, values]) => {
    return unique.some((part) => {
      return other !== id && part.every((ordinal) => row[ordinal] !== null && values[ordinal] === row[ordinal])
    })
  })
}

test('rows, their unique conflicts and their entries are those of a list of rows', async () => {
  for (let seed = 1; seed <= 6; seed++) {
    const database = await openTestDatabase()
    runNow(database, makeTable)
    const random = new SeededRandom(seed)
    const rows = new Map<number, SqlValue[]>()
    for (let step = 0; step < 150; step++) {
      const what = `seed ${seed}, step ${step}`
      const id = random.below(20)
      const before = rows.get(id)
      const change = randomRow(random, id)
      if (before === undefined) {
        const insert = (): unknown => runNow(database, (tx) => void insertRow(tx, tableOf(tx), change))
        if (conflicting(rows, id, change)) expect(insert, what).toThrow('duplicate key')
        else {
          insert()
          rows.set(id, change)
        }
      } else if (random.chance(0.3)) {
        runNow(database, (tx) => {
          const table = tableOf(tx)
          deleteRow(tx, table, sliceOf(writePrimaryKey(table, [id], new KeyWriter(16)).toBytes()), before)
        })
        rows.delete(id)
      } else {
        const ordinals = Array.from({ length: width }, (_, i) => i).filter((i) => i > 0 && random.chance(0.3))
        const after = before.map((value, i) => (ordinals.includes(i) ? change[i]! : value))
        const update = (): unknown =>
          runNow(database, (tx) => {
            const table = tableOf(tx)
            const key = sliceOf(writePrimaryKey(table, [id], new KeyWriter(16)).toBytes())
            updateRow(tx, planUpdate(table, ordinals), key, before, after)
          })
        if (conflicting(rows, id, after)) expect(update, what).toThrow('duplicate key')
        else {
          update()
          rows.set(id, after)
        }
      }
      const stored = runNow(database, (tx) => getRow(tx, tableOf(tx), tableOf(tx).reader, [id]))
      expect(stored, what).toEqual(rows.get(id))
      if (step % 10 === 0) expect(differences(database), what).toEqual([])
    }
    expect(differences(database)).toEqual([])
    await database.close()
  }
})
