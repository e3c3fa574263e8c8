/** The kit of gateways, and what every door says of the server. */
import { mutationsOf, type Mutation } from './mutation.ts'

const contract = ['src/server/gateway-contract.test.ts']
const statistics = ['src/server/statistics.test.ts']

export const kitMutations: readonly Mutation[] = [
  ...mutationsOf(
    'src/gateway/refused-replies.ts',
    ['src/gateway/refused-replies.test.ts'],
    [
      [
        'a block fails under the statement that runs in it',
        '    if (protocol.hasOpenBlock && isWaiting()) return undefined\n',
        '',
      ],
      ['what stays on the connection is told as failed', '(tellsOfLasting && !reworded.isInBlock)', 'false'],
    ],
  ),
  ...mutationsOf('src/session/faults.ts', contract, [
    ['a broken kernel goes on at every door', '  if (error instanceof InvariantError) host.fatal(error)\n', ''],
    [
      'a fault has no number in the log',
      "  host.log('error', 'internal error', { id, door, error: asError(error) })\n",
      '',
    ],
  ]),
  ...mutationsOf(
    'src/gateway/connection.ts',
    ['src/server/idle-connections.test.ts'],
    [['a connection that rests keeps its buffer', '    this.outbox.rest()\n', '']],
  ),
  ...mutationsOf(
    'src/gateway/connection.ts',
    ['src/gateway/connection.test.ts'],
    [
      [
        'the end of a part keeps a COPY alive whose client has gone',
        '      this.#limitGrace()\n      this.#regulate()\n',
        '      this.#regulate()\n',
      ],
    ],
  ),
  ...mutationsOf(
    'src/gateway/mongodb/commands/cursor-reply.ts',
    ['src/server/held-memory.test.ts'],
    [['rows for a cursor outlive a commit that failed', '    for (const workspace of opened) workspace.close()\n', '']],
  ),
  ...mutationsOf('src/gateway/connection.ts', contract, [
    ['a stop ends what runs at once', '    if (!this.#working && this.#isAtRest) this.#end()\n', '    this.#end()\n'],
    [
      'who waits for its turn is read without end',
      'if (this.#mayBegin && !this.#place.isWaiting)',
      'if (this.#mayBegin)',
    ],
  ]),
  ...mutationsOf('src/gateway/redis/conversation.ts', statistics, [
    [
      'a client that waits for a lock is not blocked',
      'this.session.waitsFor !== undefined || this.#parties?.isBlocked === true',
      'false',
    ],
  ]),
  ...mutationsOf(
    'src/database/instance.ts',
    ['src/session/idle-databases.test.ts'],
    [
      [
        'a database is opened while it is being closed',
        '    await this.#releasing.get(name)\n    const directory',
        '    const directory',
      ],
      [
        'one that is being closed is still found',
        '    this.databases.delete(name)\n    const { reservedBytes }',
        '    const releasing',
      ],
      ['a database is closed whatever is open on it', '    if (!member.database.isIdle) return undefined\n', ''],
    ],
  ),
  ...mutationsOf(
    'src/session/sessions.ts',
    ['src/session/idle-databases.test.ts'],
    [
      ['a cursor does not use its database', '    if (this.#idle.hasWorkspace(name)) return true\n', ''],
      ['who comes while another one is closed is not seen', '      if (this.#isUsed(name)) continue\n', ''],
    ],
  ),
  ...mutationsOf(
    'src/model/table/retype.ts',
    ['src/server/column-types.test.ts', 'src/language/sql/golden.test.ts'],
    [
      [
        'an index keeps the entries of the old type',
        "    transaction.deleteRange(keyspaceRange(after.id, id), 'derived')\n",
        '',
      ],
      ['an index is not filled anew', '  for (const index of anew) yield* buildIndex(transaction, after, index)\n', ''],
      [
        'rows with a new key stay in the way of others',
        'some((number) => numbers.has(number)) === true) {',
        'some((number) => numbers.has(number)) !== true) {',
      ],
      [
        'references to a column of another type are not looked at',
        '    yield* refuseUnmet(transaction, anew, definition.name)\n',
        '',
      ],
      ['checks are not asked again', 'yield* refuseRows(transaction, table, check)', 'void 0'],
    ],
  ),
  ...mutationsOf(
    'src/base/memory-account.ts',
    ['src/base/memory-account.test.ts'],
    [['an account stays listed', 'if (kept === 0 && parent !== undefined) parent.#unlist(this)', 'void 0']],
  ),
  ...mutationsOf('src/session/evidence.ts', statistics, [
    ['a lock has no session', 'session === 0 ? null : BigInt(session),', 'null,'],
  ]),
  ...mutationsOf('src/session/session-report.ts', statistics, [
    ['a deadlock is not counted', 'this.databaseCounts.deadlocks++', 'void 0'],
  ]),
  ...mutationsOf('src/gateway/mongodb/commands/writes.ts', statistics, [
    ['a command is one operation, whatever it holds', 'operations.length - 1)', '0)'],
  ]),
]
