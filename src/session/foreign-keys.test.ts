/**
 * Two transactions on both sides of a foreign key, in every order of their steps and at every isolation: whatever happens,
 * no row refers to nothing in the end, and each pair of outcomes is one that PostgreSQL has, too.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PolylogError } from '../base/errors.ts'
import type { Isolation } from '../database/contract.ts'
import { paused, type Row, type SqlContext } from '../language/sql/contract.ts'
import { loadSql, parse, prepare } from '../language/sql/sql.ts'
import type { Session } from './contract.ts'
import { openTestSessions, type TestSessions } from './testing.ts'

let server: TestSessions

beforeAll(async () => {
  await loadSql()
  server = await openTestSessions()
})

afterAll(() => server.close())

function contextOf(session: Session): SqlContext {
  return {
    get catalog() {
      return session.catalog
    },
    user: 'postgres',
    database: 'polylog',
    searchPath: ['public'],
    getSetting: () => undefined,
    setSetting: () => undefined,
    transactionToken: () => session.token(),
    backendId: session.id,
  }
}

/** Runs one statement as a door does. */
async function run(session: Session, text: string): Promise<Row[]> {
  const context = contextOf(session)
  return session.run(function* (transaction) {
    const prepared = prepare(parse(text)[0]!, { ...context, catalog: transaction.catalog })
    const execution = prepared.execute([])
    const rows: Row[] = []
    for (;;) {
      const batch = execution.next(transaction, { ...context, catalog: transaction.catalog })
      if (batch === undefined) return rows
      if (batch === paused) yield execution.waitFor
      else rows.push(...batch)
    }
  })
}

async function runAll(...texts: string[]): Promise<void> {
  const session = server.sessions.openSession({ user: 'postgres', door: 'test' })
  for (const text of texts) await run(session, text)
  session.close()
}

/** `done`, or the error's SQLSTATE or code. */
type Outcome = string

/** One side: begins, does its statement, commits; each when it is told to. */
class Side {
  readonly #session = server.sessions.openSession({ user: 'postgres', door: 'test' })
  readonly #isolation: Isolation | 'alone'
  readonly #statement: string
  #last: Promise<unknown> = Promise.resolve()
  outcome: Outcome = 'done'

  constructor(isolation: Isolation | 'alone', statement: string) {
    this.#isolation = isolation
    this.#statement = statement
  }

  step(number: number): void {
    this.#last = this.#last.then(async () => {
      if (this.outcome !== 'done') return
      try {
        await this.#do(number)
      } catch (error) {
        if (!(error instanceof PolylogError)) throw error
        this.outcome = error.detail.sqlState ?? error.code
        if (this.#session.status !== 'none') await this.#session.rollback()
      }
    })
  }

  async #do(number: number): Promise<void> {
    if (number === 0 && this.#isolation !== 'alone') {
      this.#session.begin({ isolation: this.#isolation })
      // Its snapshot is of now.
      await run(this.#session, 'select 1')
    } else if (number === 1) await run(this.#session, this.#statement)
    else if (this.#isolation !== 'alone') await this.#session.commit()
  }

  async end(): Promise<Outcome> {
    await this.#last
    this.#session.close()
    return this.outcome
  }
}

/** All orders of the steps of one side and of the other: three each, of a statement alone only the second. */
function* schedules(one: string, other: string): Generator<readonly number[]> {
  const counts = [one, other].map((isolation) => (isolation === 'alone' ? 1 : 3))
  const length = counts[0]! + counts[1]!
  for (let bits = 0; bits < 2 ** length; bits++) {
    const order = Array.from({ length }, (_, i) => (bits >> i) & 1)
    if (order.reduce((sum, side) => sum + side, 0) === counts[1]) yield order
  }
}

/** Lets everything that need not wait for the other side go on. */
async function settle(): Promise<void> {
  for (let i = 0; i < 12; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}

const violated = '23503'
const failedSerialization = 'serialization_failure'

interface Case {
  readonly name: string
  /** What `child.parent` refers to, and what follows. */
  readonly rule: string
  /** Rows that refer are found by an index, or one by one. */
  readonly isIndexed?: boolean
  readonly neverWaits?: boolean
  readonly statements: readonly [string, string]
  readonly outcomes: ReadonlySet<string>
}

const insertsChild = 'insert into child values (1, 1)'
const deletesParent = 'delete from parent where id = 1'

const cases: readonly Case[] = [
  {
    name: 'a row that refers is inserted while the row it refers to is deleted',
    rule: '',
    statements: [insertsChild, deletesParent],
    outcomes: new Set([`${violated} done`, `done ${violated}`, `${failedSerialization} done`]),
  },
  {
    name: 'the same where an index finds the rows that refer',
    rule: '',
    isIndexed: true,
    statements: [insertsChild, deletesParent],
    outcomes: new Set([`${violated} done`, `done ${violated}`, `${failedSerialization} done`]),
  },
  {
    name: 'a unique key that is referred to changes',
    rule: '(code)',
    isIndexed: true,
    statements: [insertsChild, 'update parent set code = 9 where id = 1'],
    outcomes: new Set([`${violated} done`, `done ${violated}`, `${failedSerialization} done`]),
  },
  {
    name: 'the same with ON DELETE CASCADE',
    rule: 'on delete cascade',
    statements: [insertsChild, deletesParent],
    outcomes: new Set([`${violated} done`, 'done done', `${failedSerialization} done`, `done ${failedSerialization}`]),
  },
  {
    name: 'the same with ON DELETE SET NULL',
    rule: 'on delete set null',
    statements: [insertsChild, deletesParent],
    outcomes: new Set([`${violated} done`, 'done done', `${failedSerialization} done`, `done ${failedSerialization}`]),
  },
  {
    name: 'the same deferred',
    rule: 'deferrable initially deferred',
    statements: [insertsChild, deletesParent],
    outcomes: new Set([`${violated} done`, `done ${violated}`, `${failedSerialization} done`]),
  },
  {
    name: 'the key that is referred to changes',
    rule: 'on update cascade',
    statements: [insertsChild, 'update parent set id = 5 where id = 1'],
    outcomes: new Set([`${violated} done`, 'done done', `${failedSerialization} done`, `done ${failedSerialization}`]),
  },
  {
    name: 'what is referred to changes elsewhere: nobody waits and nobody fails',
    rule: '',
    neverWaits: true,
    statements: [insertsChild, "update parent set name = 'new' where id = 1"],
    outcomes: new Set(['done done']),
  },
  {
    name: 'a reference moves away while its row is deleted',
    rule: '',
    statements: ['update child set parent = 2 where id = 9', 'delete from parent where id = 3'],
    outcomes: new Set(['done done', `done ${violated}`]),
  },
]

const isolations = ['alone', 'read committed', 'repeatable read', 'serializable'] as const

describe('on both sides of a foreign key', () => {
  it.each(cases)('$name', async ({ rule, isIndexed, neverWaits, statements, outcomes }) => {
    const referred = rule.startsWith('(code)') ? 'code' : 'id'
    const seen = new Set<string>()
    await runAll(
      'drop table if exists child, parent',
      'create table parent (id int primary key, name text, code int unique)',
      `create table child (id int primary key, parent int references parent ${rule})`,
      ...(isIndexed === true ? ['create index on child (parent)'] : []),
    )
    for (const one of isolations) {
      for (const other of isolations) {
        for (const order of schedules(one, other)) {
          await runAll(
            'delete from child',
            'delete from parent',
            "insert into parent values (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)",
            'insert into child values (9, 3)',
          )
          const sides = [new Side(one, statements[0]), new Side(other, statements[1])] as const
          const waitsBefore = server.database.locks.waits
          const at = [one, other].map((isolation) => (isolation === 'alone' ? 1 : 0))
          for (const side of order) {
            sides[side as 0 | 1].step(at[side]!++)
            await settle()
          }
          const { waits } = server.database.locks
          if (neverWaits === true) expect(waits, `${one} and ${other}`).toBe(waitsBefore)
          const outcome = (await Promise.all(sides.map((side) => side.end()))).join(' ')
          const shown = `${one} and ${other} in the order ${order.join('')}: ${outcome}`
          seen.add(outcome)
          expect(outcomes, shown).toContain(outcome)
          const session = server.sessions.openSession({ user: 'postgres', door: 'test' })
          const orphans = await run(
            session,
            `select * from child where parent is not null and parent not in (select ${referred} from parent)`,
          )
          session.close()
          expect(orphans, shown).toEqual([])
        }
      }
    }
    expect(seen).toEqual(outcomes)
  })

  it('a row that is newer than the snapshot is not there to refer to, as in PostgreSQL', async () => {
    await runAll(
      'drop table if exists child, parent',
      'create table parent (id int primary key)',
      'create table child (id int primary key, parent int references parent)',
    )
    for (const [isolation, expected] of [
      ['read committed', 'done'],
      ['repeatable read', violated],
      ['serializable', violated],
    ] as const) {
      await runAll('delete from child', 'delete from parent')
      const side = new Side(isolation, insertsChild)
      side.step(0)
      await settle()
      await runAll('insert into parent values (1)')
      side.step(1)
      side.step(2)
      expect(await side.end(), isolation).toBe(expected)
    }
  })
})
