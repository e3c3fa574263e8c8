import { describe, expect, it } from 'vitest'
import { Agenda } from './agenda.ts'
import type { NotesOwner } from './statement-notes.ts'
import type { StatementSteps, Task, Transaction } from '../contract.ts'

const transaction = {
  slice: { spend: () => false },
  savepoint: () => ({}),
  batchDone: () => undefined,
} as unknown as Transaction & NotesOwner

class Journal {
  readonly ran: string[] = []
  readonly agenda = new Agenda(transaction, () => undefined)

  add(name: string, deferrable?: 'immediate' | 'deferred', then?: () => void): void {
    const constraint = { id: name, isDeferrable: true, isInitiallyDeferred: deferrable === 'deferred' }
    const task: Task = {
      sizeBytes: 10,
      collection: 16,
      run: () => {
        this.ran.push(name)
        then?.()
        return undefined
      },
    }
    this.agenda.putOff(deferrable === undefined ? task : { ...task, constraint })
  }

  addBehind(name: string): void {
    const run = (): undefined => void this.ran.push(name)
    this.agenda.putOffBehind({ sizeBytes: 10, collection: 16, run })
  }

  endStatement(isLast = false): void {
    finish(this.agenda.runStatementEnd(isLast))
  }

  endTransaction(): void {
    finish(this.agenda.runTransactionEnd())
  }
}

function finish(steps: StatementSteps<void>): void {
  while (steps.next().done !== true);
}

describe('an agenda', () => {
  it('runs what is due in its order, and what that puts off behind it', () => {
    const journal = new Journal()
    journal.add('a', undefined, () => journal.add('c'))
    journal.add('b', 'immediate')
    journal.endStatement()
    expect(journal.ran).toEqual(['a', 'b', 'c'])
    expect(journal.agenda.isEmpty).toBe(true)
    expect(journal.agenda.sizeBytes).toBe(0)
  })

  it('keeps what is deferred for the end of the transaction', () => {
    const journal = new Journal()
    journal.add('late', 'deferred')
    journal.add('now')
    journal.endStatement()
    expect(journal.ran).toEqual(['now'])
    expect(journal.agenda.sizeBytes).toBe(10)
    journal.endTransaction()
    expect(journal.ran).toEqual(['now', 'late'])
  })

  it('runs everything with a statement that is all of its transaction, what is deferred last', () => {
    const journal = new Journal()
    journal.add('late', 'deferred')
    journal.add('now')
    journal.endStatement(true)
    expect(journal.ran).toEqual(['now', 'late'])
  })

  it('follows SET CONSTRAINTS: one name over all, all over what was said of names before', () => {
    const { agenda } = new Journal()
    const task = (id: string): Task => {
      const constraint = { id, isDeferrable: id !== 'never', isInitiallyDeferred: false }
      return { constraint, collection: 16, sizeBytes: 0, run: () => undefined }
    }
    finish(agenda.setTiming(undefined, 'deferred'))
    finish(agenda.setTiming(['a'], 'immediate'))
    expect(['a', 'b', 'never'].map((id) => agenda.isDeferred(task(id).constraint))).toEqual([false, true, false])
    finish(agenda.setTiming(undefined, 'deferred'))
    expect(agenda.isDeferred(task('a').constraint)).toBe(true)
  })

  it('goes back to a savepoint: what was put off since is gone, what has run since waits again', () => {
    const journal = new Journal()
    journal.add('before', 'deferred')
    journal.endStatement()
    const mark = journal.agenda.mark
    journal.agenda.beginStatement()
    finish(journal.agenda.setTiming(undefined, 'immediate'))
    journal.add('after', 'deferred')
    expect(journal.ran).toEqual(['before'])
    journal.agenda.rollbackTo(mark)
    expect(journal.agenda.sizeBytes).toBe(10)
    journal.endTransaction()
    expect(journal.ran).toEqual(['before', 'before'])
  })

  it('does not bring back, with a later savepoint, what a statement both put off and did', () => {
    const journal = new Journal()
    journal.add('kept', 'deferred')
    journal.endStatement()
    journal.agenda.beginStatement()
    journal.add('done')
    journal.endStatement()
    const mark = journal.agenda.mark
    journal.agenda.beginStatement()
    journal.add('dropped')
    journal.agenda.rollbackTo(mark)
    journal.endTransaction()
    expect(journal.ran).toEqual(['done', 'kept'])
  })

  it('runs what stands behind the statement last, also behind what its tasks put off', () => {
    const journal = new Journal()
    journal.addBehind('end')
    journal.add('a', undefined, () => journal.add('b', undefined, () => journal.addBehind('end of b')))
    journal.endStatement()
    expect(journal.ran).toEqual(['a', 'b', 'end', 'end of b'])
    expect(journal.agenda.isEmpty).toBe(true)
  })

  it('knows which events a statement has begun, and forgets them with what is rolled back', () => {
    const { agenda } = new Journal()
    agenda.beginStatement()
    const { mark } = agenda
    expect([agenda.isFirst('x'), agenda.isFirst('x'), agenda.isFirst('y')]).toEqual([true, false, true])
    agenda.rollbackTo(mark)
    expect(agenda.isFirst('x')).toBe(true)
    agenda.beginStatement()
    expect(agenda.isFirst('x')).toBe(true)
  })

  it('forgets what stood behind a statement that was taken back', () => {
    const journal = new Journal()
    const { mark } = journal.agenda
    journal.addBehind('end')
    expect(journal.agenda.isEmpty).toBe(false)
    journal.agenda.rollbackTo(mark)
    expect([journal.agenda.isEmpty, journal.agenda.sizeBytes]).toEqual([true, 0])
    journal.endStatement()
    expect(journal.ran).toEqual([])
  })

  it('keeps apart what a statement within the statement puts off', () => {
    const journal = new Journal()
    journal.add('outer')
    journal.addBehind('behind')
    expect(journal.agenda.isFirst('16 insert')).toBe(true)
    journal.agenda.beginNested()
    expect(journal.agenda.isFirst('16 insert')).toBe(true)
    journal.add('inner')
    journal.add('late', 'deferred')
    journal.endStatement(true)
    journal.agenda.endNested()
    expect(journal.ran).toEqual(['inner'])
    expect(journal.agenda.isFirst('16 insert')).toBe(false)
    journal.endStatement()
    expect(journal.ran).toEqual(['inner', 'outer', 'behind'])
    journal.endTransaction()
    expect(journal.ran).toEqual(['inner', 'outer', 'behind', 'late'])
  })

  it('leaves a nested statement where it is taken back to before it', () => {
    const journal = new Journal()
    journal.add('outer')
    const { mark } = journal.agenda
    journal.agenda.beginNested()
    journal.add('inner')
    journal.addBehind('inner behind')
    journal.agenda.rollbackTo(mark)
    journal.endStatement()
    expect(journal.ran).toEqual(['outer'])
    expect(journal.agenda.isEmpty).toBe(true)
  })

  it('belongs to the outer statement while a nested one waits', () => {
    const journal = new Journal()
    expect(journal.agenda.isFirst('16 update')).toBe(true)
    journal.agenda.beginNested()
    expect(journal.agenda.isFirst('17 insert')).toBe(true)
    const left = journal.agenda.leaveNested()
    expect([journal.agenda.hasBegun('16 update'), journal.agenda.hasBegun('17 insert')]).toEqual([true, false])
    journal.agenda.returnToNested(left)
    expect([journal.agenda.hasBegun('16 update'), journal.agenda.hasBegun('17 insert')]).toEqual([false, true])
    journal.addBehind('inner behind')
    journal.endStatement(true)
    journal.agenda.endNested()
    expect(journal.ran).toEqual(['inner behind'])
    expect(journal.agenda.isFirst('16 update')).toBe(false)
  })

  it('forgets a nested statement that waits where all is taken back to before it, and no other one', () => {
    const journal = new Journal()
    const { mark: before } = journal.agenda
    journal.agenda.beginNested()
    journal.addBehind('inner behind')
    const left = journal.agenda.leaveNested()
    const { mark: within } = journal.agenda
    journal.agenda.rollbackTo(within)
    expect(journal.agenda.isEmpty).toBe(false)
    journal.agenda.rollbackTo(before)
    expect([journal.agenda.isEmpty, journal.agenda.sizeBytes]).toEqual([true, 0])
    expect(left.number).toBe(1)
  })
})
