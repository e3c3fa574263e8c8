/** Options that several commands share: sources, filters, sorts, hints, variables, collation. */
import { privilege, type Privileges } from '../../../database/access/privileges.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import type { Transaction } from '../../../database/contract.ts'
import { compileFilter, type Filter } from '../../../language/mql/filter.ts'
import { evaluateConstant } from '../../../language/mql/expression.ts'
import { objectOf } from '../../../language/mql/expression-contract.ts'
import type { Hint } from '../../../language/mql/planner.ts'
import type { Query } from '../../../language/mql/query.ts'
import { checkVariableName, rootScope, type Variables } from '../../../language/mql/scope.ts'
import { parseSort, type SortField } from '../../../language/mql/sort-order.ts'
import {
  bsonType,
  BsonValue,
  emptyDocument,
  fieldsOf,
  getField,
  isEmptyDocument,
} from '../../../model/document/bson.ts'
import { type Collation, isSameCollation, parseCollation } from '../../../model/document/collation.ts'
import { collationOf } from '../../../model/document/collection-options.ts'
import { ensureDocumentCollection } from '../../../model/document/document.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'
import { dateValue, int32Value, isTruthy, readString, toSafeInteger } from '../../../model/document/values.ts'
import { isDocumentView, viewOf } from '../../../model/document/view.ts'
import type { DocumentSource } from '../../../query/document-source.ts'
import { openSource } from '../../../query/open-source.ts'
import { type Asked, findAllowed, requireCreate } from '../access.ts'
import type { Request } from '../request.ts'

const emptyFilter: BsonValue = new BsonValue(bsonType.object, emptyDocument)

/** `wanted`: what is done with it. Errors: `AccessError`. */
export function findSource(
  asked: Asked,
  namespace: string,
  name: string,
  wanted: Privileges,
): DocumentSource | undefined {
  const collection = findAllowed(asked, namespace, name, wanted)
  return collection === undefined ? undefined : sourceOf(collection)
}

/** What a query begins with; the other collections that it names are asked for, too. */
export function sourceOfQuery(
  asked: Asked,
  namespace: string,
  name: string,
  { reads, below }: Query,
): DocumentSource | undefined {
  if (reads !== undefined) for (const other of reads) findAllowed(asked, namespace, other, privilege.read)
  if (below !== undefined) {
    findAllowed(asked, namespace, name, privilege.read)
    const collection = asked.catalog.findCollection(namespace, below)
    return collection === undefined ? undefined : sourceOf(collection)
  }
  return findSource(asked, namespace, name, privilege.read)
}

/** A version of a collection is the same source for all. */
const sources = new WeakMap<Collection, DocumentSource>()

export function sourceOf(collection: Collection): DocumentSource {
  if (isDocumentView(collection)) throw ofView(collection)
  let source = sources.get(collection)
  if (source === undefined) {
    source = openSource(collection)
    sources.set(collection, source)
  }
  return source
}

export function ofView(collection: Collection): Error {
  const name = `${collection.namespace.name}.${collection.name}`
  return mongoError(mongoCode.commandNotSupportedOnView, `Namespace ${name} is a view, not a collection`, 'unsupported')
}

/** The source to write to; the first write makes the collection. */
export function ensureSource(
  transaction: Transaction,
  namespace: string,
  name: string,
  wanted: Privileges,
): DocumentSource {
  const found = findAllowed(transaction, namespace, name, wanted)
  if (found !== undefined) return sourceOf(found)
  requireCreate(transaction, namespace)
  return sourceOf(ensureDocumentCollection(transaction, namespace, name))
}

/** To change its definition. */
export function requireCollection(asked: Asked, namespace: string, name: string): Collection {
  return there(findAllowed(asked, namespace, name, privilege.schema), namespace, name)
}

export function there(collection: Collection | undefined, namespace: string, name: string): Collection {
  if (collection !== undefined) return collection
  throw mongoError(mongoCode.namespaceNotFound, `ns does not exist: ${namespace}.${name}`, 'undefined_object')
}

/** `let`, evaluated, and the variables that every expression has. */
export function variablesOf(request: Request): Variables {
  const variables = new Map<string, BsonValue>()
  variables.set('NOW', dateValue(BigInt(Math.floor(request.gateway.sessions.host.now()))))
  const given = request.getObject('let')
  if (given !== undefined) addVariables(variables, given)
  return variables
}

export function addVariables(variables: Map<string, BsonValue>, given: BsonValue): void {
  for (const [name, value] of fieldsOf(given)) {
    variables.set(checkVariableName(name), evaluateConstant(value, rootScope(emptyFilter, variables)))
  }
}

export function filterOf(value: BsonValue | undefined, variables: Variables): Filter {
  return compileFilter(value ?? emptyFilter, variables)
}

export function sortOf(value: BsonValue | undefined): SortField[] {
  if (value === undefined) return []
  const natural = getField(value, '$natural')
  return natural === undefined ? parseSort(value) : []
}

/** A sort by `$natural` is a hint. */
export function hintOf(value: BsonValue | undefined, sort?: BsonValue): Hint | undefined {
  const natural = sort === undefined ? undefined : getField(sort, '$natural')
  if (natural !== undefined) return { kind: 'natural', reverse: toSafeInteger(natural) === -1 }
  if (value === undefined) return undefined
  if (value.type === bsonType.string) return { kind: 'name', name: readString(value) }
  if (value.type !== bsonType.object) throw mongoError(mongoCode.failedToParse, 'Hint must be a string or an object')
  if (isEmptyDocument(value)) return undefined
  const inner = getField(value, '$natural')
  if (inner !== undefined) return { kind: 'natural', reverse: toSafeInteger(inner) === -1 }
  const fields = fieldsOf(value).map(([name, order]) => {
    const special = order.type === bsonType.string ? readString(order) : undefined
    const [field] = parseSort(special === undefined ? objectOf([[name, order]]) : objectOf([[name, int32Value(1)]]))
    return { ...field!, special }
  })
  return { kind: 'fields', fields }
}

/** What a command says of its collation, else what its collection does; undefined: by bytes. */
export function collationFor(
  request: Request,
  given: BsonValue | undefined,
  collectionName: string,
): Collation | undefined {
  const collection = request.catalog.findCollection(request.database, collectionName)
  const collation = given === undefined ? undefined : givenCollation(given)
  if (collection === undefined || (collation !== undefined && !isDocumentView(collection))) return collation?.order
  const own = isDocumentView(collection) ? viewOf(collection).collation : defaultOf(collection)
  if (collation === undefined) return own
  if (isSameCollation(collation.order, own)) return own
  throw mongoError(
    mongoCode.optionNotSupportedOnView,
    `Cannot override a view's default collation: ${request.database}.${collectionName}`,
  )
}

/** Of documents alone: other models have their own order. */
function defaultOf(collection: Collection): Collation | undefined {
  return collection.model === 'document' ? collationOf(collection) : undefined
}

/** An empty document says nothing. */
export function givenCollation(value: BsonValue): { readonly order: Collation | undefined } | undefined {
  if (value.type === bsonType.object && isEmptyDocument(value)) return undefined
  return { order: parseCollation(value) }
}

/** Of a stage or a command that has no other order than that of bytes. */
export function requireSimpleCollation(value: BsonValue | undefined): void {
  if (value === undefined || givenCollation(value)?.order === undefined) return
  throw mongoError(
    mongoCode.commandNotSupported,
    'a change stream has no collation but { locale: "simple" }',
    'unsupported',
  )
}

/** Options that would change the result, and are not built: they may be given as false. */
export function refuseOptions(request: Request, names: readonly string[]): void {
  for (const name of names) {
    const value = request.get(name)
    if (value !== undefined && isTruthy(value)) {
      throw mongoError(
        mongoCode.commandNotSupported,
        `${request.command}: option '${name}' is not supported`,
        'unsupported',
      )
    }
  }
}
