/**
 * What must hold of a table and of a sequence, from their stored bytes: a row lies under the key that its values give,
 * holds no NULL where none may be, and in generated columns what they follow from, has exactly one entry in each index, and refers to rows that are there; of a unique
 * constraint that may wait no two rows have the same values.
 */
import { equalSlices, sliceOf, type Slice } from '../../base/slice.ts'
import { KeyReader } from '../../base/tuple-reader.ts'
import { keyspaceRange, KeyWriter, primaryIndex, tag } from '../../base/tuple.ts'
import type { Collection } from '../../database/catalog/catalog.ts'
import type { StatementSteps } from '../../database/contract.ts'
import {
  eachReadableEntry,
  nameOf,
  type ModelVerifier,
  type Verification,
} from '../../database/verification/verification.ts'
import { generatedOf, indexedRow } from './expressions.ts'
import { foreignKeysOf } from './foreign-key.ts'
import { generatedColumns } from './generated-columns.ts'
import {
  allRows,
  hasNull,
  indexValue,
  rowKeyOf,
  rowKeyOfEntry,
  writeIndexKey,
  writeIndexPrefix,
  writeKeyOfRowKey,
  writeRowKey,
  type Values,
} from './keys.ts'
import { decodeSequenceEntry, isSequence, sequenceDefinitionOf } from './sequence.ts'
import { type Column, Table, type TableIndex } from './table.ts'
import { isView } from './view-kind.ts'
import { isType } from './type-kinds.ts'
import { verifyContents } from './verify-types.ts'

export const tableVerifier: ModelVerifier = {
  indexes(collection) {
    return new Map([[primaryIndex, 'rows'], ...collection.indexes.map(({ id, name }): [number, string] => [id, name])])
  },
  verify(verification, collection) {
    verifyContents(verification, collection)
    // Neither has keys.
    if (isView(collection) || isType(collection)) return noSteps()
    return isSequence(collection) ? verifySequence(verification, collection) : verifyTable(verification, collection)
  },
}

function* noSteps(): StatementSteps<void> {}

function* verifyTable(verification: Verification, collection: Collection): StatementSteps<void> {
  const where = nameOf(collection)
  const table = Table.of(collection)
  checkReferences(verification, table)
  yield* eachReadableEntry(verification, { where }, allRows(table), (key, value) =>
    checkRow(verification, table, key, value),
  )
  for (const index of table.indexes) {
    const at = { where, index: index.name }
    const isTwin = index.deferrable === undefined ? () => false : twinFinder(table, index)
    yield* eachReadableEntry(verification, at, keyspaceRange(table.id, index.id), (key, value) => {
      const row = checkEntry(verification, table, index, key, value)
      if (row !== undefined && isTwin(row)) {
        verification.report('different', { ...at, key }, 'two rows have the values of a unique constraint')
      }
    })
  }
}

/** Of rows in the order of an index: whether one has the values of the one before. */
function twinFinder(table: Table, index: TableIndex): (row: Values) => boolean {
  let before: Uint8Array | undefined
  return (row) => {
    const values = hasNull(index, row) ? undefined : writeIndexPrefix(table, index, row, entryWriter).toBytes()
    const isTwin = values !== undefined && before !== undefined && Buffer.compare(before, values) === 0
    before = values
    return isTwin
  }
}

/** A column's own sequence. */
function checkReferences(verification: Verification, table: Table): void {
  const { catalog } = verification.transaction
  for (const { name, definition } of table.columns) {
    if (definition.sequence === undefined) continue
    const sequence = catalog.collectionById(definition.sequence)
    if (sequence !== undefined && isSequence(sequence)) continue
    const message = `column "${name}" has a sequence ${definition.sequence}, which is none`
    verification.report('reference', { where: nameOf(table.collection) }, message)
  }
}

const rowKeyWriter = new KeyWriter(64)
const entryWriter = new KeyWriter(64)

function checkRow(verification: Verification, table: Table, key: Slice, value: Slice): void {
  const at = { where: nameOf(table.collection), key }
  const row = table.reader.read(value)
  for (const column of generatedColumns(table)) {
    if (isAsGenerated(verification, table, column, row)) continue
    verification.report('different', at, `the generated column "${column.name}" is not what it follows from`)
  }
  for (const { name, ordinal, isNotNull } of table.columns) {
    if (isNotNull && row[ordinal] === null)
      verification.report('different', at, `column "${name}" is NULL and must not be`)
  }
  if (table.primaryKey === undefined) checkHiddenKey(verification, table, key)
  else if (!equalSlices(writeRowKey(table, row, rowKeyWriter), key)) {
    verification.report('different', at, 'the row has another primary key than the one it lies under')
  }
  const rowKey = sliceOf(rowKeyOf(table, key))
  for (const index of table.indexes) checkEntryOf(verification, table, index, row, rowKey)
  const { transaction } = verification
  for (const foreignKey of foreignKeysOf(transaction.catalog, table)) {
    if (foreignKey.definition.notValid === true || foreignKey.isMetBy(row, transaction, transaction)) continue
    verification.report('reference', at, `the row refers to none by "${foreignKey.name}"`)
  }
}

function isAsGenerated({ transaction }: Verification, table: Table, column: Column, row: Values): boolean {
  const { type, ordinal } = column
  const [stored, computed] = [row[ordinal]!, generatedOf(transaction, table, column, row)]
  if (stored === null || computed === null) return stored === computed
  return type.formatText(stored) === type.formatText(computed)
}

function checkHiddenKey(verification: Verification, table: Table, key: Slice): void {
  const at = { where: nameOf(table.collection), key }
  const reader = new KeyReader(key)
  reader.orderedVarint()
  reader.orderedVarint()
  if (reader.peek() !== tag.minKey)
    return verification.report('different', at, 'a table without primary key has a keyed row')
  reader.skipTag()
  const number = reader.int64()
  if (number >= BigInt(verification.numbersEnd)) {
    verification.report('count', at, `row number ${number} is in use, and may be given out again`)
  }
}

/** The entry that follows from a row. */
function checkEntryOf(verification: Verification, table: Table, index: TableIndex, row: Values, rowKey: Slice): void {
  const seen = indexedRow(verification.transaction, table, index, row)
  if (seen === undefined) return
  const key = writeIndexKey(table, index, seen, rowKey, entryWriter)
  const at = { where: nameOf(table.collection), index: index.name, key }
  const found = verification.transaction.get(key)
  if (found === undefined) verification.report('missing', at, 'a row has no entry')
  else if (!equalSlices(found, indexValue(index, rowKey))) {
    verification.report(
      'different',
      at,
      index.isUnique ? 'the entry leads to another row' : 'the entry has a wrong value',
    )
  }
}

/** The row that an entry leads to. */
function checkEntry(
  verification: Verification,
  table: Table,
  index: TableIndex,
  key: Slice,
  value: Slice,
): Values | undefined {
  const at = { where: nameOf(table.collection), index: index.name, key }
  const rowKey = rowKeyOfEntry(index, key, value)
  const stored = verification.transaction.get(writeKeyOfRowKey(table, rowKey, rowKeyWriter))
  if (stored === undefined) {
    verification.report('extra', at, 'the entry leads to no row')
    return undefined
  }
  const row = indexedRow(verification.transaction, table, index, table.reader.read(stored))
  if (row !== undefined && equalSlices(writeIndexKey(table, index, row, rowKey, entryWriter), key)) return row
  verification.report('extra', at, 'the entry leads to a row with other values')
  return undefined
}

function* verifySequence(verification: Verification, collection: Collection): StatementSteps<void> {
  const at = { where: nameOf(collection) }
  const { minimum, maximum } = sequenceDefinitionOf(collection)
  yield* eachReadableEntry(verification, at, keyspaceRange(collection.id, primaryIndex), (key, value) => {
    const { number } = decodeSequenceEntry(value)
    if (number >= BigInt(minimum) && number <= BigInt(maximum)) return
    verification.report('different', { ...at, key }, `number ${number} is not from ${minimum} to ${maximum}`)
  })
}
