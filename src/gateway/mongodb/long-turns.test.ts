/**
 * Every command, stage and update operator there is, given as much as it takes: between two pauses it looks at a bounded
 * number of elements, writes a bounded number of them and charges no more than a turn. One that is added without a row here,
 * or without a reason why it needs none, fails.
 */
import { MongoClient, type Db } from 'mongodb'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { turnMeter } from '../../base/turn-meter.ts'
import { turnUnits } from '../../base/work.ts'
import { stageNames } from '../../language/mql/pipeline.ts'
import { arrayChanges } from '../../language/mql/update-arrays.ts'
import { fieldChanges } from '../../language/mql/update-operators.ts'
import { FieldCursor } from '../../model/document/bson.ts'
import { BsonWriter } from '../../model/document/bson-writer.ts'
import { DocumentEntries } from '../../model/document/index-keys.ts'
import { commands } from './commands/commands.ts'
import { type LongCase, longCommands, type LongCommandSizes } from './long-commands.ts'
import { openTestMongodb, type TestMongodb } from './testing.ts'

vi.mock('../../base/work.ts', async (load) => {
  const { metered } = await import('../../base/turn-meter.ts')
  return metered(await load())
})

/** A step of a walk is 15 units. */
const callsPerTurn = 150_000
/** A step within a turn may take as long again, and an attempt that another thread goes on with likewise. */
const unitsPerTurn = 3.5 * turnUnits

let server: TestMongodb
let client: MongoClient
let db: Db
const sizes: LongCommandSizes = { size: 8000, huge: 40_000, rows: 800, conditions: 700, few: 3000 }
const { fill, ofCommands, ofStages, ofUpdates, numbers } = longCommands(() => db, sizes)

beforeAll(async () => {
  server = await openTestMongodb()
  client = new MongoClient(server.url)
  db = client.db('d')
  await fill()
  turnMeter.count(FieldCursor.prototype, ['next'])
  turnMeter.count(BsonWriter.prototype, ['value', 'elements', 'document'])
  turnMeter.count(DocumentEntries.prototype, ['next'])
})

afterAll(async () => {
  await client.close()
  await server.close()
})

async function expectBounded(cases: readonly LongCase[]): Promise<void> {
  for (const { before, run } of cases) {
    await before?.()
    await expectBoundedRun(run)
  }
}

async function expectBoundedRun(run: () => Promise<unknown>): Promise<void> {
  turnMeter.reset()
  await run()
  turnMeter.endTurn()
  const { turns, mostCalls, mostUnits } = turnMeter
  const shown = `${turns} turns, at most ${mostCalls} calls, ${mostUnits} units`
  const isIn = { calls: mostCalls <= callsPerTurn, units: mostUnits <= unitsPerTurn, pauses: turns >= 2 }
  expect(isIn, shown).toEqual({ calls: true, units: true, pauses: true })
}

/** Whatever they are given, their work is bounded; `why` by `what`. */
const bounded: Readonly<Record<string, string>> = {
  'what batches hold is bounded, and the query is compiled': 'getMore',
  'names and numbers':
    'hello ping buildInfo connectionStatus whatsmyuri getParameter setParameter hostInfo getCmdLineOpts getLog serverStatus ' +
    'startSession replSetGetStatus killAllSessions refreshSessions configureFailPoint polylogDatabases listDatabases listCollections endSessions killSessions abortTransaction commitTransaction polylogJoin polylogToken create drop dropDatabase ' +
    'renameCollection collMod listIndexes dropIndexes collStats dbStats top validate listCommands profile killOp currentOp logout saslStart saslContinue authenticate',
  'roles and what they have been given, by name':
    'createUser updateUser dropUser dropAllUsersFromDatabase grantRolesToUser revokeRolesFromUser usersInfo rolesInfo ' +
    'createRole updateRole dropRole grantRolesToRole revokeRolesFromRole grantPrivilegesToRole revokePrivilegesFromRole',
}

const boundedNames = Object.values(bounded).flatMap((names) => names.split(' '))

describe('no command does much in one turn:', () => {
  it('all are here', () => {
    const known = new Set([...Object.keys(ofCommands), ...boundedNames])
    expect(commands.map(({ name }) => name).filter((name) => !known.has(name))).toEqual([])
  })

  it.each(Object.entries(ofCommands))('%s', (_, cases) => expectBounded(cases))
})

describe('no stage does much in one turn:', () => {
  it('all are here', () => {
    expect(stageNames.filter((name) => ofStages[name] === undefined)).toEqual([])
  })

  it.each(Object.entries(ofStages))('%s', (_, cases) => expectBounded(cases))
})

describe('no update operator does much in one turn:', () => {
  it('all are here', () => {
    const names = [...fieldChanges.keys(), ...arrayChanges.keys(), '$rename']
    expect(names.filter((name) => ofUpdates[name] === undefined)).toEqual([])
  })

  it.each(Object.entries(ofUpdates))('%s', (_, cases) => expectBounded(cases))
})

it('the values of an array that distinct answers are in order', async () => {
  expect(await db.collection('long').distinct('a')).toEqual(numbers.toSorted((a, b) => a - b))
})
