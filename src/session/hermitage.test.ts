/**
 * The anomalies of Martin Kleppmann's Hermitage, as schedules of two or three sessions over two rows (1 → 10, 2 → 20), at
 * our three isolation levels. A line is `session: action → outcome`; `waits` is a statement that must wait for a lock, and
 * a later `session: … → outcome` tells what it came to.
 *
 * Where PostgreSQL's answer differs by our design it is said: serializable validates what was read at commit, so the
 * loser is whoever commits second, and it hears of it at its commit, or with a statement before that.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sliceOf, sliceToLatin1 } from '../base/slice.ts'
import { KeyWriter, keyspaceRange } from '../base/tuple.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import type { Isolation, Transaction } from '../database/contract.ts'
import type { Session } from './contract.ts'
import { openTestSessions, type TestSessions } from './testing.ts'

let server: TestSessions
let collection: Collection

function write(tx: Transaction, id: number, value: number): void {
  tx.put(new KeyWriter(32).begin(collection.id, 1).int64(id), sliceOf(Buffer.from(String(value))))
}

beforeEach(async () => {
  server = await openTestSessions()
  const session = server.sessions.openSession({ user: 'test', door: 'test' })
  collection = await session.run((tx) => tx.createCollection(tx.createNamespace('test'), 'test', 'keyvalue', {}))
  await session.run((tx) => {
    write(tx, 1, 10)
    write(tx, 2, 20)
  })
})

afterEach(() => server.close())

function rows(tx: Transaction, wanted: (id: number, value: number) => boolean): [number, number][] {
  const found: [number, number][] = []
  const cursor = tx.scan(keyspaceRange(collection.id))
  for (let id = 0; cursor.next();) {
    id = cursor.key.bytes[cursor.key.end - 1]!
    const value = Number(sliceToLatin1(cursor.value))
    if (wanted(id, value)) found.push([id, value])
  }
  return found
}

/** `read 1`, `all`, `divisible 3`: what is seen, as `1=10 2=20`. */
function show(found: [number, number][]): string {
  return found.map(([id, value]) => `${id}=${value}`).join(' ') || 'nothing'
}

function perform(session: Session, action: string): unknown {
  const [verb, ...given] = action.split(' ')
  const [a, b] = given.map(Number)
  switch (verb) {
    case 'begin':
      return session.begin()
    case 'read':
      return session.run((tx) => show(rows(tx, (id) => id === a)))
    case 'all':
      return session.run((tx) => show(rows(tx, () => true)))
    case 'divisible':
      return session.run((tx) => show(rows(tx, (_, value) => value % (a ?? 1) === 0)))
    case 'write':
      return session.run((tx) => write(tx, a!, b!))
    case 'add':
      return session.run((tx) => {
        const found = rows(tx, () => true)
        for (const [id, value] of found) write(tx, id, value + a!)
      })
    case 'delete':
      return session.run((tx) => {
        for (const [id] of rows(tx, (_, value) => value === a)) {
          tx.delete(new KeyWriter(32).begin(collection.id, 1).int64(id))
        }
      })
    default:
      return verb === 'commit' ? session.commit() : session.rollback()
  }
}

async function outcomeOf(run: () => unknown): Promise<string> {
  try {
    const value = await run()
    return typeof value === 'string' ? value : 'done'
  } catch (error) {
    return (error as { code: string }).code
  }
}

async function turns(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
}

async function play(isolation: Isolation, script: string): Promise<void> {
  const sessions = new Map<string, Session>()
  const waiting = new Map<string, Promise<string>>()
  const lines = script
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  const written: string[] = []
  for (const line of lines) {
    const [, name, action, expected] = /^(\w+): (.+) → (.+)$/.exec(line) ?? []
    let session = sessions.get(name!)
    if (session === undefined) {
      session = server.sessions.openSession({ user: 'test', door: 'test' })
      session.defaultIsolation = isolation
      sessions.set(name!, session)
      if (name !== 'X') session.begin()
    }
    let outcome: string | undefined
    const running = action === '…' ? waiting.get(name!)! : outcomeOf(() => perform(session, action!))
    void running.then((value) => (outcome = value))
    await turns()
    if (outcome === undefined) waiting.set(name!, running)
    written.push(`${name}: ${action} → ${outcome ?? 'waits'}`)
    if (expected === 'waits' || outcome === undefined) continue
  }
  expect(written.join('\n')).toBe(lines.join('\n'))
}

const all: readonly Isolation[] = ['read committed', 'repeatable read', 'serializable']
const snapshots: readonly Isolation[] = ['repeatable read', 'serializable']

describe('read committed prevents what it must', () => {
  test('G0, write cycles', () =>
    play(
      'read committed',
      `A: write 1 11 → done
       B: write 1 12 → waits
       A: write 2 21 → done
       A: commit → committed
       B: … → done
       X: all → 1=11 2=21
       B: write 2 22 → done
       B: commit → committed
       X: all → 1=12 2=22`,
    ))

  test('OTV, observed transaction vanishes', () =>
    play(
      'read committed',
      `A: write 1 11 → done
       A: write 2 19 → done
       B: write 1 12 → waits
       A: commit → committed
       B: … → done
       C: read 1 → 1=11
       B: write 2 18 → done
       C: read 2 → 2=19
       B: commit → committed
       C: read 2 → 2=18
       C: read 1 → 1=12
       C: commit → committed`,
    ))
})

describe.each(all)('%s prevents', (isolation) => {
  test('G1a, aborted reads', () =>
    play(
      isolation,
      `A: write 1 101 → done
       B: all → 1=10 2=20
       A: rollback → done
       B: all → 1=10 2=20
       B: commit → committed`,
    ))

  test('G1b, intermediate reads', () =>
    play(
      isolation,
      `A: write 1 101 → done
       B: all → 1=10 2=20
       A: write 1 11 → done
       A: commit → committed
       B: all → ${isolation === 'read committed' ? '1=11 2=20' : '1=10 2=20'}
       B: commit → committed`,
    ))

  test('G1c, circular information flow', () =>
    play(
      isolation,
      `A: write 1 11 → done
       B: write 2 22 → done
       A: read 2 → 2=20
       B: read 1 → 1=10
       A: commit → committed
       B: commit → ${isolation === 'serializable' ? 'serialization_failure' : 'committed'}`,
    ))
})

describe('read committed allows, as in PostgreSQL', () => {
  test('PMP, predicate many preceders', () =>
    play(
      'read committed',
      `A: divisible 3 → nothing
       B: write 3 30 → done
       B: commit → committed
       A: divisible 3 → 3=30
       A: commit → committed`,
    ))

  test('P4, lost update', () =>
    play(
      'read committed',
      `A: read 1 → 1=10
       B: read 1 → 1=10
       A: write 1 11 → done
       B: write 1 11 → waits
       A: commit → committed
       B: … → done
       B: commit → committed`,
    ))

  test('G-single, read skew', () =>
    play(
      'read committed',
      `A: read 1 → 1=10
       B: write 1 12 → done
       B: write 2 18 → done
       B: commit → committed
       A: read 2 → 2=18
       A: commit → committed`,
    ))

  test('PMP with a write: the deleted row is the one that is there when the statement runs again', () =>
    play(
      'read committed',
      `A: add 10 → done
       B: delete 20 → waits
       A: commit → committed
       B: … → done
       B: all → 2=30
       B: commit → committed`,
    ))
})

describe.each(snapshots)('%s prevents', (isolation) => {
  test('PMP, predicate many preceders', () =>
    play(
      isolation,
      `A: divisible 3 → nothing
       B: write 3 30 → done
       B: commit → committed
       A: divisible 3 → nothing
       A: commit → committed`,
    ))

  test('PMP with a write', () =>
    play(
      isolation,
      `A: add 10 → done
       B: delete 20 → waits
       A: commit → committed
       B: … → serialization_failure
       B: rollback → done`,
    ))

  test('P4, lost update', () =>
    play(
      isolation,
      `A: read 1 → 1=10
       B: read 1 → 1=10
       A: write 1 11 → done
       B: write 1 11 → waits
       A: commit → committed
       B: … → serialization_failure
       B: rollback → done`,
    ))

  test('G-single, read skew', () =>
    play(
      isolation,
      `A: read 1 → 1=10
       B: read 1 → 1=10
       B: read 2 → 2=20
       B: write 1 12 → done
       B: write 2 18 → done
       B: commit → committed
       A: read 2 → 2=20
       A: commit → committed`,
    ))

  test('G-single with a write', () =>
    play(
      isolation,
      `A: read 1 → 1=10
       B: all → 1=10 2=20
       B: write 1 12 → done
       B: write 2 18 → done
       B: commit → committed
       A: delete 20 → serialization_failure
       A: rollback → done`,
    ))
})

describe('write skew', () => {
  test.each<[Isolation, string]>([
    ['read committed', 'committed'],
    ['repeatable read', 'committed'],
    ['serializable', 'serialization_failure'],
  ])('G2-item under %s', (isolation, second) =>
    play(
      isolation,
      `A: all → 1=10 2=20
       B: all → 1=10 2=20
       A: write 1 11 → done
       B: write 2 21 → done
       A: commit → committed
       B: commit → ${second}`,
    ),
  )

  test.each<[Isolation, string]>([
    ['read committed', 'committed'],
    ['repeatable read', 'committed'],
    ['serializable', 'serialization_failure'],
  ])('G2, by what a predicate does not find, under %s', (isolation, second) =>
    play(
      isolation,
      `A: divisible 3 → nothing
       B: divisible 3 → nothing
       A: write 3 30 → done
       B: write 4 42 → done
       A: commit → committed
       B: commit → ${second}`,
    ),
  )

  test.each<[Isolation, string, string]>([
    ['repeatable read', 'done', 'committed'],
    ['serializable', 'serialization_failure', 'aborted'],
  ])('G2 with two edges, by a reader in between, under %s', (isolation, written, last) =>
    play(
      isolation,
      `A: all → 1=10 2=20
       B: add 5 → done
       B: commit → committed
       C: all → 1=15 2=25
       C: commit → committed
       A: write 3 0 → ${written}
       A: commit → ${last}`,
    ),
  )

  test('a reader of a serializable transaction never fails', () =>
    play(
      'serializable',
      `A: all → 1=10 2=20
       B: write 1 11 → done
       B: commit → committed
       A: all → 1=10 2=20
       A: commit → committed`,
    ))
})
