/** The kernel: locks, conflicts, private writes, what a transaction has read, the way to the log. */
import { mutationsOf, type Mutation } from './mutation.ts'

const locks = ['src/database/locks.test.ts', 'src/session/hermitage.test.ts']
const conflicts = ['src/database/conflict-index.test.ts', 'src/session/hermitage.test.ts']
const writes = [
  'src/database/write-set.test.ts',
  'src/database/transaction-cursor.test.ts',
  'src/session/session.test.ts',
]
const pipeline = [
  'src/database/commit.test.ts',
  'src/database/commit-pipeline.test.ts',
  'src/database/burned-sequences.test.ts',
]

export const databaseMutations: readonly Mutation[] = [
  ...mutationsOf('src/database/locks.ts', locks, [
    ['share locks exclude nobody', '[false, false, true, true],', '[false, false, false, false],'],
    ['key share waits for no key update', '[false, false, false, true],', '[false, false, true, true],'],
    ['a new request passes those who wait', 'held === undefined ? lock.queue.length : 0)', '0)'],
    [
      'a stronger lock of the same owner is taken for held',
      'if (held !== undefined && held >= wanted) return true',
      'if (held !== undefined) return true',
    ],
    ['a circle is not looked for', 'if (this.#reaches(lock, owner, mode, position)) {', 'if (position < 0) {'],
    [
      'only holders close a circle',
      'if (request.owner !== owner && conflicts[mode]![request.mode]) blockers.push(request.owner)',
      '',
    ],
    [
      'who is granted still waits',
      'lock.queue.splice(at, 1)\n      this.#waiting.delete(request.owner)',
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
    [
      'locks that nobody has stay',
      'if (lock.holders.size === 0 && lock.queue.length === 0) this.#locks.delete(lock.key)',
      '',
    ],
  ]),
  ...mutationsOf('src/database/conflict-index.ts', conflicts, [
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
      'range.start < end && start < range.end) return true',
      'range.start <= end && start <= range.end) return true',
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
    ['old changes are not asked', '|| (this.#old?.changed(start, end, since) ?? false)', ''],
  ]),
  ...mutationsOf(
    'src/database/read-log.ts',
    ['src/database/read-log.test.ts'],
    [
      ['a read range is one key short', '`${sliceToLatin1(key)}\\0`', 'sliceToLatin1(key)'],
      [
        'a range read to its end ends with its last key',
        'key === undefined ? sliceToLatin1(this.#range.end)',
        'key === undefined ? this.end',
      ],
      ['a range read backwards is not read', 'if (start < this.start) this.start = start', ''],
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
  ...mutationsOf('src/database/write-set.ts', writes, [
    ['a range delete hides what is written after it', 'if (range.operation < operation) return undefined', ''],
    [
      'a range delete hides its end',
      'compareSlices(key, range.start) >= 0 && compareSlices(key, range.end) < 0',
      'compareSlices(key, range.start) >= 0 && compareSlices(key, range.end) <= 0',
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
  ...mutationsOf('src/database/transaction-cursor.ts', writes, [
    [
      'a parked cursor shows its entry again',
      "if (state === 'taken' && this.#pullBase()",
      "if (state === 'held' && this.#pullBase()",
    ],
    ['an own entry shows beside the stored one', "if (difference === 0) this.#baseState = 'taken'", ''],
    ['an own delete is shown', 'if (this.#writes.valueOf(own, this.#ownValue) === null) continue', ''],
    [
      'own entries behind the range are shown',
      ': compareSlices(this.#ownKey, this.#range.end) >= 0',
      ': compareSlices(this.#ownKey, this.#range.end) > 0',
    ],
    ['a skip forgets the entry that was held', "const held = this.#baseState === 'held' ? 1 : 0", 'const held = 0'],
    ['a skip passes one too many', 'this.#base.skip(count - held - 1)', 'this.#base.skip(count - held)'],
    [
      'writes made after it show in an open cursor',
      'if (operation < 0) continue\n      this.#writes.keyOf',
      'if (operation < -1) continue\n      this.#writes.keyOf',
    ],
  ]),
  ...mutationsOf('src/database/burned-sequences.ts', pipeline, [
    [
      'the way back is a burned sequence',
      'return sequence === episode.wayBack ? episode.base : undefined',
      'return undefined',
    ],
    [
      'a burned sequence is durable',
      'if (sequence > this.through) return sequence',
      'if (sequence >= this.through) return sequence',
    ],
    [
      'sequences between episodes are burned',
      'if (episode === undefined || sequence > episode.wayBack) return sequence',
      'if (episode === undefined) return sequence',
    ],
  ]),
  ...mutationsOf('src/database/commit-pipeline.ts', pipeline, [
    [
      'written is taken for synced',
      "level === 'written' ? this.#leader.writtenThrough : this.#leader.syncedThrough",
      "level === 'synced' ? this.#leader.writtenThrough : this.#leader.syncedThrough",
    ],
    [
      'who waits for what is durable already waits for more',
      'else if (this.durableThrough(level) >= state) run()',
      'else if (this.durableThrough(level) > state) run()',
    ],
    [
      "the clock goes back with the host's",
      'return Math.max(this.#host.now(), this.#clockMs)',
      'return this.#host.now()',
    ],
    [
      'a failed log is written on',
      "if (this.failure !== undefined)\n      throw new PolylogError('read_only'",
      "if (this.failure === null)\n      throw new PolylogError('read_only'",
    ],
  ]),
  ...mutationsOf(
    'src/database/commit.ts',
    ['src/database/commit.test.ts', 'src/model/keyvalue/keyvalue.test.ts'],
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
]
