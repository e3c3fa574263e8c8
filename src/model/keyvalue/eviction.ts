/** Keys that go to make room: how they are drawn, and how they are taken away. */
import { copySlice, MutableSlice, sliceOf, type KeyRange } from '../../base/slice.ts'
import { KeyWriter, keyspaceRange } from '../../base/tuple.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import { inPlace } from '../../database/transaction/wait.ts'
import { Header, kind } from './codec.ts'
import { expiringKeyOf } from './expiry.ts'
import { decodeLastElement, headerOffset, index, type Keyspace, writeHeaderKey } from './keys.ts'
import { findHeader, removeKey } from './keyvalue.ts'
import { entryNearRandomPoint, randomBelow } from './sample.ts'
import { walk } from './walk.ts'

const headerKey = new KeyWriter(64)
const decoded = new MutableSlice()

/** Of which one is drawn: all keys, or those that expire, by their time. */
export function evictableRange(space: Keyspace, onlyExpiring: boolean): KeyRange {
  return keyspaceRange(space.id, onlyExpiring ? index.expiry : index.header)
}

/** A random key; `count`: how many the range holds, undefined where only a walk could tell. */
export function* drawKey(
  tx: Transaction,
  space: Keyspace,
  onlyExpiring: boolean,
  count: number | undefined,
): StatementSteps<Uint8Array | undefined> {
  const range = evictableRange(space, onlyExpiring)
  const keyOf = onlyExpiring
    ? expiringKeyOf
    : (entry: Uint8Array) => copySlice(decodeLastElement(sliceOf(entry), headerOffset(space), decoded))
  if (count === undefined) {
    const entry = yield* entryNearRandomPoint(tx, range)
    return entry === undefined ? undefined : keyOf(entry)
  }
  let found: Uint8Array | undefined
  const visit = (entry: { bytes: Uint8Array; start: number; end: number }): false => {
    found = keyOf(copySlice(entry))
    return false
  }
  yield* walk(tx, range, visit, { offset: randomBelow(tx.services, count), limit: 1 })
  return found
}

/** The keys that expire next. */
export function* soonestKeys(tx: Transaction, space: Keyspace, limit: number): StatementSteps<Uint8Array[]> {
  const found: Uint8Array[] = []
  yield* walk(tx, evictableRange(space, true), (entry) => void found.push(expiringKeyOf(copySlice(entry))), { limit })
  return found
}

/** False where it is not there, or somebody holds it: an eviction waits for nobody. */
export function* evictKey(tx: Transaction, space: Keyspace, key: Uint8Array): StatementSteps<boolean> {
  return yield* inPlace(tx, () => {
    if (!tx.lock(writeHeaderKey(headerKey, space, sliceOf(key)), 'update', 'skip')) return false
    const header = new Header()
    findHeader(tx, space, sliceOf(key), header)
    if (header.kind === kind.none) return false
    removeKey(tx, space, sliceOf(key), header)
    return true
  })
}
