/** A relation's access as the shared chooser asks for it: its indexes, conditions, and counts of entries. */
import {
  type AccessRequest,
  chooseAccess,
  type FieldConditions,
  matchingRows,
  type OrderField,
  rangesOf,
} from '../../../query/access-path.ts'
import type { Access, Relation } from '../../../query/relation.ts'
import { SecuredRelation } from '../bind/secured-relation.ts'
import { columnsRead, type Expression, someExpression } from '../expression/expression.ts'
import {
  type Comparison,
  comparisonsOf,
  type ConditionPath,
  fieldConditions,
  type RelationAccessIndex,
  relationPath,
  type RelationPath,
  restOf,
  restShareOf,
  usableIndexes,
} from './access-conditions.ts'
import { Measures } from './measures.ts'
import type { SqlRun } from './run.ts'

export interface WantedOrder {
  /** Undefined: one that no index can give. */
  readonly order: readonly OrderField[] | undefined
  limit(): number | undefined
}

const noOrder: WantedOrder = { order: [], limit: () => undefined }

/** One after another; how many there are is known before. */
export interface Accesses extends Iterable<Access> {
  readonly length: number
}

/** Evaluates a path's bounds; made by whoever compiles expressions. */
export type AccessMaker = (path: RelationPath) => (run: SqlRun) => Accesses

export interface RelationCounts {
  readonly measures: Measures
  readonly accesses: AccessMaker | undefined
  /** Of rows, those for which conditions hold that no index sees; left out, it is assumed. */
  readonly restShare?: (rest: readonly Expression[]) => number
}

export class RelationAccess implements AccessRequest<Comparison, RelationAccessIndex> {
  readonly indexes: readonly RelationAccessIndex[]
  readonly order: readonly OrderField[] | undefined
  readonly restShare: number
  readonly measure: AccessRequest<Comparison, RelationAccessIndex>['measure']
  readonly #conditionsOn: (field: string | number) => FieldConditions<Comparison> | undefined
  readonly #wanted: WantedOrder

  constructor(
    relation: Relation,
    conditions: {
      readonly all: readonly Expression[]
      readonly comparisons: readonly Comparison[]
      /** Where the relation's columns begin in them. */
      readonly first?: number
      /** Of columns that are read, the ordinals; left out where rows are looked up in any case. */
      readonly read?: ReadonlySet<number> | undefined
    },
    counts: RelationCounts,
    wanted: WantedOrder = noOrder,
  ) {
    const usable = usableIndexes(relation, conditions.first, conditions.all)
    this.indexes = conditions.read === undefined ? usable : toldAll(relation, usable, conditions.read)
    this.order = wanted.order
    this.#wanted = wanted
    const rest = restOf(conditions.all, conditions.comparisons, relation)
    this.restShare = counts.restShare === undefined ? restShareOf(rest) : counts.restShare(rest)
    this.#conditionsOn = fieldConditions(conditions.comparisons)
    this.measure = countsOf(relation, counts.measures, counts.accesses)
  }

  get limit(): number | undefined {
    return this.#wanted.limit()
  }

  conditionsOn(field: string | number): FieldConditions<Comparison> | undefined {
    return this.#conditionsOn(field)
  }

  choose(): ConditionPath | undefined {
    return chooseAccess(this)
  }

  /** Rows that satisfy all conditions. */
  get rows(): number {
    return matchingRows(this)
  }
}

function toldAll(
  relation: Relation,
  indexes: readonly RelationAccessIndex[],
  read: ReadonlySet<number>,
): readonly RelationAccessIndex[] {
  return indexes.map((one) => {
    return !one.isPrimary && relation.readsEntries?.(one.index, read) === true ? { ...one, tellsAll: true } : one
  })
}

/** Accesses of one path that are counted one by one. */
const countedAccesses = 16

function countsOf(
  relation: Relation,
  measures: Measures,
  accesses: AccessMaker | undefined,
): AccessRequest<Comparison, RelationAccessIndex>['measure'] {
  const known = new Map<RelationAccessIndex, number | undefined>()
  return {
    size: () => measures.sizeOf(relation),
    entries: (path) => {
      const { index } = path
      if (!known.has(index)) known.set(index, entriesOf(path))
      return known.get(index)
    },
  }

  function entriesOf(path: ConditionPath): number | undefined {
    const scanned = relationPath(path)
    const columns = scanned.equal.length
    const groups = columns === 0 ? undefined : measures.groupsOf(relation, scanned.index, columns)
    // How many rows have a value must not be told of rows that are hidden.
    const isHidden = relation instanceof SecuredRelation
    if (accesses === undefined || isHidden || !boundsOf(scanned).every(isCheap)) return groups?.mean
    if (groups !== undefined && groups.largest <= evenGroup && !isInterval(scanned)) {
      return groups.mean * rangesOf(path)
    }
    const make = accesses(scanned)
    return measures.ask('each time', (run) => {
      const all = make(run)
      let counted = 0
      let entries = 0
      for (const access of all) {
        const found = relation.estimateRows?.(run, access)
        if (found === undefined) return undefined
        entries += found
        if (++counted === countedAccesses) break
      }
      return all.length > countedAccesses ? (entries * all.length) / countedAccesses : entries
    })
  }
}

/** Groups are not counted for each value where no sampled one is larger. */
const evenGroup = 64

function isInterval({ lower, upper }: RelationPath): boolean {
  return lower !== undefined || upper !== undefined
}

function boundsOf({ equal, lower, upper }: RelationPath): Expression[] {
  const ends = [lower, upper].filter((one) => one !== undefined)
  return [...equal.map(({ value }) => value), ...ends.map(({ expression }) => expression)]
}

const cheapKinds: ReadonlySet<Expression['kind']> = new Set(['constant', 'parameter', 'array'])

/** Its value is there as soon as the statement is opened, for next to nothing. */
function isCheap(expression: Expression): boolean {
  const isOther = (one: Expression): boolean =>
    !cheapKinds.has(one.kind) && !(one.kind === 'call' && (one.isOperator || one.name === 'cast'))
  return columnsRead(expression).size === 0 && !someExpression(expression, isOther)
}

/** The path without anything counted: of a statement that looks up one row it is certain. */
export function findPointPath(
  relation: Relation,
  first: number,
  conditions: readonly Expression[],
): RelationPath | undefined {
  const comparisons = comparisonsOf(conditions, first, relation, (one) => columnsRead(one).size === 0)
  const counts = { measures: new Measures(), accesses: undefined }
  const path = new RelationAccess(relation, { all: conditions, comparisons }, counts).choose()
  return path !== undefined && path.isPoint && path.index.isPrimary ? relationPath(path) : undefined
}
