/** Views that say for people what the catalogs say in numbers: sequences, rules, groups, users, extensions. */
import { isSequence, sequenceDefinitionOf, sequenceState } from '../../../model/table/sequence.ts'
import { privilege } from '../../../database/access/privileges.ts'
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { availableExtensions } from '../extension/available.ts'
import { extensionVersion, findExtension } from '../extension/extension-kind.ts'
import { memoryRelation } from './memory-relation.ts'
import { allRoles, ownerName, roleOidById } from './roles.ts'
import { collections } from './stored-tables.ts'

type Values = readonly SqlValue[]

function* sequences(run: SqlRun): Generator<Values> {
  const { rights } = run.transaction.principal
  for (const collection of collections(run)) {
    if (!isSequence(collection)) continue
    const { type, start, minimum, maximum, increment, cycle, cache = 1 } = sequenceDefinitionOf(collection)
    const maySee = (rights.onCollection(collection) & (privilege.usage | privilege.read)) !== 0
    const { last, isCalled } = sequenceState(run.transaction, collection)
    yield [
      collection.namespace.name,
      collection.name,
      ownerName(run, collection),
      type,
      BigInt(start),
      BigInt(minimum),
      BigInt(maximum),
      BigInt(increment),
      cycle,
      BigInt(cache),
      isCalled && maySee ? last : null,
    ]
  }
}

/** Roles that nobody can be, with those that are in them. */
function* groups(run: SqlRun): Generator<Values> {
  const all = allRoles(run)
  for (const { oid: number, role } of all) {
    if (role.login) continue
    const members = all.filter((one) => one.role.memberOf.some((of) => roleOidById(run, of.role) === number))
    yield [role.name, number, members.map((one) => one.oid)]
  }
}

const extensions: readonly Values[] = [
  ['plpgsql', '1.0', '1.0', 'PL/pgSQL procedural language'],
  ['polylog', '1.0', '1.0', 'what the server tells of itself'],
]

function* listedExtensions({ transaction: { catalog } }: SqlRun): Generator<Values> {
  yield* extensions
  for (const { name, version, comment } of availableExtensions) {
    const made = findExtension(catalog, name)
    yield [name, version, made === undefined ? null : extensionVersion(made), comment]
  }
}

export const pgListed: readonly Relation[] = [
  memoryRelation(
    'pg_catalog',
    'pg_sequences',
    [
      ['schemaname', oid.name],
      ['sequencename', oid.name],
      ['sequenceowner', oid.name],
      ['data_type', oid.regtype],
      ['start_value', oid.int8],
      ['min_value', oid.int8],
      ['max_value', oid.int8],
      ['increment_by', oid.int8],
      ['cycle', oid.bool],
      ['cache_size', oid.int8],
      ['last_value', oid.int8],
    ],
    sequences,
  ),
  // Of views' own rules, which are the only ones, PostgreSQL shows none here.
  memoryRelation(
    'pg_catalog',
    'pg_rules',
    [
      ['schemaname', oid.name],
      ['tablename', oid.name],
      ['rulename', oid.name],
      ['definition', oid.text],
    ],
    () => [],
  ),
  memoryRelation(
    'pg_catalog',
    'pg_group',
    [
      ['groname', oid.name],
      ['grosysid', oid.oid],
      ['grolist', oid.oidArray],
    ],
    groups,
  ),
  memoryRelation(
    'pg_catalog',
    'pg_available_extensions',
    [
      ['name', oid.name],
      ['default_version', oid.text],
      ['installed_version', oid.text],
      ['comment', oid.text],
    ],
    listedExtensions,
  ),
]
