/** A statement whose integers were lifted out of its text (`literals.ts`), and its plan with them put in again. */
import type { Transaction } from '../../database/contract.ts'
import type {
  Execution,
  ParsedStatement,
  PreparedStatement,
  ResultColumn,
  SqlValue,
  StatementEffect,
} from './contract.ts'
import { failure } from './failure.ts'
import type { LiftedText } from './literals.ts'
import { parseText } from './parse.ts'

export class LiftedStatement implements ParsedStatement {
  readonly source: string
  readonly offset = 0
  readonly lifted: LiftedText

  constructor(source: string, lifted: LiftedText) {
    this.source = source
    this.lifted = lifted
  }

  get text(): string {
    return this.source.trim().replace(/\s*;$/, '')
  }

  /** Of the text as it was sent; only asked for where the lifted one does not do. */
  get tree(): unknown {
    return parseText(this.source)[0]!.tree
  }
}

export class LiftedPlan implements PreparedStatement {
  readonly effect: StatementEffect
  readonly command: string
  readonly parameterTypes: readonly number[] = []
  readonly columns: readonly ResultColumn[] | undefined
  readonly #plan: PreparedStatement
  readonly #values: readonly SqlValue[]

  constructor(plan: PreparedStatement, lifted: LiftedText) {
    this.#plan = plan
    this.#values = lifted.values
    this.effect = plan.effect
    this.command = plan.command
    this.columns = plan.columns
  }

  hold(transaction: Transaction): void {
    this.#plan.hold?.(transaction)
  }

  uses(collection: number): boolean {
    return this.#plan.uses(collection)
  }

  isCurrent(...now: Parameters<PreparedStatement['isCurrent']>): boolean {
    return this.#plan.isCurrent(...now)
  }

  execute(parameters: readonly SqlValue[]): Execution {
    if (parameters.length > 0) {
      throw failure('08P01', `bind message supplies ${parameters.length} parameters, but prepared statement requires 0`)
    }
    return this.#plan.execute(this.#values)
  }
}
