/** Rows of a family of tables, written: each where it lies, or where it belongs (`model/table/partitions/routing.ts`). */
import { sliceOf } from '../base/slice.ts'
import type { Transaction } from '../database/contract.ts'
import { defaultOf, type RowDraft } from '../model/table/expressions.ts'
import { asOwner, passNewRow, type RowGuard } from '../model/table/policies.ts'
import { guardThrough, prepareRouted, routeRow, routingOrdinals } from '../model/table/partitions/routing.ts'
import { RowMap } from '../model/table/partitions/row-map.ts'
import { beginEvents, type RowEvent } from '../model/table/row-hooks.ts'
import { deleteRow, getRowByKey, insertRow, planUpdate, updateRow, type UpdatePlan } from '../model/table/rows.ts'
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
    const { table } = this.#family
    return {
      needed: columns,
      apply: (transaction, found, changed, guard) => {
        const member = this.#family.memberOfKey(found.key)
        let plan = plans.get(member)
        if (plan === undefined) plans.set(member, (plan = new MemberUpdate(table, member, columns)))
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
        const old = getRowByKey(transaction, table.reader, sliceOf(key))
        return old !== undefined && deleteRow(transaction, table, sliceOf(key), old)
      },
    }
  }
}

/** An update of some columns of the family in one of its tables. */
class MemberUpdate {
  readonly #root: Table
  readonly #table: Table
  readonly #map: RowMap
  readonly #columns: readonly number[]
  readonly #plan: UpdatePlan
  /** Known with the first row. */
  #mayMove: boolean | undefined

  constructor(root: Table, { table, map }: FamilyMember, columns: readonly number[]) {
    this.#root = root
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
    // All of it: the family need not show what the table's rules look at.
    const old = getRowByKey(transaction, table.reader, sliceOf(key))
    if (old === undefined) return undefined
    const row = [...old]
    for (const ordinal of this.#columns) row[map.places[ordinal]!] = changed[ordinal]!
    if (guard === undefined) passNewRow(transaction, this.#root, map.toParent(row), undefined)
    const through = guardThrough(map, guard ?? asOwner)
    const home = this.#homeOf(transaction, row)
    if (home === table) {
      const stored = updateRow(transaction, this.#plan, sliceOf(key), old, row, through)
      return stored && [...map.toParent(stored)]
    }
    if (!deleteRow(transaction, table, sliceOf(key), old)) return undefined
    return this.#insertInto(transaction, home, map.toParent(row), guard)
  }

  /** The table that the row belongs to now. */
  #homeOf(transaction: Transaction, row: readonly SqlValue[]): Table {
    if (this.#root.definition.partitioning === undefined) return this.#table
    this.#mayMove ??= this.#isRouting(transaction)
    return this.#mayMove ? routeRow(transaction, this.#root, this.#map.toParent(row)) : this.#table
  }

  #isRouting({ catalog }: Transaction): boolean {
    const routing = routingOrdinals(catalog, this.#table)
    return this.#columns.some((ordinal) => routing.has(this.#map.places[ordinal]!))
  }

  #insertInto(
    transaction: Transaction,
    home: Table,
    row: readonly SqlValue[],
    guard: RowGuard | undefined,
  ): SqlValue[] | undefined {
    transaction.access.actForOwner(home.id)
    const map = RowMap.between(this.#root, home)
    const through = guardThrough(map, guard ?? asOwner)
    const stored = insertRow(transaction, home, [...map.toChild(row, null)], through)
    return stored && [...map.toParent(stored)]
  }
}
