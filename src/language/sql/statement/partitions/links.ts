/** The bond between a table and one that inherits from it, and what both have of each other by it. */
import type { StatementSteps } from '../../../../database/contract.ts'
import { inPlace } from '../../../../database/transaction/wait.ts'
import { indexDefinitionOf, type IndexParent, type TableDefinition } from '../../../../model/table/definition.ts'
import { addForeignKey } from '../../../../model/table/reference-schema.ts'
import { addPrimaryKey, createTableIndex, redefine } from '../../../../model/table/schema.ts'
import { childTables } from '../../../../model/table/partitions/partitioning.ts'
import { RowMap } from '../../../../model/table/partitions/row-map.ts'
import { Table, type TableIndex } from '../../../../model/table/table.ts'
import type { SqlRun } from '../../plan/run.ts'
import { freeName, isNameTaken } from '../naming.ts'

export function currentTable(run: SqlRun, { id }: Table): Table {
  return Table.of(run.transaction.catalog.collectionById(id)!)
}

/** Changes a table whose definition follows from that of another, whoever owns it. */
export function redefineAlong(
  run: SqlRun,
  table: Table,
  definition: TableDefinition,
  how: Parameters<typeof redefine>[3] = {},
): Table {
  const { access } = run.transaction
  access.beginChange(table.id)
  try {
    return redefine(run.transaction, currentTable(run, table), definition, how)
  } finally {
    access.endChange(table.id)
  }
}

/** The parent knows its children, so that it gets a new version, which plans that read it notice. */
export function noteChild(run: SqlRun, parent: Table, childId: number): Table {
  const { catalog } = run.transaction
  const now = currentTable(run, parent)
  const others = (now.definition.children ?? []).filter(
    (id) => id !== childId && catalog.collectionById(id) !== undefined,
  )
  return redefineAlong(run, now, { ...now.definition, children: [...others, childId] })
}

/** Where it was being detached, whoever writes to the parent meanwhile has long not known it. */
export function forgetChild(run: SqlRun, parent: Table, childId: number): Table {
  const now = currentTable(run, parent)
  const { detaching, ...definition } = now.definition
  const children = (definition.children ?? []).filter((id) => id !== childId)
  if (detaching === childId) return redefineAlong(run, now, { ...definition, children }, { besideWriters: true })
  return redefineAlong(run, now, { ...now.definition, children })
}

/** The indexes of a partitioned table are made of those of its partitions: what a new one lacks is made. */
export function* shareIndexes(run: SqlRun, parent: Table, child: Table): StatementSteps<Table> {
  let now = child
  const { primaryKey } = parent.definition
  if (primaryKey !== undefined) now = yield* sharePrimaryKey(run, parent, now)
  for (const index of parent.indexes) now = yield* shareIndex(run, parent, index, now)
  return yield* shareWithPartitions(run, now)
}

export function* sharePrimaryKey(run: SqlRun, parent: Table, child: Table): StatementSteps<Table> {
  const { transaction } = run
  const columns = parent.primaryKey!.map(({ column }) => child.getColumn(column.name).number)
  const own = child.definition.primaryKey
  if (own !== undefined) {
    return yield* inPlace(transaction, () =>
      redefineAlong(run, child, { ...child.definition, primaryKey: { ...own, parent: parent.id } }),
    )
  }
  const name = freeName((one) => isNameTaken(transaction, child.schema, one), child.name, 'pkey')
  const numberOf = (number: number): number => child.getColumn(parent.columnByNumber(number).name).number
  const include = parent.definition.primaryKey?.include?.map(numberOf)
  return yield* addPrimaryKey(transaction, child, { name, columns, ...(include && { include }), parent: parent.id })
}

/** Takes one of the child's that is like it, or makes one. */
export function* shareIndex(run: SqlRun, parent: Table, index: TableIndex, child: Table): StatementSteps<Table> {
  const { transaction } = run
  const like = child.indexes.find((one) => isLike(parent, index, child, one))
  const link: IndexParent = { table: parent.id, index: index.id }
  if (like !== undefined) return yield* inPlace(transaction, () => linkIndex(run, child, like, link))
  const numberOf = (number: number): number => child.getColumn(parent.columnByNumber(number).name).number
  const { columns: own, expressions, where, include, method } = indexDefinitionOf(index.index)
  const columns = own.map((one) => ({ ...one, number: one.number < 0 ? one.number : numberOf(one.number) }))
  const more = {
    ...(expressions && { expressions: expressions.map((one) => ({ ...one, reads: one.reads.map(numberOf) })) }),
    ...(where && { where: { ...where, reads: where.reads.map(numberOf) } }),
    ...(include && { include: include.map(numberOf) }),
    ...(method === undefined ? {} : { method }),
  }
  const names = index.parts.map(({ column }) =>
    column.number === 0 ? /^\w*/.exec(column.name)![0] || 'expr' : column.name,
  )
  names.push(...(include ?? []).map((number) => parent.columnByNumber(number).name))
  const isTaken = (one: string): boolean => isNameTaken(transaction, child.schema, one)
  const { isUnique, isConstraint, deferrable } = index
  const name = freeName(isTaken, child.name, ...names, isConstraint ? 'key' : 'idx')
  return yield* createTableIndex(transaction, child, {
    name,
    isUnique,
    isConstraint,
    deferrable,
    columns,
    more,
    parent: link,
  })
}

export function isLike(parent: Table, index: TableIndex, child: Table, own: TableIndex): boolean {
  const map = RowMap.between(parent, child)
  return (
    own.parent === undefined &&
    own.isUnique === index.isUnique &&
    (own.isConstraint || !index.isConstraint) &&
    own.predicate?.text === index.predicate?.text &&
    own.parts.length === index.parts.length &&
    own.parts.every((part, i) => {
      const other = index.parts[i]!
      return (
        (part.column.number === 0
          ? other.column.number === 0 && part.column.name === other.column.name
          : part.column.ordinal === map.places[other.column.ordinal]) &&
        part.isDescending === other.isDescending &&
        part.nullsFirst === other.nullsFirst
      )
    })
  )
}

export function linkIndex(run: SqlRun, table: Table, index: TableIndex, parent: IndexParent | undefined): Table {
  const { transaction } = run
  const { parent: _, ...rest } = index.index.definition
  const definition = parent === undefined ? rest : { ...rest, parent: { ...parent } }
  const now = currentTable(run, table)
  const indexes = now.collection.indexes.map((one) => (one.id === index.id ? { ...one, definition } : one))
  transaction.access.beginChange(table.id)
  try {
    return Table.of(transaction.alterCollection(now.collection, { indexes }))
  } finally {
    transaction.access.endChange(table.id)
  }
}

/** Foreign keys of a partitioned table are those of its partitions. */
export function* shareForeignKeys(run: SqlRun, parent: Table, child: Table): StatementSteps<Table> {
  let now = child
  const map = RowMap.between(parent, child)
  const numberOf = (number: number): number => child.columns[map.places[parent.columnByNumber(number).ordinal]!]!.number
  for (const { id, columns, setColumns, parts: _, ...rest } of parent.foreignKeys) {
    if (now.foreignKeys.some((one) => one.parent === id)) continue
    now = yield* addForeignKey(run.transaction, now, {
      ...rest,
      columns: columns.map(numberOf),
      ...(setColumns !== undefined && { setColumns: setColumns.map(numberOf) }),
      parent: id,
    })
  }
  return now
}

/** Keys and foreign keys that a partitioned table has got go to its partitions, and on to theirs. */
export function* shareWithPartitions(run: SqlRun, table: Table): StatementSteps<Table> {
  const { catalog } = run.transaction
  if (table.definition.partitioning === undefined) return table
  for (const { id } of childTables(catalog, currentTable(run, table))) {
    const child = (): Table => Table.of(run.transaction.catalog.collectionById(id)!)
    const parent = currentTable(run, table)
    if (parent.definition.primaryKey !== undefined && child().definition.primaryKey?.parent === undefined) {
      yield* sharePrimaryKey(run, parent, child())
    }
    for (const index of parent.indexes) {
      const isThere = child().indexes.some((one) => one.parent?.table === parent.id && one.parent.index === index.id)
      if (!isThere) yield* shareIndex(run, parent, index, child())
    }
    yield* shareForeignKeys(run, parent, child())
    yield* shareWithPartitions(run, child())
  }
  return currentTable(run, table)
}
