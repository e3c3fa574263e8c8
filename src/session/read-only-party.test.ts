/** What a party says of reading only, and what it may say of isolation: for whom it holds. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sliceOf } from '../base/slice.ts'
import { KeyWriter } from '../base/tuple.ts'
import type { StatementSteps, Transaction } from '../database/contract.ts'
import type { BeginOptions, Session } from './contract.ts'
import { openTestSessions, type TestSessions } from './testing.ts'

let server: TestSessions
let beginner: Session
let joined: Session

beforeEach(async () => {
  server = await openTestSessions()
  beginner = open()
  joined = open()
})
afterEach(() => server.close())

const open = (): Session => server.sessions.openSession({ user: 'test', door: 'test' })

function start(options: BeginOptions = {}): void {
  beginner.begin(options)
  joined.join(beginner.token())
}

const put =
  (name: string) =>
  (tx: Transaction): void =>
    tx.put(new KeyWriter(32).begin(20, 1).string(name), sliceOf(Buffer.from('1')))

/** As `polylog.transactions` shows the whole. */
function isShownReadOnly(): unknown {
  const { rows } = open().evidence.find(({ name }) => name === 'transactions')!
  return [...rows()][0]![2]
}

function codeOf(run: () => unknown): string {
  try {
    run()
    return 'done'
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('a joined party that only reads', () => {
  test('cannot write; the others can, also after it', () => {
    start()
    joined.configure({ readOnly: true })
    expect([joined.readOnly, beginner.readOnly]).toEqual([true, false])
    expect(codeOf(() => joined.run(put('a')))).toBe('read_only')
    expect(isShownReadOnly()).toBe(false)
    expect(codeOf(() => beginner.run(put('b')))).toBe('done')
    expect(codeOf(() => joined.run(put('c')))).toBe('read_only')
    expect(beginner.commit()).toBe('committed')
    expect(server.database.newestSequence).toBe(1)
  })

  test('does not take from a statement that runs already', async () => {
    start()
    function* slowly(tx: Transaction): StatementSteps<void> {
      yield undefined
      put('a')(tx)
    }
    const writing = beginner.run(slowly)
    joined.configure({ readOnly: true })
    const reading = joined.run(() => joined.readOnly)
    await writing
    expect(await reading).toBe(true)
    expect(codeOf(() => beginner.run(put('b')))).toBe('done')
    expect(beginner.commit()).toBe('committed')
  })

  test('stays so: its transaction has begun', () => {
    start()
    joined.configure({ readOnly: true })
    expect(codeOf(() => joined.configure({ readOnly: false }))).toBe('active_transaction')
    expect(joined.readOnly).toBe(true)
  })

  test('is as free as any in its next transaction', () => {
    start()
    joined.configure({ readOnly: true })
    void beginner.commit()
    void joined.leave()
    joined.begin()
    expect(joined.readOnly).toBe(false)
    expect(codeOf(() => joined.run(put('a')))).toBe('done')
  })
})

describe('what the beginner said holds for all', () => {
  test('that the whole only reads', () => {
    start({ readOnly: true })
    expect(joined.readOnly).toBe(true)
    expect(codeOf(() => joined.configure({ readOnly: false }))).toBe('active_transaction')
    expect(codeOf(() => joined.run(put('a')))).toBe('read_only')
  })

  test('also in the middle', () => {
    start()
    void joined.run(put('a'))
    beginner.configure({ readOnly: true })
    expect([joined.readOnly, isShownReadOnly()]).toEqual([true, true])
    expect(codeOf(() => joined.run(put('b')))).toBe('read_only')
    expect(beginner.commit()).toBe('committed')
  })

  test('its isolation, though no statement has run yet', () => {
    start({ isolation: 'repeatable read' })
    expect(codeOf(() => joined.configure({ isolation: 'read committed' }))).toBe('active_transaction')
    expect(codeOf(() => joined.configure({ isolation: 'repeatable read' }))).toBe('done')
    expect(beginner.isolation).toBe('repeatable read')
  })
})

describe('reading only, said after a savepoint', () => {
  test('ends with the rollback to it, for all parties and for one', () => {
    start()
    void beginner.savepoint('s')
    joined.configure({ readOnly: true })
    beginner.configure({ readOnly: true })
    expect(codeOf(() => beginner.run(put('a')))).toBe('read_only')
    void beginner.rollbackTo('s')
    expect([beginner.readOnly, joined.readOnly]).toEqual([false, false])
    expect(codeOf(() => beginner.run(put('a')))).toBe('done')
    expect(codeOf(() => joined.run(put('b')))).toBe('done')
  })

  test('stays where it was said before', () => {
    beginner.begin({ readOnly: true })
    void beginner.savepoint('s')
    void beginner.rollbackTo('s')
    expect(codeOf(() => beginner.run(put('a')))).toBe('read_only')
  })
})
