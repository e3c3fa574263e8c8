/**
 * Redis's numbered databases: number n is the collection `db<n>` of the namespace `redis`, made by its first write. Until
 * then its keyspace is one that no collection ever has, where every read finds nothing.
 */
import { PolylogError } from '../../base/errors.ts'
import type { Catalog, Collection, Namespace } from '../../database/catalog/catalog.ts'
import type { Transaction } from '../../database/contract.ts'
import type { Keyspace } from '../../model/keyvalue/keys.ts'

export const databaseCount = 16
export const redisNamespace = 'redis'

/** Where every read finds nothing. */
export const nowhere: Keyspace = { id: Number.MAX_SAFE_INTEGER }

function databaseName(number: number): string {
  return `db${number}`
}

export function findDatabase(catalog: Catalog, number: number): Collection | undefined {
  const collection = catalog.findCollection(redisNamespace, databaseName(number))
  if (collection !== undefined && collection.model !== 'keyvalue') {
    throw new PolylogError(
      'wrong_type',
      `${redisNamespace}.${collection.name} is a ${collection.model}: Redis's database ${number} cannot be stored there`,
    )
  }
  return collection
}

/** The namespace of Redis is the server's own: whoever writes first has it made. */
export function createHome(tx: Transaction): Namespace {
  return tx.access.asServer(() => tx.createNamespace(redisNamespace))
}

/** `engine`: where it lies; left out, in memory. */
export function createDatabase(tx: Transaction, number: number, engine?: string): Collection {
  const namespace = tx.catalog.namespaces.get(redisNamespace) ?? createHome(tx)
  return tx.createCollection(namespace, databaseName(number), 'keyvalue', {}, engine)
}

/** Remembers the collection of the database that was asked for last, for as long as the catalog is the same. */
export class DatabaseLookup {
  #catalog: Catalog | undefined
  #number = -1
  #found: Collection | undefined

  find(catalog: Catalog, number: number): Collection | undefined {
    if (catalog !== this.#catalog || number !== this.#number) {
      this.#found = findDatabase(catalog, number)
      this.#catalog = catalog
      this.#number = number
    }
    return this.#found
  }

  forReading(tx: Transaction, number: number): Keyspace {
    return this.find(tx.catalog, number) ?? nowhere
  }

  forWriting(tx: Transaction, number: number): Keyspace {
    return this.find(tx.catalog, number) ?? createDatabase(tx, number)
  }
}

/** Each has what the other had. Where nobody has written to one, the other's collection takes its number. */
export function exchangeDatabases(tx: Transaction, first: number, second: number): void {
  const [one, other] = [findDatabase(tx.catalog, first), findDatabase(tx.catalog, second)]
  if (first === second) return
  if (one !== undefined) tx.alterCollection(one, { name: other === undefined ? databaseName(second) : 'exchanged' })
  if (other === undefined) return
  tx.alterCollection(other, { name: databaseName(first) })
  if (one !== undefined) tx.alterCollection(findInHome(tx, one.id), { name: databaseName(second) })
}

function findInHome(tx: Transaction, id: number): Collection {
  return tx.catalog.collectionById(id)!
}
