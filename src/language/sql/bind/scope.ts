/**
 * Which names a place in a statement can see, and what they stand for.
 *
 * Each query block has a scope; its parent is that of the enclosing block. A name found in a parent becomes a captured
 * value of the `Frame`: the subquery (or lateral item) whose captures carry it in.
 */
import type { Node } from 'libpg-query'
import { type Expression, fingerprint } from '../expression/expression.ts'
import type { ColumnSource } from './access-needs.ts'
import { failure } from '../failure.ts'
import type { SetFunctionEntry } from '../functions/registry.ts'
import type { BoundQuery, ColumnOrigin } from './query.ts'

export interface ScopeColumn {
  readonly name: string
  readonly expression: Expression
  readonly origin: ColumnOrigin | undefined
  /** Of a column that whoever names it must be allowed to read. */
  readonly source?: ColumnSource | undefined
  /** Only found by its name, not by a star. */
  readonly isHidden?: boolean
}

export interface ScopeTable {
  readonly alias: string
  /** Also found as schema.table, where it has no alias. */
  readonly schema: string | undefined
  readonly columns: readonly ScopeColumn[]
  /** The item's place, for FOR UPDATE OF. */
  readonly first: number
  /** Of a relation: the ordinals of its primary key. */
  readonly primaryKey?: readonly number[] | undefined
}

/** What a subquery takes from outside; grows while it is bound. */
export class Frame {
  readonly id: number
  readonly captures: Expression[] = []
  readonly #slots = new Map<string, number>()

  constructor(id: number) {
    this.id = id
  }

  capture(outer: Expression): Expression {
    const print = fingerprint(outer)
    let slot = this.#slots.get(print)
    if (slot === undefined) {
      slot = this.captures.push(outer) - 1
      this.#slots.set(print, slot)
    }
    const { type, modifier, location } = outer
    return { kind: 'captured', type, modifier, location, subquery: this.id, slot }
  }

  /** Forgets all captures but the first `count`. */
  truncate(count: number): void {
    this.captures.length = count
    for (const [print, slot] of this.#slots) if (slot >= count) this.#slots.delete(print)
  }

  /** What an earlier one of the same subquery had captured first. */
  adopt(earlier: Frame, count: number): void {
    for (let slot = this.captures.length; slot < count; slot++) this.capture(earlier.captures[slot]!)
  }
}

/** Of the scopes from here outwards. */
export function framesOf(scope: Scope): readonly Frame[] {
  const frames: Frame[] = []
  for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
    if (at.frame !== undefined) frames.push(at.frame)
  }
  return frames
}

export interface CommonTable {
  readonly name: string
  /** The frame that it was bound in: what it takes from outside of the block that has the WITH. */
  readonly frame: Frame
  readonly bound: BoundQuery
  readonly columnNames: readonly string[]
  /** AS MATERIALIZED. */
  readonly isMaterialized: boolean
  /** Places that read it. */
  readonly readers: { count: number }
  /** Of a query that reads itself, within itself: the rows that came last. */
  readonly working?: SetFunctionEntry | undefined
  /** Likewise: how many of its last columns no star tells (SEARCH and CYCLE). */
  readonly hidden?: number
  /** A statement that writes, and returns nothing. */
  readonly isSilent?: boolean
}

/** A WITH query as one of its readers sees it. */
export interface VisibleCommonTable {
  readonly table: CommonTable
  /** What the query's frame captures, from where the reader stands: the reader's answer depends on it too. */
  readonly captures: readonly Expression[]
}

/** The place of an aggregate's arguments, for `withoutSets`. */
export const aggregateCalls = 'aggregate function calls'
/** And of a window function's. */
export const windowCalls = 'window function calls'
const calls: ReadonlySet<string> = new Set([aggregateCalls, windowCalls])
/** What forbids sets wherever it stands. */
const expressions: ReadonlySet<string> = new Set(['CASE', 'COALESCE', ...calls])

export class Scope {
  readonly parent: Scope | undefined
  readonly frame: Frame | undefined
  readonly tables: ScopeTable[] = []
  /** What unqualified names and `*` see; joins with USING merge columns. */
  columns: ScopeColumn[] = []
  readonly commonTables: Map<string, CommonTable> = new Map()
  /** Aggregates are allowed here; where not, this names the clause. */
  forbidsAggregates: string | undefined
  /** Calls with OVER are: in a SELECT list, and where it is sorted. */
  allowsWindows = false
  /** One of its items is the recursive query that it is a part of. */
  readsItself = false
  /** Likewise functions that return sets. */
  #forbidsSets: string | undefined
  width: number = 0
  /** FOR UPDATE and its kin of this block: queries in its FROM lock their rows, too. */
  lockingClauses: readonly Node[] = []
  /** Tables get one more value behind their columns: the row's key, for locks and writes. */
  reservesKeys = false
  readonly #within: Scope | undefined
  #hidden: ScopeTable | undefined
  /** Tables before this one cannot be named: a join's condition sees what it joins. */
  #firstSeen = 0

  /** `within`: a scope of the same parent and frame, whose WITH names are seen as well. */
  constructor(parent?: Scope, frame?: Frame, within?: Scope) {
    this.parent = parent
    this.frame = frame
    this.#within = within
  }

  /** What `bind` binds may hold no function that returns a set; `place` as PostgreSQL names it: WHERE, CASE, VALUES. */
  withoutSets<T>(place: string, bind: () => T): T {
    const outer = this.#forbidsSets
    this.#forbidsSets = place
    const bound = bind()
    this.#forbidsSets = outer
    return bound
  }

  /** What `bind` binds sees none of the tables before the one at this place. */
  seeingTablesFrom<T>(place: number, bind: () => T): T {
    const outer = this.#firstSeen
    this.#firstSeen = place
    const bound = bind()
    this.#firstSeen = outer
    return bound
  }

  /** What `bind` binds sees nothing of the table at this place. */
  withoutTable<T>(place: number, bind: () => T): T {
    const { columns } = this
    const hidden = this.tables[place]!
    this.tables.splice(place, 1)
    this.columns = columns.filter((column) => !hidden.columns.includes(column))
    this.#hidden = hidden
    try {
      return bind()
    } finally {
      this.tables.splice(place, 0, hidden)
      this.columns = columns
      this.#hidden = undefined
    }
  }

  /** There is such a table, and it cannot be named from here. */
  hidesTable(alias: string): boolean {
    if (this.#hidden?.alias === alias) return true
    if (this.tables.slice(0, this.#firstSeen).some((table) => table.alias === alias)) return true
    return this.parent?.hidesTable(alias) === true
  }

  /** Throws 0A000 where a function that returns a set may not stand. */
  checkSet(location: number | undefined): void {
    const place = this.#forbidsSets
    if (place === undefined) return
    const hint = 'You might be able to move the set-returning function into a LATERAL FROM item.'
    const message = calls.has(place)
      ? `${place} cannot contain set-returning function calls`
      : `set-returning functions are not allowed in ${place}`
    throw failure('0A000', message, { location, ...(expressions.has(place) && { hint }) })
  }

  /** Throws 42P20 where a call with OVER may not stand. */
  checkWindow(location: number | undefined): void {
    const clause = expressions.has(this.#forbidsSets ?? 'CASE') ? undefined : this.#forbidsSets
    const place = this.forbidsAggregates ?? clause ?? (this.allowsWindows ? undefined : 'this place')
    if (place === undefined) return
    const shown = place.startsWith('window ') ? 'window definitions' : place
    throw failure('42P20', `window functions are not allowed in ${shown}`, { location })
  }

  /** For a query in this block's FROM, WITH or set operation: it sees what this block may see from outside. */
  beside(): Scope {
    return new Scope(this.parent, this.frame, this)
  }

  /** Of the statement itself: no other block is around it. */
  get isOutermost(): boolean {
    return this.parent === undefined && this.#within === undefined
  }

  findCommonTable(name: string): VisibleCommonTable | undefined {
    const table = this.commonTables.get(name)
    if (table !== undefined) return { table, captures: table.frame.captures }
    // It has the same parent and the same frame, and has asked them.
    if (this.#within !== undefined) return this.#within.findCommonTable(name)
    const outer = this.parent?.findCommonTable(name)
    if (outer === undefined || this.frame === undefined) return outer
    return { table: outer.table, captures: outer.captures.map((one) => this.frame!.capture(one)) }
  }

  /** By `x`, `t.x` or `s.t.x`. */
  findColumn(path: readonly string[], location: number | undefined): ScopeColumn | undefined {
    const own = this.#findOwn(path, location)
    if (own !== undefined) return own
    const outer = this.parent?.findColumn(path, location)
    return outer === undefined ? undefined : this.#bring(outer)
  }

  /** A column of an enclosing block, as it is seen in this one. */
  #bring(outer: ScopeColumn): ScopeColumn {
    if (this.frame === undefined) return outer
    return { ...outer, expression: this.frame.capture(outer.expression), origin: undefined }
  }

  #findOwn(path: readonly string[], location: number | undefined): ScopeColumn | undefined {
    const name = path[path.length - 1]!
    if (path.length === 1) return pick(this.columns, name, location)
    const table = this.#findOwnTable(path.slice(0, -1))
    if (table === undefined) return undefined
    const column = pick(table.columns, name, location)
    if (column === undefined) {
      throw failure('42703', `column ${path.slice(-2).join('.')} does not exist`, { location })
    }
    return column
  }

  #findOwnTable(path: readonly string[]): ScopeTable | undefined {
    const [first, second] = path
    return this.tables.find(
      (table, place) =>
        place >= this.#firstSeen &&
        (second === undefined ? table.alias === first : table.alias === second && table.schema === first),
    )
  }

  /** A whole table by its alias, here or outside. */
  findTable(path: readonly string[]): { table: ScopeTable; columns: readonly ScopeColumn[] } | undefined {
    const own = this.#findOwnTable(path)
    if (own !== undefined) return { table: own, columns: own.columns }
    const outer = this.parent?.findTable(path)
    if (outer === undefined) return undefined
    return { table: outer.table, columns: outer.columns.map((column) => this.#bring(column)) }
  }
}

export function missingTable(scope: Scope, table: string, location: number | undefined): Error {
  if (!scope.hidesTable(table)) return failure('42P01', `missing FROM-clause entry for table "${table}"`, { location })
  const hint = `There is an entry for table "${table}", but it cannot be referenced from this part of the query.`
  return failure('42P01', `invalid reference to FROM-clause entry for table "${table}"`, { location, hint })
}

function pick(columns: readonly ScopeColumn[], name: string, location: number | undefined): ScopeColumn | undefined {
  let found: ScopeColumn | undefined
  for (const column of columns) {
    if (column.name !== name) continue
    if (found !== undefined) throw failure('42702', `column reference "${name}" is ambiguous`, { location })
    found = column
  }
  return found
}
