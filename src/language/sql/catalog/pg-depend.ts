/**
 * `pg_depend`: what the catalog knows of dependencies (`database/catalog/objects.ts`), in PostgreSQL 15's words.
 *
 *   normal n · automatic a · internal i · member of an extension e
 *
 * Two things are told otherwise than we keep them: a generated column's dependencies are those of its default, which belongs
 * to it (i); and a check depends on each column that it reads twice (a and n), or on its table where it reads none.
 */
import type { Collection } from '../../../database/catalog/catalog.ts'
import {
  dependenciesOf,
  type Dependency,
  type ObjectAddress,
  type PartAddress,
} from '../../../database/catalog/objects.ts'
import { checksOf } from '../../../model/table/expressions.ts'
import { policiesOf } from '../../../model/table/policies.ts'
import { Table } from '../../../model/table/table.ts'
import { columnPart, constraintPart, defaultPart, isTable, policyPart } from '../../../model/table/table-kind.ts'
import { isView } from '../../../model/table/view-kind.ts'
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { allRoutines } from '../routine/routines.ts'
import { oid } from '../types/oids.ts'
import {
  collectionOid,
  constraintOid,
  defaultOid,
  indexOid,
  namespaceOid,
  policyOid,
  ruleOid,
  triggerOid,
} from './identity.ts'
import { catalogOf } from './collection-catalog.ts'
import { isExtension, madeExtensions } from '../extension/extension-kind.ts'
import { extensionMembers } from './pg-extension.ts'
import { memoryRelation } from './memory-relation.ts'
import { collections, typeCollections } from './stored-tables.ts'
import { systemViewOid } from './system-view-names.ts'

/** Its catalog, its number there, and its column or 0. */
type Place = readonly [number, number, number]

function placeIn(catalog: string, object: number, column = 0): Place {
  return [systemViewOid('pg_catalog', catalog)!, object, column]
}

function placeOf(collection: Collection, part: PartAddress | undefined): Place | undefined {
  if (part === undefined) return placeIn(catalogOf(collection), collectionOid(collection))
  const { kind, key } = part
  if (kind === 'column') return placeIn('pg_class', collectionOid(collection), Number(key))
  if (kind === 'index') return placeIn('pg_class', indexOid(collection, Number(key)))
  if (kind === 'default') return placeIn('pg_attrdef', defaultOid(collection, Number(key)))
  if (kind === 'trigger') return placeIn('pg_trigger', triggerOid(collection, Number(key)))
  if (kind === 'policy') return placeIn('pg_policy', policyOid(collection, Number(key)))
  return kind === 'constraint' ? placeIn('pg_constraint', constraintOid(collection, String(key))) : undefined
}

const letters = { normal: 'n', automatic: 'a', internal: 'i' } as const

function* dependencies(run: SqlRun): Generator<readonly SqlValue[]> {
  for (const [catalog, object, ofCatalog, extension] of extensionMembers(run))
    yield [catalog, object, 0, ofCatalog, extension, 0, 'e']
  const routines = [...allRoutines(run.transaction.catalog)].map(({ collection }) => collection)
  const extensions = madeExtensions(run.transaction.catalog)
  for (const collection of [...collections(run), ...typeCollections(run), ...routines, ...extensions]) {
    const namespace = placeIn('pg_namespace', namespaceOid(collection.namespace))
    yield [...placeOf(collection, undefined)!, ...namespace, 'n']
    if (isView(collection)) {
      yield* viewDependencies(run, collection)
      continue
    }
    for (const { of, on, kind } of shownDependencies(run, collection)) {
      const [dependent, other] = [placeOf(collection, of), placeOfAddress(run, on)]
      if (dependent === undefined || other === undefined) continue
      yield [...dependent, ...other, isPartOfExtension(run, on) ? 'e' : letters[kind]]
    }
  }
}

function isPartOfExtension({ transaction: { catalog } }: SqlRun, { id }: ObjectAddress): boolean {
  const of = catalog.collectionById(id)
  return of !== undefined && isExtension(of)
}

function placeOfAddress(run: SqlRun, { id, part }: ObjectAddress): Place | undefined {
  const collection = run.transaction.catalog.collectionById(id)
  return collection && placeOf(collection, part)
}

/** What a view's query reads its rule depends on, which belongs to the view. */
function* viewDependencies(run: SqlRun, collection: Collection): Generator<readonly SqlValue[]> {
  const rule = placeIn('pg_rewrite', ruleOid(collection))
  const view = placeOf(collection, undefined)!
  yield [...rule, ...view, 'i']
  yield [...rule, ...view, 'n']
  for (const { of, on } of dependenciesOf(collection)) {
    const other = placeOfAddress(run, on)
    if (of === undefined && other !== undefined) yield [...rule, ...other, 'n']
  }
}

function* shownDependencies(run: SqlRun, collection: Collection): Generator<Dependency> {
  const table = isTable(collection) ? Table.of(collection) : undefined
  const identities = new Set(table?.columns.filter(({ definition }) => definition.identity).map(({ number }) => number))
  for (const dependency of dependenciesOf(collection)) {
    const { of } = dependency
    // The default of an identity column is not shown as one.
    if (of?.kind === 'default' && identities.has(Number(of.key))) continue
    // What a generated column follows from; a column that is of a type depends on that itself.
    yield of?.kind === 'column' && dependency.on.part !== undefined
      ? { ...dependency, of: defaultPart(Number(of.key)) }
      : dependency
  }
  if (table === undefined) return
  const { id } = collection
  for (const { number, generated } of table.columns) {
    if (generated !== undefined)
      yield { of: defaultPart(number), on: { id, part: columnPart(number) }, kind: 'internal' }
  }
  for (const policy of policiesOf(table)) yield { of: policyPart(policy.id), on: { id }, kind: 'automatic' }
  for (const { name, reads } of checksOf(run.transaction.catalog, table)) {
    const of = constraintPart(name)
    if (reads.size === 0) yield { of, on: { id }, kind: 'automatic' }
    for (const ordinal of reads) {
      const part = columnPart(table.columns[ordinal]!.number)
      yield { of, on: { id, part }, kind: 'automatic' }
      yield { of, on: { id, part }, kind: 'normal' }
    }
  }
}

export const pgDepend: Relation = memoryRelation(
  'pg_catalog',
  'pg_depend',
  [
    ['classid', oid.oid],
    ['objid', oid.oid],
    ['objsubid', oid.int4],
    ['refclassid', oid.oid],
    ['refobjid', oid.oid],
    ['refobjsubid', oid.int4],
    ['deptype', oid.char],
  ],
  dependencies,
)
