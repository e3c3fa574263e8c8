/** CREATE DOMAIN and ALTER DOMAIN. A new rule is asked of all values that tables hold, before it is kept. */
import type { AlterDomainStmt, Constraint, CreateDomainStmt, Node } from 'libpg-query'
import type { Collection } from '../../../../database/catalog/catalog.ts'
import { definitionOf } from '../../../../database/catalog/objects.ts'
import type { StatementSteps } from '../../../../database/contract.ts'
import { checkDomain } from '../../../../model/table/domains.ts'
import { refuseRows } from '../../../../model/table/index-build.ts'
import { isTable } from '../../../../model/table/table-kind.ts'
import { Table } from '../../../../model/table/table.ts'
import { contentsOf, type DefinitionOf, domainKind, typeOfCollection } from '../../../../model/table/type-kinds.ts'
import { createType, redefineType } from '../../../../model/table/type-schema.ts'
import { getType, keptContents, shownNumber, storedType } from '../../../../model/table/types/registry.ts'
import type { SqlType } from '../../../../model/table/types/type.ts'
import { type DomainContent, numberOfType, type TypeCheck } from '../../../../model/table/types/user/content.ts'
import { requireBoolean, unfolded } from '../../bind/coerce.ts'
import { lastName } from '../../bind/tree.ts'
import { requireTypeUse } from '../../bind/type-access.ts'
import { bindTypeName } from '../../bind/type-name.ts'
import type { Notice } from '../../contract.ts'
import { deparse } from '../../expression/deparse.ts'
import { someExpression } from '../../expression/expression.ts'
import { failure, notBuilt } from '../../failure.ts'
import type { SqlRun } from '../../plan/run.ts'
import { skipping } from '../create-schema.ts'
import type { Outcome } from '../execution.ts'
import { freeName } from '../naming.ts'
import { type Planned, planSteps } from '../prepared.ts'
import { valueScope } from '../stored-expressions.ts'
import { bindColumnDefault } from '../table-definition.ts'
import { binderOf, getOwnType, newTypeName, pathOf } from './type-names.ts'

type Definition = DefinitionOf<DomainContent>

export function planCreateDomain(statement: CreateDomainStmt): Planned {
  const path = pathOf(statement.domainname)
  return planSteps({ kind: 'schema' }, 'CREATE DOMAIN', (run) => {
    const { namespace, name } = newTypeName(run, path)
    const binder = binderOf(run)
    const { type, modifier } = bindTypeName(binder, statement.typeName)
    requireTypeUse(binder.context, type)
    refuseBase(getType(type), type, modifier)
    const collation = statement.collClause === undefined ? 'C' : lastName(statement.collClause.collname)
    if (!['C', 'POSIX', 'default', 'ucs_basic'].includes(collation)) throw notBuilt(`collation "${collation}"`)
    let definition: Definition = { base: shownNumber(type), modifier, checks: [], ...keptContents([type]) }
    for (const node of statement.constraints ?? []) {
      if ('Constraint' in node) definition = withConstraint(run, name, definition, node.Constraint, true)
    }
    createType<DomainContent>(run.transaction, namespace, name, 'domain', definition)
    return { rowCount: 0 }
  })
}

function refuseBase({ category, title }: SqlType, _type: number, _modifier: number): void {
  if (category === 'P') throw failure('42804', `"${title}" is not a valid base type for a domain`)
}

function withConstraint(
  run: SqlRun,
  domain: string,
  definition: Definition,
  constraint: Constraint,
  isNew: boolean,
): Definition {
  switch (constraint.contype) {
    case 'CONSTR_NOTNULL':
      if (isNew && definition.notNull === false) throw failure('42601', 'conflicting NULL/NOT NULL constraints')
      return { ...definition, notNull: true }
    case 'CONSTR_NULL':
      if (isNew && definition.notNull === true) throw failure('42601', 'conflicting NULL/NOT NULL constraints')
      return definition
    case 'CONSTR_DEFAULT':
      if (definition.default !== undefined) throw failure('42601', 'multiple default expressions')
      return withDefault(run, domain, definition, constraint.raw_expr)
    case 'CONSTR_CHECK':
      return { ...definition, checks: [...definition.checks, newCheck(run, domain, definition, constraint)] }
    case 'CONSTR_UNIQUE':
      throw failure('42601', 'unique constraints not possible for domains')
    case 'CONSTR_PRIMARY':
      throw failure('42601', 'primary key constraints not possible for domains')
    case 'CONSTR_EXCLUSION':
      throw failure('42601', 'exclusion constraints not possible for domains')
    case 'CONSTR_FOREIGN':
      throw failure('42601', 'foreign key constraints not possible for domains')
    default:
      throw failure('0A000', 'specifying constraint deferrability not supported for domains')
  }
}

function withDefault(run: SqlRun, name: string, definition: Definition, node: Node | undefined): Definition {
  const { default: _, ...rest } = definition
  if (node === undefined) return rest
  const type = baseOf(definition).oid
  const bound = bindColumnDefault(binderOf(run), node, { name, type, modifier: definition.modifier })
  // As PostgreSQL: that there is none again.
  if (bound.kind === 'constant' && bound.value === null) return rest
  return { ...rest, default: deparse(bound) }
}

function baseOf({ base, types = {} }: Definition): SqlType {
  const type = storedType(base, types)
  return type.base ?? type
}

function newCheck(run: SqlRun, domain: string, definition: Definition, constraint: Constraint): TypeCheck {
  const binder = binderOf(run)
  const scope = valueScope(baseOf(definition))
  scope.forbidsAggregates = 'check constraints'
  const bound = unfolded(() => requireBoolean(binder, binder.expression(scope, constraint.raw_expr!), 'CHECK'))
  someExpression(bound, ({ kind, location }) => {
    if (kind === 'subquery') throw failure('0A000', 'cannot use subquery in check constraint', { location })
    return false
  })
  const taken = (name: string): boolean => definition.checks.some((check) => check.name === name)
  const name = constraint.conname ?? freeName(taken, domain, 'check')
  if (taken(name)) throw failure('42710', `constraint "${name}" for domain "${domain}" already exists`)
  const expression = deparse(bound, { column: () => 'VALUE', asWritten: true })
  return { name, expression, ...(constraint.skip_validation === true && { notValid: true }) }
}

/** The letters of the grammar. */
export function planAlterDomain(statement: AlterDomainStmt): Planned {
  const path = pathOf(statement.typeName)
  return planSteps({ kind: 'schema' }, 'ALTER DOMAIN', function* (run): StatementSteps<Outcome> {
    const collection = getOwnType(run, path, 'domain')
    const definition = definitionOf(domainKind, collection)
    const notices: Notice[] = []
    const { name, def } = statement
    switch (statement.subtype) {
      case 'T':
        redefine(run, collection, withDefault(run, collection.name, definition, def))
        break
      case 'N':
        redefine(run, collection, { ...definition, notNull: false })
        break
      case 'O':
        if (definition.notNull === true) break
        yield* refuseValues(run, redefine(run, collection, { ...definition, notNull: true }), true, [])
        break
      case 'C': {
        if (def === undefined || !('Constraint' in def)) throw notBuilt('this ALTER DOMAIN')
        const changed = withConstraint(run, collection.name, definition, def.Constraint, false)
        const added = changed.checks.slice(definition.checks.length)
        const now = redefine(run, collection, changed)
        yield* refuseValues(
          run,
          now,
          false,
          added.filter(({ notValid }) => notValid !== true),
        )
        break
      }
      case 'X':
        if (!definition.checks.some((check) => check.name === name)) {
          const message = `constraint "${name}" of domain "${collection.name}" does not exist`
          if (statement.missing_ok !== true) throw failure('42704', message)
          notices.push(skipping('00000', message))
          break
        }
        redefine(run, collection, { ...definition, checks: definition.checks.filter((check) => check.name !== name) })
        break
      default: {
        const check = definition.checks.find((one) => one.name === name)
        if (check === undefined) {
          throw failure('42704', `constraint "${name}" of domain "${collection.name}" does not exist`)
        }
        const { notValid, ...valid } = check
        if (notValid !== true) break
        const checks = definition.checks.map((one) => (one === check ? valid : one))
        yield* refuseValues(run, redefine(run, collection, { ...definition, checks }), false, [valid])
      }
    }
    return { rowCount: 0, notices }
  })
}

export function renameDomainConstraint(run: SqlRun, collection: Collection, from: string, to: string): void {
  const definition = definitionOf(domainKind, collection)
  if (!definition.checks.some(({ name }) => name === from)) {
    throw failure('42704', `constraint "${from}" for domain "${collection.name}" does not exist`)
  }
  if (definition.checks.some(({ name }) => name === to)) {
    throw failure('42710', `constraint "${to}" for domain ${collection.name} already exists`)
  }
  const checks = definition.checks.map((check) => (check.name === from ? { ...check, name: to } : check))
  redefine(run, collection, { ...definition, checks })
}

function redefine({ transaction }: SqlRun, collection: Collection, definition: Definition): Collection {
  return redefineType(transaction, collection, definition)
}

/** Looks at the columns of this domain, and of those that are over it, in all tables. */
function* refuseValues(
  { transaction }: SqlRun,
  domain: Collection,
  isNull: boolean,
  checks: readonly TypeCheck[],
): StatementSteps<void> {
  if (!isNull && checks.length === 0) return
  const own = typeOfCollection(domain).made!.content as DomainContent
  const asked: DomainContent = { ...own, notNull: isNull, checks }
  const type = storedType(numberOfType(domain.id), { ...contentsOf(domain), [domain.id]: asked })
  for (const collection of usersOf(transaction.catalog, domain.id)) {
    if (!isTable(collection)) continue
    const table = Table.of(collection)
    for (const column of table.columns) {
      if (!isOver(column.type, domain.id)) continue
      const reads = new Set([column.ordinal])
      const passes = (row: readonly unknown[]): boolean => {
        try {
          checkDomain(transaction, type, row[column.ordinal] as never)
          return true
        } catch {
          throw failure(
            isNull ? '23502' : '23514',
            isNull
              ? `column "${column.name}" of table "${table.name}" contains null values`
              : `column "${column.name}" of table "${table.name}" contains values that violate the new constraint`,
          )
        }
      }
      yield* refuseRows(transaction, table, { name: '', reads, passes })
    }
  }
}

function isOver(type: SqlType | undefined, id: number): boolean {
  return type?.over !== undefined && (type.made?.id === id || isOver(type.over, id))
}

function usersOf(catalog: SqlRun['transaction']['catalog'], id: number): Collection[] {
  return catalog.referrersOf(id).flatMap((one) => (one.kind === 'domain' ? usersOf(catalog, one.id) : [one]))
}
