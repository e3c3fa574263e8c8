/** Tables, documents, Redis's data: rows, entries, counts, expiries. */
import { mutationsOf, type Mutation } from './mutation.ts'

const table = ['src/model/table/entries.test.ts', 'src/model/table/table.test.ts', 'src/model/table/codec.test.ts']
const keyvalue = ['src/model/keyvalue']
const document = ['src/model/document']

const entrySorter = ['src/model/table/entry-sorter.test.ts']
const indexBuild = ['src/language/sql/index-build.test.ts']

const fields = ['src/language/sql/golden.test.ts']
const texts = ['src/model/table/types/text-forms.test.ts']

export const modelMutations: readonly Mutation[] = [
  ...mutationsOf('src/model/table/types/interval-fields.ts', fields, [
    ['an interval of years has months', 'months: months - (months % 12)', 'months'],
    [
      'an interval of months has days',
      "case 'month':\n      return { months, days: 0, us: 0n }",
      "case 'month':\n      return { months, days, us: 0n }",
    ],
    ['two fields of a time are hours and minutes everywhere', ', isShort: true }', ' }'],
  ]),
  ...mutationsOf('src/model/table/types/interval.ts', fields, [
    ['a number without a unit is seconds', "(named?.last ?? 'second')", "'second'"],
  ]),
  ...mutationsOf('src/model/table/types/date-time.ts', texts, [
    ['a month has 31 days', 'day <= daysInMonth(year, month)', 'day <= 31'],
    [
      'a date with a letter is one',
      'month >= 1 && month <= 12 && day >= 1',
      '!(month < 1) && !(month > 12) && !(day < 1)',
    ],
  ]),
  ...mutationsOf('src/model/table/types/numeric.ts', texts, [
    [
      'a number has a digit more than its precision',
      'Math.abs(rounded.small) < powers[precision]!',
      'Math.abs(rounded.small) <= powers[precision]!',
    ],
  ]),
  ...mutationsOf(
    'src/base/decimal.ts',
    ['src/base/decimal.test.ts'],
    [
      ['16 digits are a safe integer', 'const plainDigits = 15', 'const plainDigits = 16'],
      ['two points are one', 'code === 0x2e && point < 0', 'code === 0x2e'],
      [
        'a longer scale forgets that a number is not safe',
        'scale > this.scale && isSafe(small)',
        'scale > this.scale && !Number.isNaN(small)',
      ],
    ],
  ),
  ...mutationsOf('src/model/table/entry-sorter.ts', entrySorter, [
    ['keys of one rank stay as they came', '    this.#sortEqual(first, end)\n', ''],
    [
      'keys of one rank are merged as they came',
      'difference === 0 && this.#compare(order[left]!, order[right]!) <= 0',
      'difference === 0',
    ],
    [
      'keys share what two of them do',
      'this.count === 0 ? keyBytes : sharedLength(this.#keyOf(0, this.#one), key, this.#sharedBytes)',
      'this.count === 0 ? keyBytes : sharedLength(this.#keyOf(0, this.#one), key, keyBytes)',
    ],
    ['runs are not merged', 'if (this.#width >= this.count) return 0', 'return 0'],
    ['one round of merging is enough', 'this.#width *= 2', 'this.#width = this.count'],
  ]),
  ...mutationsOf('src/model/table/index-build.ts', indexBuild, [
    [
      'a row that its index leaves out ends the build',
      'if (seen === undefined) continue',
      'if (seen === undefined) return void (this.isAtEnd = true)',
    ],
    ['entries stay charged', 'memory.release(heldBytes)', 'memory.release(0)'],
    [
      'a unique index takes two rows with one key',
      'if (index.isUnique) refuseTwin(transaction, table, index, key)',
      '',
    ],
    ['only the first entries are written', 'while (!reading.isAtEnd) {', 'if (!reading.isAtEnd) {'],
  ]),
  ...mutationsOf('src/model/table/keys.ts', table, [
    ['a descending column is ascending', '  if (part.isDescending) writer.descending(mark)', ''],
    [
      'NULLs sort on the other side',
      'else if (part.isDescending === part.nullsFirst) writer.nullLast()',
      'else if (part.isDescending !== part.nullsFirst) writer.nullLast()',
    ],
    [
      'two NULLs are one unique entry',
      'if (!index.isUnique || index.deferrable !== undefined || hasNull(index, row)) writer.slice(rowKey)',
      'if (!index.isUnique || index.deferrable !== undefined) writer.slice(rowKey)',
    ],
    [
      'only the first column may be NULL',
      'for (const { column } of index.parts) if (row[column.ordinal] === null) return true',
      'if (row[index.parts[0]!.column.ordinal] === null) return true',
    ],
    [
      'an inclusive bound is exclusive',
      "if (bound.isInclusive === (edge === 'end')) writer.u8(0xff)",
      "if (bound.isInclusive !== (edge === 'end')) writer.u8(0xff)",
    ],
    [
      'an open range finds NULLs',
      'if (part.nullsFirst) writer.u8((part.isDescending ? tag.nullLast ^ 0xff : tag.nullFirst) + 1)',
      'if (part.nullsFirst) writer.u8(part.isDescending ? tag.nullLast ^ 0xff : tag.nullFirst)',
    ],
    [
      'bounds of a descending column are not exchanged',
      'const first = part.isDescending ? bounds.upper : bounds.lower',
      'const first = bounds.lower',
    ],
  ]),
  ...mutationsOf('src/model/table/entries.ts', table, [
    ['an update leaves the entry before', "  transaction.delete(otherWriter, 'derived')\n", ''],
    [
      'a unique entry is not looked for where another column is NULL',
      'index.deferrable === undefined && !hasNull(index, row)) {',
      'index.deferrable === undefined && !row.includes(null)) {',
    ],
  ]),
  ...mutationsOf('src/model/table/built-in-rules.ts', table, [
    [
      'a delete leaves its entries',
      'for (const index of indexes) removeEntry(transaction, table, index, oldRow, rowKey)',
      '',
    ],
    [
      'an update looks at the first index only',
      'for (const index of indexes) updateEntry',
      'for (const index of indexes.slice(0, 1)) updateEntry',
    ],
  ]),
  ...mutationsOf('src/model/table/rows.ts', table, [
    [
      'an update of the key keeps the old row',
      '  removeRow(transaction, table, key, oldRow)\n  writeNewRowKey',
      '  writeNewRowKey',
    ],
    ['a changed column is not written', 'changed[number - 1] = 1', 'changed[ordinal] = 1'],
    [
      'a row takes a key that is taken',
      'if (isPlaceTaken(transaction, keyWriter)) {',
      'if (isPlaceTaken(transaction, keyWriter) && row.length > 64) {',
    ],
  ]),
  ...mutationsOf(
    'src/model/table/codec.ts',
    ['src/model/table/codec.test.ts', 'src/model/table/table.test.ts'],
    [
      [
        'a NULL in the ninth column is lost',
        'writer.bytes[bitmap + (index >> 3)]! |= 1 << (index & 7)\n    else writeValue(type, value, writer)\n  }\n}\n\n/** Answers',
        'writer.bytes[bitmap]! |= 1 << (index & 7)\n    else writeValue(type, value, writer)\n  }\n}\n\n/** Answers',
      ],
      [
        'an older row lacks what a new column has',
        'this.#layout[index]!.ordinal] = this.#layout[index]!.missing',
        'this.#layout[index]!.ordinal] = null',
      ],
      [
        'a value of 128 bytes has a short length',
        'if (length < 0x80) {\n    writer.bytes[mark]',
        'if (length <= 0x80) {\n    writer.bytes[mark]',
      ],
      [
        'an update of an older row forgets the new column',
        'changed[index] === 1 ? row[ordinal]! : missing',
        'changed[index] === 1 ? row[ordinal]! : null',
      ],
      [
        'a value may end behind its row',
        'if (at > end) throw corrupted()\n      if (wanted[index]',
        'if (wanted[index]',
      ],
    ],
  ),
  ...mutationsOf('src/model/keyvalue/keyvalue.ts', keyvalue, [
    [
      'a key is gone in the millisecond of its expiry',
      'header.expiresAtMs < reader.timeMs',
      'header.expiresAtMs <= reader.timeMs',
    ],
    [
      'an expiry outlives its key',
      'if (header.expiresAtMs !== never) deleteExpiry(tx, space, key, header.expiresAtMs)\n  deleteHashExpiry',
      'deleteHashExpiry',
    ],
    [
      'the order of scores outlives its set',
      'readonly number[] = [index.scored, index.byScore]',
      'readonly number[] = [index.scored]',
    ],
    [
      'an empty collection stays',
      'if (header.count === 0 && header.kind !== kind.stream) {',
      'if (header.count < 0) {',
    ],
    [
      'what has expired goes on in a new collection',
      'if (header.kind !== kind.none) removeKey(tx, space, key, header)\n  return newCollection(tx, wanted)',
      'return newCollection(tx, wanted)',
    ],
    [
      'a moved collection loses its expiry',
      "touched(tx, space, key, 'written', header.kind, true)\n  if (header.expiresAtMs !== never) putExpiry(tx, space, key, header.expiresAtMs)",
      "touched(tx, space, key, 'written', header.kind, true)",
    ],
  ]),
  ...mutationsOf(
    'src/model/keyvalue/long-strings.ts',
    ['src/gateway/redis/long-strings.test.ts'],
    [
      ['a piece forgets what was in it', 'bytes.set(old.bytes.subarray(old.start, old.end))', ''],
      [
        'the last piece is not written',
        'yield* eachStep(tx, first, piecesOf(end), 1, (number) => writePiece',
        'yield* eachStep(tx, first, piecesOf(end) - 1, 1, (number) => writePiece',
      ],
      [
        'a string that becomes long forgets what it was',
        'const old = sliceOf(lives ? copySlice(stored) : new Uint8Array(0))',
        'const old = sliceOf(new Uint8Array(stored.end - stored.start))',
      ],
      ['a long string that is replaced leaves its pieces', 'if (stored.kind !== kind.none) {', 'if (!stored.isLong) {'],
    ],
  ),
  ...mutationsOf(
    'src/model/keyvalue/long-values.ts',
    ['src/gateway/redis/long-values.test.ts', 'src/model/keyvalue/lists.test.ts'],
    [
      ['a long value that is replaced leaves its pieces', '  dropPieces(tx, old)\n', ''],
      [
        'a long value is still said to be where another one is',
        '  forgetLong(tx, space, collection, entry)\n  drop',
        '  drop',
      ],
      ['a collection does not say that it has long values', '  collection.hasLong = true\n', ''],
      [
        'a reverse walk sees a long value for ever',
        'rest = reverse ? { start: rest.start, end: sliceOf(key) } :',
        'rest =',
      ],
      [
        'an empty value beside long ones ends a walk',
        'pieces === undefined && short(',
        'pieces !== undefined && short(',
      ],
    ],
  ),
  ...mutationsOf(
    'src/model/keyvalue/keyvalue.ts',
    ['src/gateway/redis/long-values.test.ts'],
    [
      [
        'long values outlive their collection',
        '[elementIndex(own), index.long, index.longPiece]',
        '[elementIndex(own), index.long]',
      ],
    ],
  ),
  ...mutationsOf(
    'src/model/keyvalue/list-search.ts',
    ['src/gateway/redis/long-values.test.ts', 'src/model/keyvalue/lists.test.ts'],
    [
      ['a long item is an empty one', 'if (!notEmpty.has(position)) found.push', 'found.push'],
      ['long items of one length are alike', 'isEmpty || (yield* arePieces(reader, pieces, item))', 'true'],
    ],
  ),
  ...mutationsOf(
    'src/model/keyvalue/keyspace.ts',
    ['src/gateway/redis/long-turns.test.ts'],
    [['what COPY copies is not charged', '    charge((stored.end - stored.start) * copiedUnits)\n', '']],
  ),
  ...mutationsOf(
    'src/gateway/mongodb/commands/reads.ts',
    ['src/gateway/mongodb/long-turns.test.ts'],
    [['an array is gone through in one turn', '        if (isTurnOver()) yield undefined\n', '']],
  ),
  ...mutationsOf(
    'src/gateway/redis/commands/pop-options.ts',
    ['src/gateway/redis/long-turns.test.ts'],
    [['many keys are looked for in one turn', '    if (call.tx.slice.spend(1)) yield undefined\n', '']],
  ),
  ...mutationsOf(
    'src/gateway/redis/watches.ts',
    ['src/gateway/redis/long-strings.test.ts'],
    [
      [
        'pieces of a string are not watched',
        'if (existed && !header.isInline)',
        'if (existed && header.kind !== kind.string)',
      ],
    ],
  ),
  ...mutationsOf('src/model/keyvalue/expiry.ts', keyvalue, [
    ['the expiry before stays beside the new one', 'if (before !== never) deleteExpiry(tx, space, key, before)', ''],
    [
      'what expires this millisecond is reclaimed',
      'int64(BigInt(Math.ceil(timeMs)))',
      'int64(BigInt(Math.ceil(timeMs)) + 1n)',
    ],
    ["the server's deletes look like a client's", "if (expired.length > 0) tx.origin = 'expiry'", ''],
  ]),
  ...mutationsOf(
    'src/model/keyvalue/sorted-sets.ts',
    [...keyvalue, 'src/gateway/redis/golden.test.ts'],
    [
      [
        'a new score keeps the old entry',
        "tx.delete(writeScoreKey(scoreKey, space, sorted.generation, before, member), 'derived')",
        '',
      ],
      [
        'a removed member keeps its entry',
        "tx.delete(writeScoreKey(scoreKey, space, sorted.generation, score, member), 'derived')",
        '',
      ],
      [
        'a removed member is counted',
        "tx.delete(writeScoreKey(scoreKey, space, sorted.generation, score, member), 'derived')\n  sorted.count--",
        "tx.delete(writeScoreKey(scoreKey, space, sorted.generation, score, member), 'derived')",
      ],
      [
        'an equal score is greater',
        'conditions.onlyGreater === true && after <= before',
        'conditions.onlyGreater === true && after < before',
      ],
      ['an increment replaces', 'conditions.increment === true ? before + score : score', 'score'],
    ],
  ),
  ...mutationsOf(
    'src/model/keyvalue/sorted-set-ranges.ts',
    [...keyvalue, 'src/gateway/redis/golden.test.ts'],
    [
      [
        'an exclusive minimum is inclusive',
        'bound(space, sorted, bounds.min, bounds.minExclusive)',
        'bound(space, sorted, bounds.min, false)',
      ],
      [
        'an exclusive maximum is inclusive',
        'bound(space, sorted, bounds.max, !bounds.maxExclusive)',
        'bound(space, sorted, bounds.max, true)',
      ],
      ['a range of ranks is one short', 'limit: stop - start + 1 })', 'limit: stop - start })'],
      ['negative scores are read as positive', 'const isPositive = high < 0', 'const isPositive = true'],
    ],
  ),
  ...mutationsOf('src/model/keyvalue/hashes.ts', keyvalue, [
    [
      'a field that is there counts again',
      'if (stored === undefined) hash.count++\n  return stored === undefined\n',
      'hash.count++\n  return stored === undefined\n',
    ],
    [
      'a removed field is counted',
      '  hash.count--\n  return true\n}\n\nfunction* deleteLong',
      '  return true\n}\n\nfunction* deleteLong',
    ],
  ]),
  ...mutationsOf('src/model/keyvalue/sets.ts', keyvalue, [
    ['a member that is there counts again', 'if (tx.get(key) !== undefined) return false\n  tx.put', 'tx.put'],
  ]),
  ...mutationsOf(
    'src/model/keyvalue/strings.ts',
    [...keyvalue, 'src/gateway/redis/golden.test.ts'],
    [
      [
        'a string over a hash leaves its fields',
        'if (stored.kind !== kind.none && !(stored.isInline && stored.expiresAtMs === never)) {',
        'if (stored.kind === kind.string && stored.expiresAtMs !== never) {',
      ],
      [
        'a SET without expiry keeps the one before',
        '!(stored.isInline && stored.expiresAtMs === never)) {',
        '!stored.isInline) {',
      ],
      ['SETRANGE does not pad', 'writer.bytes.fill(0, writer.end, start + length)', ''],
      [
        'an increment may overflow',
        "if (!fitsInt64(result)) throw new PolylogError('out_of_range', 'increment or decrement would overflow')\n  return result\n}\n\n/** INCRBYFLOAT",
        'return result\n}\n\n/** INCRBYFLOAT',
      ],
    ],
  ),
  ...mutationsOf('src/model/document/document.ts', document, [
    [
      'a removed document leaves its entries',
      '  for (const index of indexesOf(collection)) yield* entries.remove(index, document)\n',
      '',
    ],
    ['a field is not noted', '  yield* noteFields(transaction, collection, after, pauses)\n', ''],
    ['a large document is written in one turn', 'const pauses = sizeBytes', 'const pauses = Infinity <= sizeBytes'],
  ]),
  ...mutationsOf(
    'src/gateway/mongodb/cursors.ts',
    ['src/gateway/mongodb/cursors.test.ts'],
    [
      [
        'a cursor of a transaction is given up',
        'if (isBusy || transaction !== undefined) continue',
        'if (isBusy) continue',
      ],
      ['one that was just asked for is given up', 'if (usedMs > limitMs || ', 'if ('],
    ],
  ),
  ...mutationsOf('src/model/document/entry-writes.ts', document, [
    [
      'an element that is gone keeps its entry',
      '      if (!isKept) transaction.delete',
      '      if (isKept) transaction.delete',
    ],
    ['an entry that stays is written again', 'if (before.has(prefix)) before.set(prefix, true)\n      else ', ''],
    [
      'a unique entry is taken from another document',
      'return holder !== undefined && !equalSlices(holder, value)',
      'return false',
    ],
    [
      'fields of the same length are the same',
      'return old.type === fresh.type && equalSlices(old, fresh)',
      'return old.type === fresh.type && old.end - old.start === fresh.end - fresh.start',
    ],
    ['entries do not count as work', 'if (transaction.slice.spend(1)) yield undefined\n    }\n  }\n}', '}\n  }\n}'],
  ]),
  ...mutationsOf(
    'src/model/document/index-keys.ts',
    [...document, 'src/gateway/mongodb'],
    [
      [
        'a sparse index holds what lacks its first field only',
        'index.sparse && reached.every(isAbsent)',
        'index.sparse && reached.some(isAbsent)',
      ],
      ['an empty array has no entry', 'if (isEmpty) yield* eachKey(shape, reached.map(emptied), into, at)', ''],
      ['a descending field is ascending', 'if (descending) into.descending(mark)', ''],
      [
        'parallel arrays are indexed',
        'if (isAtArray(one) && one.value.start !== array.start) throw parallelArrays(fields)',
        '',
      ],
      ['an array within an array is taken apart', 'depth <= path.names.length', 'depth <= path.names.length + 1'],
    ],
  ),
  ...mutationsOf('src/model/document/order.ts', document, [
    ['NaN is above all numbers', '(Number.isNaN(b) ? 0 : -1) : 1', '(Number.isNaN(b) ? 0 : 1) : -1'],
    [
      'a longer text of the same beginning is smaller',
      'return a.end - a.start - (b.end - b.start)',
      'return b.end - b.start - (a.end - a.start)',
    ],
    ['missing is above null', '[bsonType.missing, tag.nullFirst],', '[bsonType.missing, tag.missing],'],
    ['binaries compare by bytes before length', 'new DataView(content.buffer).setUint32(0, size)', ''],
  ]),
]
