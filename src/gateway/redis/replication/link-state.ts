/**
 * What is remembered of the master that is replicated, in the database itself: the collection `replication` of the namespace `redis`,
 * a hash at the key `master`. How far it has been followed is written by the transaction that has followed it, so a start goes on
 * behind what is there, whatever has ended the process.
 */
import { sliceOf, sliceToLatin1 } from '../../../base/slice.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import type { Transaction } from '../../../database/contract.ts'
import { asOneBatch, isSteps } from '../../../database/transaction/wait.ts'
import { getField } from '../../../model/keyvalue/entries.ts'
import { deleteKey } from '../../../model/keyvalue/keyvalue.ts'
import { Pieces } from '../../../model/keyvalue/pieces.ts'
import { putField } from '../../../model/keyvalue/writes.ts'
import { createHome, redisNamespace } from '../databases.ts'

export interface Master {
  readonly host: string
  readonly port: number
}

/** How far a master was followed. */
export interface Followed {
  /** Of its history: `master_replid`. */
  readonly id: string
  /** Bytes of it. */
  readonly offset: number
  /** The numbered database that was selected there: a master selects one again only where another one is written to. */
  readonly database: number
}

const name = 'replication'
const key = Buffer.from('master')

function find(tx: Pick<Transaction, 'catalog'>): Collection | undefined {
  return tx.catalog.findCollection(redisNamespace, name)
}

function make(tx: Transaction): Collection {
  return tx.createCollection(tx.catalog.namespaces.get(redisNamespace) ?? createHome(tx), name, 'keyvalue', {})
}

export function readMaster(tx: Transaction): { master: Master; followed: Followed | undefined } | undefined {
  const collection = find(tx)
  if (collection === undefined) return undefined
  const read = (field: string): string | undefined => {
    const value = getField(tx, collection, key, Buffer.from(field))
    return value === undefined || value instanceof Pieces ? undefined : sliceToLatin1(value)
  }
  const [host, port, id, offset, database = '0'] = ['host', 'port', 'id', 'offset', 'database'].map(read)
  if (host === undefined || port === undefined) return undefined
  const followed =
    id === undefined || offset === undefined ? undefined : { id, offset: Number(offset), database: Number(database) }
  return { master: { host, port: Number(port) }, followed }
}

/** `followed`: undefined where nothing of it is there as a whole. */
export function writeMaster(tx: Transaction, { host, port }: Master, followed: Followed | undefined): void {
  forgetMaster(tx)
  write(tx, { host, port: String(port), ...(followed && fieldsOf(followed)) })
}

export function writeFollowed(tx: Transaction, followed: Followed): void {
  write(tx, fieldsOf(followed))
}

function fieldsOf({ id, offset, database }: Followed): Readonly<Record<string, string>> {
  return { id, offset: String(offset), database: String(database) }
}

function write(tx: Transaction, fields: Readonly<Record<string, string>>): void {
  const collection = find(tx) ?? make(tx)
  for (const [field, value] of Object.entries(fields)) {
    const put = putField(tx, collection, key, Buffer.from(field), Buffer.from(value, 'latin1'))
    if (isSteps(put)) asOneBatch(put)
  }
}

export function forgetMaster(tx: Transaction): void {
  const collection = find(tx)
  if (collection !== undefined) deleteKey(tx, collection, sliceOf(key))
}
