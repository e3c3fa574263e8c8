/**
 * The counts that a plan depends on: asked while it is made, and again when it is opened another time.
 *
 * Before anything runs there is nothing to count in: then each question is answered with `undefined`, and noted.
 */
import type { GroupSize } from '../../../query/cardinality.ts'
import type { Estimate } from '../../../query/cost.ts'
import type { Relation, RelationIndex } from '../../../query/relation.ts'
import type { SqlRow, SqlRun } from './run.ts'

/** Undefined: it cannot be told at once. */
type Question = (run: SqlRun) => number | undefined

interface Answered {
  readonly question: Question
  readonly answer: number | undefined
  readonly often: Often
}

/** `each time`: what parameters decide, too. `now and then`: sizes, which change little from one execution to the next. */
type Often = 'each time' | 'now and then'

const executionsBetween = 64

/** Answers below are all small, and others the same while they differ by less than the factor. */
const sameAnswer = { least: 64, factor: 4 }

/** Rows to try conditions on. */
const leastSampled = 60
/** As if so many had been found where none was. */
const foundOfNone = 0.5

export class Measures {
  #run: SqlRun | undefined
  readonly #answers: Answered[] = []
  readonly #sizes = new Map<Relation, number | undefined>()
  readonly #groups = new Map<RelationIndex, (GroupSize | undefined)[]>()
  readonly #distinct = new Map<Relation, (number | undefined)[]>()
  readonly #estimates = new Map<object, Estimate>()
  #executions = 0
  /** The plan would be another one with counts. */
  wasAsked = false

  constructor(run?: SqlRun) {
    this.#run = run
  }

  get isCounting(): boolean {
    return this.#run !== undefined
  }

  /** Whether there is anything to count in; the plan would be another one if there were. */
  wantsCounts(): boolean {
    this.wasAsked = true
    return this.isCounting
  }

  /**
   * Of what is asked for from many places: a query with several readers, each of which may be one of another, or a join within joins,
   * each of which asks for all below it.
   */
  estimateOnce(of: object, estimate: () => Estimate): Estimate {
    let known = this.#estimates.get(of)
    if (known === undefined) this.#estimates.set(of, (known = estimate()))
    return known
  }

  ask(often: Often, question: Question): number | undefined {
    this.wasAsked = true
    if (this.#run === undefined) return undefined
    const answer = answered(question, this.#run)
    this.#answers.push({ question, answer, often })
    return answer
  }

  /** Rows of all of it. */
  sizeOf(relation: Relation): number | undefined {
    if (!this.#sizes.has(relation)) {
      this.#sizes.set(
        relation,
        this.ask('now and then', (run) => relation.estimateRows?.(run, { equal: [] })),
      )
    }
    return this.#sizes.get(relation)
  }

  /** Rows with the same values of an index's first columns. Follows from sizes: it is not asked again by itself. */
  groupsOf(relation: Relation, index: RelationIndex, columns: number): GroupSize | undefined {
    this.wasAsked = true
    const run = this.#run
    if (run === undefined) return undefined
    let known = this.#groups.get(index)
    if (known === undefined) this.#groups.set(index, (known = []))
    if (!(columns in known)) known[columns] = answered(() => relation.groupRows?.(run, index, columns), run)
    return known[columns]
  }

  /** Different values of a column; likewise. */
  distinctOf(relation: Relation, column: number): number | undefined {
    this.wasAsked = true
    const run = this.#run
    if (run === undefined) return undefined
    let known = this.#distinct.get(relation)
    if (known === undefined) this.#distinct.set(relation, (known = []))
    if (!(column in known)) known[column] = answered(() => relation.distinctValues?.(run, column), run)
    return known[column]
  }

  /** Of some rows, those for which a condition holds; likewise. Undefined where there are few to try it on. */
  sampledShare(relation: Relation, accepts: (row: SqlRow, run: SqlRun) => boolean): number | undefined {
    this.wasAsked = true
    const run = this.#run
    if (run === undefined) return undefined
    const rows = answered(() => relation.sampleRows?.(run), run)
    if (rows === undefined || rows.length < leastSampled) return undefined
    return answered(() => Math.max(rows.filter((row) => accepts(row, run)).length, foundOfNone) / rows.length, run)
  }

  /** The plan is made: it may be kept, and must not keep alive what it was counted in. */
  close(): void {
    this.#run = undefined
  }

  /** Whether what is there now is about the same. */
  holdsFor(run: SqlRun): boolean {
    const all = ++this.#executions % executionsBetween === 0
    for (const { question, answer, often } of this.#answers) {
      if ((all || often === 'each time') && !isSame(answer, answered(question, run))) return false
    }
    return true
  }
}

/** Bounds are evaluated for it: where that fails, running the plan says so. */
function answered<T>(question: (run: SqlRun) => T | undefined, run: SqlRun): T | undefined {
  try {
    return question(run)
  } catch {
    return undefined
  }
}

function isSame(a: number | undefined, b: number | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  const low = Math.max(Math.min(a, b), sameAnswer.least)
  return Math.max(a, b) <= low * sameAnswer.factor
}
