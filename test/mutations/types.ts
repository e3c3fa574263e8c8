import { type Mutation, mutationsOf } from './mutation.ts'

const order = ['src/model/table/types/order.test.ts']
const golden = ['src/language/sql/golden.test.ts']

/** Planted in the types of values: their order, their forms and their functions. */
export const typeMutations: readonly Mutation[] = [
  ...mutationsOf('src/model/table/types/array.ts', order, [
    ['an array forgets in its row where it begins', '(isBounded ? hasBounds : 0)', '0'],
    [
      'arrays that begin elsewhere have the key of plain ones',
      'if (!(values instanceof BoundedArray)) writer',
      'if (true) writer',
    ],
  ]),
  ...mutationsOf('src/model/table/types/ranges/range-types.ts', order, [
    ['a bound that is not included has the key of one that is', 'lower.isIncluded ? 0 : 1', '0'],
  ]),
  ...mutationsOf('src/model/table/types/network.ts', order, [
    [
      'networks have keys by their addresses alone',
      'maskedAddress(network).subarray(0, (network[1]! + 7) >> 3)',
      'addressOf(network)',
    ],
  ]),
  ...mutationsOf('src/model/table/types/ranges/range.ts', golden, [
    [
      'a discrete range keeps an upper bound that is included',
      'upper.isIncluded ? stepped(kind, upper, false) : upper',
      'upper',
    ],
  ]),
  ...mutationsOf('src/language/sql/functions/json/path-run.ts', golden, [
    [
      'strict mode is content with the first item',
      'this.#isLax ? found.next().done !== true : ',
      'found.next().done !== true || ',
    ],
    ['an unknown comparison is false', 'return isFound ? true : isUnknown ? null : false', 'return isFound'],
  ]),
  ...mutationsOf('src/language/sql/statement/partitions/heritage.ts', golden, [
    ['a partition takes types by the numbers that clients know', 'type: type.oid, ...generation', '...generation'],
  ]),
  ...mutationsOf('src/language/sql/functions/arrays/subscripts.ts', golden, [
    ['a subscript behind the end is looked at', 'place >= dimensions[i]!', 'false'],
  ]),
]
