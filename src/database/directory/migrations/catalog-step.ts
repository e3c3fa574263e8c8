/** From format 2 to 3: namespaces and collections have owners, collections a kind and an engine. */
import { collectionKey, encodeCollection, encodeNamespace, namespaceKey } from '../../catalog/catalog-entries.ts'
import type { Collection, JsonObject } from '../../catalog/catalog.ts'
import type { Transaction } from '../../contract.ts'
import { registerStep } from './migrations.ts'

/** So many entries fit into a transaction, whatever their sizes are. */
const pieceCollections = 1_000

registerStep({
  name: 'catalog',
  begin: () => {
    let at = 0
    return (transaction) => {
      const { catalog } = transaction
      const collections = [...catalog.namespaces.keys()].flatMap((name) => catalog.collectionsOf(name))
      if (at === 0) {
        for (const namespace of catalog.namespaces.values()) {
          transaction.put(namespaceKey(namespace.id), encodeNamespace(namespace))
        }
      }
      for (const collection of collections.slice(at, at + pieceCollections)) rewriteCollection(transaction, collection)
      at += pieceCollections
      return at >= collections.length
    }
  },
})

/** Its entry in the form of the present format, with another definition where one is given. */
export function rewriteCollection(
  transaction: Transaction,
  collection: Collection,
  definition: JsonObject = collection.definition,
): void {
  transaction.put(collectionKey(collection.id), encodeCollection({ ...collection, definition }))
}
