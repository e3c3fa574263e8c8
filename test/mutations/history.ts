/** What was, and who may see it. */
import { type Mutation, mutationsOf } from './mutation.ts'

const history = ['src/database/history']
const doors = ['src/server/looking-back.test.ts']
const streams = ['src/gateway/mongodb/change-streams.test.ts']
const snapshots = ['src/gateway/mongodb/snapshots.test.ts']

export const historyMutations: readonly Mutation[] = [
  ...mutationsOf('src/database/history/commit-times.ts', history, [
    [
      'what was committed at a time was not yet there',
      'if (clockMs(clock) > timeMs) break',
      'if (clockMs(clock) >= timeMs) break',
    ],
    ['a mark of the same time is the newest then', 'if (found >= from || from === oldest)', 'if (true)'],
  ]),
  ...mutationsOf('src/database/history/change-walk.ts', history, [
    ['a key of a range and of its own is told twice', 'if (isGone && !ranges.holds(key))', 'if (isGone)'],
    ['what is put back in a range is told as deleted', 'const isGone = await', 'const isGone = true || await'],
    ['a transaction in pieces is told by its last one', 'const isWhole = this.#pieces === 1', 'const isWhole = true'],
  ]),
  ...mutationsOf('src/database/history/author.ts', history, [
    ['a session is an author as often as it speaks', 'if (isKnown || first.length', 'if (first.length'],
  ]),
  ...mutationsOf(
    'src/query/undo.ts',
    ['src/server/undo.test.ts'],
    [
      ['what came later is overwritten', 'throw new Changed(collection, key, of)', 'return'],
      ['rows are put back before others make room', '[removeLeft, putBack]', '[putBack, removeLeft]'],
      [
        'entries are put back without what is derived',
        "wantsDerived: ({ model }) => model === 'keyvalue',\n      see: (key, _",
        'see: (key, _',
      ],
      ['definitions are passed over', 'if (!definitionIndexes.has(index)) return', 'return'],
      ['old types are taken for new ones', 'if (old.type.oid !== type.oid)', 'if (false)'],
    ],
  ),
  ...mutationsOf(
    'src/model/table/reference-rules.ts',
    ['src/server/undo.test.ts'],
    [['undoing takes later rows along', "isRestored() ? 'no action' : ", '']],
  ),
  ...mutationsOf(
    'src/model/table/triggers.ts',
    ['src/server/undo.test.ts'],
    [
      ['triggers run on what is put back', '  if (isRestored()) return true\n', ''],
      ['triggers hear of what is put back', '  if (isRestored()) return\n', ''],
    ],
  ),
  ...mutationsOf(
    'src/model/table/row-hooks.ts',
    ['src/server/undo.test.ts'],
    [['triggers of statements hear of what is put back', 'if (isRestored() || ', 'if (']],
  ),
  ...mutationsOf(
    'src/query/changed-entries.ts',
    ['src/server/change-history.test.ts'],
    [['what a key holds now is told of what it held', ' || header.generation !== generation', '']],
  ),
  ...mutationsOf(
    'src/language/sql/functions/history-functions.ts',
    ['src/server/change-history.test.ts'],
    [
      ['everybody is told what was', 'requireHistory(principal.rights, principal.database)', ''],
      ['what may be seen now is seen of then', 'rightsThen(transaction, database)', 'principal.rights'],
    ],
  ),
  ...mutationsOf(
    'src/language/sql/functions/undo-function.ts',
    ['src/server/undo.test.ts'],
    [
      ['who may not write undoes', 'principal.rights.require(collection, needed)', ''],
      ['who may not look back undoes', 'requireHistory(principal.rights, principal.database)', ''],
    ],
  ),
  ...mutationsOf('src/database/history/history.ts', history, [
    ['the past has the clock of the present', 'host: hostWith(host, { now })', 'host'],
    [
      'a checkpoint of later is where a state begins',
      'bases.findLast((one) => one <= sequence)',
      'bases.findLast((one) => one <= sequence + 1)',
    ],
    [
      'states of later are where one begins',
      'one.made !== undefined && one.sequence <= sequence',
      'one.made !== undefined',
    ],
    ['a state that nobody reads stays where memory is short', 'holders.add(this.#giveUp)', 'holders.size'],
    ['a state stays when its database ends', 'while (this.#states.length > 0) this.#close(this.#states[0]!)', ''],
  ]),
  ...mutationsOf('src/database/history/retention.ts', history, [
    ['the past is only as long as the last checkpoint is old', '?? all[0]!', '?? newest'],
    ['the log of the past has no bound', 'bytesBehind(one.sequence, segments) <= maxLogBytes', 'true'],
  ]),
  ...mutationsOf('src/database/directory/checkpoints.ts', history, [
    ['the log is trimmed behind the newest checkpoint', 'Math.min(kept, ', 'Math.min(sequence, '],
    [
      'a checkpoint that is being removed may be taken for one',
      '  await host.disk.syncFolder(folder)\n  await removeFolder(host, `${folder}/${name}.removed`)',
      '  await removeFolder(host, `${folder}/${name}.removed`)',
    ],
  ]),
  ...mutationsOf('src/database/access/past-rights.ts', doors, [
    ['the past shows what policies of now hide', '?.hidesRows?.(present, this.#now) === true', ' === undefined'],
    ['what may be seen now could be seen then', 'this.#then.onCollection(collection) & this', 'this'],
    ['what could be seen then may be seen now', '(present) => this.#now.onAnyColumn(present)', '() => allPrivileges'],
  ]),
  ...mutationsOf('src/session/looking-back.ts', doors, [
    ['anybody may look back', '    requireHistory(rights, present.name)\n    return new', '    return new'],
    ['HISTORY taken away leaves the past open', '    requireHistory(of(this.#present), this.#present.name)\n', ''],
  ]),
  ...mutationsOf('src/database/history/history.ts', history, [
    ['a settled time may come again', '    pipeline.clock.pass(wantedMs)\n', ''],
    [
      'a settled time is one before what is committed',
      '    if (timeMs === undefined) await this.#owner.synced(newestSequence)\n',
      '',
    ],
    ['a settled time may lie ahead', 'if (wantedMs > pipeline.timeMs())', 'if (wantedMs > pipeline.timeMs() + 1e9)'],
  ]),
  ...mutationsOf('src/gateway/mongodb/cluster-clock.ts', snapshots, [
    ['answers tell when they were written', 'if (start !== undefined && start > at)', 'if (start === at)'],
    ['answers to commits tell when they were written', ' ?? this.#elementsBefore(messages, end - 1 - tokenBytes)', ''],
  ]),
  ...mutationsOf('src/gateway/mongodb/snapshots.ts', snapshots, [
    ['a cursor of a snapshot goes on in none', '    if (!snapshot.isKept) session.close()\n', '    session.close()\n'],
    ['a write to the past steps down', "if (error.code !== 'read_only' ||", 'if (true ||'],
    [
      'what tells of the present has a snapshot',
      '  if (snapshot === undefined) return\n  throw',
      '  if (true) return\n  throw',
    ],
    ['snapshots that are gone are lost streams', "if (error.code === 'trimmed')", "if (error.code === 'canceled')"],
  ]),
  ...mutationsOf('src/gateway/mongodb/cursors.ts', snapshots, [
    ['a cursor leaves its snapshot open', '    cursor.snapshot?.session.close()\n', ''],
  ]),
  ...mutationsOf('src/gateway/mongodb/commands/cursors.ts', snapshots, [
    [
      'cursors of snapshots go on in the present',
      'if (cursor.snapshot !== undefined) request.session = cursor.snapshot.session',
      'if (cursor.snapshot !== undefined) request.session = request.connection.session',
    ],
  ]),
  ...mutationsOf('src/gateway/mongodb/request.ts', snapshots, [
    ['the past begins databases in the present', ' && this.session.lookedBackTo === undefined', ''],
  ]),
  ...mutationsOf('src/gateway/mongodb/concerns.ts', snapshots, [
    ['writes take a snapshot for a word', "if (readsSnapshots === 'any') return { at }", 'if (true) return { at }'],
    ['a transaction goes elsewhere in its middle', 'if (request.beginsTransaction) return { at }', 'return { at }'],
  ]),
  ...mutationsOf('src/gateway/mongodb/commands/modify-collection.ts', streams, [
    ['images are kept for ever', "if (images !== undefined) delete after['images']", ''],
    ['views take what they do not keep', '  if (wrong === undefined) return', '  if (wrong !== undefined) return'],
  ]),
  ...mutationsOf('src/gateway/postgres/as-of.ts', doors, [
    [
      'who could not look back reads the present',
      '    await this.#session.lookBack(this.#moment)\n    this.#isSet = false\n',
      '    this.#isSet = false\n    await this.#session.lookBack(this.#moment)\n',
    ],
    [
      'a block may go elsewhere in its middle',
      "if (this.#block.kind === 'none' || this.#block.isFresh) return",
      'if (true) return',
    ],
    ['a span is counted from SET on', "return this.#moment?.kind === 'ago' &&", 'return false &&'],
  ]),
  ...mutationsOf(
    'src/language/sql/routine/past-rows.ts',
    ['src/server/past-relations.test.ts'],
    [
      ['one relation of the past needs no right to it', 'requireHistory(principal.rights, principal.database)', ''],
      [
        'one relation of the past is seen with the rights of now',
        'principalThen(transaction.principal, database, transaction.catalog)',
        'transaction.principal',
      ],
      [
        'columns of then go by the names of now',
        'then.find(({ number }) => number === column.number)?.name',
        'then.find(({ name: own }) => own === column.name)?.name',
      ],
      ['types of then are taken for those of now', 'old.typeOid !== type', 'false'],
      ['rows of then are read for nobody', '    past.rollback()\n', ''],
    ],
  ),
  ...mutationsOf('src/gateway/mongodb/change-stream.ts', streams, [
    [
      'the UUID of a collection is told to who did not ask',
      'if (showsExpanded && number !== undefined)',
      'if (number !== undefined)',
    ],
  ]),
  ...mutationsOf(
    'src/language/mql/index-bounds.ts',
    ['src/gateway/mongodb/options.test.ts'],
    [
      ['bounds of an index may be the same', 'range.end) < 0) return range', 'range.end) <= 0) return range'],
      ['a field that is not there is left out of a key', 'else writer.null(path.text)', ''],
      ['keys of arrays are told', ' && !fields.some(({ path }) => source.mayHoldArray(path))', ''],
    ],
  ),
  ...mutationsOf(
    'src/language/mql/planner.ts',
    ['src/gateway/mongodb/options.test.ts'],
    [
      [
        'a stretch of an index of arrays tells a document twice',
        'const repeats = index.fields.some(({ path }) => source.mayHoldArray(path))',
        'const repeats = false',
      ],
    ],
  ),
  ...mutationsOf('src/model/document/collection-uuid.ts', streams, [
    ['all collections have one UUID', 'setUint32(12, number)', 'setUint32(12, 0)'],
  ]),
  ...mutationsOf(
    'src/gateway/mongodb/concerns.ts',
    ['src/gateway/mongodb/replica-set.test.ts'],
    [
      ['two members are there', 'if (members <= 1) return undefined', 'if (members <= 2) return undefined'],
      ['any mode of write concerns is known', "if (mode === 'majority') return undefined", 'return undefined'],
      [
        'a negative number of members is no error',
        'members === undefined || members < 0 ||',
        'members === undefined ||',
      ],
    ],
  ),
  ...mutationsOf(
    'src/gateway/mongodb/execute.ts',
    ['src/gateway/mongodb/replica-set.test.ts'],
    [
      ['an unmet write concern is not told', 'if (request.unmet !== undefined) writeUnmet', 'if (false) writeUnmet'],
      [
        'the handshake passes by the stable API',
        '  checkStableApi(command.name, request)\n  return command.run(request)',
        '  return command.run(request)',
      ],
      ['the first answers tell no time', '  connection.gateway.clock.write(reply)\n  reply.end()', '  reply.end()'],
    ],
  ),
]
