/** Messages, touched keys, and what clients have cached. */
import { mutationsOf, type Mutation } from './mutation.ts'

const hub = ['src/database/messages/hub.test.ts']
const pubsub = ['src/gateway/redis/pubsub.test.ts']
const events = ['src/gateway/redis/watching/key-events.test.ts']
const tracking = ['src/gateway/redis/watching/tracking.test.ts']

export const messageMutations: readonly Mutation[] = [
  ...mutationsOf('src/database/messages/hub.ts', hub, [
    ['who came later hears of what was said before', '      if (since > moment) return true\n', ''],
    ['what the log has refused is told', "error === undefined ? 'ready' : 'dropped'", "'ready'"],
  ]),
  ...mutationsOf('src/database/messages/effects.ts', pubsub, [
    [
      'what was rolled back is told',
      'if (committed !== undefined) kernel.hub.committed(effects, committed, kernel)',
      'kernel.hub.committed(effects, committed ?? 0, kernel)',
    ],
  ]),
  ...mutationsOf('src/gateway/redis/watching/event-names.ts', events, [
    ['that a group has a consumer more is not told', "outcome.hasConsumer ? ['xgroup-createconsumer'] : []", '[]'],
  ]),
  ...mutationsOf('src/gateway/redis/commands/stream-groups.ts', events, [
    [
      'who was there before is told as a new consumer',
      'if (tx.effects.areObserved && findConsumer(tx, space, stream, group, name) === undefined) {',
      'if (tx.effects.areObserved) {',
    ],
  ]),
  ...mutationsOf('src/gateway/redis/watching/tracking.ts', tracking, [
    [
      'who has switched off loops hears of itself',
      'if (tracking.noLoop && client.session.id === sessionId) continue',
      '',
    ],
  ]),
]
