/** Functions of libraries, parameters, what INFO counts, the cluster of one node. */
import { mutationsOf, type Mutation } from './mutation.ts'

const functions = ['src/gateway/redis/scripts/functions.test.ts']
const settings = ['src/gateway/redis/configuration/settings.test.ts']
const usage = ['src/gateway/redis/usage.test.ts']
const golden = ['src/gateway/redis/golden.test.ts']
const cluster = ['src/gateway/redis/cluster/cluster.test.ts']

export const redisServerMutations: readonly Mutation[] = [
  ...mutationsOf('src/gateway/redis/scripts/libraries.ts', functions, [
    [
      'a library that is refused has dropped the one before',
      '  const bytes = [...stay, ...added]',
      '  for (const library of dropped) drop(tx, library)\n  const bytes = [...stay, ...added]',
    ],
    [
      'the names of functions are not taken',
      '  for (const name of namesIn(library)) tx.globals.create(functionKind, name, { library: library.name })\n',
      '',
    ],
    ['libraries of a database may be as large as they like', 'if (bytes > mostAllBytes)', 'if (bytes < 0)'],
  ]),
  ...mutationsOf('src/gateway/redis/scripts/interpreter.ts', functions, [
    ['a function finds KEYS of the script before', '    if (this.#hasGlobals) this.#forgetGlobals()\n', ''],
    [
      'an interpreter keeps the functions of a library that was replaced',
      'return this.#libraries.get(library)?.get(name)?.reference',
      'return [...this.#libraries].find(([{ name: of }]) => of === library.name)?.[1].get(name)?.reference',
    ],
  ]),
  ...mutationsOf('src/gateway/redis/scripts/library-load.ts', functions, [
    ['a load may take as long as it likes', '++this.#turns < mostTurns', '++this.#turns < Infinity'],
  ]),
  ...mutationsOf('src/gateway/redis/scripts/running.ts', functions, [
    ['SCRIPT KILL ends functions, too', '({ isFunction }) => isFunction === functions', '() => true'],
    ['anybody changes libraries', 'return rights.areUnlimited || (rights', 'return true || (rights'],
  ]),
  ...mutationsOf('src/gateway/redis/configuration/settings.ts', settings, [
    [
      'what means nothing here is taken all the same',
      '        throw new BadValue("can\'t set immutable config")\n',
      '',
    ],
    [
      'of several parameters some are set before one is refused',
      'const changes = pairs.map(([name, value]) => this.#prepare(call, name, value))\n    for (const change of changes) change()',
      'for (const [name, value] of pairs) this.#prepare(call, name, value)()',
    ],
  ]),
  ...mutationsOf('src/gateway/redis/usage.ts', usage, [
    ['errors of scripts fill the memory', 'if (count === undefined && this.#byCode.size >= mostCodes) return', ''],
    [
      'what all calls took is what those took that were timed',
      'Math.round((this.#timedUs * this.calls) / this.#timed)',
      'this.#timedUs',
    ],
  ]),
  ...mutationsOf('src/gateway/redis/redaction.ts', usage, [
    [
      'the slow log shows passwords',
      "    case 'hello':\n      return at > 2 &&",
      "    case 'hello':\n      return at < 0 &&",
    ],
  ]),
  ...mutationsOf('src/gateway/redis/watches.ts', golden, [
    ['a watched database that was exchanged counts as the same', '  if (isElsewhere && (', '  if (false && ('],
  ]),
  ...mutationsOf('src/gateway/redis/cluster/slots.ts', cluster, [
    ['a tag may end behind its key', 'if (last < 0 || last >= end ||', 'if (last < 0 ||'],
  ]),
  ...mutationsOf('src/gateway/redis/cluster/node.ts', golden, [
    [
      'the keys of two commands of a block may lie in two slots',
      'slot = this.checkSlot(command, args, slot)',
      'this.checkSlot(command, args)',
    ],
  ]),
  ...mutationsOf(
    'src/gateway/redis/eviction/memory-watch.ts',
    ['src/gateway/redis/eviction/memory-watch.test.ts'],
    [
      ['clients that must not be evicted are', 'client.hasEnded || client.isExemptFromEviction', 'client.hasEnded'],
      ['of what other doors write nothing is evicted', 'if (limitBytes > 0) this.#eviction.makeRoomForOthers()', ''],
    ],
  ),
  ...mutationsOf(
    'src/gateway/redis/call.ts',
    ['src/gateway/redis/lookups.test.ts'],
    [['keys that writes look for are counted', 'command.countsLookups ? lookups : undefined', 'lookups']],
  ),
  ...mutationsOf(
    'src/gateway/redis/replication/master-link.ts',
    ['src/gateway/redis/replication/master-link.test.ts'],
    [
      [
        'a block of a master is divided',
        '!this.#isInBlock && this.#queue.length > 0 && (',
        'this.#queue.length > 0 && (',
      ],
      [
        'how far a master was followed is not remembered',
        'if (place !== undefined) this.#followed = { ...place, database: this.#client.database }',
        '',
      ],
      [
        'a start forgets which database a master had selected',
        '      this.#client.database = database\n      this.#isWhole',
        '      this.#isWhole',
      ],
      [
        'a link goes on without a command',
        'throw isCommandError(error) ? diverging(command, error) : error\n    }\n    call',
        'if (!isCommandError(error)) throw error\n    }\n    call',
      ],
    ],
  ),
]
