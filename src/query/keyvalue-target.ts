/**
 * Redis data as rows that are written: of strings, hashes, sets, sorted sets and streams. A row is identified by its key, and by
 * its field, member or id; inserting one that is there is a unique violation. Text goes in as UTF-8, and `\x` with the digits of
 * bytes that are no text as those bytes, as they are shown. A string keeps its expiry; that of a field is a column. An entry of a stream without an id gets the
 * next one, and never changes.
 */
import { PolylogError } from '../base/errors.ts'
import { sliceOf } from '../base/slice.ts'
import type { Transaction } from '../database/contract.ts'
import { getField, getScore, hasEntry, isMember } from '../model/keyvalue/entries.ts'
import { asOneBatch, isSteps } from '../database/transaction/wait.ts'
import { never } from '../model/keyvalue/codec.ts'
import { clearKey } from '../model/keyvalue/keyvalue.ts'
import { formatStreamId, type ParsedStreamId, parseStreamId, streamId } from '../model/keyvalue/stream-ids.ts'
import { findString, setString } from '../model/keyvalue/strings.ts'
import {
  dropEntry,
  dropField,
  dropMember,
  dropScored,
  putEntry,
  putField,
  putMember,
  putScore,
} from '../model/keyvalue/writes.ts'
import type { RowDraft } from '../model/table/expressions.ts'
import type { Values } from '../model/table/keys.ts'
import { sqlError } from '../model/table/types/type.ts'
import type { SqlValue } from '../model/table/types/value.ts'
import { bytesOfShown, fieldsOfJsonb } from './keyvalue-bytes.ts'
import { identityColumns, type KeyvalueRelation } from './keyvalue-relation.ts'
import type { InsertOptions, RowDelete, RowTarget, RowUpdate } from './row-target.ts'

const bytesOf = (value: SqlValue): Uint8Array => bytesOfShown(value as string)

function isThere(transaction: Transaction, { view, collection }: KeyvalueRelation, row: Values): boolean {
  const key = bytesOf(row[0]!)
  if (view === 'string') return findString(transaction, collection, sliceOf(key)) !== undefined
  if (view === 'stream') {
    const { milliseconds, sequence } = idOf(row)
    return sequence !== '*' && hasEntry(transaction, collection, key, streamId(milliseconds, sequence))
  }
  const part = bytesOf(row[1]!)
  if (view === 'hash') return getField(transaction, collection, key, part) !== undefined
  if (view === 'set') return isMember(transaction, collection, key, part)
  return getScore(transaction, collection, key, part) !== undefined
}

/** Of a row that has one. */
function idOf(row: Values): ParsedStreamId {
  const shown = row[1] as string
  const id = parseStreamId(shown, 0n, true)
  if (id === undefined) throw sqlError('invalid_argument', '22P02', `invalid id of a stream's entry: "${shown}"`)
  return id
}

/** Fills in the id. */
function append(transaction: Transaction, relation: KeyvalueRelation, row: SqlValue[]): void {
  refuseNulls(relation, [row[0]!, '', row[2]!])
  const given = row[1] === null ? undefined : idOf(row)
  const strings = fieldsOfJsonb(row[2] as string)
  const id = asOneBatch(putEntry(transaction, relation.collection, bytesOf(row[0]!), given, strings))
  row[1] = formatStreamId(id)
}

function put(transaction: Transaction, relation: KeyvalueRelation, row: Values): void {
  const { view, collection } = relation
  refuseNulls(relation, row)
  const key = bytesOf(row[0]!)
  if (view === 'string') {
    const found = findString(transaction, collection, sliceOf(key))
    const steps = setString(transaction, collection, sliceOf(key), sliceOf(bytesOf(row[1]!)), found?.expiresAtMs)
    if (steps !== undefined) asOneBatch(steps)
  } else if (view === 'hash') {
    const put = putField(transaction, collection, key, bytesOf(row[1]!), bytesOf(row[2]!), expiryOf(row[3]))
    if (isSteps(put)) asOneBatch(put)
  } else if (view === 'set') putMember(transaction, collection, key, bytesOf(row[1]!))
  else {
    if (Number.isNaN(row[2])) throw sqlError('invalid_argument', '22023', 'a sorted set holds no NaN')
    putScore(transaction, collection, key, bytesOf(row[1]!), row[2] as number)
  }
}

/** Of a field; one that has none stays. */
function expiryOf(shown: SqlValue | undefined): bigint {
  if (shown === null || shown === undefined) return never
  const ms = (shown as bigint) / 1000n
  if (ms >= 0n && ms < latestExpiryMs) return ms
  throw sqlError('out_of_range', '22008', 'a field cannot expire then')
}

/** As far as Redis goes: beyond, infinity included, nothing does. */
const latestExpiryMs = 2n ** 46n

function refuseNulls(relation: KeyvalueRelation, row: Values): void {
  const missing = relation.columns.findIndex(({ isNotNull }, i) => isNotNull && row[i] === null)
  if (missing < 0) return
  const { name } = relation.columns[missing]!
  const message = `null value in column "${name}" of relation "${relation.name}" violates not-null constraint`
  throw new PolylogError('not_null_violation', message, { detail: { sqlState: '23502', column: name } })
}

function drop(transaction: Transaction, { view, collection }: KeyvalueRelation, row: Values): boolean {
  const key = bytesOf(row[0]!)
  if (view === 'key' || view === 'string') return clearKey(transaction, collection, sliceOf(key))
  if (view === 'stream') {
    const { milliseconds, sequence } = idOf(row)
    const dropped = dropEntry(transaction, collection, key, streamId(milliseconds, sequence as bigint))
    return isSteps(dropped) ? asOneBatch(dropped) : dropped
  }
  const part = bytesOf(row[1]!)
  if (view === 'hash') {
    const dropped = dropField(transaction, collection, key, part)
    return isSteps(dropped) ? asOneBatch(dropped) : dropped
  }
  if (view === 'set') return dropMember(transaction, collection, key, part)
  return dropScored(transaction, collection, key, part)
}

function refuseTaken(transaction: Transaction, relation: KeyvalueRelation, row: Values): void {
  if (!isThere(transaction, relation, row)) return
  const columns = relation.columns.slice(0, identityColumns[relation.view])
  const shown = `(${columns.map(({ name }) => name).join(', ')})=(${columns.map((_, i) => row[i] as string).join(', ')})`
  throw new PolylogError('unique_violation', `duplicate key value violates unique constraint "${relation.name}_key"`, {
    detail: { sqlState: '23505', detail: `Key ${shown} already exists.` },
  })
}

function refuseKeys(relation: KeyvalueRelation): void {
  if (relation.view !== 'key') return
  throw sqlError('unsupported', '0A000', `"${relation.name}" shows keys of every type: only its rows can be deleted`, {
    hint: `Write to ${relation.name}_string, ${relation.name}_hash, ${relation.name}_set, ${relation.name}_zset or ${relation.name}_stream.`,
  })
}

export class KeyvalueTarget implements RowTarget {
  readonly #relation: KeyvalueRelation

  constructor(relation: KeyvalueRelation) {
    this.#relation = relation
  }

  insert(transaction: Transaction, draft: RowDraft, { skipsTaken }: InsertOptions): SqlValue[] | undefined {
    const relation = this.#relation
    refuseKeys(relation)
    const row = draft.map((value) => value ?? null)
    const isComplete = row.slice(0, identityColumns[relation.view]).every((value) => value !== null)
    if (isComplete) {
      if (skipsTaken && isThere(transaction, relation, row)) return undefined
      refuseTaken(transaction, relation, row)
    }
    if (relation.view === 'stream') append(transaction, relation, row)
    else put(transaction, relation, row)
    return row
  }

  defaultOf(): never {
    throw sqlError('unsupported', '0A000', 'Redis data has no defaults')
  }

  update(columns: readonly number[]): RowUpdate {
    const relation = this.#relation
    refuseKeys(relation)
    if (relation.view === 'stream') throw sqlError('unsupported', '0A000', 'an entry of a stream does not change')
    const moves = columns.some((column) => column < identityColumns[relation.view])
    return {
      needed: relation.columns.keys(),
      apply: (transaction, { row }, changed) => {
        if (moves) {
          drop(transaction, relation, row)
          refuseTaken(transaction, relation, changed)
        }
        put(transaction, relation, changed)
        return changed
      },
    }
  }

  delete(): RowDelete {
    const relation = this.#relation
    return {
      needed: Array.from({ length: identityColumns[relation.view] }, (_, column) => column),
      apply: (transaction, { row }) => drop(transaction, relation, row),
    }
  }
}
