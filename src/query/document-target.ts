/**
 * Documents as rows that are written: by columns, or whole as `doc`. A value that would come back from the document as
 * another one is refused. What no column names stays as it is.
 */
import { PolylogError } from '../base/errors.ts'
import { copySlice, type Slice, sliceOf } from '../base/slice.ts'
import type { StatementSteps, Transaction } from '../database/contract.ts'
import { bsonType, type BsonValue, fieldsOf, getField } from '../model/document/bson.ts'
import { buildDocument } from '../model/document/bson-writer.ts'
import {
  idOf,
  insertDocument,
  lockDocument,
  removeDocument,
  replaceDocument,
  type WriteSteps,
} from '../model/document/document.ts'
import { objectIdValue } from '../model/document/values.ts'
import type { RowDraft } from '../model/table/expressions.ts'
import { getType } from '../model/table/types/registry.ts'
import { sqlError } from '../model/table/types/type.ts'
import type { SqlValue } from '../model/table/types/value.ts'
import { documentAt, type DocumentRelation } from './collection-relation.ts'
import { jsonToBson } from './document-json.ts'
import { fieldToSql, sqlToBson } from './document-values.ts'
import type { Applied, FoundRow, RowDelete, RowTarget, RowUpdate } from './row-target.ts'

interface FieldChange {
  readonly column: number
  readonly value: SqlValue
}

export class DocumentTarget implements RowTarget {
  readonly #relation: DocumentRelation

  constructor(relation: DocumentRelation) {
    this.#relation = relation
  }

  insert(transaction: Transaction, draft: RowDraft): Applied<SqlValue[]> {
    const changes = draft.flatMap((value, column) => (value === undefined ? [] : { column, value }))
    const document = sliceOf(withId(transaction, changeDocument(this.#relation, undefined, changes)))
    const steps = insertDocument(transaction, this.#relation.collection, document)
    return answerAfter(steps, () => this.#relation.rowOf(document))
  }

  defaultOf(): never {
    throw sqlError('unsupported', '0A000', 'a field of a document has no default')
  }

  update(columns: readonly number[]): RowUpdate {
    const relation = this.#relation
    if (columns.some((column) => relation.columns[column]!.name === '_id')) {
      throw sqlError('unsupported', '0A000', 'the _id of a document cannot be changed')
    }
    return {
      needed: [],
      apply: (transaction, found, changed) => {
        const before = lockFound(transaction, relation, found)
        if (before === undefined) return undefined
        const changes = columns.map((column) => ({ column, value: changed[column]! }))
        const after = sliceOf(changeDocument(relation, before, changes))
        return answerAfter(replaceDocument(transaction, relation.collection, before, after), () =>
          relation.rowOf(after),
        )
      },
    }
  }

  delete(): RowDelete {
    const relation = this.#relation
    return {
      needed: [],
      apply: (transaction, found) => {
        const before = lockFound(transaction, relation, found)
        if (before === undefined) return false
        return answerAfter(removeDocument(transaction, relation.collection, before), () => true)
      },
    }
  }
}

function answerAfter<T>(steps: WriteSteps, answer: () => T): Applied<T> {
  return steps === undefined ? answer() : after(steps, answer)
}

function* after<T>(steps: StatementSteps<void>, answer: () => T): StatementSteps<T> {
  yield* steps
  return answer()
}

/** The newest state of what was found, locked: a copy; undefined where it is gone. */
function lockFound(transaction: Transaction, relation: DocumentRelation, { key }: FoundRow): Slice | undefined {
  const seen = documentAt(transaction, key)
  if (seen === undefined) return undefined
  const locked = lockDocument(transaction, relation.collection, idOf(sliceOf(copySlice(seen))))
  return locked === undefined ? undefined : sliceOf(copySlice(locked))
}

/** The document with its fields changed, in their order, new ones at the end and `_id` first. */
function changeDocument(
  relation: DocumentRelation,
  document: Slice | undefined,
  changes: readonly FieldChange[],
): Uint8Array {
  const whole = changes.find(({ column }) => relation.columns[column]!.name === 'doc')
  const base = whole === undefined ? document : parseDocument(whole.value)
  const fields = new Map<string, BsonValue>(base === undefined ? [] : fieldsOf(base))
  for (const { column, value } of changes) {
    const { name } = relation.columns[column]!
    if (name !== 'doc') fields.set(name, fieldOf(relation, column, value))
  }
  const id = (document === undefined ? undefined : getField(document, '_id')) ?? fields.get('_id')
  fields.delete('_id')
  return buildDocument((writer) => {
    if (id !== undefined) writer.value('_id', id)
    for (const [name, value] of fields) writer.value(name, value)
  })
}

function parseDocument(value: SqlValue): BsonValue {
  const parsed = value === null ? undefined : jsonToBson(value as string)
  if (parsed?.type === bsonType.object) return parsed
  throw sqlError('invalid_argument', '22023', 'doc must be a JSON object')
}

/** The value as a field; refused where reading it again would give another one. */
function fieldOf(relation: DocumentRelation, column: number, value: SqlValue): BsonValue {
  const { name, type } = relation.columns[column]!
  const entry = getType(type)
  const field = sqlToBson(value, entry)
  if (value === null) return field
  const again = fieldToSql(field, relation.typeNameOf(column))
  if (again !== null && (!entry.isOrdered || entry.compare(again, value) === 0)) return field
  throw new PolylogError('foreign_model_violation', `a document cannot hold exactly this value of column "${name}"`, {
    detail: { sqlState: '0A000', column: name },
  })
}

function withId(transaction: Transaction, document: Uint8Array): Uint8Array {
  const slice = sliceOf(document)
  const id = getField(slice, '_id')
  if (id !== undefined && !id.isNullish) return document
  const made = newId(transaction)
  return buildDocument((writer) => {
    writer.value('_id', made)
    for (const [name, value] of fieldsOf(slice)) if (name !== '_id') writer.value(name, value)
  })
}

/** Twelve bytes: seconds, then chance. */
function newId(transaction: Transaction): BsonValue {
  const bytes = new Uint8Array(12)
  transaction.services.random(bytes)
  new DataView(bytes.buffer).setUint32(0, Math.floor(transaction.timeMs / 1000))
  return objectIdValue(bytes)
}
