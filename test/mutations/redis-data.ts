/** Redis's bits, HyperLogLogs, places, SORT, and files. */
import { mutationsOf, type Mutation } from './mutation.ts'

const golden = ['src/gateway/redis/golden.test.ts']
const errorsMade = ['src/gateway/redis/errors-made.test.ts']
const codec = ['src/model/keyvalue/rdb/rdb.test.ts']

export const redisDataMutations: readonly Mutation[] = [
  ...mutationsOf('src/model/keyvalue/bits.ts', golden, [
    ['bits before a range are counted', 'bitsOfByte[first >> (8 - (from & 7))]! + ', ''],
    ['an integer forgets the bits around it', '(bytes[at]! & ~Number(mask & 0xffn)) | ', ''],
  ]),
  ...mutationsOf('src/gateway/redis/commands/set-options.ts', errorsMade, [
    [
      'an error is made with each expiry',
      "  const inSeconds = unit === 'EX' || unit === 'EXAT'\n",
      "  const inSeconds = invalidExpiry(command) && (unit === 'EX' || unit === 'EXAT')\n",
    ],
  ]),
  ...mutationsOf('src/gateway/redis/commands/strings.ts', golden, [
    ['SET with KEEPTTL forgets the time', 'if (options.keepExpiry && lives)', 'if (options.keepExpiry && !lives)'],
    [
      'SET with NX and a time replaces what is there',
      'if (options.onlyNew || options.onlyExisting || options.keepExpiry) {',
      'if ((options.onlyNew && options.expiryAt === 0) || options.onlyExisting || options.keepExpiry) {',
    ],
  ]),
  ...mutationsOf('src/gateway/redis/commands/bits.ts', golden, [
    ['AND keeps what is behind the end of a shorter string', '  result.fill(0, at)\n', ''],
  ]),
  ...mutationsOf('src/model/keyvalue/pieces.ts', golden, [
    ['a look for a bit goes on behind it', 'isStopped = take(cut.next(value)) === false', 'take(cut.next(value))'],
  ]),
  ...mutationsOf(
    'src/model/keyvalue/hyperloglog.ts',
    ['src/model/keyvalue/hyperloglog.test.ts', ...golden],
    [
      ['equal registers beside each other stay apart', '    this.#joinRuns(place.before ?? headerBytes)\n', ''],
      [
        'a dense register spills into the next',
        'if (shift > 2) this.#bytes[at + 1]',
        'if (shift > 4) this.#bytes[at + 1]',
      ],
    ],
  ),
  ...mutationsOf('src/model/keyvalue/geohash.ts', golden, [
    ['a search looks through too few cells', 'step > 1 && !reachesAround', 'step > 99 && !reachesAround'],
    ['meridians do not come together', 'if (Math.abs(latitude) > 66) step--', ''],
  ]),
  ...mutationsOf(
    'src/gateway/redis/command-table.ts',
    ['src/gateway/redis/permissions.test.ts'],
    [['the value of an option hides where SORT stores', "  ['by', 1],\n", '']],
  ),
  ...mutationsOf(
    'src/gateway/redis/commands/sort.ts',
    ['src/gateway/redis/permissions.test.ts'],
    [['SORT reads keys that may not be read', "else checkMayReadAll(call, 'BY')", '']],
  ),
  ...mutationsOf('src/gateway/redis/dump-footer.ts', golden, [
    ['a payload is believed without its checksum', 'if (Buffer.compare(sum,', 'if (false && Buffer.compare(sum,'],
  ]),
  ...mutationsOf('src/model/keyvalue/rdb/lzf.ts', codec, [
    ['a copy comes from before the beginning', 'from < 0 || ', ''],
  ]),
  ...mutationsOf('src/model/keyvalue/rdb/rdb-file.ts', codec, [
    ['a key takes on the expiry of the one before', '      expiresAtMs = never\n', ''],
  ]),
  ...mutationsOf(
    'src/database/transaction/conflict-index.ts',
    ['src/gateway/redis/watches.test.ts'],
    [['what was deleted of nothing is a change', '!wasEmpty && ', '']],
  ),
  ...mutationsOf(
    'src/model/keyvalue/field-expiry.ts',
    ['src/gateway/redis/field-expiry.test.ts'],
    [
      [
        'a field whose time is over is there',
        'return expiresAtMs !== never && expiresAtMs < reader.timeMs',
        'return false',
      ],
      ['a hash remembers when its first field expired', 'hash.fieldsExpireMs = soonest(tx, space, hash)', ''],
      [
        'a later time of a field hides an earlier one',
        'expiresAtMs < hash.fieldsExpireMs) hash',
        'expiresAtMs > hash.fieldsExpireMs) hash',
      ],
      ['a field that expires no more stays among those that do', "tx.delete(byTime, 'derived')", ''],
    ],
  ),
  ...mutationsOf(
    'src/model/keyvalue/hashes.ts',
    ['src/gateway/redis/field-expiry.test.ts'],
    [
      [
        'HSET leaves the expiry of a field',
        'const forgets = expiresAtMs !== never && (isOver || !keepsExpiry)',
        'const forgets = isOver',
      ],
    ],
  ),
]
