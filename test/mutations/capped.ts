/** Collections in the order of insertion, and who follows them. */
import { mutationsOf, type Mutation } from './mutation.ts'

const capped = ['src/gateway/mongodb/capped.test.ts']

export const cappedMutations: readonly Mutation[] = [
  ...mutationsOf('src/model/document/capped.ts', capped, [
    ['a capped collection holds any number of bytes', 'bytes > sizeBytes || ', ''],
    ['a capped collection holds any number of documents', 'most !== undefined && documents > most', 'false'],
    ['what makes room in a capped collection is counted on', '    bytes -= sliceLength(document)\n', ''],
    [
      'bytes of what is written in place of a document of a capped collection are not counted',
      'bytes: state.bytes + byBytes',
      'bytes: state.bytes',
    ],
  ]),
  ...mutationsOf('src/model/document/document.ts', capped, [
    [
      'a document of a capped collection that is removed leaves its place behind',
      'dismiss(transaction, collection, number, document)',
      'number',
    ],
  ]),
  ...mutationsOf('src/database/transaction/key-waits.ts', capped, [
    ['nobody hears of insertions into capped collections', 'bytes[at]! <= primaryIndex', 'bytes[at] === primaryIndex'],
  ]),
  ...mutationsOf('src/language/mql/query.ts', capped, [
    [
      'a cursor of a capped collection passes over what it has lost',
      'if (yield* inPlace(transaction, isLost)) {',
      'if (false) {',
    ],
    [
      'a cursor of a capped collection ends with its documents',
      'next: newest === undefined ? undefined :',
      'next: newest !== undefined ? undefined :',
    ],
  ]),
]
