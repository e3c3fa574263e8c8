/** What subscribers are told of rows. */
import { type Mutation, mutationsOf } from './mutation.ts'

const subscribers = ['src/server/published-rows.test.ts']

export const publicationMutations: readonly Mutation[] = [
  ...mutationsOf('src/model/table/publication/row-notes.ts', subscribers, [
    [
      'a table is told of though that was taken back',
      'if (of.takenBack !== transaction.writes.takenBack) {',
      'if (false) {',
    ],
    ['a condition is tried on the new row alone', '(passes(before) ? 1 : 0)', '(passes(after) ? 1 : 0)'],
    ['an old key is not told', 'return identity.some((', 'return false && identity.some(('],
    [
      'what publishes nothing is noted',
      "if (published?.actions.has('update') !== true) return\n",
      'if (published === undefined) return\n',
    ],
  ]),
  ...mutationsOf('src/model/table/publication/publication.ts', subscribers, [
    ['a partition is always told as its table', 'viaRoot === true ? highest : 0', 'highest'],
    [
      'publications are those of an older catalog',
      'if (known?.version === catalog.version)',
      'if (known !== undefined)',
    ],
  ]),
  ...mutationsOf('src/gateway/postgres/replication/pgoutput.ts', subscribers, [
    ['a row that leaves a condition is updated', "isSeen ? 'U' : 'D'", "'U'"],
    [
      'a relation is described once',
      'if (this.#known.get(number) === text) return',
      'if (this.#known.has(number)) return',
    ],
    ['other publications are told of, too', '.filter(({ name }) => this.#options.publications.has(name))', ''],
    [
      'partitions are emptied beside their table',
      'if (told === undefined || told.isPart) continue',
      'if (told === undefined) continue',
    ],
  ]),
  ...mutationsOf('src/gateway/postgres/replication/row-stream.ts', subscribers, [
    ['what was not sent is confirmed', 'Math.min(sequenceAt(flushed), this.#next)', 'sequenceAt(flushed)'],
    [
      'a stream begins where the slot does',
      'Math.max(parts.slot.position, sequenceAt(parts.from))',
      'parts.slot.position',
    ],
  ]),
  ...mutationsOf('src/gateway/postgres/replication/commands.ts', subscribers, [
    ['a subscriber reads what it may not', 'rights.require(collection, privilege.read | privilege.feed)', ''],
    [
      'policies hide nothing from a subscriber',
      '?.hidesRows?.(collection, rights) === true',
      '?.hidesRows === undefined',
    ],
  ]),
  ...mutationsOf('src/database/following/slots.ts', subscribers, [
    ['a slot waits for nobody', 'await this.#user.open.whenWritersEnd()', 'await Promise.resolve()'],
    ['a slot tells what its state holds', 'const position = look() + 1', 'const position = look()'],
    ['two read one slot', 'if (this.#holders.has(name)) return false', ''],
  ]),
  ...mutationsOf(
    'src/database/following/consumers.ts',
    ['src/database/following/consumers.test.ts'],
    [['temporary slots come back', "if (one.kind !== 'slot' || !one.name.startsWith(temporarySlotPrefix)) ", '']],
  ),
]
