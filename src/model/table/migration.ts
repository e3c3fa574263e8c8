/**
 * From format 2 to 3: sequences are objects of a kind of their own, which know the column that they belong to, and defaults
 * know the sequences that they draw from.
 *
 * What a default draws from was only in its text, which was written by ourselves: `nextval('a.b'::regclass)`.
 */
import type { Catalog, Collection, JsonObject } from '../../database/catalog/catalog.ts'
import { rewriteCollection } from '../../database/directory/migrations/catalog-step.ts'
import { registerStep } from '../../database/directory/migrations/migrations.ts'
import type { ColumnDefinition, TableDefinition } from './definition.ts'
import { isSequence } from './sequence.ts'
import type { SequenceOwner } from './sequence-definition.ts'
import { isTable, tableDefinitionOf } from './table-kind.ts'

registerStep({
  name: 'tables',
  begin: () => (transaction) => {
    const { catalog } = transaction
    const collections = [...catalog.namespaces.keys()].flatMap((name) => catalog.collectionsOf(name))
    const owners = new Map<number, SequenceOwner>()
    for (const collection of collections) {
      if (!isTable(collection)) continue
      const definition = tableDefinitionOf(collection)
      for (const { number, sequence, identity, dropped } of definition.columns) {
        if (sequence === undefined || dropped === true) continue
        owners.set(sequence, {
          table: collection.id,
          column: number,
          ...(identity !== undefined && { isIdentity: true }),
        })
      }
      const columns = definition.columns.map((column) => withSequences(catalog, collection, column))
      rewriteCollection(transaction, collection, toDefinition({ ...definition, columns }))
    }
    for (const collection of collections.filter(isSequence)) {
      const owner = owners.get(collection.id)
      if (owner === undefined) continue
      rewriteCollection(transaction, collection, { ...collection.definition, owner: { ...owner } })
    }
    return true
  },
})

function toDefinition(definition: TableDefinition): JsonObject {
  return definition as unknown as JsonObject
}

function withSequences(catalog: Catalog, { namespace }: Collection, column: ColumnDefinition): ColumnDefinition {
  const found = new Set<number>()
  for (const [, literal = ''] of (column.default ?? '').matchAll(/'((?:[^']|'')*)'::regclass/g)) {
    const sequence = findSequence(catalog, namespace.name, literal.replaceAll("''", "'"))
    if (sequence !== undefined) found.add(sequence.id)
  }
  return found.size === 0 ? column : { ...column, defaultSequences: [...found] }
}

/** A name as it was written: with its schema, or in the table's own or in `public`. */
function findSequence(catalog: Catalog, namespace: string, text: string): Collection | undefined {
  const parts = [...text.matchAll(/"((?:[^"]|"")*)"|([^.]+)/g)].map(([, quoted, plain]) =>
    quoted === undefined ? plain!.toLowerCase() : quoted.replaceAll('""', '"'),
  )
  const name = parts.at(-1) ?? ''
  for (const schema of parts.length > 1 ? [parts[0]!] : [namespace, 'public']) {
    const found = catalog.findCollection(schema, name)
    if (found !== undefined && isSequence(found)) return found
  }
  return undefined
}
