/** What was, and who may see it. */
import { type Mutation, mutationsOf } from './mutation.ts'

const history = ['src/database/history']
const doors = ['src/server/looking-back.test.ts']

export const historyMutations: readonly Mutation[] = [
  ...mutationsOf('src/database/history/commit-times.ts', history, [
    [
      'what was committed at a time was not yet there',
      'if (clockMs(clock) > timeMs) break',
      'if (clockMs(clock) >= timeMs) break',
    ],
    ['a mark of the same time is the newest then', 'if (found >= from || from === oldest)', 'if (true)'],
  ]),
  ...mutationsOf('src/database/history/history.ts', history, [
    ['the past has the clock of the present', 'host: hostAt(host, atMs)', 'host'],
    [
      'a checkpoint of later is where a state begins',
      'bases.findLast((one) => one <= sequence)',
      'bases.findLast((one) => one <= sequence + 1)',
    ],
    ['states of later are where one begins', 'made !== undefined && one.sequence <= sequence', 'made !== undefined'],
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
    ['anybody may look back', '    requireHistory(present, rights)\n    return new', '    return new'],
    ['HISTORY taken away leaves the past open', '    requireHistory(this.#present, of(this.#present))\n', ''],
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
]
