/**
 * A view as what INSERT, UPDATE and DELETE write to: the table that its rows are of, with the view's names over its row. Who
 * writes is asked for the view; its owner, and those of views below it, for what that comes to.
 */
import type { Alias, Node } from 'libpg-query'
import { noPrivileges, privilege, type Privileges } from '../../../../database/access/privileges.ts'
import { describeRow } from '../../../../model/table/constraints.ts'
import { Table } from '../../../../model/table/table.ts'
import { isTable } from '../../../../model/table/table-kind.ts'
import type { Relation, RelationColumn } from '../../../../query/relation.ts'
import type { Binder } from '../../bind/binder.ts'
import type { ChecksWanted } from '../../bind/row-security.ts'
import type { Scope, ScopeColumn } from '../../bind/scope.ts'
import {
  askOwners,
  asLastOwner,
  baseColumn,
  checksOf,
  getWrittenView,
  type ViewCommand,
  viewScopeColumns,
  type WrittenView,
} from '../../bind/updatable-view.ts'
import { ViewRelation } from '../../bind/view-relation.ts'
import { stringsOf } from '../../bind/tree.ts'
import { compile, compilePredicate, type Evaluate } from '../../expression/compile.ts'
import { columnsRead, type Expression } from '../../expression/expression.ts'
import { failure } from '../../failure.ts'
import { parseExpression } from '../../parse-expression.ts'
import { conjunction } from '../../plan/conditions.ts'
import { Planner } from '../../plan/planner.ts'
import { noRow, type SqlRow, type SqlRun } from '../../plan/run.ts'
import { planRowTest, type RowTest } from '../row-guards.ts'
import { bindColumnDefault } from '../table-definition.ts'

export class WriteThrough {
  readonly #binder: Binder
  readonly #command: ViewCommand
  readonly #written: WrittenView
  readonly view: ViewRelation

  /** Errors: 55000 where nothing can be written through the view. */
  constructor(binder: Binder, view: ViewRelation, command: ViewCommand) {
    this.#binder = binder
    this.#command = command
    this.#written = getWrittenView(binder, view, command)
    this.view = view
  }

  get base(): Relation {
    return this.#written.base
  }

  /** What chooses the rows that the view shows. */
  get condition(): Expression | undefined {
    return conjunction(this.#written.conditions)
  }

  /** The table's columns under the view's names; one that is none says so where it is given something. */
  placed<C extends RelationColumn & { readonly ordinal: number }>(
    columns: readonly C[],
  ): (C & { refuse?: () => void })[] {
    return columns.map((column) => {
      const at = this.#written.columns[column.ordinal]
      if (typeof at !== 'number') {
        return { ...column, ordinal: -1, refuse: () => void baseColumn(this.#written, column.ordinal, 'insert into') }
      }
      const { number: _, name: __, ...below } = this.base.columns[at]!
      return { ...column, ...below, ordinal: at }
    })
  }

  /** The place of the table's column that the view calls so. Errors: 42703; 0A000 where it is none of the table's. */
  ordinalOf(name: string, location: number | undefined): number {
    const { columns, collection } = this.view
    const at = columns.findIndex((one) => one.name === name)
    if (at < 0) {
      throw failure('42703', `column "${name}" of relation "${this.view.name}" does not exist`, { location })
    }
    this.#binder.access.column(collection, columns[at]!.number, privilege.update)
    return baseColumn(this.#written, at, 'update')
  }

  /** Puts the view's columns into a scope in which the table's row begins at `first`. */
  bindTarget(scope: Scope, alias: string, names: Alias | undefined, first = 0): readonly ScopeColumn[] {
    const columns = viewScopeColumns(this.#written, stringsOf(names?.colnames), first)
    const schema = names?.aliasname === undefined ? this.view.schema : undefined
    scope.tables.push({ alias, schema, columns, first })
    return columns
  }

  /** Binds what the table itself asks of its rows, for whoever shows them by the view. */
  forTable<T>(bind: () => T): T {
    return asLastOwner(this.#binder, this.#written, bind)
  }

  /** Once all of the statement is bound: what it does, to which columns of the table. */
  ask(written: Iterable<number>): void {
    const own = privilege[this.#command]
    const wanted = this.#command === 'delete' ? noPrivileges : own
    askOwners(this.#binder, this.#written, { whole: own, written: new Set(written), privilege: wanted })
    this.#askReads()
  }

  /** For columns of the table, and nothing else. */
  askFor(wanted: Privileges, ordinals: readonly number[]): void {
    askOwners(this.#binder, this.#written, { whole: noPrivileges, written: new Set(ordinals), privilege: wanted })
  }

  /** What ON CONFLICT names, in the table's names. */
  inferred<I extends { indexElems?: Node[] }>(infer: I): I {
    if (infer.indexElems === undefined) return infer
    const indexElems = infer.indexElems.map((node): Node => {
      const name = 'IndexElem' in node ? node.IndexElem.name : undefined
      const at = this.view.columns.findIndex((column) => column.name === name)
      const ordinal = at < 0 ? undefined : this.#written.columns[at]
      if (typeof ordinal !== 'number' || !('IndexElem' in node)) return node
      return { IndexElem: { ...node.IndexElem, name: this.base.columns[ordinal]!.name } }
    })
    return { ...infer, indexElems }
  }

  #askReads(): void {
    const read = this.#binder.access.reading().find(({ id }) => id === this.view.collection.id)
    const ordinals = new Set<number>()
    for (const number of read?.columns ?? []) {
      const at = this.view.columns.findIndex((column) => column.number === number)
      columnsRead(this.#written.shown[at]!, ordinals)
    }
    if (ordinals.size > 0) this.askFor(privilege.read, [...ordinals])
  }

  /** The statement reads columns of the view. */
  get reads(): boolean {
    return this.#binder.access.readsColumns(this.view.collection)
  }

  /** What the view's own defaults give columns of what is written that nothing else gives a value. */
  defaults(): ReadonlyMap<number, Evaluate> {
    const found = new Map<number, Evaluate>()
    for (let at: WrittenView | undefined = this.#written; at !== undefined; at = at.below) {
      addDefaults(this.#binder, at.view, at.columns, found)
    }
    if (this.base instanceof ViewRelation) addDefaults(this.#binder, this.base, [...this.base.columns.keys()], found)
    return found
  }

  /** WITH CHECK OPTION: throws where the row that was stored is none of the view's. Undefined: nothing is asked. */
  checks(): ((row: SqlRow, run: SqlRun) => void) | undefined {
    const compiler = new Planner(this.#binder.progress).compilerAt(0)
    const tests = checksOf(this.#written).map(({ view, condition }) => {
      return { view, passes: compilePredicate(condition, compiler) }
    })
    if (tests.length === 0) return undefined
    const { collection } = this.base
    return (row, run) => {
      for (const { view, passes } of tests) {
        if (passes(row, run)) continue
        const shown = collection !== undefined && isTable(collection)
        throw failure('44000', `new row violates check option for view "${view}"`, {
          ...(shown && { detail: `Failing row contains ${describeRow(Table.of(collection), row)}.` }),
        })
      }
    }
  }
}

/** `columns`: the places where those of the view are given. */
function addDefaults(
  binder: Binder,
  view: ViewRelation,
  columns: readonly (number | string)[],
  found: Map<number, Evaluate>,
): void {
  for (const [i, column] of view.definition.columns.entries()) {
    const ordinal = columns[i]
    if (column.default === undefined || typeof ordinal !== 'number' || found.has(ordinal)) continue
    const { name, type, modifier } = view.columns[i]!
    const node = parseExpression(column.default)
    const bound = binder.within(view.collection, 'owner', () => {
      return bindColumnDefault(binder, node, { name, type, modifier })
    })
    found.set(ordinal, compile(bound, new Planner().compilerAt(0)))
  }
}

/** Undefined of a table, and of a view whose triggers do it. Errors: 55000 where nothing can be written through the view. */
export function writeThrough(binder: Binder, named: Relation, command: ViewCommand): WriteThrough | undefined {
  const isThrough = named instanceof ViewRelation && !named.triggered.does(command)
  return isThrough ? new WriteThrough(binder, named, command) : undefined
}

/** Those of the views on the way. Undefined: there are none. */
export function viewDefaults(
  binder: Binder,
  relation: Relation,
  through: WriteThrough | undefined,
): ReadonlyMap<number, Evaluate> | undefined {
  if (through !== undefined || !(relation instanceof ViewRelation)) return through?.defaults()
  const found = new Map<number, Evaluate>()
  addDefaults(binder, relation, [...relation.columns.keys()], found)
  return found
}

/**
 * What policies ask of the rows that are left. A function of its own, as all that makes something of a binder: what is written
 * beside what a plan keeps is kept with it, and the binder knows its caller.
 */
export function testThrough(
  binder: Binder,
  relation: Relation,
  wanted: ChecksWanted,
  through: WriteThrough | undefined,
): RowTest | undefined {
  const test = (): RowTest | undefined => planRowTest(binder, relation, wanted)
  return through === undefined ? test() : through.forTable(test)
}

/** Fills a draft with what the view gives. */
export function fillDefaults(defaults: ReadonlyMap<number, Evaluate>, draft: unknown[], run: SqlRun): void {
  for (const [ordinal, value] of defaults) if (draft[ordinal] === undefined) draft[ordinal] = value(noRow, run)
}
