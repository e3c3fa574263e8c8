/** Any collection as documents, by its home model. */
import { PolylogError } from '../base/errors.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import type { DocumentSource } from './document-source.ts'
import { KeyvalueDocuments } from './keyvalue-documents.ts'
import { StoredDocuments } from './stored-documents.ts'
import { TableDocuments } from './table-documents.ts'

export function openSource(collection: Collection): DocumentSource {
  if (collection.model === 'document') return new StoredDocuments(collection)
  if (collection.model === 'table') return new TableDocuments(collection)
  if (collection.model === 'keyvalue') return new KeyvalueDocuments(collection)
  const name = `${collection.namespace.name}.${collection.name}`
  throw new PolylogError('unsupported', `${name} is a ${collection.model} and cannot be read as documents`)
}
