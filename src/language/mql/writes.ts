/**
 * The statements that write: insert, update, delete, and find-and-modify.
 *
 * A command's operations run in one statement, so they are in one record. An error that concerns one document is caught
 * here and reported with its index, as the protocol wants: documents have changed nothing then, and what has rules of its own
 * is written in parts of the statement (`database/transaction/part.ts`), which are taken back. Whatever concerns the transaction (a
 * lock to wait for, a serialization failure) passes through.
 */
import { PolylogError, type ErrorCode } from '../../base/errors.ts'
import { copySlice } from '../../base/slice.ts'
import { charge } from '../../base/work.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import { asPart } from '../../database/transaction/part.ts'
import { inPlace, resumed } from '../../database/transaction/wait.ts'
import { bsonType, BsonValue, getField } from '../../model/document/bson.ts'
import { markReplacing } from '../../model/document/change-notes.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { objectIdValue } from '../../model/document/values.ts'
import type { WriteSteps } from '../../model/document/document.ts'
import type { DocumentSource } from '../../query/document-source.ts'
import type { Filter, Predicate } from './filter.ts'
import type { Hint } from './planner.ts'
import { computeAll, lookedUp, visitMatching, type Query } from './query.ts'
import type { Projection } from './projection.ts'
import type { SortField } from './sort-order.ts'
import { documentBytes } from './documents.ts'
import { longField } from './long-lists.ts'
import { withId, type Update } from './update.ts'
import { openNode, openParent, setChild, toValue } from './update-tree.ts'

/** Hears of the operation at an index that it has failed. */
export type OnWriteError = (index: number, error: PolylogError) => void

const perDocument: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'unique_violation',
  'not_null_violation',
  'check_violation',
  'foreign_key_violation',
  'foreign_model_violation',
  'invalid_argument',
  'out_of_range',
  'wrong_type',
  'undefined_column',
  'division_by_zero',
  'unsupported',
])

/** Whether the error concerns one document and not the transaction. */
export function isDocumentError(error: unknown): error is PolylogError {
  if (!(error instanceof PolylogError)) return false
  return perDocument.has(error.code) || (error.code === 'too_large' && error.detail.mongoCode !== undefined)
}

/** Twelve bytes as drivers make them: seconds, then random. */
export function makeObjectId(transaction: Transaction): BsonValue {
  const bytes = new Uint8Array(12)
  transaction.services.random(bytes)
  new DataView(bytes.buffer).setUint32(0, Math.floor(transaction.timeMs / 1000))
  return objectIdValue(bytes)
}

function withAnyId(transaction: Transaction, document: BsonValue): BsonValue {
  if (isFirst(document)) return document
  return withId(document, getField(document, '_id') ?? makeObjectId(transaction))
}

/** There is a first element, and `_id` is its name. */
function isFirst({ bytes, start, end }: BsonValue): boolean {
  if (end - start < 10) return false
  return bytes[start + 5] === 0x5f && bytes[start + 6] === 0x69 && bytes[start + 7] === 0x64 && bytes[start + 8] === 0
}

/** One document's write. What of it has to wait before its steps is taken back and made again. */
function* writeOne(
  transaction: Transaction,
  { hasRules }: DocumentSource,
  write: () => WriteSteps,
): StatementSteps<void> {
  const steps = hasRules ? yield* asPart(transaction, write, isDocumentError) : yield* resumed(transaction, write)
  if (steps === undefined) return
  if (transaction.slice.spend(1)) yield undefined
  yield* steps
}

/** As `insertDocuments` of one, without steps where the document is small: of a source without rules. */
export function insertSingle(
  transaction: Transaction,
  source: DocumentSource,
  document: BsonValue,
  onError: OnWriteError,
): number | StatementSteps<number> {
  try {
    const steps = source.insert(transaction, withAnyId(transaction, document))
    return steps === undefined ? 1 : insertedBy(steps, onError)
  } catch (error) {
    refused(error, 0, onError)
    return 0
  }
}

function* insertedBy(steps: StatementSteps<void>, onError: OnWriteError): StatementSteps<number> {
  try {
    yield* steps
    return 1
  } catch (error) {
    refused(error, 0, onError)
    return 0
  }
}

function refused(error: unknown, index: number, onError: OnWriteError): void {
  if (!isDocumentError(error)) throw error
  onError(index, error)
}

/** How many were inserted. `ordered`: those behind one that fails are not. */
export function* insertDocuments(
  transaction: Transaction,
  source: DocumentSource,
  documents: readonly BsonValue[],
  ordered: boolean,
  onError: OnWriteError,
): StatementSteps<number> {
  let inserted = 0
  for (const [index, document] of documents.entries()) {
    if (transaction.slice.spend(1)) yield undefined
    const identified = withAnyId(transaction, document)
    try {
      yield* writeOne(transaction, source, () => source.insert(transaction, identified))
      inserted++
    } catch (error) {
      refused(error, index, onError)
      if (ordered) break
    }
  }
  return inserted
}

export interface UpdateOperation {
  readonly filter: Filter
  readonly update: Update
  readonly isMulti: boolean
  readonly isUpsert: boolean
  readonly hint: Hint | undefined
  readonly sort: readonly SortField[]
}

export interface UpdateResult {
  readonly matched: number
  readonly modified: number
  /** The `_id` of a document that an upsert made. */
  readonly upserted: BsonValue | undefined
  /** The last document that was changed, before and after. */
  readonly before: BsonValue | undefined
  readonly after: BsonValue | undefined
}

export function* updateDocuments(
  transaction: Transaction,
  source: DocumentSource,
  operation: UpdateOperation,
): StatementSteps<UpdateResult> {
  if (operation.isMulti && operation.update.isReplacement) {
    throw mongoError(mongoCode.failedToParse, 'multi update is not supported for replacement-style update')
  }
  let matched = 0
  let modified = 0
  let before: BsonValue | undefined
  let after: BsonValue | undefined
  const change = (document: BsonValue): WriteSteps => {
    if (isDenied(transaction, source, document, 'update')) return undefined
    const changed = operation.update.apply(document, { filter: operation.filter, isInsert: false, clock: transaction })
    if (documentBytes(changed) > largeBytes) charge(documentBytes(changed))
    const isSame = Buffer.compare(asBytes(document), asBytes(changed)) === 0
    const steps = isSame ? undefined : source.replace(transaction, document, changed)
    before = document
    after = isSame ? document : changed
    matched++
    if (!isSame) modified++
    return steps
  }
  if (operation.update.isReplacement) markReplacing(transaction, true)
  try {
    yield* visitTargets(transaction, source, operation, change)
  } finally {
    markReplacing(transaction, false)
  }
  if (matched > 0 || !operation.isUpsert) {
    if (!operation.isMulti && after !== undefined) after = yield* asStored(transaction, source, after)
    return { matched, modified, upserted: undefined, before, after }
  }
  let made: BsonValue | undefined
  yield* writeOne(transaction, source, () => {
    made = newDocument(transaction, operation)
    return source.insert(transaction, made)
  })
  const stored = yield* asStored(transaction, source, made!)
  return { matched: 0, modified: 0, upserted: getField(made!, '_id')!, before: undefined, after: stored }
}

/** Locks it. It has been found; that it may not be changed like this makes it one that the command does not concern. */
function isDenied(
  transaction: Transaction,
  source: DocumentSource,
  document: BsonValue,
  purpose: 'update' | 'delete',
): boolean {
  return source.lock(transaction, getField(document, '_id')!, purpose) === undefined && source.hasRules
}

/** What has become of a document that was written: rules may have added to it. */
function* asStored(transaction: Transaction, source: DocumentSource, written: BsonValue): StatementSteps<BsonValue> {
  if (!source.hasRules) return written
  return yield* inPlace(transaction, () => {
    const found = source.find?.(transaction, getField(written, '_id')!)
    return found === undefined ? written : new BsonValue(bsonType.object, copySlice(found))
  })
}

/** Of larger documents a copy and a change are turns of their own. */
const largeBytes = 1024 * 1024

export type Targets = Pick<UpdateOperation, 'filter' | 'hint' | 'sort' | 'isMulti'>

/**
 * The documents to change: all, the first found, or the first of an order; in memory of their own. `write` writes one.
 */
function* visitTargets(
  transaction: Transaction,
  source: DocumentSource,
  targets: Targets,
  write: (document: BsonValue) => WriteSteps,
): StatementSteps<void> {
  const { filter, hint, sort, isMulti } = targets
  const id = hint === undefined ? lookedUp(filter, source) : undefined
  if (id !== undefined) {
    let large: BsonValue | undefined
    yield* writeOne(transaction, source, () => {
      const found = source.find!(transaction, id)
      if (found === undefined) return undefined
      const document = new BsonValue(bsonType.object, copySlice(found))
      if (documentBytes(document) <= largeBytes) return write(document)
      large = document
      return undefined
    })
    if (large === undefined) return
    yield undefined
    yield* writeOne(transaction, source, () => write(large!))
    return
  }
  const query: Query = { filter, sort, skip: 0, limit: undefined, hint, stages: [] }
  if (sort.length === 0) {
    yield* visitMatching(query, source, transaction, function* (document) {
      yield* writeOne(transaction, source, () => write(document))
      return isMulti
    })
    return
  }
  const [first] = yield* computeAll({ ...query, limit: 1 }, source, transaction)
  if (first !== undefined) yield* writeOne(transaction, source, () => write(first))
}

function asBytes({ bytes, start, end }: BsonValue): Uint8Array {
  return bytes.subarray(start, end)
}

/** Of an upsert that matches none. */
function newDocument(transaction: Transaction, { update, filter }: UpdateOperation): BsonValue {
  const seed = seedOf(filter.predicates, update.isReplacement)
  const made = update.apply(seed, { filter, isInsert: true, clock: transaction })
  return withId(made, longField(made, '_id') ?? makeObjectId(transaction))
}

/** What the filter's equalities say of the document that is not there. */
function seedOf(predicates: readonly Predicate[], onlyId: boolean): BsonValue {
  const root = openNode(emptyObject)
  const taken = new Set<string>()
  for (const { path, operator, values } of predicates) {
    const isEquality = operator === '$eq' || (operator === '$in' && values.length === 1)
    if (!isEquality || (onlyId && path.text !== '_id')) continue
    for (const other of taken) refuseOverlap(path.text, other)
    taken.add(path.text)
    setChild(openParent(root, path.names, true)!, path.names.at(-1)!, values[0]!)
  }
  return toValue(root)
}

function refuseOverlap(path: string, other: string): void {
  const isTwice = path === other
  if (!isTwice && !path.startsWith(`${other}.`) && !other.startsWith(`${path}.`)) return
  const what = isTwice ? `path '${path}' is matched twice` : `both paths '${other}' and '${path}' are matched`
  throw mongoError(mongoCode.notSingleValueField, `cannot infer query fields to set, ${what}`)
}

const emptyObject = new BsonValue(bsonType.object, new Uint8Array([5, 0, 0, 0, 0]))

export interface DeleteOperation {
  readonly filter: Filter
  readonly isMulti: boolean
  readonly hint: Hint | undefined
  readonly sort: readonly SortField[]
}

export interface DeleteResult {
  readonly deleted: number
  readonly document: BsonValue | undefined
}

export function* deleteDocuments(
  transaction: Transaction,
  source: DocumentSource,
  operation: DeleteOperation,
): StatementSteps<DeleteResult> {
  let deleted = 0
  let last: BsonValue | undefined
  yield* visitTargets(transaction, source, operation, (document) => {
    if (isDenied(transaction, source, document, 'delete')) return undefined
    const steps = source.remove(transaction, document)
    last = document
    deleted++
    return steps
  })
  return { deleted, document: last }
}

/** For replies of find-and-modify. */
export function projected(document: BsonValue | undefined, projection: Projection | undefined): BsonValue | undefined {
  return document === undefined || projection === undefined ? document : projection(document)
}
