/**
 * Redis data as rows that are written: of strings, hashes, sets and sorted sets. A row is identified by its key, and by its
 * field or member; inserting one that is there is a unique violation. Text goes in as UTF-8, and `\x` with the digits of
 * bytes that are no text as those bytes, as they are shown. A string keeps its expiry.
 */
import { PolylogError } from '../base/errors.ts'
import { sliceOf } from '../base/slice.ts'
import type { Transaction } from '../database/contract.ts'
import { getField, getScore, isMember } from '../model/keyvalue/entries.ts'
import { asOneBatch, isSteps } from '../database/transaction/wait.ts'
import { clearKey } from '../model/keyvalue/keyvalue.ts'
import { findString, setString } from '../model/keyvalue/strings.ts'
import { dropField, dropMember, dropScored, putField, putMember, putScore } from '../model/keyvalue/writes.ts'
import type { RowDraft } from '../model/table/expressions.ts'
import type { Values } from '../model/table/keys.ts'
import { sqlError } from '../model/table/types/type.ts'
import type { SqlValue } from '../model/table/types/value.ts'
import { bytesOfShown, identityColumns, type KeyvalueRelation } from './keyvalue-relation.ts'
import type { InsertOptions, RowDelete, RowTarget, RowUpdate } from './row-target.ts'

const bytesOf = (value: SqlValue): Uint8Array => bytesOfShown(value as string)

function isThere(transaction: Transaction, { view, collection }: KeyvalueRelation, row: Values): boolean {
  const key = bytesOf(row[0]!)
  if (view === 'string') return findString(transaction, collection, sliceOf(key)) !== undefined
  const part = bytesOf(row[1]!)
  if (view === 'hash') return getField(transaction, collection, key, part) !== undefined
  if (view === 'set') return isMember(transaction, collection, key, part)
  return getScore(transaction, collection, key, part) !== undefined
}

function put(transaction: Transaction, relation: KeyvalueRelation, row: Values): void {
  const { view, collection } = relation
  const missing = relation.columns.findIndex((_, i) => row[i] === null)
  if (missing >= 0) {
    const { name } = relation.columns[missing]!
    const message = `null value in column "${name}" of relation "${relation.name}" violates not-null constraint`
    throw new PolylogError('not_null_violation', message, { detail: { sqlState: '23502', column: name } })
  }
  const key = bytesOf(row[0]!)
  if (view === 'string') {
    const found = findString(transaction, collection, sliceOf(key))
    const steps = setString(transaction, collection, sliceOf(key), sliceOf(bytesOf(row[1]!)), found?.expiresAtMs)
    if (steps !== undefined) asOneBatch(steps)
  } else if (view === 'hash') {
    const put = putField(transaction, collection, key, bytesOf(row[1]!), bytesOf(row[2]!))
    if (isSteps(put)) asOneBatch(put)
  } else if (view === 'set') putMember(transaction, collection, key, bytesOf(row[1]!))
  else {
    if (Number.isNaN(row[2])) throw sqlError('invalid_argument', '22023', 'a sorted set holds no NaN')
    putScore(transaction, collection, key, bytesOf(row[1]!), row[2] as number)
  }
}

function drop(transaction: Transaction, { view, collection }: KeyvalueRelation, row: Values): boolean {
  const key = bytesOf(row[0]!)
  if (view === 'key' || view === 'string') return clearKey(transaction, collection, sliceOf(key))
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
    hint: `Write to ${relation.name}_string, ${relation.name}_hash, ${relation.name}_set or ${relation.name}_zset.`,
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
    put(transaction, relation, row)
    return row
  }

  defaultOf(): never {
    throw sqlError('unsupported', '0A000', 'Redis data has no defaults')
  }

  update(columns: readonly number[]): RowUpdate {
    const relation = this.#relation
    refuseKeys(relation)
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
