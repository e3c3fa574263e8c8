/**
 * SQL as the language of the expressions that a table's definition keeps as text: defaults, checks, generated columns. The table model asks
 * for them when somebody writes, by whichever door.
 */
import type { Catalog, Collection } from '../../../database/catalog/catalog.ts'
import type { Transaction } from '../../../database/contract.ts'
import { registerExpressionLanguage, type StoredExpression } from '../../../model/table/expressions.ts'
import { inStyle, plainStyle } from '../../../model/table/types/text-style.ts'
import type { Table } from '../../../model/table/table.ts'
import type { ColumnDefault } from '../../../model/table/definition.ts'
import { isSequence } from '../../../model/table/sequence.ts'
import { collectionByOid } from '../catalog/identity.ts'
import { TableRelation } from '../../../query/table-relation.ts'
import type { SqlType } from '../../../model/table/types/type.ts'
import { createBareBinder } from '../bind/bind.ts'
import { bindRelation } from '../bind/bind-from.ts'
import type { Binder } from '../bind/binder.ts'
import { coerce } from '../bind/coerce.ts'
import { Scope } from '../bind/scope.ts'
import type { SqlContext } from '../contract.ts'
import { compile } from '../expression/compile.ts'
import { deparse, type DeparseOptions } from '../expression/deparse.ts'
import { columnsRead, type Expression, someExpression } from '../expression/expression.ts'
import { routinesCalled } from '../expression/routines-called.ts'
import { quoteIdentifier } from '../functions/text-functions.ts'
import { isGrammarLoaded, loadGrammar } from '../grammar.ts'
import { parseExpression } from '../parse-expression.ts'
import type { KeptResults } from '../expression/costed.ts'
import { Planner } from '../plan/planner.ts'
import { createRun, type SqlRow, type SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { scopeOfColumns } from './table-scope.ts'

/**
 * A default as a definition keeps it: its text, the sequences that it draws from, and the functions that it calls. `expression` is not of the column's
 * length yet: that is seen to when a row is written, since in the text it would be a cast, which cuts.
 */
export function storedDefault(catalog: Catalog, expression: Expression): ColumnDefault {
  const needed = new Set<number>()
  someExpression(expression, (one) => {
    const isRelation = one.kind === 'constant' && one.type === oid.regclass && typeof one.value === 'number'
    const collection = isRelation ? collectionByOid(catalog, one.value) : undefined
    if (collection !== undefined && isSequence(collection)) needed.add(collection.id)
    return false
  })
  for (const called of routinesCalled(expression).calls ?? []) needed.add(called)
  const text = deparse(expression)
  return needed.size === 0 ? { default: text } : { default: text, defaultSequences: [...needed] }
}

/** An expression of the table once its column `name` is called otherwise. */
export function renamedExpression(catalog: Catalog, table: Table, text: string, name: string, newName: string): string {
  const { ordinal } = table.getColumn(name)
  const bound = binderOver(catalog).expression(tableScope(table), parseExpression(text))
  return deparse(bound, {
    column: (index) => quoteIdentifier(index === ordinal ? newName : table.columns[index]!.name),
  })
}

/** An expression of the table, where something that it names is called otherwise; `before`: where the text holds. */
export function rewrittenExpression(before: Catalog, table: Table, text: string, options: DeparseOptions): string {
  return deparse(binderOver(before).expression(tableScope(table), parseExpression(text)), options)
}

/** The same of an expression over nothing: the default of a parameter. */
export function rewrittenDefault(before: Catalog, text: string, options: DeparseOptions): string {
  return deparse(binderOver(before).expression(new Scope(), parseExpression(text)), options)
}

/** A default that draws from a sequence, once that has another name; `before`: the catalog in which the text holds. */
export function movedSequenceDefault(before: Catalog, text: string, moved: Collection): string {
  const bound = binderOver(before).expression(new Scope(), parseExpression(text))
  return deparse(bound, {
    objectName: (type, value) => {
      const found = type === oid.regclass ? collectionByOid(before, value) : undefined
      return found && nameOfCollection(found.id === moved.id ? moved : found)
    },
  })
}

function nameOfCollection({ namespace, name }: Collection): string {
  const own = quoteIdentifier(name)
  return namespace.name === 'public' ? own : `${quoteIdentifier(namespace.name)}.${own}`
}

/** Of what a domain's rules are asked: VALUE. */
export function valueScope({ oid: type }: SqlType): Scope {
  return scopeOfColumns('', [{ name: 'value', type, modifier: -1 }])
}

function tableScope(table: Table): Scope {
  const scope = new Scope()
  const { columns } = bindRelation(scope, TableRelation.of(table), table.name)
  scope.columns = [...columns]
  return scope
}

/** The transaction that an expression runs for: stored expressions have no subqueries and no state of their own. */
let writing: Transaction | undefined
/** Of the identity column whose default runs. */
let ownSequence: number | undefined

/** No settings but the defaults: what a stored expression means does not depend on who writes. */
const ambient: SqlContext = {
  get catalog() {
    return writing!.catalog
  },
  get user() {
    return writing!.principal.user
  },
  get database() {
    return writing!.principal.database
  },
  get backendId() {
    return writing!.principal.sessionId
  },
  searchPath: ['public'],
  get ownSequence() {
    return ownSequence
  },
  getSetting: () => undefined,
  setSetting: () => undefined,
  transactionToken: () => writing!.principal.token(),
}

let run: SqlRun | undefined

/** Of transactions that wait for dear calls meanwhile. */
const keptOfOthers = new WeakMap<Transaction, KeptResults>()

function runFor(transaction: Transaction): SqlRun {
  writing = transaction
  run ??= createRun(transaction, ambient, [])
  if (run.transaction !== transaction) {
    if (run.kept !== undefined) keptOfOthers.set(run.transaction, run.kept)
    run.kept = keptOfOthers.get(transaction)
    run.transaction = transaction
  }
  return run
}

function binderOver(catalog: Catalog): Binder {
  const context = Object.create(ambient, { catalog: { value: catalog } }) as SqlContext
  return createBareBinder(context)
}

function stored(bound: Expression): StoredExpression {
  const evaluate = compile(bound, new Planner().compilerAt(0))
  return {
    reads: columnsRead(bound),
    evaluate: (row, transaction) => inStyle(plainStyle, () => evaluate(row as SqlRow, runFor(transaction))),
  }
}

function drawingFrom(sequence: number | undefined, made: StoredExpression): StoredExpression {
  return {
    reads: made.reads,
    evaluate: (row, transaction) => {
      ownSequence = sequence
      try {
        return made.evaluate(row, transaction)
      } finally {
        ownSequence = undefined
      }
    },
  }
}

/** Literals of a definition do not depend on who writes first. */
function plainly<A extends unknown[], T>(compiled: (...parts: A) => T): (...parts: A) => T {
  return (...parts) => inStyle(plainStyle, () => compiled(...parts))
}

registerExpressionLanguage({
  loading: () => (isGrammarLoaded() ? undefined : loadGrammar()),
  compileDefault: plainly((catalog, { default: text, type, modifier, definition }) => {
    const binder = binderOver(catalog)
    const bound = binder.expression(new Scope(), parseExpression(text!))
    const made = stored(coerce(binder, bound, type.oid, modifier, 'assignment'))
    return definition.identity === undefined ? made : drawingFrom(definition.sequence, made)
  }),
  compileGenerated: plainly((catalog, table, { generated, type, modifier }) => {
    const binder = binderOver(catalog)
    const bound = binder.expression(tableScope(table), parseExpression(generated!.expression))
    return stored(coerce(binder, bound, type.oid, modifier, 'assignment'))
  }),
  compileValue: plainly((catalog, table, text) => {
    return stored(binderOver(catalog).expression(tableScope(table), parseExpression(text)))
  }),
  compileDomainCheck: plainly((catalog, { base, over }, text) => {
    const binder = binderOver(catalog)
    const scope = valueScope(over?.base ?? base!)
    return stored(coerce(binder, binder.expression(scope, parseExpression(text)), oid.bool))
  }),
  compileCheck: plainly((catalog, table, text) => {
    const binder = binderOver(catalog)
    return stored(coerce(binder, binder.expression(tableScope(table), parseExpression(text)), oid.bool))
  }),
})
