/**
 * A view of documents: a collection or another view, seen through a pipeline. It holds nothing.
 *
 *   { viewOn, pipeline: BSON in base64, collation? }
 *
 * It names what it looks at, as in MongoDB: what is dropped under it leaves it empty.
 */
import type { Collection, JsonObject } from '../../database/catalog/catalog.ts'
import { definitionOf, registerKind } from '../../database/catalog/objects.ts'
import { bsonType, type BsonValue, getField } from './bson.ts'
import { buildDocument } from './bson-writer.ts'
import { type Collation, storedCollation } from './collation.ts'
import { storableDocument, storedDocument } from './collection-options.ts'

export interface DocumentView {
  readonly viewOn: string
  /** An array. */
  readonly pipeline: BsonValue
  /** Of all that reads it. */
  readonly collation: Collation | undefined
}

export const documentViewKind = 'document view'

const kind = registerKind<DocumentView>({
  name: documentViewKind,
  model: 'view',
  version: 1,
  word: 'view',
  decode: ({ viewOn, pipeline, collation }) => {
    const holder = storedDocument(pipeline!)
    const made = { viewOn: viewOn as string, pipeline: getField(holder, 'pipeline')! }
    return { ...made, collation: storedCollation(collation) }
  },
})

export function isDocumentView(collection: Collection | undefined): boolean {
  return collection?.kind === documentViewKind
}

export function viewOf(collection: Collection): DocumentView {
  return definitionOf(kind, collection)
}

export function viewDefinition(viewOn: string, pipeline: BsonValue, collation: Collation | undefined): JsonObject {
  const bytes = buildDocument((writer) => {
    if (pipeline.type === bsonType.array) writer.value('pipeline', pipeline)
    else writer.beginArray('pipeline').end()
  })
  const stored = { viewOn, pipeline: storableDocument({ bytes, start: 0, end: bytes.length }) }
  return collation === undefined ? stored : { ...stored, collation: collation.stored() }
}
