/** MongoDB's pipelines: stages that look at several documents, ranks, and what an aggregation writes. */
import { mutationsOf, type Mutation } from './mutation.ts'

const stages = ['src/gateway/mongodb/window-stages.test.ts']
const options = ['src/gateway/mongodb/options.test.ts']
const administration = ['src/gateway/mongodb/administration.test.ts']

export const pipelineMutations: readonly Mutation[] = [
  ...mutationsOf('src/gateway/mongodb/commands/write-stages.ts', options, [
    ['a pipeline cannot write past a validator', 'if (passes) {', 'if (false) {'],
  ]),
  ...mutationsOf('src/gateway/mongodb/request.ts', options, [
    ['who wrote past a validator goes on doing so', 'passValidation(transaction, false)', ''],
  ]),
  ...mutationsOf('src/language/mql/matching-documents.ts', options, [
    ['a query with a limit reads on', 'if (++this.#taken === this.#most) this.#ended = true', ''],
  ]),
  ...mutationsOf('src/gateway/mongodb/stable-api.ts', administration, [
    ['any command is in version 1', 'if (!commandsOfOne.has(name)) throw', 'if (false) throw'],
    ['any version is the first', "if (text !== '1') throw", "if (text === '') throw"],
  ]),
  ...mutationsOf('src/gateway/mongodb/commands/writes.ts', administration, [
    ['an unknown field of an operation is passed over', 'if (known.includes(cursor.name)) continue', 'continue'],
  ]),
  ...mutationsOf('src/gateway/mongodb/commands/validate.ts', administration, [
    ['a collection is valid whatever is found', "boolean('valid', total === 0)", "boolean('valid', true)"],
  ]),
  ...mutationsOf(
    'src/model/document/change-notes.ts',
    ['src/gateway/mongodb/change-streams.test.ts'],
    [['positions are names', 'writer.int32(indexName(i), part)', 'writer.string(indexName(i), String(part))']],
  ),
  ...mutationsOf(
    'src/gateway/mongodb/cursors.ts',
    ['src/gateway/mongodb/cursors.test.ts'],
    [['a cursor that is to be kept goes', 'isKept !== true && usedMs', 'usedMs']],
  ),
  ...mutationsOf('src/language/mql/window-frames.ts', stages, [
    ['a window of places begins one too early', 'place + offsetOf(low)', 'place + offsetOf(low) - 1'],
    ['a range leaves out its end', 'this.#compare(this.#to, most) <= 0', 'this.#compare(this.#to, most) < 0'],
  ]),
  ...mutationsOf('src/language/mql/window-functions.ts', stages, [
    ['a window keeps what it has left behind', 'if (from !== this.#from || to < this.#to) {', 'if (to < this.#to) {'],
    ['ranks leave no gaps', 'isDense ? rank + 1 : place + 1', 'rank + 1'],
    ['a line is drawn to the last document', 'behind = place + 1', 'behind = inputs.length - 1'],
  ]),
  ...mutationsOf('src/language/mql/window-fields.ts', stages, [
    ['partitions run together', 'if (found.begins && this.#held.documents.length > 0) return undefined', ''],
  ]),
  ...mutationsOf('src/language/mql/densify.ts', stages, [
    ['what is there is made once more', 'if (difference === 0) return', ''],
    ['the given end of a range is within', 'includesHigh ? difference > 0 : difference >= 0', 'difference > 0'],
  ]),
  ...mutationsOf('src/language/mql/bucket-auto.ts', stages, [
    ['equal values lie in two buckets', 'equalValues(valueOf(sorted[at]!), valueOf(sorted[at - 1]!))', 'false'],
  ]),
  ...mutationsOf('src/language/mql/graph-lookup.ts', stages, [
    ['a document is found at every depth', 'if (search.reached.has(key)) return', ''],
    [
      'a search goes one depth too far',
      'search.depth >= this.#lookup.maxDepth',
      'search.depth > this.#lookup.maxDepth',
    ],
    ['values beyond the first hundreds are forgotten', 'search.frontier.slice(values.length)', '[]'],
  ]),
  ...mutationsOf('src/language/mql/accumulators.ts', stages, [
    [
      'the best of many are the last that came',
      'this.#entries = this.#best()',
      'this.#entries = this.#entries.slice(-this.#most)',
    ],
    ['the bottom is the top', 'this.#isLast ? sorted.slice(-this.#most) : sorted', 'sorted'],
  ]),
  ...mutationsOf('src/language/mql/percentiles.ts', stages, [
    ['a percentile is one too high', 'Math.ceil(share * sorted.length) - 1', 'Math.floor(share * sorted.length)'],
  ]),
]
