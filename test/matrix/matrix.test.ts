/**
 * Who may do what, walked by the doors' unmodified drivers: every row, each with all operations in turn over several rows, and
 * some rows with all. `matrix.ci.test.ts` walks every cell.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { subjects } from './subjects.ts'
import { operations, walk } from './walk.ts'
import { World } from './world.ts'

/** Of the rows that are not walked whole, one cell of so many. */
const thinned = 36
const isWhole: ReadonlySet<string> = new Set([
  'nothing',
  ...['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'SCHEMA'].map((word) => `\`${word}\` on each`),
  '`INSERT (id)`',
  'the owner of a table',
  'the owner of a table whose schema it may not use',
  'the owner of a partitioned table',
  'the owner of a schema',
  '`dbOwner` of both',
  '`REPLICATION`',
  '`~a:* +@all`',
])

let world: World
beforeAll(async () => {
  world = await World.start()
})
afterAll(() => world.stop())

describe('who has', () => {
  test.each(subjects.map((subject, row) => [subject.name, subject, row] as const))('%s', async (name, subject, row) => {
    const chosen = operations.filter((_, column) => isWhole.has(name) || (row + column) % thinned === 0)
    expect(await walk(world, subject, chosen)).toEqual([])
  })
})
