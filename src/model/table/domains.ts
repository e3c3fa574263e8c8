/**
 * The rules of domains: asked by whoever makes a value of one, in SQL by a cast, and by the table for each row that is
 * written, whichever door it came by.
 *
 * Those of what a domain is over come first, NOT NULL before CHECK, and these in the order of their names, as in PostgreSQL.
 */
import { PolylogError } from '../../base/errors.ts'
import type { Transaction } from '../../database/contract.ts'
import { compileDomainCheck, type StoredExpression } from './expressions.ts'
import type { RowRule } from './row-hooks.ts'
import type { Column, Table } from './table.ts'
import type { SqlType } from './types/type.ts'
import type { DomainContent } from './types/user/content.ts'
import type { SqlValue } from './types/value.ts'

interface DomainRules {
  readonly notNull: boolean
  readonly checks: readonly { readonly name: string; readonly expression: StoredExpression }[]
}

const known = new WeakMap<SqlType, DomainRules>()

function rulesOf(transaction: Transaction, type: SqlType): DomainRules {
  let rules = known.get(type)
  if (rules === undefined) {
    const domains = chain(type).reverse()
    const notNull = domains.some((domain) => contentOf(domain).notNull === true)
    const checks = domains.flatMap((domain) => {
      const own = [...contentOf(domain).checks].sort((a, b) => (a.name < b.name ? -1 : 1))
      return own.map(({ name, expression }) => {
        return { name, expression: compileDomainCheck(transaction.catalog, domain, expression) }
      })
    })
    known.set(type, (rules = { notNull, checks }))
  }
  return rules
}

/** It, and the domains that it is over. */
function chain(type: SqlType): SqlType[] {
  return type.over === undefined ? [] : [type, ...chain(type.over)]
}

function contentOf({ made }: SqlType): DomainContent {
  return made!.content as DomainContent
}

/** Errors: 23502, 23514. */
export function checkDomain(transaction: Transaction, type: SqlType, value: SqlValue): void {
  const { notNull, checks } = rulesOf(transaction, type)
  if (value === null && notNull) {
    const message = `domain ${type.title} does not allow null values`
    throw new PolylogError('not_null_violation', message, { detail: { sqlState: '23502' } })
  }
  for (const { name, expression } of checks) {
    if (expression.evaluate([value], transaction) !== false) continue
    const message = `value for domain ${type.title} violates check constraint "${name}"`
    throw new PolylogError('check_violation', message, { detail: { sqlState: '23514', constraint: name } })
  }
}

/** Of an array, each of its elements. */
function checkValue(transaction: Transaction, type: SqlType, value: SqlValue): void {
  const element = type.element?.over === undefined ? undefined : type.element
  if (type.over !== undefined) checkDomain(transaction, type, value)
  else if (Array.isArray(value)) checkElements(transaction, element!, value as readonly SqlValue[])
}

export function checkElements(transaction: Transaction, type: SqlType, values: readonly SqlValue[]): void {
  for (const value of values) {
    if (Array.isArray(value)) checkElements(transaction, type, value as readonly SqlValue[])
    else checkDomain(transaction, type, value)
  }
}

function domainColumns({ columns }: Table): readonly Column[] {
  return columns.filter(({ type }) => type.over !== undefined || type.element?.over !== undefined)
}

export const domainRule: RowRule = {
  name: 'domains',
  onInsert(table) {
    const columns = domainColumns(table)
    if (columns.length === 0) return undefined
    return {
      check: (transaction, row) => {
        for (const { type, ordinal } of columns) checkValue(transaction, type, row[ordinal]!)
      },
    }
  },
  onUpdate(table, set) {
    const columns = domainColumns(table).filter(({ ordinal }) => set.has(ordinal))
    if (columns.length === 0) return undefined
    return {
      check: (transaction, newRow) => {
        for (const { type, ordinal } of columns) checkValue(transaction, type, newRow[ordinal]!)
      },
    }
  },
}
