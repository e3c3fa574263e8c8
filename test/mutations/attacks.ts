/** What is sent or stored by somebody who means ill: lengths, patterns, bytes of browsers, and the fuzzer itself. */
import { mutationsOf, type Mutation } from './mutation.ts'

const fuzzer = ['test/fuzz']
const attacks = ['test/end-to-end/known-attacks.test.ts']

const golden = ['src/language/sql/golden.test.ts']

export const attackMutations: readonly Mutation[] = [
  ...mutationsOf('src/model/table/types/registry.ts', golden, [
    ['an array may hold vectors', 'return type.element.arrayOid === oid ? oid : undefined', 'return oid'],
  ]),
  ...mutationsOf('src/language/sql/bind/coerce.ts', golden, [
    ['a null is looked up by its name', 'if (name === null) return constant(null, type, expression.location)', ''],
  ]),
  ...mutationsOf('test/fuzz/ledger.ts', fuzzer, [
    ['a seed is tried twice', 'nextSeed: before.nextSeed + 1', 'nextSeed: before.nextSeed'],
  ]),
  ...mutationsOf('src/gateway/postgres/message-reader.ts', fuzzer, [
    ['a field may reach beyond its message', 'if (count < 0 || count > this.end - at) throw', 'if (count < 0) throw'],
  ]),
  ...mutationsOf('src/model/document/validate.ts', fuzzer, [
    ['the length of binary data is believed', 'if (size < 0 || start + 5 + size > limit) throw', 'if (size < 0) throw'],
    ['a document may end anywhere', 'if (end < start + 5 || end > limit) throw', 'if (end < start + 5) throw'],
  ]),
  ...mutationsOf('src/log/record.ts', fuzzer, [
    ['a value of a record may reach beyond it', "this.fail('length of a run of bytes')", 'void 0'],
  ]),
  ...mutationsOf('src/log/file/frame.ts', fuzzer, [
    ['a count of records is believed', 'if (count > payload.length) return undefined', ''],
  ]),
  ...mutationsOf('src/storage/sorted-file/format.ts', fuzzer, [
    [
      'a key of a sorted file may share more than there is',
      "if (shared > end - before) throw reader.damaged('a key shares more than there is')",
      '',
    ],
  ]),
  ...mutationsOf('src/gateway/redis/wire.ts', fuzzer, [
    [
      'a line that comes in pieces is looked through again',
      'this.#linelessBytes = i - this.at',
      'this.#linelessBytes = 0',
    ],
  ]),
  ...mutationsOf(
    'src/gateway/redis/glob.ts',
    ['src/gateway/redis/glob.test.ts'],
    [['what stands in a class costs nothing', 'this.#steps += at - start', 'this.#steps += 0']],
  ),
  ...mutationsOf(
    'src/database/messages/channels.ts',
    ['src/database/messages/hub.test.ts'],
    [
      [
        'patterns that do not fit are all compared at once',
        'yield doesMatch ? receivers : undefined',
        'if (doesMatch) yield receivers',
      ],
      ['a pattern that takes long to compare counts as any other', 'let left = unitsDone() - before;', 'let left = 0;'],
    ],
  ),
  ...mutationsOf(
    'src/language/lua/machine.ts',
    ['src/gateway/redis/scripts/scripts.test.ts'],
    [
      [
        'an interpreter that cannot hold what a script is given ends in a trap',
        "throw new LuaFailure(this.textAt(thread, -1) ?? 'unknown error')",
        "throw new RangeError('trap')",
      ],
    ],
  ),
  ...mutationsOf(
    'src/language/mql/evaluation.ts',
    ['src/language/mql/evaluation.test.ts'],
    [
      [
        'each document is sent with memory for the specification',
        '(sentSpecification ??= sent(specification))',
        '(sentSpecification = sent(specification))',
      ],
    ],
  ),
  ...mutationsOf(
    'src/language/mql/bucket.ts',
    ['src/language/mql/bucket.test.ts', 'src/gateway/mongodb/aggregate.test.ts'],
    [
      [
        'the boundaries of $bucket are checked at once',
        'gatherInParts(edges, () => ({}), check)',
        'for (const edge of edges) check({}, edge)',
      ],
      ['an interval of $bucket holds its upper boundary', 'edges[middle]!, value) > 0', 'edges[middle]!, value) >= 0'],
    ],
  ),
  ...mutationsOf('src/gateway/redis/request-rules.ts', attacks, [
    ['a browser may post', "new Set(['post', 'host:'])", 'new Set<string>([])'],
  ]),
  ...mutationsOf(
    'src/host/real/network.ts',
    ['test/end-to-end/uninitialised-bytes.test.ts'],
    [['a byte that was not received is handed on', 'Buffer.allocUnsafe(count)', 'Buffer.allocUnsafe(count + 4)']],
  ),
  ...mutationsOf('test/fuzz/coverage.ts', fuzzer, [
    ['the fuzzer is not guided', 'if (innermost(ranges, start).count > 0) fresh.push(key)', 'void fresh'],
  ]),
]
