/**
 * The expressions of a table's definition (defaults, checks, generated columns), made ready for whoever writes a row.
 *
 * A definition keeps them as text. The language that the text is in stands above the models, so it registers itself here
 * when it is loaded, and a table is compiled once per version: SQL, the document language, COPY and the library then write
 * by the same compiled rules. What an expression asks of its surroundings (the clock, the user, a sequence) comes from the
 * transaction that writes; it does not depend on the settings of the session.
 *
 * A language that must load something first (SQL's grammar) says so by a promise: the statement waits for it as
 * for a page, and no door has to know.
 */
import { PolylogError } from '../../base/errors.ts'
import type { Catalog } from '../../database/catalog/catalog.ts'
import { Elsewhere, type Transaction } from '../../database/contract.ts'
import type { RowCheck } from './constraints.ts'
import type { Values } from './keys.ts'
import type { RowGuard } from './policies.ts'
import type { Column, Table, TableIndex } from './table.ts'
import type { SqlType } from './types/type.ts'
import type { SqlValue } from './types/value.ts'

export interface StoredExpression {
  /** Ordinals that it reads. */
  readonly reads: ReadonlySet<number>
  evaluate(row: Values, transaction: Transaction): SqlValue
}

export interface ExpressionLanguage {
  /** What must be waited for before anything can be compiled. */
  loading(): Promise<void> | undefined
  /** Of the column's type; `column.default` is there. */
  compileDefault(catalog: Catalog, column: Column): StoredExpression
  /** Of the column's type; `column.generated` is there. */
  compileGenerated(catalog: Catalog, table: Table, column: Column): StoredExpression
  /** Over a row of the table, of whatever type it has. */
  compileValue(catalog: Catalog, table: Table, text: string): StoredExpression
  /** True, false or NULL. */
  compileCheck(catalog: Catalog, table: Table, text: string): StoredExpression
  /** Over a row of one value, which the text calls VALUE: true, false or NULL. */
  compileDomainCheck(catalog: Catalog, domain: SqlType, text: string): StoredExpression
}

let language: ExpressionLanguage | undefined

export function registerExpressionLanguage(registered: ExpressionLanguage): void {
  language = registered
}

function readyLanguage(): ExpressionLanguage {
  if (language === undefined) throw new PolylogError('internal', 'no language of stored expressions is loaded')
  const loading = language.loading()
  if (loading !== undefined) throw new Elsewhere(loading, () => undefined)
  return language
}

const defaults = new WeakMap<Column, StoredExpression>()

/** What a column gets where nothing is given. */
export function defaultOf(transaction: Transaction, column: Column): SqlValue {
  const text = column.default ?? domainDefault(column.type)
  if (text === undefined) return null
  let compiled = defaults.get(column)
  if (compiled === undefined) {
    compiled = readyLanguage().compileDefault(transaction.catalog, { ...column, default: text })
    defaults.set(column, compiled)
  }
  return compiled.evaluate([], transaction)
}

/** A column that says nothing has that of its domain. */
function domainDefault({ made, over }: SqlType): string | undefined {
  if (over === undefined) return undefined
  return made?.content.kind === 'domain' ? (made.content.default ?? domainDefault(over)) : undefined
}

const generated = new WeakMap<Column, StoredExpression>()

/** What a generated column has beside the other values of its row. */
export function generatedOf(transaction: Transaction, table: Table, column: Column, row: Values): SqlValue {
  let compiled = generated.get(column)
  if (compiled === undefined) {
    compiled = readyLanguage().compileGenerated(transaction.catalog, table, column)
    generated.set(column, compiled)
  }
  return compiled.evaluate(row, transaction)
}

const checks = new WeakMap<Table, readonly RowCheck[]>()

export function checksOf(catalog: Catalog, table: Table): readonly RowCheck[] {
  if (table.checks.length === 0) return noChecks
  let compiled = checks.get(table)
  if (compiled === undefined) {
    compiled = table.checks.map(({ name, expression }) => compileCheck(catalog, table, name, expression))
    checks.set(table, compiled)
  }
  return compiled
}

const noChecks: readonly RowCheck[] = []

export function compileCheck(catalog: Catalog, table: Table, name: string, text: string): RowCheck {
  const compiled = readyLanguage().compileCheck(catalog, table, text)
  return { name, reads: compiled.reads, passes: (row, transaction) => compiled.evaluate(row, transaction) !== false }
}

export function compileDomainCheck(catalog: Catalog, domain: SqlType, text: string): StoredExpression {
  return readyLanguage().compileDomainCheck(catalog, domain, text)
}

/** A key's expression. */
export function compileValue(catalog: Catalog, table: Table, text: string): StoredExpression {
  return readyLanguage().compileValue(catalog, table, text)
}

interface CompiledIndex {
  readonly parts: readonly StoredExpression[]
  readonly predicate: StoredExpression | undefined
}

const compiledIndexes = new WeakMap<TableIndex, CompiledIndex>()

/**
 * A row as an index of the table looks at it: the values of its expressions stand behind the columns. Undefined where the
 * index leaves the row out.
 */
export function indexedRow(transaction: Transaction, table: Table, index: TableIndex, row: Values): Values | undefined {
  if (index.isPlain) return row
  let compiled = compiledIndexes.get(index)
  if (compiled === undefined) {
    const ready = readyLanguage()
    const { catalog } = transaction
    compiled = {
      parts: index.expressions.map(({ text }) => ready.compileValue(catalog, table, text)),
      predicate: index.predicate && ready.compileCheck(catalog, table, index.predicate.text),
    }
    compiledIndexes.set(index, compiled)
  }
  if (compiled.predicate !== undefined && compiled.predicate.evaluate(row, transaction) !== true) return undefined
  if (compiled.parts.length === 0) return row
  const seen = row.slice(0, table.columns.length)
  for (const part of compiled.parts) seen.push(part.evaluate(row, transaction))
  return seen
}

/** What policies ask of the rows that one caller reads and writes. */
export interface CompiledPolicies {
  isCurrent(catalog: Catalog): boolean
  select(row: Values, transaction: Transaction): boolean
  update(row: Values, transaction: Transaction): boolean
  delete(row: Values, transaction: Transaction): boolean
  readonly inserted: RowGuard
  readonly updated: RowGuard
}

type PolicyCompiler = (transaction: Transaction, table: Table) => CompiledPolicies

let policyCompiler: PolicyCompiler | undefined

export function registerPolicyCompiler(registered: PolicyCompiler): void {
  policyCompiler = registered
}

/** For the caller of the running statement, whom they concern. Errors: what binding them answers to it. */
export function compilePolicies(transaction: Transaction, table: Table): CompiledPolicies {
  readyLanguage()
  return policyCompiler!(transaction, table)
}

/** A row of which some columns are not given yet: they are undefined. */
export type RowDraft = (SqlValue | undefined)[]

/** Fills in, in place, what is not given. */
export function completeRow(transaction: Transaction, table: Table, draft: RowDraft): SqlValue[] {
  for (const column of table.columns) {
    if (draft[column.ordinal] === undefined) draft[column.ordinal] = defaultOf(transaction, column)
  }
  return draft as SqlValue[]
}
