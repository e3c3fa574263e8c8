/** Cursors of a function: a query that is pulled as it is fetched from; what was pulled stays, for those that scroll. */
import type { MemoryAccount } from '../../../base/memory-account.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import {
  type Execution,
  paused,
  type PreparedStatement,
  type Row,
  type SqlContext,
  type SqlValue,
} from '../contract.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import type { BoundColumn } from '../routine/result.ts'
import { asStatement, type StandingAlone } from '../routine/standing-alone.ts'
import { rowBytes } from '../routine/sql-language.ts'

export class OpenCursor {
  readonly name: string
  readonly columns: readonly BoundColumn[]
  readonly #caller: SqlRun
  readonly #context: SqlContext
  readonly #isScroll: boolean | undefined
  readonly #rows: Row[] = []
  /** A loop goes through it: it outlives the transaction. */
  isLoop = false
  readonly #query: { readonly prepared: PreparedStatement; readonly values: readonly SqlValue[] }
  #bytes = 0
  #memory: MemoryAccount | undefined
  #execution: Execution | undefined
  /** How many rows lie behind the place where it stands: 0 is before the first. */
  #at = 0

  constructor(
    name: string,
    query: { readonly prepared: PreparedStatement; readonly values: readonly SqlValue[] },
    caller: SqlRun,
    context: SqlContext,
    isScroll: boolean | undefined,
  ) {
    this.name = name
    this.#caller = caller
    this.#context = context
    this.#isScroll = isScroll
    this.#query = query
    this.#execution = query.prepared.execute(query.values)
    const { columns = [] } = query.prepared
    this.columns = columns.map((one) => ({ name: one.name, type: one.typeOid, modifier: one.typeModifier }))
  }

  /** Rows up to this one, as far as there are. */
  *#pull(count: number): StatementSteps<void> {
    while (this.#rows.length < count && this.#execution !== undefined) {
      const batch = this.#execution.next(this.#caller.transaction, this.#context)
      if (batch === paused) yield this.#execution.waitFor
      else if (batch === undefined) this.#execution = undefined
      else {
        const bytes = batch.reduce((sum, row) => sum + rowBytes(row), 0)
        this.#bytes += bytes
        const memory = this.#memory ?? this.#caller.transaction.workspace.memory
        memory.charge(bytes, 'the rows of a cursor')
        for (const row of batch) this.#rows.push(row)
      }
    }
  }

  /** All its rows, for what goes on in other transactions. */
  *hold(alone: StandingAlone): StatementSteps<void> {
    const { prepared, values } = this.#query
    const { memory } = alone.openWorkspace()
    yield* asStatement(alone, () => {
      this.#memory?.release(this.#bytes)
      this.#memory = memory
      this.#bytes = this.#rows.length = 0
      this.#execution = prepared.execute(values)
      return this.#pull(Infinity)
    })
  }

  /** Moves by so many rows; the row where it stands then. */
  *relative(count: number): StatementSteps<Row | undefined> {
    return yield* this.#moveTo(this.#at + count)
  }

  /** From the end where the place is negative. */
  *absolute(place: number): StatementSteps<Row | undefined> {
    if (place >= 0) return yield* this.#moveTo(place)
    yield* this.#pull(Infinity)
    return yield* this.#moveTo(Math.max(0, this.#rows.length + 1 + place))
  }

  *#moveTo(place: number): StatementSteps<Row | undefined> {
    if (place < this.#at && this.#isScroll === false) {
      throw failure('55000', 'cursor can only scan forward', {
        hint: 'Declare it with SCROLL option to enable backward scan.',
      })
    }
    yield* this.#pull(place)
    const end = this.#rows.length + 1
    this.#at = Math.max(0, Math.min(place, end))
    return this.#at === 0 ? undefined : this.#rows[this.#at - 1]
  }

  /** Of MOVE ALL: to the end; how many rows lie on the way. */
  *toEnd(): StatementSteps<number> {
    yield* this.#pull(Infinity)
    const passed = Math.max(0, this.#rows.length - this.#at)
    this.#at = this.#rows.length + 1
    return passed
  }
}
