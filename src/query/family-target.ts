/** Rows of a family of tables, written: each where it lies, or where it belongs (`model/table/partitions/routing.ts`). */
import { sliceOf } from '../base/slice.ts'
import type { Transaction } from '../database/contract.ts'
import { defaultOf, type RowDraft } from '../model/table/expressions.ts'
import { asOwner, passNewRow, type RowGuard } from '../model/table/policies.ts'
import { guardThrough, prepareRouted, routeRow, routingOrdinals } from '../model/table/partitions/routing.ts'
import { RowMap } from '../model/table/partitions/row-map.ts'
import { beginEvents, passEvent, type RowEvent } from '../model/table/row-hooks.ts'
import {
  beforeDelete,
  beforeUpdate,
  deleteRow,
  getRowByKey,
  insertRow,
  planUpdate,
  prepareRow,
  type UpdatePlan,
  writeDelete,
  writeMove,
  writeUpdate,
} from '../model/table/rows.ts'
import type { Table } from '../model/table/table.ts'
import type { SqlValue } from '../model/table/types/value.ts'
import type { FamilyMember, FamilyRelation } from './family-relation.ts'
import type { FoundRow, InsertOptions, RowDelete, RowTarget, RowUpdate } from './row-target.ts'

export class FamilyTarget implements RowTarget {
  readonly #family: FamilyRelation

  constructor(family: FamilyRelation) {
    this.#family = family
  }

  begin(transaction: Transaction, ...events: readonly RowEvent[]): void {
    beginEvents(transaction, this.#family.table, events)
  }

  insert(transaction: Transaction, draft: RowDraft, { guard }: InsertOptions): SqlValue[] | undefined {
    const { leaf, map, row, leafGuard } = prepareRouted(transaction, this.#family.table, draft, guard)
    const stored = insertRow(transaction, leaf, row, leafGuard)
    if (stored === undefined) return undefined
    return [...map.toParent(stored), this.#family.findMember(leaf.id)?.tableOid ?? null]
  }

  defaultOf(column: number): (transaction: Transaction) => SqlValue {
    return (transaction) => defaultOf(transaction, this.#family.table.columns[column]!)
  }

  update(columns: readonly number[]): RowUpdate {
    const plans = new Map<FamilyMember, MemberUpdate>()
    return {
      needed: columns,
      apply: (transaction, found, changed, guard) => {
        const member = this.#family.memberOfKey(found.key)
        let plan = plans.get(member)
        if (plan === undefined) plans.set(member, (plan = new MemberUpdate(this.#family, member, columns)))
        return plan.apply(transaction, found, changed, guard)
      },
    }
  }

  delete(): RowDelete {
    return {
      needed: [],
      apply: (transaction, { key }) => {
        const { table } = this.#family.memberOfKey(key)
        transaction.access.actForOwner(table.id)
        if (table !== this.#family.table) passEvent(transaction, table, 'delete')
        const old = getRowByKey(transaction, table.reader, sliceOf(key))
        return old !== undefined && deleteRow(transaction, table, sliceOf(key), old)
      },
    }
  }
}

/** An update of some columns of the family in one of its tables. */
class MemberUpdate {
  readonly #family: FamilyRelation
  readonly #root: Table
  readonly #table: Table
  readonly #map: RowMap
  readonly #columns: readonly number[]
  readonly #plan: UpdatePlan
  /** Known with the first row. */
  #mayMove: boolean | undefined

  constructor(family: FamilyRelation, { table, map }: FamilyMember, columns: readonly number[]) {
    this.#family = family
    this.#root = family.table
    this.#table = table
    this.#map = map
    this.#columns = columns
    this.#plan = planUpdate(
      table,
      columns.map((ordinal) => map.places[ordinal]!),
    )
  }

  apply(
    transaction: Transaction,
    { key }: FoundRow,
    changed: readonly SqlValue[],
    guard: RowGuard | undefined,
  ): SqlValue[] | undefined {
    const table = this.#table
    const map = this.#map
    transaction.access.actForOwner(table.id)
    if (table !== this.#root) passEvent(transaction, table, 'update')
    // All of it: the family need not show what the table's rules look at.
    const old = getRowByKey(transaction, table.reader, sliceOf(key))
    if (old === undefined) return undefined
    const wanted = [...old]
    for (const ordinal of this.#columns) wanted[map.places[ordinal]!] = changed[ordinal]!
    // Where it belongs is known once the table's rules have had their say.
    const row = beforeUpdate(transaction, this.#plan, old, wanted)
    if (row === undefined) return undefined
    if (guard === undefined) passNewRow(transaction, this.#root, map.toParent(row), undefined)
    const through = guardThrough(map, guard ?? asOwner)
    const home = this.#homeOf(transaction, row)
    if (home === table) {
      const stored = writeUpdate(transaction, this.#plan, sliceOf(key), old, row, through)
      return stored && [...map.toParent(stored)]
    }
    passEvent(transaction, table, 'delete')
    if (!beforeDelete(transaction, table, old)) return undefined
    const moved = this.#prepareIn(transaction, home, map.toParent(row), guard)
    // All code that rules run has run: it may have to wait, and what is written before that would be there twice.
    if (moved === undefined) {
      // As in PostgreSQL: what a rule leaves out there is gone here all the same.
      writeDelete(transaction, table, sliceOf(key), old)
      return undefined
    }
    writeMove(transaction, this.#root, { table, key: sliceOf(key), row: old }, { table: home, row: moved })
    const ofHome = RowMap.between(this.#root, home)
    return [...ofHome.toParent(moved), this.#family.findMember(home.id)?.tableOid ?? null]
  }

  /** The table that the row belongs to now. */
  #homeOf(transaction: Transaction, row: readonly SqlValue[]): Table {
    if (this.#root.definition.partitioning === undefined) return this.#table
    this.#mayMove ??= this.#isRouting(transaction)
    return this.#mayMove ? routeRow(transaction, this.#root, this.#map.toParent(row)) : this.#table
  }

  #isRouting({ catalog }: Transaction): boolean {
    const routing = routingOrdinals(catalog, this.#table)
    return this.#table.columns.some(({ ordinal, number }) => {
      return this.#plan.changed[number - 1] === 1 && routing.has(ordinal)
    })
  }

  /** The row as it will be stored in another table; undefined where a rule of that leaves it out. */
  #prepareIn(
    transaction: Transaction,
    home: Table,
    row: readonly SqlValue[],
    guard: RowGuard | undefined,
  ): SqlValue[] | undefined {
    transaction.access.actForOwner(home.id)
    passEvent(transaction, home, 'insert')
    const map = RowMap.between(this.#root, home)
    return prepareRow(transaction, home, [...map.toChild(row, null)], guardThrough(map, guard ?? asOwner))
  }
}
