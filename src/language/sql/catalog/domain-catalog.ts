/** The rules of domains in pg_constraint, and information_schema.domains. */
import type { Collection } from '../../../database/catalog/catalog.ts'
import { typeOfCollection } from '../../../model/table/type-kinds.ts'
import { formatType } from '../../../model/table/types/registry.ts'
import { type DomainContent, numberOfType } from '../../../model/table/types/user/content.ts'
import { domainModifier } from '../../../model/table/types/user/domain.ts'
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { defaultOid, namespaceOid } from './identity.ts'
import { memoryRelation } from './memory-relation.ts'
import { shownExpression } from './shown-expressions.ts'
import { typeCollections } from './stored-tables.ts'

type Values = readonly SqlValue[]

interface DomainConstraint {
  readonly oid: number
  readonly collection: Collection
  readonly name: string
  readonly expression: string
  readonly isValid: boolean
}

function contentOf(collection: Collection): DomainContent {
  return typeOfCollection(collection).made!.content as DomainContent
}

function* constraints(types: Iterable<Collection>): Generator<DomainConstraint> {
  for (const collection of types) {
    if (collection.kind !== 'domain') continue
    for (const [i, { name, expression, notValid }] of contentOf(collection).checks.entries()) {
      yield { oid: defaultOid(collection, 32 + i), collection, name, expression, isValid: notValid !== true }
    }
  }
}

/** Those of pg_constraint; what concerns tables is none. */
export function* domainConstraintRows(types: Iterable<Collection>): Generator<Values> {
  for (const { oid: number, collection, name, isValid } of constraints(types)) {
    const head = [number, name, namespaceOid(collection.namespace), 'c', false, false, isValid, 0]
    yield [
      ...head,
      numberOfType(collection.id),
      0,
      0,
      0,
      ' ',
      ' ',
      ' ',
      true,
      0,
      false,
      ...Array.from({ length: 8 }, () => null),
    ]
  }
}

export function describeDomainConstraint(run: SqlRun, number: number, isPretty: boolean): string | null {
  for (const { oid: own, collection, expression, isValid } of constraints(typeCollections(run))) {
    if (own !== number) continue
    const type = typeOfCollection(collection).base!
    const { text } = shownExpression(run, { kind: 'value', type }, expression, isPretty)
    return `CHECK (${text})${isValid ? '' : ' NOT VALID'}`
  }
  return null
}

function* domains(run: SqlRun): Generator<Values> {
  const { database } = run.context
  for (const collection of typeCollections(run)) {
    if (collection.kind !== 'domain') continue
    const type = typeOfCollection(collection)
    const base = type.base!
    const modifier = domainModifier(type)
    const isText = base.oid === oid.varchar || base.oid === oid.bpchar
    const isArray = base.element !== undefined
    yield [
      database,
      collection.namespace.name,
      collection.name,
      isArray ? 'ARRAY' : base.made === undefined ? formatType(base.oid, -1) : 'USER-DEFINED',
      isText && modifier >= 4 ? modifier - 4 : null,
      contentOf(collection).default ?? null,
      database,
      base.made?.content.schema ?? 'pg_catalog',
      base.name,
      '1',
    ]
  }
}

export const domainsView: Relation = memoryRelation(
  'information_schema',
  'domains',
  [
    ['domain_catalog', oid.name],
    ['domain_schema', oid.name],
    ['domain_name', oid.name],
    ['data_type', oid.text],
    ['character_maximum_length', oid.int4],
    ['domain_default', oid.text],
    ['udt_catalog', oid.name],
    ['udt_schema', oid.name],
    ['udt_name', oid.name],
    ['dtd_identifier', oid.name],
  ],
  domains,
)
