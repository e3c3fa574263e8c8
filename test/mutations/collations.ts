import { type Mutation, mutationsOf } from './mutation.ts'

const keys = ['src/base/collation']
const door = ['src/gateway/mongodb/collations.test.ts']

export const collationMutations: readonly Mutation[] = [
  ...mutationsOf('src/base/collation/collator.ts', keys, [
    [
      'a run of common weights before a greater one is as one before the end',
      'beforeGreater ? high - rest : low + rest',
      'low + rest',
    ],
    ['a mark behind something variable counts', 'if (primary === 0 && isAfterVariable) continue', ''],
    ['capital letters are not turned round', 'const turned = weight ^ 0xc000', 'const turned = weight'],
    [
      'a script stays where the root has it',
      'this.#tables.hasMoves ? this.#tables.moved(primary) : primary, into',
      'primary, into',
    ],
  ]),
  ...mutationsOf('src/base/collation/collation-elements.ts', keys, [
    ['zeros before a number count', 'if (digit > 0 || digits.length > 0) digits.push(digit)', 'digits.push(digit)'],
    [
      'a mark that stands apart is not taken',
      'longer = own === lastClass ? undefined :',
      'longer = own > 0 ? undefined :',
    ],
  ]),
  ...mutationsOf('src/base/collation/collation-tables.ts', keys, [
    ['the shortest contraction counts', 'b.rest.length - a.rest.length', 'a.rest.length - b.rest.length'],
    ['a locale changes the pages of all', 'if (owned.get(page) !== pages)', 'if (!owned.has(page))'],
  ]),
  ...mutationsOf('src/model/document/collation.ts', door, [
    ['a collation stays in force behind its command', '    inForce = outer\n', ''],
    ['what waits goes on by bytes', 'inOrderOf(collation, () => steps.next())', 'steps.next()'],
  ]),
  ...mutationsOf('src/language/mql/planner.ts', door, [
    [
      'an index serves queries of another collation',
      'return isSameCollation(collation, collationInForce()) || values.every(hasNoText)',
      'return true',
    ],
    [
      'an index of another collation sorts',
      'return partial === undefined && sort.length === 0',
      'return partial === undefined',
    ],
  ]),
  ...mutationsOf(
    'src/language/mql/evaluate-job.ts',
    ['src/language/mql/evaluate-job.test.ts'],
    [['another thread evaluates by bytes', 'inOrderOf(storedCollation(input.collation), ', 'inOrderOf(undefined, ']],
  ),
  ...mutationsOf('src/model/document/collection-options.ts', door, [
    [
      'a validator goes by what the writer asks',
      'return (document) => inOrderOf(collation, () => passes(document))',
      'return passes',
    ],
  ]),
  ...mutationsOf('src/model/document/keys.ts', door, [
    [
      'an _id is unique by its bytes',
      'writeKeyElement(writer, id, collationOf(collection))',
      'writeKeyElement(writer, id, undefined)',
    ],
  ]),
  ...mutationsOf('src/language/mql/update.ts', door, [
    [
      'an _id may change its case',
      'if (changed === undefined || !isSameValue(id, changed))',
      'if (changed === undefined)',
    ],
  ]),
]
