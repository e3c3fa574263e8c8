/**
 * What an extension is to the catalog: a collection without rows, in the schema that its members were made in. They are
 * routines of the language `c` (`native-language.ts`) that depend on it as parts of it: they go with it, and never alone.
 */
import type { Catalog, Collection, JsonObject } from '../../../database/catalog/catalog.ts'
import { definitionOf, type ObjectKind, registerKind } from '../../../database/catalog/objects.ts'
import { PolylogError } from '../../../base/errors.ts'

export interface ExtensionDefinition {
  readonly version: string
}

export const extensionKind: ObjectKind<ExtensionDefinition> = registerKind<ExtensionDefinition>({
  name: 'extension',
  model: 'routine',
  // No function is called so: the name of one has parentheses.
  space: 'function',
  word: 'extension',
  isOwned: true,
  version: 1,
  decode: decodeExtension,
})

function decodeExtension(definition: JsonObject): ExtensionDefinition {
  const { version } = definition
  if (typeof version === 'string') return { version }
  throw new PolylogError('data_corrupted', 'the definition of an extension cannot be read')
}

export function isExtension(collection: Collection): boolean {
  return collection.kind === extensionKind.name
}

export function extensionVersion(collection: Collection): string {
  return definitionOf(extensionKind, collection).version
}

export function* madeExtensions(catalog: Catalog): Generator<Collection> {
  for (const schema of catalog.namespaces.keys()) {
    for (const collection of catalog.othersOf(schema).values()) if (isExtension(collection)) yield collection
  }
}

/** In whichever schema it lies. */
export function findExtension(catalog: Catalog, name: string): Collection | undefined {
  for (const collection of madeExtensions(catalog)) if (collection.name === name) return collection
  return undefined
}
