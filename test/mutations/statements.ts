/** Bugs of statements of SQL: something is done twice, to the wrong row, or in the wrong order. */
import { mutationsOf, type Mutation } from './mutation.ts'

const inGolden = ['src/language/sql/golden.test.ts']
const inSessions = ['src/gateway/postgres/session-scripts.test.ts']
const inCopy = ['src/gateway/postgres/copy-binary.test.ts']
const inSleep = ['src/gateway/postgres/sleep.test.ts']
const inVacuum = ['src/language/sql/vacuum.test.ts']
const inSecurity = ['src/server/row-security.test.ts']

export const statementMutations: readonly Mutation[] = [
  ...mutationsOf('src/database/statistics/transaction-counts.ts', inSessions, [
    ['what is run again is counted twice', 'if (isRepeated) return\n', ''],
    [
      'a rollback counts what came after TRUNCATE',
      "ends === 'commit' || !of.isTruncated",
      "ends === 'commit' || of.sums",
    ],
    [
      'a commit counts what came before TRUNCATE',
      "if (ends === 'commit') of.sums = [0, 0, 0]",
      "if (ends !== 'commit') of.sums = [0, 0, 0]",
    ],
    ['a function counts those that it calls as its own time', 'tookUs - this.#calledUs', 'tookUs'],
  ]),
  ...mutationsOf('src/database/statistics/statistics.ts', inSessions, [
    ['a snapshot of statistics goes on', 'seen.isWhole = true', 'seen.isWhole = false'],
    ['VACUUM keeps dead rows', 'table.dead = table.insertedSinceVacuum = 0', 'table.insertedSinceVacuum = 0'],
  ]),
  ...mutationsOf('src/language/sql/statement/vacuum.ts', inVacuum, [
    ['VACUUM waits for none who locks', 'yield* isPassed(run, id, request.mode, request.policy)', 'true'],
    ['VACUUM tells of tables that were not named', 'left !== undefined && isNamed', 'left !== undefined'],
    ['ANALYZE of a partitioned table does not wait for its parts', 'member !== id', 'member < 0'],
  ]),
  ...mutationsOf('src/database/transaction/transaction-locks.ts', inSessions, [
    [
      'who waits to pass keeps the lock',
      'if (this.#transaction.interleaved) this.#table.release(this.#transaction, name, mode)\n    return true',
      'return true',
    ],
  ]),
  ...mutationsOf('src/session/statement-runner.ts', inSessions, [
    ['who waits to pass begins again', 'wait instanceof PassingWait || isolation', 'isolation'],
  ]),
  ...mutationsOf('src/language/sql/bind/with/search-cycle.ts', inGolden, [
    [
      'nothing follows but from marked rows',
      "operation('<>', column(following, mark)",
      "operation('=', column(following, mark)",
    ],
    ['SEARCH BREADTH FIRST counts no depth', "operation('+', depth, integer(1))", "operation('+', depth, integer(0))"],
    [
      'SEARCH DEPTH FIRST forgets the way',
      'appended(before, row(columns(following)))',
      'array(row(columns(following)))',
    ],
  ]),
  ...mutationsOf('src/language/sql/bind/bind-from.ts', inGolden, [
    [
      'a star tells what SEARCH has added',
      'i >= columns.length - hidden && { isHidden: true }',
      'i < 0 && hidden < 0 && { isHidden: true }',
    ],
  ]),
  ...mutationsOf('src/language/sql/statement/copy-binary.ts', inCopy, [
    [
      'binary COPY loses what begins a field',
      '    this.#buffer.set(bytes, this.#end)\n',
      '    this.#buffer.set(bytes, this.#start)\n',
    ],
    ['binary COPY takes any number of fields', 'if (count !== this.#fieldCount)', 'if (count < 0)'],
    [
      'binary COPY ends within a row',
      "const isBetweenRows = this.#state === 'row'",
      "const isBetweenRows = this.#state !== 'end'",
    ],
  ]),
  ...mutationsOf('src/language/sql/statement/copy.ts', inCopy, [
    [
      'binary COPY does not ask the type of a column',
      'value === null || modifier < 0 ? value : type.coerce(value, modifier, false)',
      "value === null || modifier < 0 || typeof text !== 'string' ? value : type.coerce(value, modifier, false)",
    ],
  ]),
  ...mutationsOf('src/language/sql/plan/plan-derived.ts', inSleep, [
    [
      'a function in FROM does not know that it has slept',
      'item.arguments.some(isVolatile) ? drawingOnce(evaluateAll) : evaluateAll',
      'item.arguments.some(isVolatile) ? evaluateAll : evaluateAll && drawingOnce(evaluateAll)',
    ],
  ]),
  ...mutationsOf('src/language/sql/functions/sleep-functions.ts', inSleep, [
    ['a sleep is over at once', '  if (!begun.isOver) throw begun.wait\n', ''],
  ]),
  ...mutationsOf('src/language/sql/plan/explain-text.ts', inGolden, [
    ['EXPLAIN tells the rows of all loops', 'rows: Math.round(rows / loops)', 'rows'],
    ['VERBOSE tells no schema', 'shown.verbose ? (one.qualified?.title ?? one.title) : one.title', 'one.title'],
  ]),
  ...mutationsOf(
    'src/language/sql/plan/plan-node.ts',
    ['src/language/sql/loaded-pages.test.ts'],
    [['EXPLAIN counts no pages', '      if (isMiss(error)) profile.pagesRead++\n', '']],
  ),
  ...mutationsOf('src/language/sql/statement/explain-options.ts', inGolden, [
    ['WAL is taken without ANALYZE', 'if (wal && !analyze)', 'if (wal && !analyze && !costs)'],
  ]),
  ...mutationsOf('src/language/sql/statement/explain.ts', inGolden, [
    ['SETTINGS tells what is as it began', ' && value !== initial', ''],
    ['WAL counts what was written before', 'transaction.savepoint().writes - this.#writes', 'this.#writes'],
  ]),
  ...mutationsOf('src/model/table/types/interval.ts', inGolden, [
    [
      'an interval says a unit twice',
      '!sum.say(hasFraction ? fraction : unit.place)',
      'sum.say(hasFraction ? fraction : unit.place) === undefined',
    ],
    ['a time of day stands beside its hours', '  if (!sum.say(clock)) throw badInterval(text)\n', ''],
  ]),
  ...mutationsOf('src/language/sql/bind/bind-locking.ts', inSessions, [
    [
      'FOR UPDATE of one of several locks all',
      'lockedRels === undefined || namesOf(lockedRels).includes',
      'true || namesOf(lockedRels ?? []).includes',
    ],
  ]),
  ...mutationsOf('src/language/sql/plan/push-down.ts', inSessions, [
    [
      'FOR UPDATE of a view locks rows that are not asked for',
      '  if (windows !== undefined || distinctOn !== undefined) return undefined\n',
      '  if (windows !== undefined || distinctOn !== undefined || body.locking.length > 0) return undefined\n',
    ],
  ]),
  ...mutationsOf('src/language/sql/bind/populated-rows.ts', inGolden, [
    ['rows of json do not ask a domain', '    for (const row of found) checkRow(run, columns, row)\n', ''],
  ]),
  ...mutationsOf('src/language/sql/statement/merge.ts', inGolden, [
    ['MERGE changes a row twice', '        touch(run, touched, key)\n', ''],
    [
      'WHEN clauses apply whatever their condition says',
      'clause.isMatched === isMatched && applies[i]?.(row, run) !== false',
      'clause.isMatched === isMatched',
    ],
    [
      'a later WHEN clause goes before an earlier one',
      '    const at = clauses.findIndex(',
      '    const at = clauses.findLastIndex(',
    ],
  ]),
  ...mutationsOf('src/language/sql/statement/merge.ts', inSecurity, [
    [
      'MERGE asks no policy of the row that it updates',
      '      oldTest?.(old, run)\n      const changed',
      '      const changed',
    ],
    ['who may update may delete by MERGE', '  binder.access.any(relation.collection, privilege.delete)\n', ''],
  ]),
  ...mutationsOf('src/language/sql/statement/assignment.ts', inGolden, [
    ['the second column of a subquery gets the first one', 'rows.length - 1, colno - 1)', 'rows.length - 1, 0)'],
  ]),
  ...mutationsOf('src/model/table/row-hooks.ts', inGolden, [
    ['what follows a statement of many events comes in the order of before', 'fresh.toReversed()', 'fresh'],
  ]),
  ...mutationsOf('src/language/sql/statement/partitions/shared-triggers.ts', inGolden, [
    [
      'partitions of partitions have no triggers of the table above',
      '  for (const below of partitionsOf(run, child)) shareTriggers(run, child, below)\n',
      '',
    ],
    ['a trigger of a partition reads the columns of its parent', 'columns: columns.map(numberOf)', 'columns'],
  ]),
  ...mutationsOf('src/model/table/table-kind.ts', inGolden, [
    [
      'a check can be left without its function',
      '  for (const check of definition.checks) dependencies.push(...calledBy(constraintPart(check.name), check))\n',
      '',
    ],
  ]),
  ...mutationsOf('src/query/family-target.ts', inGolden, [
    [
      'triggers of a partition for statements fire for those of its parent',
      "    if (table !== this.#root) passEvent(transaction, table, 'update')\n",
      '',
    ],
  ]),
  ...mutationsOf('src/model/table/triggers.ts', inGolden, [
    ['UPDATE OF means what another trigger may set', '  setsByCode: true,\n', ''],
    [
      'a row is stored where its trigger has moved it away from',
      'trigger.parent !== undefined && !belongs',
      'trigger.parent === undefined && !belongs',
    ],
  ]),
  ...mutationsOf('src/language/sql/routine/inner-statement.ts', inGolden, [
    [
      'a statement within a row keeps the agenda while it waits',
      '    const left = agenda.leaveNested()\n    yield step.value\n    agenda.returnToNested(left)\n',
      '    yield step.value\n',
    ],
  ]),
  ...mutationsOf('src/language/sql/routine/definition.ts', inGolden, [
    [
      'a function of an extension is dropped alone',
      "[{ on: { id: extension }, kind: 'internal' } as const]",
      "[{ on: { id: extension }, kind: 'automatic' } as const]",
    ],
  ]),
  ...mutationsOf('src/language/sql/routine/languages.ts', inGolden, [
    [
      'statements make functions of extensions',
      '  if (found.validate === undefined) throw missingLanguage(name)\n',
      '',
    ],
  ]),
  ...mutationsOf('src/language/sql/catalog/pg-depend.ts', inGolden, [
    ['functions of extensions are dumped', "isPartOfExtension(run, on) ? 'e' : letters[kind]", 'letters[kind]'],
  ]),
]
