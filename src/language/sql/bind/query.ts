/**
 * Bound queries: what the planner gets. The columns of a block's FROM items stand side by side in one row, in the order of
 * the text; `first` is where an item's columns begin in it.
 */
import type { Relation } from '../../../query/relation.ts'
import type { LockMode, LockPolicy } from '../../../database/contract.ts'
import type { AggregateExpression, Expression } from '../expression/expression.ts'
import type { SetFunctionEntry } from '../functions/registry.ts'
import type { BoundWindow } from './windows/window.ts'

export interface OutputColumn {
  readonly name: string
  readonly type: number
  readonly modifier: number
  /** The table's column that it shows unchanged. */
  readonly origin?: ColumnOrigin | undefined
}

export interface ColumnOrigin {
  readonly tableOid: number
  readonly columnNumber: number
}

export interface BoundQuery {
  /** What comes out; rows have exactly these values. */
  readonly columns: readonly OutputColumn[]
  readonly body: SelectBody | SetBody | ValuesBody
  /** Its WITH, for who writes it down: readers have the queries of it. */
  readonly with?: readonly WrittenWith[]
}

/** A query of a WITH clause. */
export interface WrittenWith {
  readonly name: string
  readonly columnNames: readonly string[]
  readonly query: BoundQuery
  readonly materialized: boolean | undefined
}

export interface SelectBody {
  readonly kind: 'select'
  readonly from: FromItem | undefined
  readonly where: Expression | undefined
  readonly grouping: Grouping | undefined
  /** Those that calls in `targets` have, over the same row as these. */
  readonly windows?: readonly BoundWindow[] | undefined
  /** Over the FROM row, or over (group keys…, aggregates…). The visible columns, then those only sorted by. */
  readonly targets: readonly Expression[]
  readonly isDistinct: boolean
  /** DISTINCT ON: places in `targets`. */
  readonly distinctOn: readonly number[] | undefined
  readonly tail: QueryTail
  readonly locking: readonly Locking[]
}

export interface Grouping {
  readonly keys: readonly Expression[]
  /** How many of the keys the text has: others follow from those. */
  readonly written: number
  /** Several groupings, by places in `keys`, whose last one then is the grouping's number. */
  readonly sets?: readonly (readonly number[])[] | undefined
  readonly aggregates: readonly AggregateExpression[]
  readonly having: Expression | undefined
}

export interface SetBody {
  readonly kind: 'set'
  readonly operation: 'union' | 'intersect' | 'except'
  readonly all: boolean
  /** Their columns have the result's types. */
  readonly left: BoundQuery
  readonly right: BoundQuery
  /** WITH RECURSIVE: the right side reads what came last, by this number. */
  readonly recursive?: number | undefined
  readonly tail: QueryTail
}

export interface ValuesBody {
  readonly kind: 'values'
  readonly rows: readonly (readonly Expression[])[]
  readonly tail: QueryTail
}

export interface QueryTail {
  readonly order: readonly OrderKey[]
  readonly limit: Expression | undefined
  readonly offset: Expression | undefined
  /** FETCH FIRST … WITH TIES. */
  readonly withTies: boolean
}

export interface OrderKey {
  /** Place in the targets. */
  readonly target: number
  readonly descending: boolean
  readonly nullsFirst: boolean
}

export interface Locking {
  /** Places (`first`) of the items to lock. */
  readonly items: readonly number[]
  readonly mode: LockMode
  readonly policy: LockPolicy
}

interface Placed {
  readonly first: number
  readonly width: number
  readonly alias: string
  /** What the text says of its name, for who writes it down. */
  readonly written?: WrittenAlias | undefined
}

export interface WrittenAlias {
  /** The alias is the text's own. */
  readonly isGiven: boolean
  /** Without those that inherit from it. */
  readonly isOnly?: boolean
  /** All of its columns, where the text names some. */
  readonly columns?: readonly string[]
}

/** A join that the text writes with the word. */
export interface WrittenJoin {
  readonly using: readonly string[]
  readonly columns: readonly { readonly name: string; readonly expression: Expression }[]
  /** Hides what is joined. */
  readonly alias?: string | undefined
}

export interface RelationItem extends Placed {
  readonly kind: 'relation'
  readonly relation: Relation
}

/** A query in FROM. `captures` are what a lateral one needs of the items before it. */
export interface QueryItem extends Placed {
  readonly kind: 'query'
  readonly query: BoundQuery
  readonly id: number
  readonly captures: readonly Expression[]
  readonly isLateral: boolean
  /** What it is the query of, and is called in the text. */
  readonly view?: Relation
  /** No condition from outside may be tested before its own: it hides rows. */
  readonly isBarrier?: boolean
}

export interface FunctionItem extends Placed {
  readonly kind: 'function'
  readonly entry: SetFunctionEntry
  readonly arguments: readonly Expression[]
  readonly id: number
  readonly captures: readonly Expression[]
  readonly withOrdinality: boolean
}

/** A WITH query: computed once for all its readers, and again where what it captures has changed. */
export interface SharedItem extends Placed {
  readonly kind: 'shared'
  readonly id: number
  /** As WITH calls it, and its columns where it does. */
  readonly name: string
  readonly columnNames: readonly string[]
  readonly query: BoundQuery
  /** Of enclosing blocks: none reads a column of this one. */
  readonly captures: readonly Expression[]
  /** AS MATERIALIZED. */
  readonly isMaterialized: boolean
  /** How many places of the statement read it, known once all of it is bound. */
  readonly readers: { readonly count: number }
}

export interface JoinItem extends Omit<Placed, 'written'> {
  readonly kind: 'join'
  /** Of what its lateral items need of the items before it, where it is computed for each row of those. */
  readonly id: number
  readonly join: 'inner' | 'left' | 'right' | 'full'
  readonly left: FromItem
  readonly right: FromItem
  readonly condition: Expression | undefined
  /** Left out: a comma. */
  readonly written?: WrittenJoin
}

export type FromItem = RelationItem | QueryItem | FunctionItem | SharedItem | JoinItem

export function emptyTail(): QueryTail {
  return { order: [], limit: undefined, offset: undefined, withTies: false }
}
