/**
 * What a query reads by name: collections, and views, whose pipeline comes first, then what is asked of them, as one query
 * of the collection below.
 *
 * Who reads a view needs the right to read the view, and none to what is below it. The policies of tables below hold for
 * who reads, as everywhere.
 */
import { privilege } from '../../../database/access/privileges.ts'
import type { Catalog, Collection } from '../../../database/catalog/catalog.ts'
import type { Transaction } from '../../../database/contract.ts'
import type { CollectionReader } from '../../../language/mql/lookup.ts'
import { overQuery, pipelineQuery } from '../../../language/mql/pipeline.ts'
import { openQuery, type Query } from '../../../language/mql/query.ts'
import type { Variables } from '../../../language/mql/scope.ts'
import { type Collation, collationInForce, isSameCollation } from '../../../model/document/collation.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'
import { isDocumentView, viewOf } from '../../../model/document/view.ts'
import type { DocumentSource } from '../../../query/document-source.ts'
import { findSource, sourceOf } from './query-options.ts'

/** A namespace, and what expressions know in it. */
export interface Place {
  readonly database: string
  readonly variables: Variables
}

const mostViews = 20

/** The query as one of what lies below, where `name` is a view; else as it is. */
export function throughViews(catalog: Catalog, place: Place, name: string, query: Query): Query {
  const { database, variables } = place
  let collection = catalog.findCollection(database, name)
  let made = query
  let below = name
  for (let depth = 0; isDocumentView(collection); depth++) {
    if (depth === mostViews) throw tooDeep(database, name)
    const { viewOn, pipeline, collation } = viewOf(collection!)
    if (!isSameCollation(collation, collationInForce())) throw otherCollation('the query', below)
    made = overQuery(pipelineQuery(pipeline, { variables, reader: uncheckedReader(place) }), made)
    below = viewOn
    collection = catalog.findCollection(database, below)
  }
  return below === name ? query : { ...made, below }
}

function tooDeep(database: string, name: string): Error {
  const message = `View depth too deep or view cycle detected: maximum depth is ${mostViews}: ${database}.${name}`
  return mongoError(165, message)
}

interface MadeView {
  readonly name: string
  readonly collation: Collation | undefined
}

/** Errors: one that comes back to itself (5), too many below each other (165), one of another collation (167). */
export function checkViews(catalog: Catalog, database: string, made: MadeView, viewOn: string): void {
  const { name } = made
  let below = viewOn
  for (let depth = 1; ; depth++) {
    if (below === name) throw mongoError(5, `View cycle detected: ${name} on ${viewOn}`)
    if (depth > mostViews) throw tooDeep(database, name)
    const collection = catalog.findCollection(database, below)
    if (!isDocumentView(collection)) return
    const { viewOn: next, collation } = viewOf(collection!)
    if (!isSameCollation(collation, made.collation)) throw otherCollation(name, below)
    below = next
  }
}

function otherCollation(name: string, view: string): Error {
  const message = `View ${name} has conflicting collation with view ${view}`
  return mongoError(mongoCode.optionNotSupportedOnView, message)
}

/** What a query's stages name is asked for, too. */
export function collectionReader(place: Place): CollectionReader {
  const { database } = place
  return {
    names: new Set(),
    open: (transaction, name, query) => {
      const found = transaction.catalog.findCollection(database, name)
      if (!isDocumentView(found)) {
        return openQuery(query, findSource(transaction, database, name, privilege.read), transaction)
      }
      if (!transaction.principal.rights.areUnlimited) transaction.principal.rights.require(found!, privilege.read)
      return openBelow(transaction, place, name, query)
    },
  }
}

/** What a view's own pipeline names is read for who may read the view. */
export function uncheckedReader(place: Place): CollectionReader {
  return { names: new Set(), open: (transaction, name, query) => openBelow(transaction, place, name, query) }
}

function openBelow(
  transaction: Transaction,
  place: Place,
  name: string,
  query: Query,
): ReturnType<CollectionReader['open']> {
  const through = throughViews(transaction.catalog, place, name, query)
  const collection = transaction.catalog.findCollection(place.database, through.below ?? name)
  return openQuery(through, uncheckedSource(collection), transaction)
}

export function uncheckedSource(collection: Collection | undefined): DocumentSource | undefined {
  return collection === undefined ? undefined : sourceOf(collection)
}
