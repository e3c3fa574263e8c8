/** Column definitions and constraints of CREATE TABLE and ALTER TABLE, out of the grammar's tree. */
import type { ColumnDefinition, RoutineCalls } from '../../../model/table/definition.ts'
import { routinesCalled } from '../expression/routines-called.ts'
import type { AlterTableCmd, ColumnDef, Constraint, Node } from 'libpg-query'
import { engineNames } from '../../../database/engines.ts'
import type { Binder } from '../bind/binder.ts'
import { requireBoolean, unfolded } from '../bind/coerce.ts'
import { Scope } from '../bind/scope.ts'
import { optionText, stringsOf, lastName } from '../bind/tree.ts'
import { requireTypeUse } from '../bind/type-access.ts'
import { bindColumnType } from '../bind/type-name.ts'
import { deparse } from '../expression/deparse.ts'
import { columnsRead, type Expression, someExpression } from '../expression/expression.ts'
import { failure, notBuilt } from '../failure.ts'
import { assignedAsWritten } from './assignment.ts'
import { type ForeignKeyPlan, readForeignKey } from './foreign-keys.ts'
import { refuseTwoSources } from './generated-columns.ts'
import { scopeOfColumns } from './table-scope.ts'
import { oid } from '../types/oids.ts'

export interface ColumnPlan {
  readonly name: string
  readonly type: number
  readonly modifier: number
  readonly notNull: boolean
  readonly default: Expression | undefined
  /** The expression of GENERATED ALWAYS AS, bound when all columns are known. */
  readonly generated: Node | undefined
  readonly serial: boolean
  readonly identity: 'always' | 'by default' | undefined
  readonly sequenceOptions: readonly Node[]
  /** Of the table that LIKE names. */
  readonly storage?: ColumnDefinition['storage']
  /** A literal NULL was given. */
  readonly constraints: readonly ConstraintPlan[]
}

export interface KeyPlan {
  readonly kind: 'primary' | 'unique'
  readonly name: string | undefined
  readonly columns: readonly string[]
  /** INCLUDE: named with the key, and no part of it. */
  readonly include: readonly string[]
  readonly deferrable: 'immediate' | 'deferred' | undefined
  /** ADD PRIMARY KEY USING INDEX is refused, so this is all. */
  readonly location: number | undefined
}

export interface CheckPlan {
  readonly kind: 'check'
  /** Of ALTER TABLE alone: a table that is made has no rows. */
  readonly notValid?: boolean
  readonly name: string | undefined
  readonly node: Node
  /** Of a column's own check: goes into the name. */
  readonly column: string | undefined
  readonly noInherit: boolean
}

export type ConstraintPlan = KeyPlan | CheckPlan | ForeignKeyPlan

const serialTypes: Readonly<Record<string, number>> = {
  serial: oid.int4,
  serial4: oid.int4,
  bigserial: oid.int8,
  serial8: oid.int8,
  smallserial: oid.int2,
  serial2: oid.int2,
}

/** `table`: its name, for messages. */
export function readColumn(
  binder: Binder,
  table: string,
  definition: ColumnDef,
  known?: { readonly type: number; readonly modifier: number },
): ColumnPlan {
  const name = definition.colname ?? ''
  const typeName = lastName(definition.typeName?.names)
  const serial = serialTypes[typeName]
  const { type, modifier } =
    known ?? (serial === undefined ? bindColumnType(binder, definition.typeName, name) : { type: serial, modifier: -1 })
  requireTypeUse(binder.context, type)
  const collation = definition.collClause === undefined ? 'C' : lastName(definition.collClause.collname)
  if (!['C', 'POSIX', 'default', 'ucs_basic'].includes(collation))
    throw notBuilt(`collation "${collation}"`, definition.collClause?.location)
  let notNull = serial !== undefined
  let value: Expression | undefined
  let identity: ColumnPlan['identity']
  let sequenceOptions: readonly Node[] = []
  let generated: Node | undefined
  const constraints: ConstraintPlan[] = []
  const given = withAttributes(definition.constraints ?? [])
  refuseTwoSources(table, definition, given, serial !== undefined)
  for (const constraint of given) {
    if (constraint.contype === 'CONSTR_NOTNULL') notNull = true
    else if (constraint.contype === 'CONSTR_DEFAULT')
      value = bindColumnDefault(binder, constraint.raw_expr!, { name, type, modifier })
    else if (constraint.contype === 'CONSTR_IDENTITY') {
      identity = constraint.generated_when === 'a' ? 'always' : 'by default'
      sequenceOptions = constraint.options ?? []
      notNull = true
      if (type !== oid.int2 && type !== oid.int4 && type !== oid.int8) {
        throw failure('22023', 'identity column type must be smallint, integer, or bigint')
      }
    } else if (constraint.contype === 'CONSTR_GENERATED') generated = constraint.raw_expr
    else if (constraint.contype !== 'CONSTR_NULL') constraints.push(...readConstraint(constraint, name))
  }
  return {
    name,
    type,
    modifier,
    notNull,
    default: value,
    generated,
    serial: serial !== undefined,
    identity,
    sequenceOptions,
    constraints,
  }
}

/** Of the column's type, but not of its length: see `storedDefault`. */
export function bindColumnDefault(
  binder: Binder,
  node: Node,
  column: { readonly name: string; readonly type: number; readonly modifier: number },
): Expression {
  const scope = new Scope()
  scope.forbidsAggregates = 'DEFAULT expressions'
  if ('ColumnRef' in node) {
    throw failure('0A000', 'cannot use column reference in DEFAULT expression', { location: node.ColumnRef.location })
  }
  const bound = unfolded(() => assignedAsWritten(binder, binder.expression(scope, node), column))
  if (someExpression(bound, ({ kind }) => kind === 'subquery')) {
    throw failure('0A000', 'cannot use subquery in DEFAULT expression', { location: bound.location })
  }
  return bound
}

const deferrableKinds: ReadonlySet<string> = new Set(['CONSTR_PRIMARY', 'CONSTR_UNIQUE', 'CONSTR_FOREIGN'])

/** A column's constraints with what DEFERRABLE and its like say of the one before them. */
function withAttributes(nodes: readonly Node[]): Constraint[] {
  const constraints: Constraint[] = []
  let said: { deferrability?: boolean; timing?: boolean } = {}
  for (const node of nodes) {
    if (!('Constraint' in node)) continue
    const { contype = '' as never, location } = node.Constraint
    if (!contype.startsWith('CONSTR_ATTR_')) {
      constraints.push(node.Constraint)
      said = {}
      continue
    }
    const last = constraints[constraints.length - 1]
    const words = contype.replace('CONSTR_ATTR_', '').replace('_', ' ')
    const isTiming = words === 'DEFERRED' || words === 'IMMEDIATE'
    const shown = isTiming ? `INITIALLY ${words}` : words
    if (last === undefined || !deferrableKinds.has(last.contype ?? '')) {
      throw failure('42601', `misplaced ${shown} clause`, { location })
    }
    if ((isTiming ? said.timing : said.deferrability) === true) {
      const both = isTiming ? 'INITIALLY IMMEDIATE/DEFERRED' : 'DEFERRABLE/NOT DEFERRABLE'
      throw failure('42601', `multiple ${both} clauses not allowed`, { location })
    }
    said = isTiming ? { ...said, timing: true } : { ...said, deferrability: true }
    if (words === 'DEFERRED' && said.deferrability === true && last.deferrable !== true)
      throw mustBeDeferrable(location)
    if (words === 'NOT DEFERRABLE' && last.initdeferred === true) throw mustBeDeferrable(location)
    const isDeferrable = words === 'DEFERRABLE' || words === 'DEFERRED'
    constraints[constraints.length - 1] = {
      ...last,
      ...(isDeferrable ? { deferrable: true } : {}),
      ...(words === 'DEFERRED' ? { initdeferred: true } : {}),
    }
  }
  return constraints
}

function mustBeDeferrable(location: number | undefined): Error {
  return failure('42601', 'constraint declared INITIALLY DEFERRED must be DEFERRABLE', { location })
}

/** A constraint of the table, or of one column. */
export function readConstraint(constraint: Constraint, column?: string): ConstraintPlan[] {
  const location = constraint.location
  const name = constraint.conname
  const deferrable =
    constraint.initdeferred === true ? 'deferred' : constraint.deferrable === true ? 'immediate' : undefined
  switch (constraint.contype) {
    case 'CONSTR_PRIMARY':
    case 'CONSTR_UNIQUE': {
      if (constraint.indexname !== undefined) throw notBuilt('a constraint USING INDEX', location)
      if (constraint.nulls_not_distinct === true) throw notBuilt('NULLS NOT DISTINCT', location)
      const columns = column === undefined ? stringsOf(constraint.keys) : [column]
      const include = stringsOf(constraint.including)
      const kind = constraint.contype === 'CONSTR_PRIMARY' ? 'primary' : 'unique'
      return [{ kind, name, columns, include, deferrable, location }]
    }
    case 'CONSTR_CHECK':
      if (deferrable !== undefined) {
        throw failure('0A000', 'CHECK constraints cannot be marked DEFERRABLE', { location })
      }
      return [{ kind: 'check', name, node: constraint.raw_expr!, column, noInherit: constraint.is_no_inherit === true }]
    case 'CONSTR_FOREIGN':
      return [readForeignKey(constraint, column, deferrable)]
    case 'CONSTR_EXCLUSION':
      throw notBuilt('EXCLUDE', location)
    default:
      throw notBuilt(`the constraint ${constraint.contype ?? ''}`, location)
  }
}

/** A check over columns that exist only as plans yet. */
export function bindCheck(
  binder: Binder,
  table: string,
  columns: readonly { readonly name: string; readonly type: number; readonly modifier: number }[],
  node: Node,
): { readonly text: string; readonly columns: readonly string[]; readonly called: RoutineCalls } {
  const scope = scopeOfColumns(table, columns)
  scope.forbidsAggregates = 'check constraints'
  const bound = unfolded(() => requireBoolean(binder, binder.expression(scope, node), 'CHECK'))
  if (someExpression(bound, ({ kind }) => kind === 'subquery')) {
    throw failure('0A000', 'cannot use subquery in check constraint', { location: bound.location })
  }
  const read = [...columnsRead(bound)].map((index) => columns[index]!.name)
  return { text: deparse(bound, { asWritten: true }), columns: read, called: routinesCalled(bound) }
}

/** Storage parameters of how PostgreSQL lays out and cleans its files: they mean nothing to a log. */
const ofFiles: ReadonlySet<string> = new Set([
  'autosummarize',
  'buffering',
  'deduplicate_items',
  'fastupdate',
  'fillfactor',
  'gin_pending_list_limit',
  'log_autovacuum_min_duration',
  'pages_per_range',
  'parallel_workers',
  'toast_tuple_target',
  'vacuum_index_cleanup',
  'vacuum_truncate',
])

/** The engine, of a table that names one. */
export function readOptions(options: readonly Node[] | undefined): { readonly engine?: string } {
  let engine: string | undefined
  for (const option of options ?? []) {
    if (!('DefElem' in option)) continue
    const name = option.DefElem.defname ?? ''
    if (ofFiles.has(name) || name.startsWith('autovacuum_') || option.DefElem.defnamespace === 'toast') continue
    if (name === 'engine') engine = knownEngine(optionText(option.DefElem.arg) ?? '')
    else throw notBuilt(`the storage parameter "${name}"`, option.DefElem.location)
  }
  return engine === undefined ? {} : { engine }
}

function knownEngine(name: string): string {
  if (engineNames.includes(name)) return name
  const values = engineNames.map((each) => `"${each}"`)
  throw failure('22023', `invalid value for enum option "engine": ${name}`, {
    detail: `Valid values are ${values.slice(0, -1).join(', ')} and ${values.at(-1)}.`,
  })
}

/** An index lies where its table does. */
export function checkIndexOptions(options: readonly Node[] | undefined): void {
  if (readOptions(options).engine !== undefined) throw notBuilt('the storage parameter "engine" of an index')
}

/** SET and RESET of storage parameters. */
export function checkChangedOptions({ def }: AlterTableCmd): void {
  const options = def !== undefined && 'List' in def ? def.List.items : undefined
  if (readOptions(options).engine !== undefined) throw notBuilt('changing the engine of a table')
}
