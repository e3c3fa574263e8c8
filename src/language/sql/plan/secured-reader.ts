/**
 * Opens relations for plans; of one that is secured, a reader that hands out no row before the policies have let it through.
 *
 * A row that has to wait for what its policies ask, a subquery's page or turn, is looked at again when it goes on. Rows that are
 * hidden are work, too: after some of them the scan pauses.
 */
import { canWait, suspended } from '../../../database/transaction/wait.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import { wouldBeAffected } from '../../../model/table/policies.ts'
import { Table } from '../../../model/table/table.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import type { Run } from '../../../query/operator.ts'
import type { Relation, RelationReader, RowSourceHandle } from '../../../query/relation.ts'
import { SecuredRelation } from '../bind/secured-relation.ts'
import type { SqlValue } from '../contract.ts'
import { compilePredicate, type Compiler, type Predicate } from '../expression/compile.ts'
import { columnsRead, type Expression, someExpression } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { conjunction, conjunctsOf } from './conditions.ts'
import type { SqlRun } from './run.ts'

/** `columns`: the ordinals that the plan reads. */
export function openSecured(relation: Relation, columns: ReadonlySet<number>, compiler: Compiler): RelationReader {
  const isWhole = (set: ReadonlySet<number>): boolean => set.size === relation.columns.length
  if (isUnpopulated(relation)) return { open: () => refuseUnpopulated(relation), findByKey: () => undefined }
  if (!(relation instanceof SecuredRelation)) return relation.reader(isWhole(columns) ? undefined : columns)
  const condition = conjunction(relation.conditions)!
  const needed = columnsRead(condition, new Set(columns))
  const rows = relation.inner.reader(isWhole(needed) ? undefined : needed)
  const accepts = compilePredicate(condition, compiler)
  const isPlain = !someExpression(condition, ({ kind }) => kind === 'subquery')
  const passed = (run: Run, read: () => SqlValue[] | undefined): SqlValue[] | undefined => {
    beginPolicies(run as SqlRun, relation.collection)
    const row = read()
    return row !== undefined && accepts(row, run as SqlRun) ? row : undefined
  }
  return {
    open: (run, access) => {
      beginPolicies(run as SqlRun, relation.collection)
      return new VisibleRows(rows.open(run, access), accepts, run as SqlRun)
    },
    // A subquery may have to pause, which a look at one row cannot.
    ...(isPlain && { find: (run, primaryKey) => passed(run, () => rows.find!(run, primaryKey)) }),
    findByKey: (run, key) => passed(run, () => rows.findByKey!(run, key)),
  }
}

function isUnpopulated({ collection }: Relation): boolean {
  return (
    collection !== undefined &&
    isTable(collection) &&
    Table.of(collection).definition.materialized?.isPopulated === false
  )
}

function refuseUnpopulated({ name }: Relation): never {
  throw failure('55000', `materialized view "${name}" has not been populated`, {
    hint: 'Use the REFRESH MATERIALIZED VIEW command.',
  })
}

/** From here on the statement tests them. Errors: 42501 where `row_security` is off since the plan was made. */
export function beginPolicies({ transaction, context }: SqlRun, collection: Collection): void {
  if (context.getSetting('row_security') === 'off') throw wouldBeAffected(transaction.principal.rights, collection)
  transaction.access.passPolicies(collection.id)
}

/** What policies test of each row; `answered` by an index: those need not be. Undefined: nothing. */
export function policyTests(relation: Relation, answered: readonly Expression[]): Expression | undefined {
  if (!(relation instanceof SecuredRelation)) return undefined
  return conjunction(relation.conditions.flatMap(conjunctsOf).filter((one) => !answered.includes(one)))
}

class VisibleRows implements RowSourceHandle {
  readonly #rows: RowSourceHandle
  readonly #accepts: Predicate
  readonly #run: SqlRun
  /** Read, and not looked at to the end. */
  #pending: SqlValue[] | undefined

  constructor(rows: RowSourceHandle, accepts: Predicate, run: SqlRun) {
    this.#rows = rows
    this.#accepts = accepts
    this.#run = run
  }

  next(): SqlValue[] | undefined {
    for (;;) {
      const row = (this.#pending ??= this.#rows.next())
      if (row === undefined) return undefined
      const isVisible = this.#accepts(row, this.#run)
      this.#pending = undefined
      if (isVisible) return row
      if (this.#run.transaction.slice.spend(1) && canWait()) throw suspended
    }
  }

  rowKey(): Uint8Array {
    return this.#rows.rowKey()
  }
}
