/**
 * The longest turn of the server's event loop while a client of MongoDB gives each command, stage, update operator,
 * accumulator, query and expression operator there is as much as it takes: what is counted by `long-turns.test.ts` and
 * `charges.test.ts`, in arrays of 100,000 elements. The bound is 10 ms (decision 081). `turns.ts` has what was found by hand.
 *
 * `POLYLOG_TURNS=name,name` measures these.
 */
import { MongoClient, type Db } from 'mongodb'
import { longCommands } from '../../src/gateway/mongodb/long-commands.ts'
import { expressionOperators } from '../../src/language/mql/expression.ts'
import { queryOperators } from '../../src/language/mql/filter-operators.ts'
import { accumulators } from '../../src/language/mql/accumulators.ts'
import { largeFields, largeOperands } from '../../src/language/mql/large-operands.ts'
import type { Area } from '../area.ts'
import { removeFolder, scratchFolder } from '../processes.ts'
import { MeteredServer, measureTurn, type TurnCase } from '../turns.ts'

const sizes = { size: 100_000, huge: 400_000, rows: 40_000, conditions: 50_000, few: 3_000 }
const count = 100_000
const operands = largeOperands(count)
const fieldNames = ['v', 'o', 'd', 's', 'b', 'n', 'z']
const numbers = Array.from({ length: count }, (_, i) => -i)
const queryOperands = [5, -1, 'b', numbers, { $gt: 1 }, { $lt: -1 }, { x: 1 }, true, 'int', []]
/** Of one operand: an operator is tried with many. */
const maxTimeMS = 3000

/** Most operators do not take most operands. */
const ignored = (): void => undefined

function* casesIn(db: Db): Generator<TurnCase> {
  const { ofCommands, ofStages, ofUpdates } = longCommands(() => db, sizes)
  for (const [name, cases] of Object.entries({ ...ofCommands, ...ofStages, ...ofUpdates })) {
    for (const [i, one] of cases.entries()) yield { name: `${name} ${i}`, ...one }
  }
  const find = (filter: object): Promise<unknown> =>
    db.command({ find: 'large', filter, projection: { _id: 1 }, maxTimeMS }).catch(ignored)
  for (const name of queryOperators.keys()) {
    const filters = queryOperands.flatMap((operand) =>
      ['v', 's', 'o'].map((field) => ({ [field]: { [name]: operand } })),
    )
    yield { name: `query ${name}`, run: () => each(filters, find) }
  }
  const aggregate = (stage: object): Promise<unknown> =>
    db.command({ aggregate: 'large', pipeline: [stage], cursor: {}, maxTimeMS }).catch(ignored)
  for (const name of expressionOperators.keys()) {
    const stages = operands.map((operand) => ({ $project: { _id: 1, x: { [name]: operand } } }))
    yield { name: `expression ${name}`, run: () => each(stages, aggregate) }
  }
  for (const name of accumulators.keys()) {
    const stages = fieldNames.map((field) => ({ $group: { _id: null, x: { [name]: `$${field}` } } }))
    yield { name: `accumulator ${name}`, run: () => each(stages, aggregate) }
  }
}

async function each<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (const item of items) await work(item)
}

export const mongodbTurns: Area = {
  name: 'mongodb-turns',
  apart: false,
  async *rows({ quick }) {
    const folder = scratchFolder('mongodb-turns')
    const server = await MeteredServer.start(folder)
    const client = await MongoClient.connect(`mongodb://127.0.0.1:${server.running.port}/`)
    try {
      const db = client.db('turns')
      await longCommands(() => db, sizes).fill()
      await db.collection('large').insertOne(largeFields(count))
      const chosen = process.env['POLYLOG_TURNS']?.split(',')
      for (const one of casesIn(db)) {
        if (chosen === undefined || chosen.some((name) => one.name.includes(name))) {
          yield await measureTurn(server, 'mongodb-turns', one, quick ? 1 : 3)
        }
      }
    } finally {
      await client.close()
      await server.running.stop()
      removeFolder(folder)
    }
  },
}
