/** The kernel: locks, conflicts, private writes, what a transaction has read, the way to the log. */
import { mutationsOf, type Mutation } from './mutation.ts'

const locks = ['src/database/transaction/locks.test.ts', 'src/session/hermitage.test.ts']
const conflicts = ['src/database/transaction/conflict-index.test.ts', 'src/session/hermitage.test.ts']
const writes = [
  'src/database/transaction/write-set.test.ts',
  'src/database/transaction/transaction-cursor.test.ts',
  'src/session/session.test.ts',
]
const pipeline = [
  'src/database/commit/commit.test.ts',
  'src/database/commit/commit-pipeline.test.ts',
  'src/database/commit/burned-sequences.test.ts',
]

const trouble = [
  'src/database/commit/log-trouble.test.ts',
  'src/database/following/following.test.ts',
  'src/server/step-down.test.ts',
]

const noted = ['src/database/transaction/noted-locks.test.ts', 'src/session/waits.test.ts']

export const databaseMutations: readonly Mutation[] = [
  ...mutationsOf('src/database/transaction/noted-locks.ts', noted, [
    ['a noted key begins where the first one did', '      start = end\n', ''],
    ['names that were noted before stay', '    this.#names[place] = name\n', '    this.#names[place] ??= name\n'],
    ['what was noted before stays', '    this.#count = 0\n', ''],
    ['bytes that were noted before stay', '    this.#bytes.reset()\n', ''],
  ]),
  ...mutationsOf('src/database/transaction/transaction-locks.ts', noted, [
    ['a key that is only looked at is not noted', 'this.#noted.addKey(key, mode)\n', 'void mode\n'],
    [
      'a lock believes in an old snapshot',
      'if (!interleaved && seesNewest && this.#table.isEmpty) {',
      'if (!interleaved && this.#table.isEmpty) {',
    ],
  ]),
  ...mutationsOf(
    'src/database/transaction/savepoints.ts',
    ['src/session/session.test.ts'],
    [
      ['what was told before anything was written is before every savepoint', ' + effects + calls', ' + calls'],
      ['what was written is before every savepoint', 'writes + catalogChanges', 'catalogChanges'],
    ],
  ),
  ...mutationsOf(
    'src/database/transaction/transaction-view.ts',
    ['src/session/waits.test.ts'],
    [
      ['the first cursor is not parked', '    this.#firstCursor?.park()\n', ''],
      ['only the first cursor is parked', '    for (const cursor of this.#cursors) cursor.park()\n', ''],
    ],
  ),
  ...mutationsOf('src/database/transaction/transaction-cursor.ts', writes, [
    ['cursors show their own entries in one place', 'if (this.#ownKey === unused) {', 'if (count < 0) {'],
  ]),
  ...mutationsOf('src/database/transaction/hash-index.ts', writes, [
    ['an index is used again with what is in it', '    this.#numbers.fill(empty)\n    this.used = 0\n', ''],
  ]),
  ...mutationsOf('src/database/transaction/locks.ts', locks, [
    ['a new request passes those who wait', 'held === undefined ? lock.queue.length : 0)', '0)'],
    [
      'a stronger lock of the same owner is taken for held',
      'if (held !== undefined && covers(held, wanted)) return true',
      'if (held !== undefined) return true',
    ],
    ['a circle is not looked for', 'if (circle !== undefined) {', 'if (circle !== undefined && position < 0) {'],
    [
      'only holders close a circle',
      'if (conflicts(mode, 1 << request.mode) && !areOne(request.owner, owner)) blockers.push(request.waiter)',
      '',
    ],
    [
      'who is granted still waits',
      'lock.queue.splice(at, 1)\n      this.#waiting.delete(request.waiter)',
      'lock.queue.splice(at, 1)',
    ],
    [
      'nobody follows who stops waiting',
      '    const [request] = lock.queue.splice(at, 1)\n    this.#advance(lock)',
      '    const [request] = lock.queue.splice(at, 1)',
    ],
    [
      'an upgrade waits at the end',
      'const position = holding ? 0 : lock.queue.length',
      'const position = lock.queue.length',
    ],
    ['locks that nobody has stay', 'if (lock.holders.size === 0 && lock.queue.length === 0) this.#forget(lock)', ''],
    ['who has a table is taken to be alone', 'if (this.#keyLocks > 0 || this.#tables', 'if (this.#tables'],
    ['what is taken alone is not noted for a savepoint', '|| this.#journals.get(owner)?.isFull === false', ''],
    [
      'locks that come into a table stay locks, too',
      '      held.delete(lock)\n      this.#forget(lock)',
      '      held.delete(lock)',
    ],
  ]),
  ...mutationsOf('src/database/transaction/conflict-index.ts', conflicts, [
    [
      'a range ends one key late',
      'if (run.keys.length > 0 && run.keys[0]! >= end) return false',
      'if (run.keys.length > 0 && run.keys[0]! > end) return true',
    ],
    [
      'a key at the start of a range is not in it',
      'if (keys[middle]! < key) low = middle + 1',
      'if (keys[middle]! <= key) low = middle + 1',
    ],
    [
      'a deleted range has not changed its keys',
      'if (range.start <= key && key < range.end) last',
      'if (range.start < key && key < range.end) last',
    ],
    [
      'a range that touches a deleted one conflicts',
      'range.sequence > since && range.start < end && start < range.end)',
      'range.sequence > since && range.start <= end && start <= range.end)',
    ],
    [
      'a change at the snapshot itself counts',
      'if (run.sequences[at]! > since) return true',
      'if (run.sequences[at]! >= since) return true',
    ],
    ['the halves of a run forget their newest', 'newest: Math.max(...sequences) })', 'newest: 0 })'],
    ['a change again is not a change', '      run.sequences[at] = sequence\n      return', '      return'],
    [
      'history is forgotten while somebody asks',
      'if (this.#askers.size > 0) return',
      'if (this.#askers.size > 1) return',
    ],
    [
      'old changes are dropped too early',
      'this.#oldestAsker() < this.#old.newest) return',
      'this.#oldestAsker() > this.#old.newest) return',
    ],
    ['old changes are not asked', 'if (this.#old?.changed(start, end, since, wasEmpty) === true) return true', ''],
  ]),
  ...mutationsOf(
    'src/database/transaction/read-log.ts',
    ['src/database/transaction/read-log.test.ts'],
    [
      ['a read range is one key short', '`${key}\\0`)\n  }', 'key)\n  }'],
      [
        'a range read to its end ends with its last key',
        ': sliceToLatin1(this.#range.end))\n      return',
        ': this.#end)\n      return',
      ],
      ['a range read backwards is not read', 'if (to < this.#start) this.#start = to', ''],
      [
        'a cursor that is sought forgets what it has read',
        'sought(): void {\n    this.#settle()\n  }',
        'sought(): void {}',
      ],
      [
        'points that were read do not count',
        'if (conflicts.lastChange(key) > sequence) return true',
        'if (conflicts.lastChange(key) > sequence + 1_000_000) return true',
      ],
      [
        'names that were looked up do not count',
        'if (conflicts.changed(definitions.start, definitions.end, sequence)) return true',
        '',
      ],
    ],
  ),
  ...mutationsOf('src/database/transaction/write-set.ts', writes, [
    ['a range delete hides what is written after it', 'if (range.operation < operation) return undefined', ''],
    [
      'a range delete hides its end',
      'compareSlices(key, range.start) >= 0 && compareSlices(key, range.end) < 0)\n        return reverse',
      'compareSlices(key, range.start) >= 0 && compareSlices(key, range.end) <= 0)\n        return reverse',
    ],
    [
      'a range delete survives its savepoint',
      'this.#ranges[this.#ranges.length - 1]!.operation >= mark) this.#ranges.pop()',
      'this.#ranges[this.#ranges.length - 1]!.operation > mark) this.#ranges.pop()',
    ],
    [
      'what a range delete covers is written',
      'return !this.hides(this.keyOf(operation, this.#visitedKey), operation)',
      'return true',
    ],
    ['a count forgets own deletes', 'change += isThere ? 1 : -1', 'change += isThere ? 1 : 0'],
    [
      'a count adds what is overwritten',
      'if (isThere !== (base.get(key) !== undefined)) change',
      'if (isThere || base.get(key) !== undefined) change',
    ],
    ['keys of equal hash are one', 'if (length !== key.end - key.start) return false', ''],
  ]),
  ...mutationsOf('src/database/transaction/transaction-cursor.ts', writes, [
    [
      'a parked cursor shows its entry again',
      "if (state === 'taken' && this.#pullBase()",
      "if (state === 'held' && this.#pullBase()",
    ],
    ['an own entry shows beside the stored one', "if (difference === 0) this.#baseState = 'taken'", ''],
    ['an own delete is shown', 'if (value === null) continue', ''],
    [
      'own entries behind the range are shown',
      ': compareSlices(this.#ownKey, this.#range.end) >= 0',
      ': compareSlices(this.#ownKey, this.#range.end) > 0',
    ],
    [
      'a parked cursor does not know what it has passed over',
      'const passed = count > 1 ? this.#base.skip(count - 1) : 0',
      'const passed = count > 1 ? this.#base.skip(count) : 0',
    ],
    [
      'a skip passes own writes by',
      "if (this.#limit > 0 || this.#baseState === 'held') return",
      "if (this.#baseState === 'held') return",
    ],
    [
      'a cursor does not ask for own range deletes',
      'if (count === 0 || !this.#writes.concerns(this.#range)) return 0',
      'if (count === 0 || !this.#writes.touches(this.#range)) return 0',
    ],
    ['writes made after it show in an open cursor', 'this.#writes.newestBefore(newest, this.#limit)', 'newest'],
  ]),
  ...mutationsOf('src/database/commit/burned-sequences.ts', pipeline, [
    [
      'the way back is a burned sequence',
      'return sequence === episode.wayBack ? episode.base : undefined',
      'return undefined',
    ],
    [
      'a burned sequence is durable',
      'return sequence > this.through ? sequence',
      'return sequence >= this.through ? sequence',
    ],
    [
      'sequences between episodes are burned',
      'if (episode === undefined || sequence > episode.wayBack) return sequence',
      'if (episode === undefined) return sequence',
    ],
  ]),
  ...mutationsOf('src/database/commit/commit-pipeline.ts', pipeline, [
    [
      'written is taken for synced',
      "level === 'written' ? leader.writtenThrough : leader.syncedThrough",
      "level === 'synced' ? leader.writtenThrough : leader.syncedThrough",
    ],
    [
      'who waits for what is durable already waits for more',
      'else if (this.durableThrough(level) >= state) run()',
      'else if (this.durableThrough(level) > state) run()',
    ],
    ["the clock goes back with the host's", 'return this.clock.timeMs(this.#host.now())', 'return this.#host.now()'],
    [
      'a failed log is written on',
      "if (this.#phase !== 'leading') throw this.#refusal()",
      "if (this.#phase === 'following') throw this.#refusal()",
    ],
  ]),
  ...mutationsOf('src/database/commit/commit-pipeline.ts', trouble, [
    [
      'an append of which nobody knows is taken for done',
      "if (outcome === 'committed') this",
      "if (outcome !== 'absent' || this.#outage.tries < 9) this",
    ],
    [
      'an append that is in the log is made again',
      'if (this.#appendedEnd < end) await this.#appendRecords(writer',
      'if (true) await this.#appendRecords(writer',
    ],
    [
      'what was tried counts as done at a step down',
      'const kept = synced >= this.#triedEnd ? synced : await this.#endOfTerm(leader, synced)',
      'const kept: number | undefined = this.#triedEnd',
    ],
    [
      'what is not known to be synced counts as not done at a step down',
      'const kept = synced >= this.#triedEnd ? synced : await this.#endOfTerm(leader, synced)',
      'const kept: number | undefined = synced',
    ],
    [
      'a step down tells of what it does not know as not done',
      'const isDoubtful = sequence <= this.#triedEnd\n',
      'const isDoubtful = sequence < 0\n',
    ],
    ['a log that cannot be reached is given up at once', 'if (await this.#outage.next()) return next', ''],
    [
      'what the log has not answered is taken for not done',
      "new LogError('unknown', 'the log has not answered')",
      'reason',
    ],
    [
      'any number of commits waits for a log that cannot be reached',
      'this.#queue.bytes > this.#maxWaitingBytes',
      'this.#queue.bytes < 0',
    ],
    [
      'a lost leader goes on until its next append',
      "else leader.lost.addEventListener('abort', onLost)",
      'else void onLost',
    ],
  ]),
  ...mutationsOf('src/database/commit/log-trouble.ts', trouble, [
    ["another leader's records are taken for one's own", 'if (batch.epoch > epoch) return own', ''],
    ['the end of a term is known before there is a later one', 'if (present <= epoch) return undefined', ''],
  ]),
  ...mutationsOf(
    'src/database/following/lease.ts',
    ['src/database/following/lease.test.ts'],
    [
      ['a lease counts from its beginning', 'this.#renewedUs = askedUs', ''],
      ['a lease never lapses', '    this.#onLapse(new', '    void (new'],
    ],
  ),
  ...mutationsOf('src/database/following/follow-loop.ts', trouble, [
    ['a follower keeps its catalog', 'this.#target.catalog = catalog', 'void catalog'],
    [
      'a follower tells nobody who watches',
      'else if (conflicts.active) noteRecord',
      'else if (false as boolean) noteRecord',
    ],
    [
      'a large record is seen before it is whole',
      'const replayer = new Replayer(this.#following(draft))',
      'const replayer = new Replayer(this.#following(this.#target.store))',
    ],
  ]),
  ...mutationsOf(
    'src/database/following/following-instance.ts',
    ['src/database/following/following-instance.test.ts'],
    [
      [
        'a follower gives up at the first read error',
        'isReplaced(error) || isReadError(error) : attempt',
        'isReplaced(error) : attempt',
      ],
      ['a follower that is closed goes on trying', 'if (this.#isClosed || !passes', 'if (!passes'],
    ],
  ),
  ...mutationsOf(
    'src/database/following/noted-followers.ts',
    ['src/database/following/follower-notes.test.ts'],
    [
      [
        'a follower holds the log however long it is',
        'if (heldBytes(position, segments) > maxLagBytes)',
        'if (position < 0)',
      ],
      ['a follower that was killed holds the log for ever', "isSilent ? 'silent' : ", ''],
      ['one that was passed is so for ever', 'lostAt === position', 'lostAt !== undefined'],
      ['what a follower says is read once', 'if (known === undefined || Buffer', 'if (known === undefined && Buffer'],
    ],
  ),
  ...mutationsOf(
    'src/database/following/follower-note.ts',
    ['src/database/following/follower-notes.test.ts'],
    [
      ['a damaged note counts', ' !== checksum) return undefined', " === '') return undefined"],
      [
        'a follower needs nothing while it begins',
        'this.#position?.() ?? 0',
        'this.#position?.() ?? Number.MAX_SAFE_INTEGER',
      ],
      [
        'a closed follower leaves its note',
        "for (const ending of ['', '.part', '.passed'])",
        "for (const ending of ['.part', '.passed'])",
      ],
    ],
  ),
  ...mutationsOf(
    'src/database/following/log-use.ts',
    ['src/database/following/follower-notes.test.ts'],
    [
      [
        'what a follower held back is not made up for',
        'if (this.#isHeldByFollower && this.#user.leads) this.#trimSoon()',
        '',
      ],
    ],
  ),
  ...mutationsOf(
    'src/database/following/consumers.ts',
    ['src/database/following/consumers.test.ts'],
    [
      ['the log is trimmed beyond a consumer', 'limit = Math.min(limit, position)', 'void position'],
      [
        'a consumer holds back any number of bytes',
        'if (heldBytes(consumer.position, segments) <= consumer.maxLagBytes) continue',
        'if (consumer.maxLagBytes >= 0) continue',
      ],
      [
        'a consumer is lost for this life only',
        'if (isLost || this.#isDirty) await',
        'if (!isLost && this.#isDirty) await',
      ],
      ['the log is trimmed before an advance is written', 'if (isLost || this.#isDirty) await', 'if (isLost) await'],
      ['a position goes back', 'if (position <= consumer.position) return', ''],
      ['a lost consumer advances', "if (consumer.state === 'lost') throw lostError(consumer)", ''],
      [
        'a damaged list of consumers is believed',
        'if (Buffer.compare(bytes, Buffer.from(encode(consumers))) === 0) return consumers',
        'if (consumers.length >= 0) return consumers',
      ],
    ],
  ),
  ...mutationsOf(
    'src/database/following/log-use.ts',
    ['src/database/following/consumers.test.ts'],
    [
      ['what a consumer has held back stays', 'if (before < this.#trimmable) this.#trimSoon()', 'void before'],
      ['a consumer may begin before the log', 'if (from >= oldest) return\n', 'if (from >= 0) return\n'],
    ],
  ),
  ...mutationsOf('src/database/following/leadership.ts', trouble, [
    ['who takes over begins with what it has', 'await this.#newLoop().catchUp(end, leader.lost)', 'void end'],
  ]),
  ...mutationsOf('src/database/database.ts', trouble, [
    [
      'a follower gives out numbers of collections',
      '    this.pipeline.checkLeads()\n    return ++this.lastCollectionId',
      '    return ++this.lastCollectionId',
    ],
  ]),
  ...mutationsOf('src/database/services.ts', trouble, [
    ['a follower gives out numbers', '    this.#owner.pipeline.checkLeads()\n', ''],
  ]),
  ...mutationsOf('src/database/commit/commit-pipeline.ts', pipeline, [
    ['after a refusal nothing is waited for', 'resolve(error === undefined)))', 'resolve(error !== null)))'],
  ]),
  ...mutationsOf(
    'src/database/commit/commit.ts',
    ['src/database/commit/commit.test.ts', 'src/model/keyvalue/keyvalue.test.ts'],
    [
      [
        'numbers that were given out are given out again',
        'transaction.usedNumbers ? kernel.unreservedNumbers() : undefined',
        'undefined',
      ],
      [
        'a collection number is given out again',
        'if (transaction.createdCollections) writes',
        'if (transaction.createdCollections && false) writes',
      ],
      [
        'a range up to the end of a keyspace is logged without its end',
        'else bareEnd.set(aboveAll, 0, 1)',
        'else bareEnd.set(aboveAll, 0, 0)',
      ],
    ],
  ),
  ...mutationsOf(
    'src/database/transaction/spilled-values.ts',
    ['src/database/transaction/spilled-values.test.ts'],
    [
      ['a chunk leaves memory before it is in the file', 'chunk.position = position', 'chunk.position = 0'],
      ['a value that was taken back is written over', 'this.#isOpen = false\n      this.#sealed', 'this.#sealed'],
      ['whoever writes never waits for the disk', 'this.#sealed.length > waitingChunks && canWait()', 'false'],
      [
        'values that nobody needs stay in the file',
        'this.#file?.then((file) => file.close())',
        'this.#file?.then(() => 0)',
      ],
    ],
  ),
  ...mutationsOf(
    'src/database/commit/staging.ts',
    ['src/database/commit/staging.test.ts', 'src/database/commit/pieces.test.ts'],
    [
      ['pieces let no batch pass', '!(isBatchWaiting && this.#wasPiece)', 'true'],
      ['what was given up is not said to be', 'else abandon()', ''],
      ['who gives up does not wait for the piece under way', 'if (this.#inFlight === group)', 'if (false)'],
      [
        'pieces of who has given up go to the log',
        'this.#waiting.filter((piece) => piece.group !== group)',
        'this.#waiting',
      ],
    ],
  ),
  ...mutationsOf(
    'src/database/commit/large-commits.ts',
    ['src/database/commit/pieces.test.ts', 'src/database/commit/large-commits.test.ts'],
    [
      ['a piece holds what the one before held', 'this.#writer.reset()\n    this.#beginPiece()', 'this.#beginPiece()'],
      ['a refused commit leaves its pieces', 'if (!this.#isPublished) this.#staging?.abandon()', ''],
      ['a draft is filled without the range deletes', 'await this.#fillBy(draft, () => ranges.next().value ?? -1)', ''],
    ],
  ),
  ...mutationsOf(
    'src/database/commit/large-commits.ts',
    ['src/session/canceled-commits.test.ts', 'src/database/process-memory.test.ts'],
    [
      ['a commit that waits does not hear that it is canceled', 'await this.#interruption.orWoken(over)', 'await over'],
      [
        'who gives up while it waits lets the next one pass the one before',
        'Promise.allSettled([before, committing])',
        'Promise.allSettled([committing])',
      ],
      ['a draft may fill the memory', '!this.#kernel.hasRoomFor(0)', 'false'],
    ],
  ),
  ...mutationsOf(
    'src/database/following/feed.ts',
    ['src/database/following/feed.test.ts'],
    [
      [
        'a part of the feed holds all of a transaction',
        'changes.length >= changesPerPart || bytes >= bytesPerPart',
        'false',
      ],
      ['a part holds what the one before held', 'changes = []\n          bytes = 0\n        }', 'bytes = 0\n        }'],
      ['the last part says that more comes', 'continues: false }', 'continues: true }'],
    ],
  ),
  ...mutationsOf(
    'src/database/transaction/transaction-cursor.ts',
    ['src/database/transaction/transaction-cursor.test.ts'],
    [
      [
        'what is written behind a scan is passed over at each step',
        'if (passed >= 0) this.#ownLast = copySlice(this.#writes.keyOf(passed, passedKey))',
        '',
      ],
      ['the own side stays at its end when it is sought', 'this.#ownEnded = false\n    this.#from', 'this.#from'],
      ['a look for a value passes over own writes', 'this.#limit === 0 && this.#baseState', 'this.#baseState'],
    ],
  ),
  ...mutationsOf(
    'src/storage/memory/cursor.ts',
    ['src/storage/memory/cursor.test.ts'],
    [
      ['values are told apart by their last byte', 'if (from >= value.start) continue', 'if (from >= last) continue'],
      ['values are told apart by their length', 'if (recordValueLength(ints, record) !== length) continue', ''],
      ['a look for a value ends with its leaf', 'if (!this.#enterNextLeaf()) break', 'break'],
    ],
  ),
  ...mutationsOf(
    'src/database/transaction/write-budget.ts',
    ['src/database/process-memory.test.ts'],
    [
      ['a transaction may write what cannot be stored', 'sizeBytes < chargedWritesBytes ? 0 : putBytes', '0'],
      ['who deletes something may write anything', 'putBytes <= freeBesideDeletes', 'true'],
    ],
  ),
  ...mutationsOf(
    'src/session/party.ts',
    ['src/session/canceled-commits.test.ts'],
    [['a commit cannot be canceled', 'end(this.#cancellation)', 'end(new Cancellation())']],
  ),
  ...mutationsOf(
    'src/session/atomic-run.ts',
    ['src/session/atomic-statements.test.ts'],
    [
      ['collections that were only read are not held', 'transaction.reads?.collections ?? []', '[]'],
      [
        'who is overtaken is never waited for',
        'const excludes = attempt > optimisticAttempts',
        'const excludes = attempt > 99',
      ],
      [
        'an atomic statement of several turns is not validated',
        "excludes ? 'read committed' : 'serializable'",
        "excludes ? 'read committed' : 'repeatable read'",
      ],
    ],
  ),
  ...mutationsOf(
    'src/database/transaction/write-set.ts',
    ['src/database/transaction/transaction-cursor.test.ts', 'src/database/transaction/write-set.test.ts'],
    [
      [
        'what was put as new is not found',
        'return found !== none || this.#newCount === 0 ? found : this.sorted.find(key)',
        'return found',
      ],
    ],
  ),
  ...mutationsOf(
    'src/storage/memory/tree.ts',
    ['src/storage/memory/memory.test.ts'],
    [
      [
        'a writer stays in a leaf behind its fence',
        'compareWithRecord(this.space, this.#high, bytes, start, end, 0) >= 0) return false',
        'compareWithRecord(this.space, this.#high, bytes, start, end, 0) > 0) return false',
      ],
      [
        'a writer stays in a leaf before its fence',
        'return this.#low === 0 || compareWith',
        'return true || compareWith',
      ],
      ['fences stay where they were', 'this.#isFenced = false\n  }\n\n  /** Makes', '}\n\n  /** Makes'],
    ],
  ),
  ...mutationsOf(
    'src/database/transaction/sorted-operations.ts',
    ['src/database/transaction/transaction-cursor.test.ts', 'src/database/transaction/write-set.test.ts'],
    [
      [
        'what comes behind a finger is taken to be next to it',
        'if (!this.#isBehind(number, next, key, false)) return (number',
        'return (number',
      ],
      [
        'what comes before a finger is taken to be at it',
        'return at > 0 && this.#isBehind(number, at - 1, key, false) ? position : undefined',
        'return position',
      ],
    ],
  ),
  ...mutationsOf(
    'src/database/transaction/write-set.ts',
    ['src/database/transaction/write-set.test.ts'],
    [
      ['few writes that stay of many are looked for in an order that is gone', '    this.#isOrdered = false\n', ''],
      [
        'of many writes the later one on a key leaves the earlier one in the record',
        'this.#supersede(this.#addInOrder(operation, key), operation)',
        'this.#addInOrder(operation, key)',
      ],
    ],
  ),
  ...mutationsOf(
    'src/database/transaction/write-set.ts',
    ['src/database/transaction/spilled-values.test.ts'],
    [
      [
        'short values never leave memory',
        'length < leastSpilledBytes ? shortSpilledAt * fromBytes',
        'length < leastSpilledBytes ? Infinity',
      ],
    ],
  ),
  ...mutationsOf(
    'src/database/transaction/transaction.ts',
    ['src/server/full-memory.test.ts'],
    [
      [
        'changes of the catalog are free of the budget',
        'if (needsRoom) this.#budget.added()',
        'if (!needsRoom) this.#budget.added()',
      ],
    ],
  ),
  ...mutationsOf(
    'src/database/transaction/transaction-view.ts',
    ['src/session/session.test.ts'],
    [
      [
        'a cursor of a view that is pinned reads on in the newest state',
        'for (const cursor of this.#cursors) cursor.park()',
        '',
      ],
      ['nobody has changed a key since a view was pinned', 'return this.#pinned !== undefined &&', 'return false &&'],
    ],
  ),
]
