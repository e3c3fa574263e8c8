/**
 * What models have put off within a transaction: to the end of the statement, or to its own end.
 *
 * A check that a later row of the same statement may still satisfy, or an action that follows from a change (a cascade, a
 * trigger), is a *task*. Tasks run first in, first out, once the statement has done all its work and before it has answered;
 * what they put off joins the same queue. Where the queue is empty those follow that were put off *behind* it: what comes
 * after a whole statement, not after its rows. A task whose constraint is deferred stays: it runs before the transaction
 * commits, or when SET CONSTRAINTS makes its constraint immediate. A statement that is a transaction of its own has but one
 * end: there everything runs, what is deferred last.
 *
 * What a statement does once, however many rows it changes, is done by whoever asks first (`isFirst`).
 *
 * What rules keep of the rows until then are notes (`statement-notes.ts`). A statement that comes in pieces, as a COPY does, is
 * *held* at the end of each but the last one, which then runs what all of them have put off.
 *
 * A statement may run within another one: of a function that a row calls, or of a trigger. What it puts off is its own
 * (`beginNested`), and is done at its end; what is deferred stays for the transaction's.
 *
 * Everything here goes back with the transaction's writes: a savepoint remembers how many tasks there were, which of them
 * had run, which events had begun, and which constraints were deferred.
 *
 * Invariants: a transaction with waiting tasks does not commit; a task runs at most once, unless a rollback took back what
 * it did; tasks of a statement that ran within it leave nothing behind.
 */
import { assert } from '../../base/errors.ts'
import type { ByteReader, ByteWriter } from '../../base/bytes.ts'
import type {
  ConstraintTiming,
  DeferrableConstraint,
  HeldStatement,
  StatementSteps,
  Task,
  Transaction,
  TransactionAgenda,
} from '../contract.ts'
import { type NotesOwner, StatementNotes } from './statement-notes.ts'
import { beginInPlace } from './wait.ts'

export interface AgendaMark {
  readonly tasks: number
  readonly ran: number
  readonly behind: number
  readonly begun: number
  readonly notes: number
  readonly timings: Timings
  /** Statements that ran within one another. */
  readonly depth: number
  /** How many had begun to. */
  readonly nested: number
}

/** Of a statement within which another one runs, or that is not the running one while it waits. */
interface Outer {
  readonly behind: Task[]
  readonly begun: string[]
  readonly from: number
  readonly isHeld: boolean
  readonly name: string
}

interface LeftStatement extends Outer {
  /** Which of those that have been nested it is. */
  readonly number: number
}

/** What SET CONSTRAINTS has said in this transaction: of all, and after that of some by their names in the catalog. */
interface Timings {
  readonly all: ConstraintTiming | undefined
  readonly some: ReadonlyMap<string, ConstraintTiming>
}

const noTimings: Timings = { all: undefined, some: new Map() }
export const nothingYet: AgendaMark = {
  tasks: 0,
  ran: 0,
  behind: 0,
  begun: 0,
  notes: 0,
  timings: noTimings,
  depth: 0,
  nested: 0,
}

export class Agenda implements TransactionAgenda {
  readonly #transaction: Transaction
  readonly #checkSize: () => void
  /** Undefined: it has run. */
  #tasks: (Task | undefined)[] = []
  /** Tasks that have run since they were left behind by their statement, for a rollback to bring back. */
  #ran: { readonly place: number; readonly task: Task }[] = []
  #waiting = 0
  /** Of the running statement: tasks that follow when its queue is empty. */
  #behind: Task[] = []
  /** Events that the running statement has asked for. */
  #begun: string[] = []
  /** Where the running statement's tasks begin. */
  #from = 0
  /** The running statement ends with a later piece. */
  #isHeld = false
  readonly #outer: Outer[] = []
  /** Nested statements that wait, and are gone on with later. */
  readonly #left = new Set<LeftStatement>()
  /** Goes before the events of a nested statement, so that their notes are its own. */
  #name = ''
  #nested = 0
  readonly #notes: StatementNotes
  #timings = noTimings
  /** Bytes that waiting tasks hold. */
  sizeBytes = 0

  /** `checkSize` throws where a transaction holds too much. */
  constructor(transaction: Transaction & NotesOwner, checkSize: () => void) {
    this.#transaction = transaction
    this.#checkSize = checkSize
    this.#notes = new StatementNotes(transaction)
  }

  get isEmpty(): boolean {
    return this.#waiting === 0
  }

  isPending(collection: number): boolean {
    return this.#waiting > 0 && this.#tasks.some((task) => task?.collection === collection)
  }

  putOff(task: Task): void {
    this.#tasks.push(task)
    this.#waiting++
    this.sizeBytes += task.sizeBytes
    this.#checkSize()
  }

  putOffBehind(task: Task): void {
    this.#behind.push(task)
    this.#waiting++
    this.sizeBytes += task.sizeBytes
    this.#checkSize()
  }

  hasBegun(event: string): boolean {
    return this.#begun.includes(event)
  }

  isFirst(event: string): boolean {
    if (this.hasBegun(event)) return false
    this.#begun.push(event)
    return true
  }

  note(event: string, encode: (into: ByteWriter) => void): void {
    this.#notes.add(this.#name + event, encode)
  }

  eachNote(event: string, look: (note: ByteReader) => void): StatementSteps<void> {
    return this.#notes.each(this.#transaction, this.#name + event, look)
  }

  get isNested(): boolean {
    return this.#outer.length > 0
  }

  get #running(): Outer {
    return {
      behind: this.#behind,
      begun: this.#begun,
      from: this.#from,
      isHeld: this.#isHeld,
      name: this.#name,
    }
  }

  beginNested(): void {
    this.#outer.push(this.#running)
    this.#behind = []
    this.#begun = []
    this.#from = this.#tasks.length
    this.#isHeld = false
    this.#name = `${++this.#nested} `
  }

  endNested(): void {
    this.#goOn(this.#outer.pop()!)
  }

  /** The nested statement has to wait; what is run again meanwhile, to get to it, is the outer one. */
  leaveNested(): LeftStatement {
    const left = { ...this.#running, number: Number.parseInt(this.#name, 10) }
    this.#left.add(left)
    this.endNested()
    return left
  }

  returnToNested(left: LeftStatement): void {
    this.#left.delete(left)
    this.#outer.push(this.#running)
    this.#goOn(left)
  }

  #goOn({ behind, begun, from, isHeld, name }: Outer): void {
    this.#behind = behind
    this.#begun = begun
    this.#from = from
    this.#isHeld = isHeld
    this.#name = name
  }

  hold(): HeldStatement {
    this.#isHeld = true
    return { from: this.#from, begun: this.#begun }
  }

  resume({ from, begun }: HeldStatement): void {
    this.#from = from
    this.#begun = [...begun]
  }

  beginStatement(): void {
    this.#isHeld = false
    this.#from = this.#tasks.length
    if (this.#begun.length > 0) this.#begun = []
  }

  *setTiming(constraints: readonly string[] | undefined, timing: ConstraintTiming): StatementSteps<void> {
    const some = new Map(constraints === undefined ? [] : this.#timings.some)
    for (const name of constraints ?? []) some.set(name, timing)
    this.#timings = { all: constraints === undefined ? timing : this.#timings.all, some }
    yield* this.#runAll(0, (task) => !this.isDeferred(task.constraint))
  }

  isDeferred(constraint: DeferrableConstraint | undefined): boolean {
    if (constraint === undefined || !constraint.isDeferrable) return false
    if (constraint.isOfCommit === true) return true
    const timing = this.#timings.some.get(constraint.id) ?? this.#timings.all
    return timing === undefined ? constraint.isInitiallyDeferred : timing === 'deferred'
  }

  /** What is due at the end of a statement. `isLast`: the transaction ends with it. */
  *runStatementEnd(isLast: boolean): StatementSteps<void> {
    if (this.#isHeld) return
    yield* this.#runAll(this.#from, (task) => !this.isDeferred(task.constraint))
    if (isLast && !this.isNested) yield* this.#runAll(this.#from, always)
    this.#compact()
    if (!this.isNested) this.#notes.clear()
  }

  /** What a part of a statement has put off since `start`, and is due. */
  partEnd(start: AgendaMark): StatementSteps<void> | undefined {
    if (this.#tasks.length === start.tasks) return undefined
    return this.#run(start.tasks, (task) => !this.isDeferred(task.constraint))
  }

  /** What is left before the commit. */
  *runTransactionEnd(): StatementSteps<void> {
    yield* this.#runAll(0, always)
    assert(this.isEmpty, 'a task has been put off beyond the end of its transaction')
  }

  *#runAll(from: number, isDue: (task: Task) => boolean): StatementSteps<void> {
    yield* this.#run(from, isDue)
    while (this.#behind.length > 0) {
      this.#tasks.push(...this.#behind.splice(0))
      yield* this.#run(from, isDue)
    }
  }

  *#run(from: number, isDue: (task: Task) => boolean): StatementSteps<void> {
    const transaction = this.#transaction
    for (let place = from; place < this.#tasks.length; place++) {
      const task = this.#tasks[place]
      if (task === undefined || !isDue(task)) continue
      this.#tasks[place] = undefined
      this.#ran.push({ place, task })
      this.#waiting--
      this.sizeBytes -= task.sizeBytes
      yield* beginInPlace<void>(transaction, () => task.run(transaction))
      if (transaction.slice.spend(1)) yield undefined
    }
  }

  /** What a statement has both put off and done is nobody's to bring back. */
  #compact(): void {
    const left = this.#tasks.slice(this.#from).filter((task) => task !== undefined)
    this.#tasks.length = this.#from
    for (const task of left) this.#tasks.push(task)
    this.#ran = this.#ran.filter(({ place }) => place < this.#from)
  }

  get mark(): AgendaMark {
    // Each statement takes one, and few have put anything off.
    const isUntouched = this.#tasks.length === 0 && this.#ran.length === 0 && this.#begun.length === 0
    const hasNothing = isUntouched && this.#behind.length === 0 && this.#notes.isEmpty && this.#left.size === 0
    if (hasNothing && this.#timings === noTimings && !this.isNested) return nothingYet
    return {
      tasks: this.#tasks.length,
      ran: this.#ran.length,
      behind: this.#behind.length,
      begun: this.#begun.length,
      notes: this.#notes.mark(),
      timings: this.#timings,
      depth: this.#outer.length,
      nested: this.#nested,
    }
  }

  rollbackTo({ tasks, ran, behind, begun, notes, timings, depth, nested }: AgendaMark): void {
    for (const left of this.#left) if (left.number > nested) this.#abandon(left)
    while (this.#outer.length > depth) {
      for (const task of this.#behind) this.#forget(task)
      this.endNested()
    }
    this.#notes.cutTo(notes)
    this.#timings = timings
    this.#begun.splice(begun)
    for (const task of this.#behind.splice(behind)) this.#forget(task)
    for (const { place, task } of this.#ran.splice(ran)) if (place < tasks) this.#restore(place, task)
    for (const task of this.#tasks.splice(tasks)) if (task !== undefined) this.#forget(task)
  }

  #restore(place: number, task: Task): void {
    this.#tasks[place] = task
    this.#waiting++
    this.sizeBytes += task.sizeBytes
  }

  /** Nobody goes on with it. */
  #abandon(left: LeftStatement): void {
    this.#left.delete(left)
    for (const task of left.behind) this.#forget(task)
  }

  #forget(task: Task): void {
    this.#waiting--
    this.sizeBytes -= task.sizeBytes
  }

  reset(): void {
    if (this.#timings !== noTimings) this.#timings = noTimings
    if (this.#tasks.length > 0) this.#tasks = []
    if (this.#ran.length > 0) this.#ran = []
    if (this.#behind.length > 0) this.#behind = []
    if (this.#begun.length > 0) this.#begun = []
    this.#notes.clear()
    this.#isHeld = false
    this.#outer.length = 0
    this.#left.clear()
    this.#name = ''
    this.#waiting = 0
    this.#from = 0
    this.sizeBytes = 0
  }
}

function always(): boolean {
  return true
}
