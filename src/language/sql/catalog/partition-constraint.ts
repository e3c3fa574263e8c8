/** What a row of a partition has to be, as pg_get_partition_constraintdef says it. */
import { above, below, type Bound, type Edge, readBound } from '../../../model/table/partitions/bounds.ts'
import { childTables, keyTypes } from '../../../model/table/partitions/partitioning.ts'
import type { PartitioningDefinition } from '../../../model/table/partitions/partition-definition.ts'
import { Table } from '../../../model/table/table.ts'
import type { SqlType } from '../../../model/table/types/type.ts'
import type { SqlValue } from '../contract.ts'
import { quoteIdentifier, quoteLiteral } from '../functions/text-functions.ts'
import type { SqlRun } from '../plan/run.ts'
import { collectionOid } from './identity.ts'
import { shownExpression } from './shown-expressions.ts'

/** Undefined of what is no partition, and of one that takes everything. */
export function partitionConstraint(run: SqlRun, table: Table): string | undefined {
  const conditions: string[] = []
  for (let one: Table | undefined = table; one !== undefined; one = parentOf(run, one)) {
    const parent = parentOf(run, one)
    if (parent !== undefined) conditions.unshift(...conditionsOf(run, parent, one))
  }
  if (conditions.length === 0) return undefined
  return conditions.length === 1 ? conditions[0]! : `(${conditions.join(' AND ')})`
}

function parentOf(run: SqlRun, { definition: { bound, inherits } }: Table): Table | undefined {
  const parent = bound && run.transaction.catalog.collectionById(inherits![0]!)
  return parent && Table.of(parent)
}

interface Keys {
  readonly texts: readonly string[]
  readonly types: readonly SqlType[]
}

function conditionsOf(run: SqlRun, parent: Table, partition: Table): string[] {
  const partitioning = parent.definition.partitioning!
  const keys = { texts: keyTexts(parent, partitioning), types: keyTypes(parent) }
  const bound = readBound(keys.types, partition.definition.bound!)
  const shown = (text: string): string => shownExpression(run, { kind: 'table', table: partition }, text, false).text
  if (bound.kind === 'hash') {
    const { modulus, remainder } = bound
    const columns = keys.texts.map(shown).join(', ')
    return [
      `satisfies_hash_partition('${collectionOid(parent.collection)}'::oid, ${modulus}, ${remainder}, ${columns})`,
    ]
  }
  if (bound.kind === 'default') {
    const others = otherConditions(run, parent, partition, keys)
    return others === undefined ? [] : [shown(`NOT (${others})`)]
  }
  return conjuncts(keys, bound).map(shown)
}

function keyTexts(table: Table, { keys }: PartitioningDefinition): string[] {
  return keys.map(({ column, expression }) => {
    return column === undefined ? `(${expression!})` : quoteIdentifier(table.columnByNumber(column).name)
  })
}

function conjuncts(keys: Keys, bound: Bound): string[] {
  if (bound.kind === 'list') return listConditions(keys, bound.values)
  return bound.kind === 'range' ? [...notNull(keys), ...rangeConditions(keys, bound.from, bound.to)] : []
}

/** What the other partitions take between them. */
function otherConditions(run: SqlRun, parent: Table, partition: Table, keys: Keys): string | undefined {
  const bounds = childTables(run.transaction.catalog, parent)
    .filter(({ id }) => id !== partition.id)
    .map(({ definition }) => readBound(keys.types, definition.bound!))
  if (bounds.length === 0) return undefined
  const values = bounds.flatMap((bound) => (bound.kind === 'list' ? bound.values : []))
  if (values.length > 0) return listConditions(keys, values).join(' AND ')
  const ranges = bounds.flatMap((bound) => {
    return bound.kind === 'range' ? [`(${rangeConditions(keys, bound.from, bound.to).join(' AND ')})`] : []
  })
  return [...notNull(keys), `(${ranges.join(' OR ')})`].join(' AND ')
}

function notNull({ texts }: Keys): string[] {
  return texts.map((text) => `${text} IS NOT NULL`)
}

function listConditions({ texts: [key = ''], types: [type] }: Keys, all: readonly SqlValue[]): string[] {
  const values = all.filter((value) => value !== null).map((value) => literal(type!, value))
  const isOne = values.length === 1
  const among = isOne ? `${key} = ${values[0]!}` : `${key} = ANY (ARRAY[${values.join(', ')}])`
  if (all.length === values.length) return [`${key} IS NOT NULL`, among]
  return [values.length === 0 ? `${key} IS NULL` : `(${key} IS NULL OR ${among})`]
}

function literal(type: SqlType, value: SqlValue): string {
  const text = type.formatText(value)
  return type.name === 'bool' ? (text === 't' ? 'true' : 'false') : quoteLiteral(text)
}

/** Columns in which both ends are the same are equal to that; from the next one on the ends differ. */
function rangeConditions({ texts, types }: Keys, from: Edge, to: Edge): string[] {
  const conditions: string[] = []
  let start = 0
  while (start < texts.length && isSame(types[start]!, from[start]!, to[start]!)) {
    conditions.push(equality(texts[start]!, types[start]!, from[start]!))
    start++
  }
  const end = (edge: Edge, last: string, other: string): void => {
    const choices: string[] = []
    for (let i = start; i < texts.length && typeof edge[i] !== 'symbol'; i++) {
      const places = texts.slice(start, i).map((text, j) => equality(text, types[start + j]!, edge[start + j]!))
      const operator = operatorAt(edge, i, last, other)
      choices.push([...places, `${texts[i]!} ${operator} ${literal(types[i]!, edge[i] as SqlValue)}`].join(' AND '))
    }
    if (choices.length === 1) conditions.push(choices[0]!)
    else if (choices.length > 1) conditions.push(`(${choices.map((one) => `(${one})`).join(' OR ')})`)
  }
  end(from, '>=', '>')
  end(to, '<', '<')
  return conditions
}

function equality(text: string, type: SqlType, value: Edge[number]): string {
  return `${text} = ${literal(type, value as SqlValue)}`
}

/** Whether the value itself is within is decided by what stands behind it: the next column, or that there is no bound. */
function operatorAt(edge: Edge, at: number, last: string, other: string): string {
  if (at === edge.length - 1) return last
  const next = edge[at + 1]
  if (next === below) return last === '<' ? '<' : '>='
  if (next === above) return last === '<' ? '<=' : '>'
  return other
}

function isSame(type: SqlType, a: Edge[number], b: Edge[number]): boolean {
  return typeof a !== 'symbol' && typeof b !== 'symbol' && type.compare(a, b) === 0
}
