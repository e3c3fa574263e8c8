/**
 * Redis data as relations: `db0 (key, type, expires_at)` and a view per kind, `db0_string (key, value)`,
 * `db0_hash (key, field, value, expires_at)`, `db0_set (key, member)`, `db0_zset (key, member, score)`, `db0_stream (key, id, fields)`.
 *
 * Redis holds bytes: `keyvalue-bytes.ts` says how they are shown. Reading by `key = …` goes straight to the key.
 */
import { type KeyRange, sliceOf } from '../base/slice.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import { kindNames, never } from '../model/keyvalue/codec.ts'
import {
  elementsWithin,
  headerRange,
  type KeyBounds,
  scanHashes,
  scanKeys,
  scanSets,
  scanSortedSets,
  scanStreams,
  scanStrings,
} from '../model/keyvalue/entries.ts'
import { entryStrings } from '../model/keyvalue/stream-entries.ts'
import { formatStreamId } from '../model/keyvalue/stream-ids.ts'
import type { SqlValue } from '../model/table/types/value.ts'
import { entriesIn } from './cardinality.ts'
import { boundsOfShown, fieldsAsJsonb, shownBytes } from './keyvalue-bytes.ts'
import type { Run } from './operator.ts'
import type { Access, Relation, RelationColumn, RelationIndex, RowSourceHandle } from './relation.ts'

export type KeyvalueView = 'key' | 'string' | 'hash' | 'set' | 'zset' | 'stream'

/** The views beside the collection itself. */
export const keyvalueViews: readonly KeyvalueView[] = ['string', 'hash', 'set', 'zset', 'stream']

const text = 25
const float8 = 701
const timestamptz = 1184
const jsonb = 3802

const columnsOf: Readonly<Record<KeyvalueView, readonly (readonly [name: string, type: number])[]>> = {
  key: [
    ['key', text],
    ['type', text],
    ['expires_at', timestamptz],
  ],
  string: [
    ['key', text],
    ['value', text],
  ],
  hash: [
    ['key', text],
    ['field', text],
    ['value', text],
    ['expires_at', timestamptz],
  ],
  set: [
    ['key', text],
    ['member', text],
  ],
  zset: [
    ['key', text],
    ['member', text],
    ['score', float8],
  ],
  stream: [
    ['key', text],
    ['id', text],
    ['fields', jsonb],
  ],
}

const byKey: RelationIndex = {
  name: 'key',
  isUnique: false,
  isHint: true,
  isPrimary: false,
  parts: [{ column: 0, isDescending: false, nullsFirst: false }],
}

const relations = new WeakMap<Collection, Map<KeyvalueView, KeyvalueRelation>>()

export function keyvalueRelation(collection: Collection, view: KeyvalueView): KeyvalueRelation {
  let views = relations.get(collection)
  if (views === undefined) relations.set(collection, (views = new Map<KeyvalueView, KeyvalueRelation>()))
  let relation = views.get(view)
  if (relation === undefined) views.set(view, (relation = makeRelation(collection, view)))
  return relation
}

/** Which view of which collection a relation is. */
export function isKeyvalue(relation: Relation): relation is KeyvalueRelation {
  return relation.kind === 'keyvalue'
}

export interface KeyvalueRelation extends Relation {
  readonly kind: 'keyvalue'
  readonly collection: Collection
  readonly view: KeyvalueView
}

function makeRelation(collection: Collection, view: KeyvalueView): KeyvalueRelation {
  const columns = columnsOf[view].map(([name, type], i): RelationColumn => {
    return { name, type, modifier: -1, number: i + 1, isNotNull: name !== 'expires_at' }
  })
  return {
    schema: collection.namespace.name,
    name: view === 'key' ? collection.name : `${collection.name}_${view}`,
    kind: 'keyvalue',
    view,
    columns,
    indexes: [byKey],
    collection,
    reader: () => ({ open: (run, access) => openRows(run, collection, view, access) }),
    estimateRows: ({ transaction }, access) => {
      const key = keyOf(access)
      if (key === undefined) return entriesIn(transaction, [rowsWithin(collection, view)])
      const keys = entriesIn(
        transaction,
        boundsOfShown(key).map((bounds) => headerRange(collection, bounds)),
      )
      const each = rowsOfKey(transaction, collection, view)
      return keys === undefined || each === undefined ? undefined : keys * each
    },
    groupRows: ({ transaction }) => {
      const mean = rowsOfKey(transaction, collection, view)
      return mean === undefined ? undefined : { mean, largest: Infinity }
    },
  }
}

/** Of strings: where all keys lie. */
function rowsWithin(space: Collection, view: KeyvalueView): KeyRange {
  return view === 'key' || view === 'string' ? headerRange(space) : elementsWithin(space, view)
}

/** On average, as if all keys were of this kind. */
function rowsOfKey(transaction: Run['transaction'], space: Collection, view: KeyvalueView): number | undefined {
  if (view === 'key' || view === 'string') return 1
  const rows = entriesIn(transaction, [elementsWithin(space, view)])
  const keys = entriesIn(transaction, [headerRange(space)])
  return rows === undefined || keys === undefined ? undefined : rows / Math.max(1, keys)
}

/** Undefined where everything is read. */
function keyOf({ index, equal: [key] }: Access): string | undefined {
  return index === undefined || key === null ? undefined : (key as string | undefined)
}

/** How many leading columns identify a row. */
export const identityColumns: Readonly<Record<KeyvalueView, number>> = {
  key: 1,
  string: 1,
  hash: 2,
  set: 2,
  zset: 2,
  stream: 2,
}

/** Every range of keys to read, one after another. */
function openRows(run: Run, collection: Collection, view: KeyvalueView, access: Access): RowSourceHandle {
  const key = keyOf(access)
  // Texts in order are not always bytes in that order (`\\x…`): a range of them would have to read everything.
  const bounds: KeyBounds[] = key === undefined ? [{}] : boundsOfShown(key)
  let at = 0
  let next: (() => SqlValue[] | undefined) | undefined
  let last: SqlValue[] = []
  return {
    next: () => {
      while (at < bounds.length) {
        next ??= opener[view](run, collection, bounds[at]!)
        const row = next()
        if (row !== undefined) return (last = row)
        next = undefined
        at++
      }
      return undefined
    },
    // No stored key is as long as a row lives: what it is shown by names it.
    rowKey: () => Buffer.from(JSON.stringify(last.slice(0, identityColumns[view]))),
  }
}

function shownTime(expiresAtMs: bigint): bigint | null {
  return expiresAtMs === never ? null : expiresAtMs * 1000n
}

type Opener = (run: Run, collection: Collection, bounds: KeyBounds) => () => SqlValue[] | undefined

const opener: Readonly<Record<KeyvalueView, Opener>> = {
  key: (run, space, bounds) => {
    const scan = scanKeys(run.transaction, space, bounds)
    return () => {
      if (!scan.next()) return undefined
      const { kind, expiresAtMs } = scan.header
      return [shownBytes(scan.key), kindNames[kind]!, shownTime(expiresAtMs)]
    }
  },
  string: (run, space, bounds) => {
    const scan = scanStrings(run.transaction, space, bounds)
    return () => (scan.next() ? [shownBytes(scan.key), shownBytes(scan.value)] : undefined)
  },
  hash: (run, space, bounds) => {
    const scan = scanHashes(run.transaction, space, bounds)
    return () => {
      if (!scan.next()) return undefined
      const row = [shownBytes(scan.key), shownBytes(scan.element), shownBytes(scan.value)]
      return [...row, shownTime(scan.expiresAtMs)]
    }
  },
  set: (run, space, bounds) => {
    const scan = scanSets(run.transaction, space, bounds)
    return () => (scan.next() ? [shownBytes(scan.key), shownBytes(scan.element)] : undefined)
  },
  zset: (run, space, bounds) => {
    const scan = scanSortedSets(run.transaction, space, bounds)
    return () => (scan.next() ? [shownBytes(scan.key), shownBytes(scan.element), scan.score] : undefined)
  },
  stream: (run, space, bounds) => {
    const scan = scanStreams(run.transaction, space, bounds)
    return () => {
      if (!scan.next()) return undefined
      return [shownBytes(scan.key), formatStreamId(scan.id), fieldsAsJsonb(entryStrings(sliceOf(scan.value)))]
    }
  },
}
