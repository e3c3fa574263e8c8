/** What redis-servers that replicate from here are told. */
import { mutationsOf, type Mutation } from './mutation.ts'

const replicas = ['src/gateway/redis/replication/replicas.test.ts']

export const replicaMutations: readonly Mutation[] = [
  ...mutationsOf('src/model/keyvalue/changes/changed-keys.ts', replicas, [
    [
      'elements of which nobody has noted the key are not told',
      '  if (unnamed.size === 0) return\n  yield* walkKeys',
      '  if (unnamed.size >= 0) return\n  yield* walkKeys',
    ],
    ['keys of a cleared database stay', '      space.isCleared = true\n', ''],
  ]),
  ...mutationsOf('src/gateway/redis/replication/change-stream.ts', replicas, [
    [
      'messages are told before what was written with them',
      '[...told, ...this.#takeHeard(next.sequence)]',
      '[...this.#takeHeard(next.sequence), ...told]',
    ],
    ['of what was published shards hear nothing', "[scopes.shards]: 'SPUBLISH'", "none: 'SPUBLISH'"],
  ]),
  ...mutationsOf('src/database/messages/hub.ts', replicas, [
    ['replicas are told of events of keys', 'if (message.isOwn === true) return', ''],
  ]),
  ...mutationsOf('src/gateway/redis/commands/pubsub.ts', replicas, [
    ['replicas hear only what somebody here hears', 'if (count > 0 || effects.hub.isOverheard)', 'if (count > 0)'],
  ]),
  ...mutationsOf('src/model/keyvalue/changes/key-commands.ts', replicas, [
    ['a key that is made anew is told by its elements', ' || was.header.generation !== after.generation', ''],
    [
      'an expiry that goes is not told',
      "  if (expiresAtMs === never) emit('PERSIST', key)\n  else emit",
      '  if (expiresAtMs !== never) emit',
    ],
    [
      'the time of a field is not told',
      '  yield* fieldExpiries(change,',
      '  if (fields.size < 0) yield* fieldExpiries(change,',
    ],
  ]),
  ...mutationsOf('src/model/keyvalue/changes/list-commands.ts', replicas, [
    [
      'an item in the middle comes to an end',
      'if (added.some((position) => position > first && position < last)) return false\n',
      '',
    ],
    [
      'items come to the head in the wrong order',
      'added.filter((position) => position < first).reverse()',
      'added.filter((position) => position < first)',
    ],
  ]),
  ...mutationsOf('src/model/keyvalue/changes/stream-commands.ts', replicas, [
    ['what a stream has deleted is not told', ' && deletedId === is.maxDeletedId) return true', ') return true'],
    [
      'a group that was made anew keeps what is pending',
      "if (was !== undefined && was.number !== is?.number) emit('XGROUP'",
      "if (was !== undefined && is === undefined) emit('XGROUP'",
    ],
  ]),
  ...mutationsOf('src/gateway/redis/replication/change-stream.ts', replicas, [
    ['databases that change places are not told of', "      block.emit('SWAPDB', number, at)\n", ''],
    ['who begins with a file is not told which database is meant', 'if (beside > 0) this.#selected = undefined', ''],
    ['a database is selected for each step', 'this.#selected = block.selected', ''],
    ['several keys are told one by one', 'return commands.length > 1 ?', 'return commands.length > 9 ?'],
    [
      'a database is selected once in a block alone',
      'if (database === this.selected) return',
      'if (database === this.selected || this.#commands.length > 0) return',
    ],
  ]),
  ...mutationsOf('src/gateway/redis/replication/replicas.ts', replicas, [
    [
      'a connection that was lost loses what came meanwhile',
      'replica.goOnline(id, offset)',
      'replica.goOnline(id, this.#backlog.end)',
    ],
    ['who is slow may stay', 'if (hardBytes > 0 && behindBytes > hardBytes) return true', ''],
    ['WAIT counts who lags behind', 'acknowledged >= offset).length', 'acknowledged >= 0).length'],
  ]),
]
