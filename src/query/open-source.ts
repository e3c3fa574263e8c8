/** Any collection as documents, by its home model. */
import { PolylogError } from '../base/errors.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import { isTable, tableDefinitionOf } from '../model/table/table-kind.ts'
import type { DocumentSource } from './document-source.ts'
import { KeyvalueDocuments } from './keyvalue-documents.ts'
import { StoredDocuments } from './stored-documents.ts'
import { TableDocuments } from './table-documents.ts'

/** Documents of several tables have no one order, nor one place that a write goes to. */
function refuseFamily(collection: Collection): void {
  if (!isTable(collection)) return
  const { partitioning, children = [] } = tableDefinitionOf(collection)
  const { name, namespace } = collection
  if (partitioning !== undefined) {
    const message = `${namespace.name}.${name} is a partitioned table: its partitions can be read as documents, or it by SQL`
    throw new PolylogError('unsupported', message)
  }
  if (children.length === 0) return
  const message = `${namespace.name}.${name} is a table that others inherit from: it can be read by SQL`
  throw new PolylogError('unsupported', message)
}

export function openSource(collection: Collection): DocumentSource {
  if (collection.model === 'document') return new StoredDocuments(collection)
  if (collection.model === 'table') {
    refuseFamily(collection)
    return new TableDocuments(collection)
  }
  if (collection.model === 'keyvalue') return new KeyvalueDocuments(collection)
  const name = `${collection.namespace.name}.${collection.name}`
  throw new PolylogError('unsupported', `${name} is a ${collection.model} and cannot be read as documents`)
}
