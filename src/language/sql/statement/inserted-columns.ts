/** What INSERT gives to which columns: the columns that are named, and drafts of rows, in which what is not given is undefined. */
import type { Node } from 'libpg-query'
import type { Relation, RelationColumn } from '../../../query/relation.ts'
import type { Binder } from '../bind/binder.ts'
import { bindPartAssignment } from '../bind/bind-subscript.ts'
import type { Scope } from '../bind/scope.ts'
import { locationOf } from '../bind/tree.ts'
import { constant, type Expression } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { assignTo, missingColumn } from './assignment.ts'

export interface InsertColumn extends RelationColumn {
  readonly ordinal: number
  /** Throws: nothing can be given to it. */
  readonly refuse?: () => void
  /** The part of it that is given: `[1]`, `[2:3]`. */
  readonly part?: readonly Node[]
  readonly location?: number | undefined
}

/** The columns that are given, in the order of the text. */
export function targetColumns(relation: Relation, nodes: readonly Node[] | undefined): readonly InsertColumn[] {
  const columns = relation.columns.map((column, ordinal): InsertColumn => ({ ...column, ordinal }))
  if (nodes === undefined || nodes.length === 0) return columns
  const seen = new Map<InsertColumn, 'whole' | 'parts'>()
  return nodes.flatMap((node) => {
    if (!('ResTarget' in node)) return []
    const { name = '', location, indirection: part } = node.ResTarget
    const column = columns.find((one) => one.name === name)
    if (column === undefined) throw missingColumn(relation, name, location)
    const before = seen.get(column)
    if (before === 'whole' || (before !== undefined && part === undefined)) {
      throw failure('42701', `column "${name}" specified more than once`, { location })
    }
    seen.set(column, part === undefined ? 'whole' : 'parts')
    return [part === undefined ? column : { ...column, part, location }]
  })
}

/** What the column gets; of one that is given in parts, put into what the others have made of it. */
export function insertedValue(
  binder: Binder,
  scope: Scope,
  column: InsertColumn,
  value: Expression,
  before: Expression | undefined,
): Expression {
  if (column.part === undefined) return assignTo(binder, value, column)
  const base = before ?? constant(null, column.type)
  return bindPartAssignment(binder, scope, base, column, column.part, value, column.location)
}

/** What the values of VALUES are for. */
export interface DraftColumns {
  readonly columns: readonly InsertColumn[]
  /** Of the relation. */
  readonly width: number
  /** The text names the columns. */
  readonly isExplicit: boolean
  /** OVERRIDING. */
  readonly overrides: string
  readonly hasGenerated: boolean
}

/** Some of them are not anybody's to give. */
export function hasGenerated(columns: readonly InsertColumn[]): boolean {
  return columns.some(
    ({ isAlwaysIdentity, isGenerated, refuse }) =>
      isAlwaysIdentity === true || isGenerated === true || refuse !== undefined,
  )
}

/** A row of VALUES. */
export function draftOf(
  binder: Binder,
  scope: Scope,
  nodes: readonly Node[],
  { columns, width, isExplicit, overrides, ...given }: DraftColumns,
): (Expression | undefined)[] {
  if (nodes.length !== columns.length) {
    checkWidth(nodes.length, columns.length, isExplicit, locationOf(nodes[columns.length]))
  }
  if (given.hasGenerated) {
    refuseGenerated(columns.slice(0, nodes.length), overrides, (i) => !('SetToDefault' in nodes[i]!))
  }
  const row = emptyDraft(width)
  for (const [i, node] of nodes.entries()) {
    const column = columns[i]!
    if ('SetToDefault' in node) {
      if (column.part === undefined) continue
      throw failure('0A000', 'cannot set an array element to DEFAULT', { location: column.location })
    }
    const value = insertedValue(binder, scope, column, binder.expression(scope, node), row[column.ordinal])
    if (!isIgnored(column, overrides)) row[column.ordinal] = value
  }
  return row
}

/** OVERRIDING USER VALUE: what is given is computed, and then the sequence's value is taken. */
export function isIgnored({ isIdentity = false }: InsertColumn, overrides: string): boolean {
  return isIdentity && overrides === 'OVERRIDING_USER_VALUE'
}

export function emptyDraft(width: number): (Expression | undefined)[] {
  return Array.from({ length: width }, () => undefined)
}

export function checkWidth(given: number, wanted: number, isExplicit: boolean, location?: number): void {
  if (given > wanted) throw failure('42601', 'INSERT has more expressions than target columns', { location })
  if (given < wanted && isExplicit) throw failure('42601', 'INSERT has more target columns than expressions')
}

export function refuseGenerated(
  columns: readonly InsertColumn[],
  override: string,
  isGiven: (index: number) => boolean,
): void {
  for (const [i, column] of columns.entries()) {
    if (isGiven(i)) column.refuse?.()
    const message = `cannot insert a non-DEFAULT value into column "${column.name}"`
    if (column.isGenerated === true && isGiven(i)) {
      throw failure('428C9', message, { detail: `Column "${column.name}" is a generated column.` })
    }
    if (column.isAlwaysIdentity !== true || override !== 'OVERRIDING_NOT_SET' || !isGiven(i)) continue
    throw failure('428C9', message, {
      detail: `Column "${column.name}" is an identity column defined as GENERATED ALWAYS.`,
      hint: 'Use OVERRIDING SYSTEM VALUE to override.',
    })
  }
}
