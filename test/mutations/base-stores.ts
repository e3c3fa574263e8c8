/** Stores over base stores: the overlay, its hand-over, the sorted file, the routes between stores, engines of a database. */
import { mutationsOf, type Mutation } from './mutation.ts'

const overlay = ['src/storage/overlay/overlay.test.ts']
const deadRuns = ['src/storage/overlay/dead-runs.test.ts']
const ranges = ['src/storage/overlay/range-set.test.ts']
const sortedFile = ['src/storage/sorted-file/sorted-file.test.ts']
const followed = ['src/storage/sorted-file/followed.test.ts']
const followedOverlay = ['src/database/followed-overlay.test.ts']
const damaged = ['src/server/damaged-engine.test.ts']
const routed = ['src/storage/routed/routed-store.test.ts']
const stepDown = ['src/server/step-down.test.ts']
const doors = ['src/server/engines.test.ts']
const engines = ['src/database/engines.test.ts']
const recovery = ['src/database/engines.test.ts', 'src/database/directory/recovery.test.ts']

export const baseStoreMutations: readonly Mutation[] = [
  ...mutationsOf('src/database/verification/verification.ts', damaged, [
    [
      'what lies behind damage is not verified',
      'eachEntry(verification, at, behind, look, true)',
      'eachEntry(verification, at, range, look)',
    ],
    [
      'an entry that cannot be read ends its walk',
      "verification.report('unreadable', { ...at, key }, damageOf(error))",
      'throw error',
    ],
  ]),
  ...mutationsOf('src/database/verification/verify-store.ts', damaged, [
    ['the walk over a store ends at damage', '      if (next === undefined) return\n', '      return\n'],
  ]),
  ...mutationsOf('src/storage/sorted-file/sorted-file.ts', followed, [
    ['a follower shows a file before its state', 'next.through > this.#followed.sequence', 'false'],
    [
      'a follower opens the newest file, whatever it is',
      'newest === undefined || newest < least',
      'newest === undefined',
    ],
    [
      'a replaced file ends the following',
      'if (!isNotFound(error)) throw error\n      }\n    }',
      'throw error\n      }\n    }',
    ],
    ['who has led a folder goes on with the file it had', 'if (newest !== undefined) this.#take(newest)\n    }', '}'],
    [
      'a follower cleans up behind its leader',
      'options.followed === undefined ? store.#openOwn()',
      'true ? store.#openOwn()',
    ],
  ]),
  ...mutationsOf('src/storage/sorted-file/file.ts', followed, [
    [
      'two files that are opened at a time have the same pages',
      "    const file = await disk.open(path, { mode: 'read' })\n    try {\n      const { index, footer, size } = await readIndex(file, path)\n      return new SortedFile(path, file, index, footer.sequence, size, number(index.blocks))",
      "    const first = number(0)\n    const file = await disk.open(path, { mode: 'read' })\n    try {\n      const { index, footer, size } = await readIndex(file, path)\n      return new SortedFile(path, file, index, footer.sequence, size, first + 0 * number(index.blocks))",
    ],
  ]),
  ...mutationsOf('src/storage/overlay/overlay.ts', followedOverlay, [
    [
      'a hand-over takes away what was written while it waited',
      'this.#handedOver = running.generation\n    const before',
      'this.#handedOver = this.#generation\n    const before',
    ],
  ]),
  ...mutationsOf('src/storage/overlay/view.ts', overlay, [
    [
      'a deleted key of the overlay does not hide the base',
      'return isDeletion(entry) ? undefined : valueOf(entry, result)',
      'return isDeletion(entry) ? view.base.get(key) : valueOf(entry, result)',
    ],
    [
      'a deleted range does not hide the base from look-ups',
      'return view.hidden.length > 0 && isHidden(view.hidden, textOfKey(key)) ? undefined : view.base.get(key)',
      'return view.base.get(key)',
    ],
    [
      'a count takes what was written over for new',
      'count += Number(!isDeletion(cursor.value)) - Number(wasThere)',
      'count += Number(!isDeletion(cursor.value))',
    ],
    ['a count forgets what deleted ranges hide', 'count -= gone', 'count -= 0'],
  ]),
  ...mutationsOf('src/storage/overlay/merged-cursor.ts', overlay, [
    ['a scan shows what the base has under a deleted key', 'if (order === 0) this.#baseState = behind', ''],
    [
      'a scan back stops above the start of a deleted range',
      'else if (key > range.start) base.seek(keyOfText(range.start))',
      'else if (key > range.start) return void (this.#baseState = ended)',
    ],
    [
      'a scan goes on behind a mutation',
      "assert(this.#version === this.#view.version, 'a cursor outlived a mutation or its snapshot')",
      '',
    ],
  ]),
  ...mutationsOf('src/storage/overlay/merged-cursor.ts', deadRuns, [
    ['a scan over deleted keys never pauses', 'if (this.#passed >= this.#budget) this.#pause()', ''],
    [
      'a scan that is begun anew pauses where it did before',
      'dead.firstBudget = 2 * this.#budget',
      'dead.firstBudget = this.#budget',
    ],
    [
      'what shows is taken for a part of what is deleted around it',
      '      this.#runFrom = undefined\n      this.key.set',
      '      this.key.set',
    ],
    [
      'what shows from the base is taken for a part of what is deleted around it',
      '  #showBase(): boolean {\n    this.#runFrom = undefined',
      '  #showBase(): boolean {',
    ],
    [
      'a skip that was cut short by a pause forgets it',
      'if (passed === 0 || !isMiss(error)) throw error\n      this.#isPausing = false',
      'if (passed === 0 || !isMiss(error)) throw error',
    ],
  ]),
  ...mutationsOf('src/storage/overlay/overlay.ts', deadRuns, [
    ['what is put among deleted keys does not show', 'this.#view.dead.put(key)', ''],
    [
      'what is back after a rollback does not show',
      'this.#view.version++\n    this.#view.dead.clear()\n    this.#hide(hidden',
      'this.#view.version++\n    this.#hide(hidden',
    ],
  ]),
  ...mutationsOf('src/storage/overlay/range-set.ts', ranges, [
    [
      'a range ends one short where two are joined',
      'if (next[1] > end) end = next[1]',
      'if (next[1] > end) end = next[0]',
    ],
    ['a range holds its end', 'key < found[1] ?', 'key <= found[1] ?'],
  ]),
  ...mutationsOf('src/storage/overlay/overlay.ts', overlay, [
    ['what can still be taken back is handed over', 'if (!mayGoBack) running.begin()', 'running.begin()'],
    [
      'an entry is dropped before the base has it',
      'await this.base.apply(running.batch)\n      if (!this.#closed) this.#swap(running)',
      'if (!this.#closed) this.#swap(running)\n      await this.base.apply(running.batch)',
    ],
    [
      'ranges that were deleted during a hand-over are forgotten with it',
      'this.#hide(this.#hidden.after(running.generation))',
      'this.#hide(this.#hidden.after(running.generation + 1))',
    ],
    ['what is written during a hand-over counts as handed over', 'this.#generation++\n', ''],
    [
      'what a draft wrote before a hand-over counts as handed over',
      'const generation = firstDraftGeneration + ++this.#drafts',
      'const generation = this.#generation',
    ],
    [
      'a hand-over that was undone is not noticed to be',
      'this.#running.through > held.sequence) this.#running.undo()',
      'this.#running.through > held.sequence + 1e9) this.#running.undo()',
    ],
    [
      'swept entries that a mark brings back stay for good',
      'if (this.#handedOver > 0) this.#sweep',
      'if (this.#handedOver < 0) this.#sweep',
    ],
    ['going back keeps the ranges that were deleted since', 'this.#hide(hidden.after(this.#handedOver))', ''],
    ['a stopped overlay goes on handing over', "if (this.#running?.stage === 'waiting') this.#running.undo()", ''],
  ]),
  ...mutationsOf('src/storage/overlay/sweep.ts', overlay, [
    [
      'a sweep takes what is newer, too',
      'if (this.#isHandedOver(generationOf(cursor.value))) deleted',
      'if (generationOf(cursor.value) > 0) deleted',
    ],
    ['a sweep ends after its first step', 'isDone: looked < stepEntries', 'isDone: looked >= 0'],
  ]),
  ...mutationsOf('src/storage/sorted-file/write.ts', sortedFile, [
    [
      'a range of a batch ends one key early',
      'compareSlices(ranges[this.#range]!.end, key) <= 0) this.#range++',
      'compareSlices(ranges[this.#range]!.end, key) < 0) this.#range++',
    ],
    ['a deleted key of a batch stays in the file', 'this.#writeNewer()\n    return true', 'return false'],
    [
      'the last block of a file is forgotten',
      'this.#closeBlock()\n    await this.flush()\n    const',
      'await this.flush()\n    const',
    ],
  ]),
  ...mutationsOf('src/storage/sorted-file/format.ts', sortedFile, [
    [
      'the checksum of a block is not looked at',
      'if (view.getUint32(0, true) !== crc32(bytes.subarray(4), number)) {',
      'if (number < 0) {',
    ],
    [
      'the checksum of the index is not looked at',
      'if (crc32(bytes) !== footer.indexChecksum) {',
      'if (footer.indexChecksum < 0) {',
    ],
  ]),
  ...mutationsOf('src/storage/sorted-file/sorted-file.ts', sortedFile, [
    ['a batch is taken twice', 'if (batch.through <= this.persistedThrough) return', ''],
    ['a start takes the oldest state', 'Math.max(...sequences)', 'Math.min(...sequences)'],
    [
      'a batch counts before its folder is synced',
      'await disk.syncFolder(folder)\n    this.#take(await this.#open(batch.through))',
      'this.#take(await this.#open(batch.through))\n    await disk.syncFolder(folder)',
    ],
  ]),
  ...mutationsOf('src/storage/sorted-file/block-cache.ts', sortedFile, [
    ['a block that cannot be read is an internal error', '    }, asAnswer)\n', '    })\n'],
    ['a scan reads nothing ahead', 'block + 1 + ahead)', 'block + 1)'],
  ]),
  ...mutationsOf('src/storage/page-pin.ts', sortedFile, [
    ['a pin that is released twice lets go of another one', 'if (isHeld) page.pins--', 'page.pins--'],
  ]),
  ...mutationsOf('src/storage/sorted-file/snapshot.ts', sortedFile, [
    [
      'a scan goes beyond its end',
      'compareSlices(key, this.#end) < 0 : compareSlices',
      'compareSlices(key, this.#end) <= 0 : compareSlices',
    ],
    [
      'a scan back shows the end of its range',
      'this.#isInclusive = compareSlices(key, end) < 0',
      'this.#isInclusive = true',
    ],
  ]),
  ...mutationsOf('src/storage/routed/routed-store.ts', routed, [
    [
      'a store that is opened later knows no earlier mark',
      'for (const held of this.#marks.values()) held.marks.push(part.store.mark())',
      '',
    ],
    ['a miss of a store is looked for in memory', 'this.#misses.indexOf(miss) + 1', '0'],
  ]),
  ...mutationsOf('src/storage/routed/routes.ts', routed, [
    [
      'a range that ends within a collection goes on to its end',
      'const until = compareSlices(end, range.end) < 0 ? end : range.end',
      'const until = range.end',
    ],
  ]),
  ...mutationsOf('src/storage/sorted-file/verify.ts', sortedFile, [
    [
      'keys are compared within blocks only',
      'if (before !== undefined && compareSlices(before, first) >= 0) {',
      'if (before === null) {',
    ],
    [
      'blocks behind a damaged one are not looked at',
      'order.look(number, blocks?.[0])',
      'if (blocks === undefined) break\n    order.look(number, blocks[0])',
    ],
  ]),
  ...mutationsOf('src/database/verification/verify-engines.ts', engines, [
    [
      'what base stores have on the disk is not verified',
      'const found = await base?.verify()',
      'const found = base === undefined ? undefined : { entries: base.statistics().keys, faults: [] as string[] }',
    ],
    [
      'keys that lie in another store are no difference',
      'if (engines.store.placeOf(collection) === place) continue',
      'continue',
    ],
    [
      'a collection that is looked for in another store is no difference',
      'else if (store.placeOf(id) !== found.place) {',
      'else if (store.placeOf(id) < 0) {',
    ],
  ]),
  ...mutationsOf('src/gateway/mongodb/commands/collections.ts', doors, [
    ['options of a storage engine are ignored', 'if (unknown !== undefined) {', 'if (unknown === null) {'],
    ['a collection of MongoDB lies in memory whatever was asked for', ', collectionName, engine)', ', collectionName)'],
  ]),
  ...mutationsOf('src/gateway/mongodb/execute.ts', stepDown, [
    ['maxTimeMS does not end waiting for the log', 'request.connection.replyLimitMs = limitMs', ''],
  ]),
  ...mutationsOf('src/gateway/mongodb/commands/handshake.ts', stepDown, [
    [
      'hello says that a follower takes writes',
      "writer.boolean('isWritablePrimary', leads)",
      "writer.boolean('isWritablePrimary', true)",
    ],
  ]),
  ...mutationsOf('src/gateway/redis/commands/info.ts', stepDown, [
    [
      'ROLE says that a follower takes writes',
      "reply.bulkText(leads ? 'master' : 'slave')",
      "reply.bulkText('master')",
    ],
  ]),
  ...mutationsOf('src/gateway/redis/commands/polylog.ts', doors, [
    [
      'Redis is told that its database lies where it was asked to lie',
      'if (wanted === undefined || existing?.engine === wanted) return existing?.engine',
      'if (wanted === undefined || existing !== undefined) return existing?.engine',
    ],
  ]),
  ...mutationsOf('src/database/engines.ts', engines, [
    [
      'the log is trimmed as if no engine needed it',
      'needed = Math.min(needed, persisted.get(name) ?? since)',
      'needed = Math.min(needed, Infinity)',
    ],
    ['a lost engine is not noticed', 'if (found >= sequence) continue', 'continue'],
    ['a full disk of an engine refuses nothing', 'if (this.#full !== undefined) {', 'if (this.#full === null) {'],
  ]),
  ...mutationsOf('src/database/engines.ts', recovery, [
    [
      'what a base has is done again to the memory only',
      'if (place !== 0 || lacks(store.memory)) return [store.at(place)].filter(lacks)',
      'if (place !== 0 || lacks(store.memory)) return [store.at(place)].filter(() => lacks(store.memory))',
    ],
  ]),
  ...mutationsOf('src/database/directory/checkpoints.ts', engines, [
    [
      'a checkpoint trims the log before an engine has it',
      'neededAfter: Math.min(kept, engines?.neededAfter(persisted) ?? sequence)',
      'neededAfter: kept',
    ],
  ]),
  ...mutationsOf('src/database/commit/commit.ts', engines, [
    ['a collection is made, and its rows go to memory', '  followEngines(transaction)\n  const fed', '  const fed'],
  ]),
]
