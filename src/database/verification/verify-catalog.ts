/**
 * The catalog against its keys: what this snapshot's transactions are bound to is what the keys say, every reference leads
 * somewhere, names are given once, and no number that is in use may be given out again.
 */
import { copySlice, latin1ToBytes, sliceOf, sliceToLatin1, type Slice } from '../../base/slice.ts'
import { KeyReader } from '../../base/tuple-reader.ts'
import { keyspaceRange } from '../../base/tuple.ts'
import { catalogIndex, catalogKeyspace, decodeJson, lastCollectionIdKey } from '../catalog/catalog-entries.ts'
import { CatalogState } from '../catalog/catalog-state.ts'
import type { StoredCollection } from '../catalog/catalog-entries.ts'
import type { Catalog, Collection, GlobalObject } from '../catalog/catalog.ts'
import type { StatementSteps } from '../contract.ts'
import { decodeNumber } from '../catalog/numbers.ts'
import { addressText, databaseId, dependenciesOf, hasPart, partsOf, partText } from '../catalog/objects.ts'
import {
  decodeHead,
  gidOf,
  heads as preparedHeads,
  keysOf,
  parts as preparedParts,
} from '../prepared/prepared-entries.ts'
import { decodeReply } from '../transaction/remembered-reply.ts'
import { eachEntry, nameOf, type DifferenceKind, type Verification } from './verification.ts'
import { inPlace } from '../transaction/wait.ts'

const where = 'catalog'

export function* verifyCatalog(verification: Verification): StatementSteps<void> {
  const { transaction } = verification
  let stored = CatalogState.empty()
  yield* eachEntry(verification, { where }, keyspaceRange(catalogKeyspace), (key, value) => {
    if (checkEntry(verification, stored, key, value)) stored = stored.applied(key, value)
  })
  compareCatalogs(verification, stored, transaction.catalog)
  yield* inPlace(transaction, () => checkPrepared(verification))
  for (const collection of allOf(stored)) {
    checkIndexes(verification, collection)
    checkDependencies(verification, stored, collection)
  }
  yield* inPlace(transaction, () => checkNumbers(verification, stored))
}

function* allOf(catalog: Catalog): Generator<Collection> {
  for (const namespace of catalog.namespaces.keys()) yield* catalog.collectionsOf(namespace)
}

/** Looks at an entry before it hides another of the same name; false where it cannot be part of a catalog. */
function checkEntry(verification: Verification, before: CatalogState, key: Slice, value: Slice): boolean {
  const reader = new KeyReader(key)
  reader.orderedVarint()
  const index = reader.orderedVarint()
  const report = (kind: DifferenceKind, message: string): false => {
    verification.report(kind, { where, key }, message)
    return false
  }
  if (index === catalogIndex.reply) decodeReply(value)
  if (index === catalogIndex.namespace) {
    const { name } = decodeJson(value) as { name: string }
    if (before.namespaces.has(name)) return report('different', `two namespaces are called "${name}"`)
  } else if (index === catalogIndex.collection) {
    const { namespace, name, space } = decodeJson(value) as unknown as StoredCollection
    const into = before.namespaceById(namespace)
    if (into === undefined) return report('reference', `"${name}" lies in a namespace ${namespace}, which is none`)
    if (before.findCollection(into.name, name, space) === undefined) return true
    return report('different', `two ${space ?? 'collection'}s are called ${into.name}.${name}`)
  } else if (index === catalogIndex.field) {
    const id = reader.integer()
    if (before.collectionById(id) === undefined)
      return report('reference', `a field is of a collection ${id}, which is none`)
  } else if (index === catalogIndex.comment) {
    const id = reader.integer()
    const part = reader.string()
    const collection = before.collectionById(id)
    const isOnWhole = part === '' && (id === databaseId || (collection ?? before.namespaceById(id)) !== undefined)
    const isOnPart = collection !== undefined && partsOf(collection).some((each) => partText(each) === part)
    if (!isOnWhole && !isOnPart) return report('reference', `a comment is on ${id} ${part}, which is none`)
  } else if (index === catalogIndex.global) {
    const { kind, name } = decodeJson(value) as unknown as GlobalObject
    if (before.findGlobal(kind, name) !== undefined) return report('different', `two are the ${kind} "${name}"`)
  }
  return true
}

/** Whatever a definition refers to is there, and knows of it. */
function checkDependencies(verification: Verification, stored: CatalogState, collection: Collection): void {
  for (const { on } of dependenciesOf(collection)) {
    const target = stored.collectionById(on.id)
    const isThere = target !== undefined && (on.part === undefined || hasPart(target, on.part))
    const at = { where: nameOf(collection) }
    if (!isThere) verification.report('reference', at, `it depends on ${addressText(on)}, which is none`)
    else if (target.id !== collection.id && !stored.referrersOf(target.id).includes(collection)) {
      verification.report('different', at, `"${target.name}" does not know that it depends on it`)
    }
  }
}

/** What statements are bound to, by its parts: the two were made by the same code from different beginnings. */
function compareCatalogs(verification: Verification, stored: CatalogState, used: Catalog): void {
  for (const name of new Set([...stored.namespaces.keys(), ...used.namespaces.keys()])) {
    if (stored.namespaces.get(name)?.id === used.namespaces.get(name)?.id) continue
    verification.report('different', { where }, `namespace "${name}" is not what the catalog's keys say`)
  }
  for (const { kind, name, id } of differingGlobals(stored, used)) {
    verification.report('different', { where }, `${kind} "${name}" (${id}) is not what the catalog's keys say`)
  }
  const byId = new Map([...allOf(stored)].map((collection) => [collection.id, collection]))
  for (const collection of allOf(used)) {
    const found = byId.get(collection.id)
    byId.delete(collection.id)
    if (found !== undefined && textOf(found) === textOf(collection)) continue
    verification.report('different', { where }, `collection ${nameOf(collection)} is not what the catalog's keys say`)
  }
  for (const collection of byId.values()) {
    verification.report(
      'different',
      { where },
      `the catalog's keys have a collection ${nameOf(collection)} that is not used`,
    )
  }
}

function differingGlobals(stored: Catalog, used: Catalog): readonly GlobalObject[] {
  const all = [...stored.globals(), ...used.globals()]
  const textIn = (catalog: Catalog, id: number): string => JSON.stringify(catalog.globalById(id))
  const isFound = ({ id, kind, name }: GlobalObject): boolean => used.findGlobal(kind, name)?.id === id
  return all.filter((one) => textIn(stored, one.id) !== textIn(used, one.id) || !isFound(one))
}

function textOf({ fields, ...rest }: Collection): string {
  const types = [...fields].map(([field, of]): [string, string[]] => [field, [...of].sort()])
  return JSON.stringify([rest, types.sort(([a], [b]) => (a < b ? -1 : 1))])
}

/** Each prepared transaction has all its parts, and no part is of none. */
function checkPrepared(verification: Verification): void {
  const { transaction } = verification
  const parts = new Set<string>()
  const cursor = transaction.scan(preparedParts)
  while (cursor.next()) parts.add(sliceToLatin1(cursor.key))
  const found = transaction.scan(preparedHeads)
  while (found.next()) {
    const gid = gidOf(found.key)
    for (const key of keysOf(gid, decodeHead(found.value))) {
      if (transaction.get(key) === undefined) {
        verification.report(
          'missing',
          { where, key: sliceOf(copySlice(key)) },
          `a part of the prepared transaction "${gid}"`,
        )
      }
      parts.delete(sliceToLatin1(key))
    }
  }
  for (const key of parts) {
    const at = sliceOf(latin1ToBytes(key))
    verification.report('reference', { where, key: at }, 'a part of a prepared transaction is of none')
  }
}

function checkIndexes(verification: Verification, collection: Collection): void {
  const ids = new Set<number>()
  const names = new Set<string>()
  for (const { id, name } of collection.indexes) {
    const at = { where: nameOf(collection), index: name }
    if (ids.has(id)) verification.report('different', at, `two indexes have the number ${id}`)
    if (names.has(name)) verification.report('different', at, 'two indexes have the same name')
    ids.add(id)
    names.add(name)
  }
}

function checkNumbers(verification: Verification, stored: CatalogState): void {
  const { transaction } = verification
  const key = sliceOf(copySlice(lastCollectionIdKey()))
  const value = transaction.get(key)
  const last = value === undefined ? undefined : decodeNumber(value)
  for (const { id } of [...stored.namespaces.values(), ...allOf(stored), ...stored.globals()]) {
    if (last !== undefined && id <= last) continue
    verification.report('count', { where, key }, `number ${id} is in use, and ${last ?? 'none'} is said to be the last`)
  }
}
