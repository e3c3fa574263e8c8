/**
 * Publications: which changes of which tables are told to who follows the database (PostgreSQL's logical replication). One lies
 * in no namespace. It names tables, schemas, or all tables; what is told of a partition may be told as if it were of the
 * partitioned table.
 *
 *   a table     its columns and rows may be limited: a list of columns, a condition
 *   a schema    all tables in it, also those that come later
 *
 * A table that is gone stays in the list until the publication is changed next: its number never comes again.
 */
import { PolylogError } from '../../../base/errors.ts'
import type { Catalog, GlobalObject, JsonObject } from '../../../database/catalog/catalog.ts'
import { Table } from '../table.ts'
import { isTable } from '../table-kind.ts'
import { isTemporaryName } from '../temporary-names.ts'

export const publicationKind = 'publication'

export const rowActions = ['insert', 'update', 'delete', 'truncate'] as const
export type RowAction = (typeof rowActions)[number]

export interface PublishedTable {
  /** Its collection. */
  readonly table: number
  /** Numbers of the columns that are told; left out: all. */
  readonly columns?: readonly number[]
  /** Source text of a condition over a row of the table. */
  readonly where?: string
}

export interface PublicationContent {
  /** Undefined where nobody is asked who it is. */
  readonly ownerId?: number
  readonly actions: readonly RowAction[]
  /** Changes of partitions are told as changes of the partitioned table that is published. */
  readonly viaRoot?: true
  readonly allTables?: true
  /** Their numbers. */
  readonly schemas: readonly number[]
  readonly tables: readonly PublishedTable[]
}

export interface Publication extends PublicationContent {
  readonly object: GlobalObject
  readonly id: number
  readonly name: string
  readonly owner: string
}

const decoded = new WeakMap<GlobalObject, Publication>()

function publicationOf(object: GlobalObject): Publication {
  let known = decoded.get(object)
  if (known === undefined) {
    const { id, name, owner, definition } = object
    known = { ...decode(definition), object, id, name, owner }
    decoded.set(object, known)
  }
  return known
}

function decode(definition: JsonObject): PublicationContent {
  const { actions, schemas, tables } = definition
  const isWhole =
    Array.isArray(actions) && Array.isArray(schemas) && schemas.every(Number.isSafeInteger) && Array.isArray(tables)
  if (isWhole) return definition as unknown as PublicationContent
  throw new PolylogError('data_corrupted', 'the definition of a publication cannot be read')
}

export function publicationsOf(catalog: Catalog): readonly Publication[] {
  return catalog.globalsOf(publicationKind).map(publicationOf)
}

export function findPublication(catalog: Catalog, name: string): Publication | undefined {
  const object = catalog.findGlobal(publicationKind, name)
  return object && publicationOf(object)
}

/** How a publication tells of a table's rows. */
export interface PublishedAs {
  readonly publication: Publication
  /** 0: as its own; else so many tables further up, whose rows they are told as. */
  readonly level: number
  readonly columns: readonly number[] | undefined
  readonly where: string | undefined
}

export interface Published {
  /** The table, then the one that it is a partition of, and so on. */
  readonly levels: readonly Table[]
  readonly ways: readonly PublishedAs[]
  readonly actions: ReadonlySet<RowAction>
}

/** The table, and those above it of which it is a partition. */
export function partitionLevels(catalog: Catalog, table: Table): readonly Table[] {
  const levels = [table]
  for (let { bound, inherits = [] } = table.definition; bound !== undefined;) {
    const parent = catalog.collectionById(inherits[0] ?? 0)
    if (parent === undefined || !isTable(parent)) break
    const above = Table.of(parent)
    levels.push(above)
    ;({ bound, inherits = [] } = above.definition)
  }
  return levels
}

/** What was found for a version of the catalog. */
export interface KeptPublished {
  readonly version: number
  readonly published: Published | undefined
}

/** Undefined where no publication tells of its rows. */
export function publishedFor(catalog: Catalog, table: Table): Published | undefined {
  const known = table.published
  if (known?.version === catalog.version) return known.published
  const published = findPublished(catalog, table)
  table.published = { version: catalog.version, published }
  return published
}

function findPublished(catalog: Catalog, table: Table): Published | undefined {
  const publications = publicationsOf(catalog)
  if (publications.length === 0 || !mayBePublished(table)) return undefined
  const levels = partitionLevels(catalog, table)
  const ways = publications.flatMap((one) => wayOf(one, levels) ?? [])
  if (ways.length === 0) return undefined
  return { levels, ways, actions: new Set(ways.flatMap(({ publication }) => publication.actions)) }
}

export function mayBePublished({ definition, schema }: Table): boolean {
  return definition.materialized === undefined && !isTemporaryName(schema)
}

function wayOf(publication: Publication, levels: readonly Table[]): PublishedAs | undefined {
  const { allTables, viaRoot, schemas, tables } = publication
  const names = (table: Table): PublishedTable | undefined => tables.find((one) => one.table === table.id)
  const covers = (table: Table): boolean =>
    allTables === true || names(table) !== undefined || schemas.includes(table.collection.namespace.id)
  const highest = levels.findLastIndex(covers)
  // A table that is partitioned has no rows of its own: it is told of where partitions are told of as it.
  const isShell = levels[0]!.definition.partitioning !== undefined && viaRoot !== true
  if (highest < 0 || isShell) return undefined
  const level = viaRoot === true ? highest : 0
  const { columns, where } = names(levels[level]!) ?? {}
  return { publication, level, columns, where }
}
