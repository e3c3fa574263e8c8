/**
 * What a new table has from those that it inherits from, or is a partition of: columns and checks, merged by their names
 * with its own, in the words of PostgreSQL 15 (`MergeAttributes`).
 */
import type { CreateStmt } from 'libpg-query'
import type { CheckDefinition, NewColumn } from '../../../../model/table/definition.ts'
import type { Table } from '../../../../model/table/table.ts'
import { formatType } from '../../../../model/table/types/registry.ts'
import type { Notice } from '../../contract.ts'
import { failure } from '../../failure.ts'
import type { SqlRun } from '../../plan/run.ts'
import { getTable } from '../naming.ts'

export interface Heritage {
  readonly parents: readonly Table[]
  readonly isPartition: boolean
}

/** Undefined of a table that stands for itself. */
export function heritageOf(run: SqlRun, { inhRelations, partbound }: CreateStmt): Heritage | undefined {
  if (inhRelations === undefined) return undefined
  const isPartition = partbound !== undefined
  const parents: Table[] = []
  for (const node of inhRelations) {
    if (!('RangeVar' in node)) continue
    const table = getTable(run, node.RangeVar)
    run.transaction.principal.rights.requireOwner(table.collection)
    if (isPartition && table.definition.partitioning === undefined) {
      throw failure('42P17', `"${table.name}" is not partitioned`)
    }
    if (!isPartition) refuseParent(table)
    if (parents.includes(table)) {
      throw failure('42P07', `relation "${table.name}" would be inherited from more than once`)
    }
    parents.push(table)
  }
  return { parents, isPartition }
}

/** What nothing may inherit from but as its partition. */
export function refuseParent({ name, definition }: Table): void {
  if (definition.partitioning !== undefined) {
    throw failure('42809', `cannot inherit from partitioned table "${name}"`)
  }
  if (definition.bound !== undefined) throw failure('42809', `cannot inherit from partition "${name}"`)
}

/** A column as those see it that are bound before the table is there. */
export interface SeenColumn {
  readonly name: string
  readonly type: number
  readonly modifier: number
}

export function inheritedColumns({ parents }: Heritage): SeenColumn[] {
  const seen = new Map<string, SeenColumn>()
  for (const { columns } of parents) {
    for (const { name, type, modifier } of columns)
      if (!seen.has(name)) seen.set(name, { name, type: type.oid, modifier })
  }
  return [...seen.values()]
}

interface Merged {
  column: NewColumn
  /** Two parents give it different defaults, and it has none of its own. */
  hasConflict: boolean
}

/** All columns in their order: those of the parents first. */
export function mergedColumns(
  { parents, isPartition }: Heritage,
  own: readonly NewColumn[],
  notices: Notice[],
): NewColumn[] {
  const merged = new Map<string, Merged>()
  for (const parent of parents) {
    for (const { name, type, definition, generated } of parent.columns) {
      const {
        number: _,
        identity,
        sequence: __,
        missing: ___,
        inherited: ____,
        local: _____,
        default: value,
        defaultSequences,
        ...plain
      } = definition
      // That of an identity column belongs to its table alone.
      const draws = defaultSequences && { defaultSequences }
      const rest = identity === undefined && value !== undefined ? { ...plain, default: value, ...draws } : plain
      const generation = generated && {
        generated,
      }
      const column: NewColumn = { ...rest, type: type.oid, ...generation, inherited: 1, local: false }
      const before = merged.get(name)
      if (before === undefined) merged.set(name, { column, hasConflict: false })
      else {
        notices.push(notice(`merging multiple inherited definitions of column "${name}"`))
        refuseOtherType('inherited column', before.column, column)
        merged.set(name, mergedTwice(before, column))
      }
    }
  }
  for (const [place, column] of own.entries()) {
    const before = merged.get(column.name)
    if (before === undefined) merged.set(column.name, { column, hasConflict: false })
    else {
      if (!isPartition) notices.push(mergingColumn(column.name, [...merged.keys()].indexOf(column.name) === place))
      refuseOtherType('column', before.column, column)
      merged.set(column.name, { column: withOwn(before.column, column, isPartition), hasConflict: false })
    }
  }
  const columns = [...merged.values()]
  const torn = columns.find((one) => one.hasConflict && one.column.default !== undefined)
  if (torn !== undefined) {
    throw failure('42611', `column "${torn.column.name}" inherits conflicting default values`, {
      hint: 'To resolve the conflict, specify a default explicitly.',
    })
  }
  return columns.map(({ column }) => numbered(column, columns, parents))
}

function mergingColumn(name: string, isInPlace: boolean): Notice {
  if (isInPlace) return notice(`merging column "${name}" with inherited definition`)
  return {
    ...notice(`moving and merging column "${name}" with inherited definition`),
    detail: 'User-specified column moved to the position of the inherited column.',
  }
}

/** The columns that a generated one reads have other numbers here. */
function numbered(column: NewColumn, all: readonly Merged[], parents: readonly Table[]): NewColumn {
  const { generated, local } = column
  if (generated === undefined || local !== false) return column
  const from = parents.find((one) => one.findColumn(column.name)?.generated !== undefined)!
  const reads = generated.reads.map((number) => {
    const { name } = from.columnByNumber(number)
    return all.findIndex((one) => one.column.name === name) + 1
  })
  return { ...column, generated: { ...generated, reads } }
}

function mergedTwice({ column, hasConflict }: Merged, other: NewColumn): Merged {
  const differs = column.default !== undefined && other.default !== undefined && column.default !== other.default
  return {
    column: {
      ...column,
      inherited: (column.inherited ?? 0) + 1,
      ...((column.notNull === true || other.notNull === true) && { notNull: true }),
      ...(column.default === undefined && other.default !== undefined && defaultsOf(other)),
    },
    hasConflict: hasConflict || differs,
  }
}

function defaultsOf({ default: text, defaultSequences }: NewColumn): Pick<NewColumn, 'default' | 'defaultSequences'> {
  return { ...(text !== undefined && { default: text }), ...(defaultSequences !== undefined && { defaultSequences }) }
}

/** Of a partition nothing is its own: it only says more of what it has. */
function withOwn(inherited: NewColumn, own: NewColumn, isPartition: boolean): NewColumn {
  const { local: _, default: text, defaultSequences, ...rest } = inherited
  const isNotNull = inherited.notNull === true || own.notNull === true
  const defaults = own.default === undefined ? { default: text, defaultSequences } : own
  return {
    ...rest,
    ...(isPartition && { local: false as const }),
    ...(isNotNull && { notNull: true }),
    ...defaultsOf(defaults as NewColumn),
    ...(own.generated !== undefined && { generated: own.generated }),
    ...(own.identity !== undefined && { identity: own.identity }),
    ...(own.sequence !== undefined && { sequence: own.sequence }),
  }
}

export function refuseOtherType(what: string, a: NewColumn, b: NewColumn): void {
  if (a.type === b.type && (a.modifier ?? -1) === (b.modifier ?? -1)) return
  const [first, second] = [a, b].map(({ type, modifier }) => formatType(type, modifier ?? -1))
  throw failure('42804', `${what} "${a.name}" has a type conflict`, { detail: `${first} versus ${second}` })
}

/** The parents' checks, and its own behind them. */
export function mergedChecks(
  { parents }: Heritage,
  own: readonly CheckDefinition[],
  notices: Notice[],
): CheckDefinition[] {
  const merged = new Map<string, CheckDefinition>()
  for (const { checks } of parents) {
    for (const { name, expression, noInherit, calls } of checks) {
      if (noInherit === true) continue
      const before = merged.get(name)
      if (before !== undefined && before.expression !== expression) {
        throw failure('42710', `check constraint name "${name}" appears multiple times but with different expressions`)
      }
      const called = calls === undefined ? {} : { calls }
      merged.set(name, { name, expression, ...called, inherited: (before?.inherited ?? 0) + 1, local: false })
    }
  }
  for (const check of own) {
    const before = merged.get(check.name)
    if (before === undefined) merged.set(check.name, check)
    else merged.set(check.name, mergedCheck(before, check, notices))
  }
  return [...merged.values()]
}

/** One that is inherited, and defined here as well. */
function mergedCheck(inherited: CheckDefinition, own: CheckDefinition, notices: Notice[]): CheckDefinition {
  if (own.expression !== inherited.expression) {
    throw failure('42710', `constraint "${own.name}" for relation already exists`)
  }
  notices.push(notice(`merging constraint "${own.name}" with inherited definition`))
  const { local: _, ...rest } = inherited
  return rest
}

export function notice(message: string): Notice {
  return { severity: 'NOTICE', sqlState: '00000', message }
}
