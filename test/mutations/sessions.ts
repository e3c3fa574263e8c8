/** What sessions hold against each other, tell each other, and keep open: locks of tables, advisory locks, messages, cursors. */
import { mutationsOf, type Mutation } from './mutation.ts'

const table = ['src/database/transaction/locks.test.ts']
const scripts = ['src/gateway/postgres/session-scripts.test.ts']

export const sessionMutations: readonly Mutation[] = [
  ...mutationsOf('src/database/transaction/lock-modes.ts', table, [
    ['SHARE lets others write', "'table share': ['row exclusive', ", "'table share': ["],
    ['share locks exclude nobody', "  share: ['no key update', 'update'],", '  share: [],'],
    ['key share waits for no key update', "'key share': ['update'],", "'key share': ['no key update', 'update'],"],
    ['one mode of a table hides the others', '? held | mask :', '? mask :'],
  ]),
  ...mutationsOf('src/database/transaction/locks.ts', table, [
    ['a session does not wait where its statement does', 'if (owner.isSession !== true) return', 'if (true) return'],
    ['a deadlock tells of who is not in it', 'wayTo(next, waiter, from)', '[waiter, ...seen]'],
    ['a session is in the way of its own transaction', 'return a.isSession !== b.isSession &&', 'return false &&'],
  ]),
  ...mutationsOf('src/database/transaction/locks.ts', table, [
    [
      'who waits for an end waits for readers that are not in the way',
      'conflicts(numberOf(mode), held) && holder',
      'holder',
    ],
    ['an end is written down with a prepared transaction', ' && !isEnd(key)', ''],
  ]),
  ...mutationsOf('src/database/transaction/lock-texts.ts', table, [
    [
      'a deadlock tells what stands in a key',
      'if (!isName(key)) return `a key',
      'if (!isName(key)) return `${key} a key',
    ],
  ]),
  ...mutationsOf('src/database/transaction/transaction-locks.ts', scripts, [
    ['who waits for others to end does not wait', 'if (this.#table.holdEnd(user)) {', 'if (false) {'],
  ]),
  ...mutationsOf('src/model/table/reference-rules.ts', scripts, [
    [
      'a row of a partition that leaves may be referred to',
      ' || isDetaching(transaction.newest.committedCatalog(), home.referenced)',
      '',
    ],
  ]),
  ...mutationsOf('src/language/sql/statement/partitions/detaching.ts', scripts, [
    [
      'a partition leaves beside who refers to its rows',
      "run.transaction.locks.lockCollection(referencing.id, 'table share')",
      '',
    ],
    [
      'a partition leaves before its users have',
      "  yield* passUsers(run, parent.id, 'access exclusive')\n  return yield* asStatement",
      '  return yield* asStatement',
    ],
  ]),
  ...mutationsOf('src/language/sql/statement/table-locks.ts', scripts, [
    ['a table whose number alone is asked for is held', ' || isValue === true', ''],
  ]),
  ...mutationsOf('src/model/table/constraints.ts', scripts, [
    [
      'whose place was taken meanwhile is told that it was changed',
      'transaction.newest.get(key) === undefined',
      'true',
    ],
    ['what no order explains is told as a place that is taken', '    transaction.validateReads()\n', ''],
  ]),
  ...mutationsOf('src/database/catalog/transaction-catalog.ts', scripts, [
    [
      'who writes in an older state meets what was changed beside writers',
      'before.version < writableSince(now)',
      'true',
    ],
  ]),
  ...mutationsOf('src/database/transaction/session-locks.ts', scripts, [
    ['a statement that is begun again locks twice for the session', 'asker.noteCall(() => (held.count -= change))', ''],
    ['what is given back stays locked', '      this.#table.release(this, name, mode)\n', ''],
  ]),
  ...mutationsOf('src/database/transaction/transaction-locks.ts', scripts, [
    [
      'readers hold nothing',
      'if (!this.#lockNamed(collectionLockKey(id), mode, policy)) return false',
      "if (mode !== 'access share' && !this.#lockNamed(collectionLockKey(id), mode, policy)) return false",
    ],
    ['who is alone reads what another has locked', 'if (!this.#table.isEmpty) this.#lookAtSchema(id, mode)', ''],
  ]),
  ...mutationsOf(
    'src/database/transaction/transaction-locks.ts',
    ['src/database/catalog/schema-changes.test.ts'],
    [['what was written to before ROLLBACK TO is held in its books', '    this.#firstWritten = kept[0] ?? -1\n', '']],
  ),
  ...mutationsOf('src/database/messages/hub.ts', scripts, [
    ['the same message of a transaction is told twice', 'if (told.has(key)) return false', ''],
  ]),
  ...mutationsOf('src/gateway/postgres/notifications.ts', scripts, [
    [
      'what has waited is told again',
      '    this.#waiting = []\n    this.#waitingBytes = 0',
      '    this.#waitingBytes = 0',
    ],
  ]),
  ...mutationsOf(
    'src/gateway/postgres/notifications.ts',
    ['src/gateway/postgres/notifications.test.ts'],
    [
      [
        'messages gather for ever in front of an open block',
        'if (this.#waitingBytes > mostWaitingBytes) this',
        'if (false) this',
      ],
      ['who has gone is told', '  close(): void {\n    this.clear()', '  close(): void {'],
      ['a session listens to any number of channels', 'this.#channels.size >= mostChannels', 'false'],
    ],
  ),
  ...mutationsOf('src/gateway/postgres/conversation.ts', scripts, [
    [
      'messages come in the middle of a block',
      "return !this.#isAnswering && this.#client?.block.kind === 'none'",
      'return !this.#isAnswering',
    ],
  ]),
  ...mutationsOf(
    'src/gateway/postgres/cursor-place.ts',
    ['src/gateway/postgres/cursor-place.test.ts'],
    [
      ['who runs out of rows stays on the last one', 'passed < count ? length + 1 : at + passed', 'at + passed'],
      ['who goes back from behind the last row passes one', 'Math.max(0, at - 1)', 'Math.max(0, at - 2)'],
    ],
  ),
  ...mutationsOf(
    'src/query/kept-rows.ts',
    ['src/query/kept-rows.test.ts'],
    [
      [
        'the block of a row is the one behind it',
        'findLastIndex((start) => start <= place)',
        'findIndex((start) => start >= place)',
      ],
      [
        'a row is looked for in the wrong place of its block',
        'loaded.rows[place - loaded.start]',
        'loaded.rows[place]',
      ],
    ],
  ),
  ...mutationsOf('src/gateway/postgres/cursors.ts', scripts, [
    ['NO SCROLL goes back', '!cursor.isScroll && passage.goesBack', 'false'],
    ['a cursor that has failed is run', 'if (cursor.isFailed) throw', 'if (false) throw'],
  ]),
  ...mutationsOf('src/session/statement-runner.ts', scripts, [
    [
      'a statement that fails gives back what it has locked for the session',
      'if (!isRepeated) transaction.locks.keepCalls()',
      'if (!isRepeated) void 0',
    ],
  ]),
  ...mutationsOf('src/session/statement-runner.ts', scripts, [
    ['who cannot commit hears of it at COMMIT alone', '  transaction.validateReads()\n', ''],
    ['whose reads have changed may not even read on', 'writes.count === 0 ||', ''],
    ['who waits for an advisory lock looks again', 'view.hasCursors && advisoryLocked(key) !== undefined', 'false'],
  ]),
  ...mutationsOf('src/database/transaction/transaction.ts', scripts, [
    ['SET takes the snapshot', 'if (!this.#isFirst) return', 'if (true) return'],
    ['SET gives up the snapshot', '    this.#isFirst = false\n', ''],
  ]),
  ...mutationsOf('src/model/table/row-locks.ts', scripts, [
    ['FOR KEY SHARE waits until nothing has changed', "mode === 'key share' ?", 'false ?'],
    ['a key that has changed passes for the same', 'before[ordinal] === now[ordinal]', 'ordinal >= 0'],
    [
      'a row that is gone passes for the same',
      '|| now === undefined) return false',
      ') return false\n  if (now === undefined) return true',
    ],
  ]),
  ...mutationsOf('src/language/sql/statement/table-locks.ts', scripts, [
    [
      'who locks rows holds the table as a writer',
      "command === 'SELECT' && !binder.writes",
      "command === 'SELECT' && false",
    ],
  ]),
  ...mutationsOf('src/model/table/partitions/partitioning.ts', scripts, [
    ['temporary tables of others belong to the family', '|| !isTemporaryName(schema)', '|| true'],
  ]),
  ...mutationsOf('src/model/table/reference-schema.ts', scripts, [
    ['VALIDATE CONSTRAINT keeps writers out', ', { besideWriters: true })', ')'],
  ]),
  ...mutationsOf(
    'src/session/session.ts',
    ['src/session/session.test.ts'],
    [
      ['an account that is made for who has gone is open', 'if (this.#closed) this.#account.close()', 'void 0'],
      ['what a session was charged outlives it', '    this.#account?.close()\n', ''],
    ],
  ),
  ...mutationsOf(
    'src/gateway/connection.ts',
    ['src/gateway/connection.test.ts'],
    [['a stranger has no limit', 'Infinity) : strangerBytes', 'Infinity) : Infinity']],
  ),
  ...mutationsOf('src/session/session.ts', scripts, [
    [
      'a session that ends keeps its locks',
      '    this.#home.locks.endSession(this.id)\n    this.#past?.end',
      '    this.#past?.end',
    ],
  ]),
  ...mutationsOf('src/language/sql/statement/lock-table.ts', scripts, [
    ['ALTER TABLE does not wait for readers', "?? 'access exclusive')", "?? 'share row exclusive')"],
  ]),
  ...mutationsOf('src/gateway/postgres/client.ts', scripts, [
    [
      'what was raised before an error is taken back with the rows',
      '    this.markOutput()\n  }\n\n  /** False',
      '  }\n\n  /** False',
    ],
  ]),
  ...mutationsOf(
    'src/gateway/postgres/client-context.ts',
    ['src/server/signals.test.ts'],
    [
      [
        'who has called a function signals, not its owner',
        'signalSession({ session, rights },',
        'signalSession({ session, rights: rights && session.rights },',
      ],
    ],
  ),
  ...mutationsOf(
    'src/gateway/postgres/signals.ts',
    ['src/server/signals.test.ts'],
    [
      ['anybody may signal a superuser', '|| target.rightsOf(ownRoleId).areUnlimited', ''],
      ['only members of pg_signal_backend may signal', ' || asking?.roles.has(ownRoleId) === true', ''],
      [
        'who acts as another one may be signaled as that one',
        'const { ownRoleId } = target.identity',
        'const { roleId: ownRoleId } = target.identity',
      ],
    ],
  ),
  ...mutationsOf(
    'src/gateway/postgres/conversation.ts',
    ['src/gateway/postgres/signals.test.ts'],
    [
      [
        'a connection that is ended goes on after what it runs',
        'if (this.#ending !== undefined) throw this.#ending\n    const told',
        'const told',
      ],
      [
        'a connection is ended while it waits for a lock, and what it runs is not',
        '    this.#ending = ended\n    this.cancel()',
        '    this.#ending = ended',
      ],
    ],
  ),
]
