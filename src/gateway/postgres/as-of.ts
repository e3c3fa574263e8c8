/**
 * `SET [LOCAL] polylog.as_of = …`: the statements that follow read what the database held then, until it is RESET, or the
 * block ends. In a block it comes before all that reads. A span, as `-10m`, is counted anew from each transaction on.
 *
 * The session goes there before the next statement that could read or write; where it cannot, because that time is not kept,
 * each such statement says so, and none reads the present by mistake.
 */
import { type Moment, parseMoment } from '../../base/moment.ts'
import type { ParsedStatement, StatementEffect } from '../../language/sql/contract.ts'
import type { Session } from '../../session/contract.ts'
import { sqlError } from './errors.ts'
import type { TransactionBlock } from './transaction-block.ts'

export const asOfSetting = 'polylog.as_of'

/** Nodes of the grammar: what runs wherever the session is. */
const anywhere = ['VariableSetStmt', 'VariableShowStmt', 'TransactionStmt', 'DiscardStmt']
const anywhereEffects: ReadonlySet<StatementEffect['kind']> = new Set([
  'session',
  'begin',
  'commit',
  'rollback',
  'rollback to',
  'savepoint',
  'release',
  'set transaction',
  'take snapshot',
])

export class AsOf {
  readonly #session: Session
  readonly #block: TransactionBlock
  #moment: Moment | undefined
  /** It was set since the session last went where it says. */
  #isSet = false

  constructor(session: Session, block: TransactionBlock) {
    this.#session = session
    this.#block = block
  }

  /** Throws where the block has read something. */
  checkMayChange(): void {
    if (this.#block.kind === 'none' || this.#block.isFresh) return
    throw sqlError('active_transaction', '25001', `SET ${asOfSetting} must be called before any query`)
  }

  changed(value: string | undefined): void {
    this.#moment = value === undefined ? undefined : parseMoment(value)
    this.#isSet = true
  }

  /** The session is elsewhere than the next statement is to be. */
  get isDue(): boolean {
    if (this.#isSet) return true
    return this.#moment?.kind === 'ago' && (this.#block.kind === 'none' || this.#block.isFresh)
  }

  isDueFor(statement: ParsedStatement): boolean {
    if (!this.isDue) return false
    const tree = statement.tree as Record<string, unknown> | undefined
    return !anywhere.some((node) => tree?.[node] !== undefined)
  }

  isDueForEffect(effect: StatementEffect | undefined): boolean {
    return this.isDue && !(effect !== undefined && anywhereEffects.has(effect.kind))
  }

  async go(): Promise<void> {
    await this.#session.lookBack(this.#moment)
    this.#isSet = false
  }
}
