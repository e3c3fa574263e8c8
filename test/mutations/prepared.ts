/** Prepared transactions: what they hold, for how long, what a restart leaves of them, and who ends them. */
import { mutationsOf, type Mutation } from './mutation.ts'

const kernel = ['src/database/prepared/prepared-transactions.test.ts']
const fullDisk = ['src/session/prepared.test.ts']
const scripts = ['src/gateway/postgres/session-scripts.test.ts']
const prepared = 'src/database/prepared/prepared-transactions.ts'

export const preparedMutations: readonly Mutation[] = [
  ...mutationsOf(prepared, kernel, [
    ['what is prepared holds no locks', 'this.#kernel.locks.transfer(transaction, prepared)', ''],
    ['a restart forgets the locks', 'locks.restore(prepared, key, held)', ''],
    [
      'the end leaves the parts',
      'for (const key of keysOf(gid, head)) record',
      'for (const key of [headKey(gid)]) record',
    ],
    ['numbers are given out again', 'record.createdCollections = transaction.createdCollections', ''],
    ['what was read is not validated', '      transaction.validateReads()\n', ''],
    ['a restart forgets what was read', '    prepared.reads = reads\n    this.#readers.add(prepared)\n', ''],
    ['two may end it at once', 'prepared === undefined || prepared.isBusy', 'prepared === undefined'],
  ]),
  ...mutationsOf(prepared, fullDisk, [
    [
      'locks are given back before the end is durable',
      '(isLost ? this.#comeBack(prepared) : this.#forget(prepared))',
      '(isLost ? this.#comeBack(prepared) : undefined)); this.#forget(prepared',
    ],
    ['a PREPARE that is refused keeps its locks', '        if (isLost) this.#forget(prepared)\n', ''],
  ]),
  ...mutationsOf('src/database/following/feed.ts', kernel, [
    ['a feed tells what is not committed', ' || isPreparedEntry(reader)', ''],
  ]),
  ...mutationsOf('src/database/transaction/write-set.ts', kernel, [
    [
      'what a prepared one has read may be written',
      'return this.concerns({ start: sliceOf',
      'return false && this.concerns({ start: sliceOf',
    ],
  ]),
  ...mutationsOf(prepared, scripts, [
    [
      'a transaction that has told something is prepared',
      "some((effect) => !('touch' in effect))",
      'some(() => false)',
    ],
    ['the session and what is prepared hold the same', 'if (locks.isSharedWithSession(transaction)) {', 'if (false) {'],
  ]),
  ...mutationsOf('src/gateway/postgres/prepared.ts', scripts, [
    ['temporary relations are prepared', 'if (usesTemporary(transaction))', 'if (false)'],
  ]),
  ...mutationsOf('src/session/party.ts', scripts, [
    [
      'deferred constraints are not checked',
      '  const deferred = kernel.transactionEnd()\n',
      '  const deferred = check === undefined ? kernel.transactionEnd() : undefined\n',
    ],
  ]),
  ...mutationsOf(
    'src/session/prepared.ts',
    ['src/server/privileges.test.ts'],
    [['anybody ends it', 'if (!mayFinish(head, by)) throw notPreparer()', '']],
  ),
]
