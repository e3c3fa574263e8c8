/**
 * Types as the catalog has them: a collection without rows each, of the kind that says what it is. What one depends on is
 * what it is made of.
 */
import { everybody, noOwner } from '../../database/access/access-list.ts'
import { noPrivileges, privilege } from '../../database/access/privileges.ts'
import type { Collection, JsonObject } from '../../database/catalog/catalog.ts'
import {
  definitionOf,
  type Dependency,
  type ObjectKind,
  type Part,
  registerKind,
} from '../../database/catalog/objects.ts'
import { damagedDefinition, liveColumns } from './definition.ts'
import { columnPart, constraintPart, isTable, tableDefinitionOf } from './table-kind.ts'
import { storedType } from './types/registry.ts'
import type { SqlType } from './types/type.ts'
import {
  contentsIn,
  type CompositeContent,
  type DomainContent,
  type EnumContent,
  noContents,
  numberOfType,
  placeOfType,
  type TypeContent,
  type TypeContents,
} from './types/user/content.ts'

/** What a definition has of a content; the rest is said by the collection. */
export type DefinitionOf<C extends TypeContent> = Omit<C, 'id' | 'schema' | 'name' | 'kind'> & {
  readonly types?: TypeContents
}

const common = {
  space: 'type',
  word: 'type',
  isOwned: true,
  firstAccess: [{ to: everybody, by: noOwner, may: privilege.usage, mayGive: noPrivileges }],
} as const

export const enumKind: ObjectKind<DefinitionOf<EnumContent>> = registerKind<DefinitionOf<EnumContent>>({
  name: 'enum',
  model: 'table',
  ...common,
  version: 1,
  decode: (definition) => checked<EnumContent>('enum', definition, ['members']),
})

export const domainKind: ObjectKind<DefinitionOf<DomainContent>> = registerKind<DefinitionOf<DomainContent>>({
  name: 'domain',
  model: 'table',
  ...common,
  version: 1,
  decode: (definition) => checked<DomainContent>('domain', definition, ['checks']),
  parts: ({ checks }) => checks.map(({ name }): Part => ({ ...constraintPart(name), name })),
  dependencies: ({ base }) => {
    const made = placeOfType(base)
    return made === undefined ? [] : [{ on: { id: made.id }, kind: 'normal' }]
  },
})

export const compositeKind: ObjectKind<DefinitionOf<CompositeContent>> = registerKind<DefinitionOf<CompositeContent>>({
  name: 'composite',
  model: 'table',
  ...common,
  version: 1,
  decode: (definition) => checked<CompositeContent>('composite type', definition, ['fields']),
  parts: ({ fields }) => liveFields(fields).map(({ number, name }): Part => ({ ...columnPart(number), name })),
  dependencies: ({ fields }) =>
    liveFields(fields).flatMap(({ number, type }): Dependency[] => {
      const made = placeOfType(type)
      return made === undefined ? [] : [{ of: columnPart(number), on: { id: made.id }, kind: 'normal' }]
    }),
})

function liveFields(fields: CompositeContent['fields']): CompositeContent['fields'] {
  return fields.filter(({ dropped }) => dropped !== true)
}

function checked<C extends TypeContent>(
  kind: string,
  definition: JsonObject,
  lists: readonly string[],
): DefinitionOf<C> {
  if (!lists.every((name) => Array.isArray(definition[name]))) throw damagedDefinition(kind)
  return definition as unknown as DefinitionOf<C>
}

const kinds: ReadonlySet<string> = new Set([enumKind.name, domainKind.name, compositeKind.name])

/** Whether it is a type and nothing else. */
export function isType(collection: Collection): boolean {
  return kinds.has(collection.kind)
}

/** What the collection says of itself as a type: one is a table's rows, too. */
export function contentOf(collection: Collection): TypeContent {
  const { id, name } = collection
  const named = { id, schema: collection.namespace.name, name }
  if (isTable(collection)) return { kind: 'composite', ...named, ...fieldsOfTable(collection) }
  const definition = definitionOf<object>(kindOf(collection), collection)
  const { types: _, ...own } = definition as { readonly types?: TypeContents }
  return { kind: collection.kind, ...named, ...own } as TypeContent
}

function kindOf(collection: Collection): ObjectKind<object> {
  return [enumKind, domainKind, compositeKind].find(({ name }) => name === collection.kind) as ObjectKind<object>
}

function fieldsOfTable(collection: Collection): Pick<CompositeContent, 'fields' | 'nextField' | 'isTable'> {
  const definition = tableDefinitionOf(collection)
  const fields = liveColumns(definition).map(({ number, name, type, modifier = -1 }) => ({
    number,
    name,
    type,
    modifier,
  }))
  return { fields, nextField: definition.nextColumn, isTable: true }
}

/** With what it is made of. */
export function contentsOf(collection: Collection): TypeContents {
  const parts = isTable(collection)
    ? (tableDefinitionOf(collection).types ?? noContents)
    : contentsIn(collection.definition)
  return { ...parts, [collection.id]: contentOf(collection) }
}

/** Collections are immutable values. */
const types = new WeakMap<Collection, SqlType>()

export function typeOfCollection(collection: Collection): SqlType {
  let type = types.get(collection)
  if (type === undefined) {
    type = storedType(numberOfType(collection.id), contentsOf(collection))
    types.set(collection, type)
  }
  return type
}
