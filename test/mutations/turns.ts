/** Work that is cut into turns: what is resumed, what is charged for, what threads need. */
import { mutationsOf, type Mutation } from './mutation.ts'

const resumption = ['src/base/resumption.test.ts']
const longProjections = ['src/language/mql/long-projections.test.ts']
const longFilters = ['src/language/mql/long-filters.test.ts']

export const turnMutations: readonly Mutation[] = [
  ...mutationsOf(
    'src/database/transaction/draws.ts',
    ['src/language/sql/drawn-once.test.ts'],
    [
      [
        'a batch that is run again draws other numbers',
        'again()\n    return dealt.number',
        'again()\n    return take()',
      ],
      ['what a batch has drawn is dealt to the next one', 'this.#forget()\n      return value', 'return value'],
    ],
  ),
  ...mutationsOf(
    'src/database/transaction/wait.ts',
    ['src/database/transaction/draws.test.ts', 'src/language/sql/drawn-once.test.ts'],
    [
      [
        'a row that is inserted again has another number',
        'this.#draws.run(() => asBatch(this.#batch))',
        'asBatch(this.#batch)',
      ],
    ],
  ),
  ...mutationsOf(
    'src/gateway/postgres/large-values.ts',
    ['src/gateway/postgres/large-values.test.ts'],
    [
      ['a large text is cut within a character', '=== 0xd800) end--', '=== 0xd800) end -= 0'],
      [
        'elements that are sent are free',
        'charge(unitsPerElement)\n    if (isTurnOver()) yield undefined\n  }\n  writer.u8(0x7d)',
        '}\n  writer.u8(0x7d)',
      ],
    ],
  ),
  ...mutationsOf(
    'src/model/table/rows.ts',
    ['src/language/sql/large-arrays.test.ts'],
    [['a large row is read anew for each dear call of it', 'readFound(reader, value)', 'reader.read(value)']],
  ),
  ...mutationsOf(
    'src/model/table/types/bit.ts',
    ['src/language/sql/large-arrays.test.ts'],
    [
      ['bits are read from the wrong end of their byte', '>> (7 - (at & 7))', '>> (at & 7)'],
      ['a piece of bits is written where it ends', 'into[at + ((place - from) >> 3)]', 'into[at + (place >> 3)]'],
    ],
  ),
  ...mutationsOf(
    'src/language/sql/functions/bit-functions.ts',
    ['src/language/sql/large-arrays.test.ts'],
    [['the last bits are not combined', '(bits.length + 3) >> 2', 'bits.length >> 2']],
  ),
  ...mutationsOf(
    'src/language/sql/functions/cost.ts',
    ['src/language/sql/functions/cost.test.ts'],
    [['bits of any number are cheap', '  oid.bit,\n  oid.varbit,\n', '']],
  ),
  ...mutationsOf(
    'src/language/sql/sorted-distinct.ts',
    ['src/language/sql/large-arrays.test.ts'],
    [['sorting the list of an = ANY is free', 'charge(values.length * unitsPerSorted)\n', '']],
  ),
  ...mutationsOf(
    'src/language/sql/plan/expand-sets.ts',
    ['src/language/sql/large-arrays.test.ts'],
    [['rows of a set count what they share', 'largeBytes(row, row.length - sets.length)', 'largeBytes(row)']],
  ),
  ...mutationsOf(
    'src/language/mql/long-lists.ts',
    ['src/language/mql/long-literals.test.ts'],
    [
      [
        'a field path in a long literal is a text',
        'bytes[start + 4] === dollar) return true',
        'bytes[start + 4] === 0) return true',
      ],
      [
        'a long literal is looked through at once',
        'if (isNestedType(cursor.value.type)) path.push',
        'i = 0\n      if (isNestedType(cursor.value.type)) path.push',
      ],
    ],
  ),
  ...mutationsOf('src/base/resumption.ts', resumption, [
    ['parts within a step are known by its neighbours', 'own.within = []\n', ''],
    ['a turn may come no further than the one before', 'hasStepped && isTurnOver()', 'isTurnOver()'],
    ['a statement keeps its place in the work that led to it', 'place = undefined\n}', '}'],
  ]),
  ...mutationsOf('src/language/mql/project-document.ts', longProjections, [
    ['two computed fields share a step', 'if (this.#hasComputed) return false', ''],
    ['a field that is added stands twice', "this.#mode === 'add' && met?.has(name) === true", 'false'],
    ['what stays is copied once too little', 'if (!this.#copyRun()) return false\n    this.#places', 'this.#places'],
  ]),
  ...mutationsOf(
    'src/language/mql/stage.ts',
    ['src/gateway/mongodb/long-turns.test.ts'],
    [
      [
        'a long document is projected in one turn',
        'isLong(document) ? long(document) : change(document)',
        'change(document)',
      ],
    ],
  ),
  ...mutationsOf(
    'src/language/mql/facet.ts',
    ['src/gateway/mongodb/long-turns.test.ts'],
    [['what comes out of a branch is gathered in one turn', 'if (isTurnOver()) return paused', '']],
  ),
  ...mutationsOf('src/language/mql/expression-contract.ts', longProjections, [
    ['an array in parts is not ended', 'state.writer.end().takeValue()', 'state.writer.takeValue()'],
  ]),
  ...mutationsOf('src/base/resumption.ts', longProjections, [
    ['what was suspended is another argument', 'if (kept?.argument !== argument) kept =', 'kept ??='],
  ]),
  ...mutationsOf(
    'src/gateway/mongodb/write-errors.ts',
    ['src/gateway/mongodb/write-errors.test.ts'],
    [['messages of errors never end', "writtenBytes < mostMessageBytes ? message : ''", 'message']],
  ),
  ...mutationsOf('src/language/mql/long-lists.ts', longFilters, [
    [
      'a long filter goes on for another document',
      'kept !== undefined && isSameDocument(kept.document, document)',
      'kept !== undefined',
    ],
    ['conditions of a long filter are free', 'charge(unitsPerTest)\n', ''],
  ]),
  ...mutationsOf(
    'src/database/memory-pressure.ts',
    ['src/database/memory-pressure.test.ts'],
    [
      ['what other threads have is charged to nobody', '    this.#workers.force(workerBytes)\n', ''],
      [
        'nothing is collected for who is refused soon after another',
        'else if (beganUs >= this.#urgentYoungFromUs) {',
        'else if (beganUs < 0) {',
      ],
      ['the young are collected for each who is refused', 'else if (beganUs >= this.#urgentYoungFromUs) {', 'else {'],
      [
        'what other threads have can be used again',
        'heapBytes - workerBytes - this.#nativeBytes',
        'heapBytes - this.#nativeBytes',
      ],
    ],
  ),
  ...mutationsOf(
    'src/database/following/follow-loop.ts',
    ['test/simulation/simulation.test.ts'],
    [
      [
        'a follower passes over a record now and then',
        'this.#replayer.apply(record.bytes, record.start, record.end)',
        'if (sequence % 20 !== 7) this.#replayer.apply(record.bytes, record.start, record.end)',
      ],
    ],
  ),
  ...mutationsOf(
    'src/host/real/workers.ts',
    ['src/host/real/processes.test.ts'],
    [
      [
        'a thread stays however large a job has left it',
        'if (heapBytes > mostIdleHeapBytes) void worker.terminate()\n    else this',
        'this',
      ],
    ],
  ),
  ...mutationsOf(
    'src/model/document/bson.ts',
    ['src/language/mql/charges.test.ts'],
    [
      [
        'steps through a document are free',
        'if (type === 0) return false\n    charge(unitsPerStep)',
        'if (type === 0) return false',
      ],
    ],
  ),
  ...mutationsOf(
    'src/model/table/types/json.ts',
    ['src/language/sql/json-depth.test.ts'],
    [
      [
        'JSON that is put together nests a level too deep',
        'const most = maxJsonDepth - levels',
        'const most = maxJsonDepth',
      ],
      ['changed jsonb nests a level too deep', 'if (depth === maxJsonDepth) throw tooDeep()\n', ''],
    ],
  ),
]
