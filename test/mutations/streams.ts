/** Redis's streams: ids, groups, what is pending, who waits. */
import { mutationsOf, type Mutation } from './mutation.ts'

const model = ['src/gateway/redis/stream-model.test.ts']
const golden = ['src/gateway/redis/golden.test.ts']
const blocking = ['src/gateway/redis/blocking-streams.test.ts']
const verifier = ['src/gateway/redis/stream-verifier.test.ts']

export const streamMutations: readonly Mutation[] = [
  ...mutationsOf('src/model/keyvalue/stream-groups.ts', model, [
    [
      'what is claimed stays in the list of who had it',
      '  if (before !== undefined) dropOwned(tx, space, stream, group, id, before)\n',
      '',
    ],
    [
      'what is acknowledged stays in the list of its consumer',
      '  dropOwned(tx, space, stream, group, id, found)\n',
      '',
    ],
    [
      'a consumer leaves what it has not acknowledged',
      'yield* eachStep(tx, 0, ids.length, 1, (at) => {',
      'yield* eachStep(tx, 0, 0, 1, (at) => {',
    ],
    [
      'a group leaves what is pending',
      '  tx.deleteRange(groupRange(space, index.pending, generation, group.number))\n',
      '',
    ],
  ]),
  ...mutationsOf('src/gateway/redis/commands/stream-groups.ts', model, [
    ['a group goes away under who acknowledges', '  holdGroup(call.tx, space, stream, group)\n', ''],
    ['a stream goes away under who acknowledges', '  saveCollection(call.tx, space, call.arg(keyAt), stream)\n', ''],
  ]),
  ...mutationsOf('src/gateway/redis/commands/stream-groups.ts', blocking, [
    [
      'who waits for a group does not hear that it is gone',
      '    touchCollection(tx, space, call.arg(2), stream)\n',
      '',
    ],
  ]),
  ...mutationsOf('src/gateway/redis/commands/stream-reads.ts', model, [
    ['a group is given the same entries again', '    saveGroup(tx, space, stream, group)\n', ''],
    ['what is delivered again is not counted', 'deliveries: pending.deliveries + 1n', 'deliveries: pending.deliveries'],
  ]),
  ...mutationsOf('src/gateway/redis/commands/stream-reads.ts', blocking, [
    ['who waits is given all there is', ': countOfWaiting }', ': Infinity }'],
    ['one who waits is served of many', '    isShared: true,\n', ''],
  ]),
  ...mutationsOf('src/model/keyvalue/streams.ts', golden, [
    ['an approximate trim of everything leaves a node', '  if (most >= stream.count) return stream.count\n', ''],
    ['the greatest deleted id is the last deleted one', 'if (id > state.maxDeletedId) state', 'state'],
    ['entries that were added are not counted', '  state.entriesAdded++\n', ''],
  ]),
  ...mutationsOf('src/model/keyvalue/stream-progress.ts', golden, [
    [
      'a group knows how much it has read across gaps',
      'return this.firstId <= maxDeletedId && from <= maxDeletedId',
      'return false',
    ],
    ['a group that is behind the first entry has read it', '+ 1n : unknownCount', ': unknownCount'],
  ]),
  ...mutationsOf('src/model/keyvalue/stream-entries.ts', model, [
    ['a number that lies in two pieces is read as two', '  #numberBytes = 0\n', '  #numberBytes = 1\n'],
    ['the rest of a long entry is not written', '    yield* this.#flush(1)\n', ''],
  ]),
  ...mutationsOf('src/model/keyvalue/keyvalue.ts', golden, [
    [
      'an empty stream is gone',
      'if (header.count === 0 && header.kind !== kind.stream) {',
      'if (header.count === 0) {',
    ],
    ['a copy has no groups', '? [...elements, ...groupIndexes] : elements', '? elements : elements'],
  ]),
  ...mutationsOf('src/model/keyvalue/verify-streams.ts', verifier, [
    ['entries may lie above the last id', 'last > lastId', 'last < 0n'],
    ['lists are not compared', 'if (transaction.get(owned) !== undefined) return', 'return'],
  ]),
  ...mutationsOf('src/gateway/redis/command-table.ts', golden, [
    [
      'the keys of XREADGROUP are behind the first STREAMS',
      "if (keyword === 'STREAMS') return streamKeys(args, first)\n",
      '',
    ],
  ]),
]
