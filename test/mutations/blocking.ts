/** Redis's commands that wait for data: who is served, with what, and what is left behind. */
import { mutationsOf, type Mutation } from './mutation.ts'

const model = ['src/gateway/redis/blocking-property.test.ts']
const blocking = ['src/gateway/redis/blocking.test.ts']
const doors = ['src/server/blocking.test.ts']

export const blockingMutations: readonly Mutation[] = [
  ...mutationsOf('src/database/transaction/key-waits.ts', model, [
    ['of those who wait one is served with each write', 'found !== looked.served && !queue.isShared', 'true'],
    [
      'what a served one moves wakes nobody',
      '    if (waited.isReady) return\n    waited',
      '    if (waited.isReady || this.#isDelivering) return\n    waited',
    ],
    ['who has left is asked', '      queue.waiters.delete(waiter)\n', ''],
    ['keys are served newest first', 'const waited = this.#ready.shift()', 'const waited = this.#ready.pop()'],
  ]),
  ...mutationsOf('src/database/transaction/key-waits.ts', blocking, [
    [
      'those behind look where nothing is left',
      '} else if (found !== looked.served && !queue.isShared) return true',
      '}',
    ],
    ['a key that has gone wakes who waits', '(isGone && !waited.queues', '(false && !waited.queues'],
  ]),
  ...mutationsOf('src/database/transaction/key-waits.ts', doors, [
    ['who waits in a database that is made stays where it was', 'for (const waiter of moved) waiter.move()', ''],
  ]),
  ...mutationsOf('src/gateway/redis/blocked-command.ts', doors, [
    [
      'a time that is over while a lock is waited for is forgotten',
      'if (this.#isLooking) this.#session.cancel()',
      'if (this.#isLooking) void 0',
    ],
  ]),
  ...mutationsOf('src/gateway/redis/conversation.ts', blocking, [
    ['who has gone waits on', '    this.#blocked?.close()\n', ''],
  ]),
]
