/**
 * `pg_extension`: what is here beside PostgreSQL's core. The views of the schema `polylog` are shown as members of one, so that
 * pg_dump leaves out what every server has.
 */
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { extensionVersion, madeExtensions } from '../extension/extension-kind.ts'
import { collectionOid, namespaceOid, systemNamespaces } from './identity.ts'
import { memoryRelation } from './memory-relation.ts'
import { viewsOf } from './registered-views.ts'
import { ownerOid, ownRoleOid } from './roles.ts'
import { systemViewOid } from './system-view-names.ts'

const schema = 'polylog'
const [languageExtension, ownExtension] = [13_756, 13_755]

function extensions(run: SqlRun): readonly (readonly SqlValue[])[] {
  return [
    ...[...madeExtensions(run.transaction.catalog)].map((one) => [
      collectionOid(one),
      one.name,
      ownerOid(run, one),
      namespaceOid(one.namespace),
      true,
      extensionVersion(one),
      null,
      null,
    ]),
    [languageExtension, 'plpgsql', ownRoleOid, systemNamespaces.get('pg_catalog')!, false, '1.0', null, null],
    [ownExtension, schema, ownRoleOid, systemNamespaces.get(schema)!, false, '1.0', null, null],
  ]
}

/** Catalog and number of each, and those of the extension that it belongs to. */
export function* extensionMembers(run: SqlRun): Generator<readonly [number, number, number, number]> {
  const of = (catalog: string): number => systemViewOid('pg_catalog', catalog)!
  yield [of('pg_namespace'), systemNamespaces.get(schema)!, of('pg_extension'), ownExtension]
  for (const view of viewsOf(run.context)) {
    if (view.schema !== schema) continue
    yield [of('pg_class'), systemViewOid(schema, view.name)!, of('pg_extension'), ownExtension]
  }
}

export const pgExtension: Relation = memoryRelation(
  'pg_catalog',
  'pg_extension',
  [
    ['oid', oid.oid],
    ['extname', oid.name],
    ['extowner', oid.oid],
    ['extnamespace', oid.oid],
    ['extrelocatable', oid.bool],
    ['extversion', oid.text],
    ['extconfig', oid.oidArray],
    ['extcondition', oid.textArray],
  ],
  extensions,
)
