/** What the soak runs in turn: each piece takes its seeds from the totals and adds to them what it did. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runRounds } from '../crash/rounds.ts'
import { runPostgresDifferential } from '../differential/postgres/differential.ts'
import { runLogic } from '../differential/logic/logic.ts'
import { runRedisDifferential } from '../differential/redis/differential.ts'
import { goOn } from '../fuzz/ledger.ts'
import { planOf } from '../simulation/plan.ts'
import { shrink, simulate } from '../simulation/simulation.ts'
import { runProperties } from './properties.ts'
import { addTo, type Totals } from './totals.ts'

export interface Outcome {
  readonly totals: Totals
  readonly failures: readonly string[]
  /** Why nothing was done. */
  readonly skipped?: string
}

export interface Piece {
  readonly name: string
  /** In how many pieces a run without a time limit does its share. */
  readonly piecesOfRun: number
  readonly run: (totals: Totals) => Promise<Outcome>
}

const roundsOfPiece = 10
const seedsOfPiece = 50
const redisProgramsOfPiece = 200
const sqlProgramsOfPiece = 40
const logicProgramsOfPiece = 240
const fuzzedInputsOfPiece = 50_000

export const pieces: readonly Piece[] = [
  { name: `${roundsOfPiece} crash rounds`, piecesOfRun: 20, run: crashPiece },
  { name: `${seedsOfPiece} seeds of the simulation`, piecesOfRun: 20, run: simulationPiece },
  { name: 'all property tests', piecesOfRun: 10, run: propertyPiece },
  { name: `${redisProgramsOfPiece} programs compared with redis-server`, piecesOfRun: 10, run: redisPiece },
  { name: `${sqlProgramsOfPiece} programs compared with PostgreSQL`, piecesOfRun: 10, run: sqlPiece },
  { name: `${logicProgramsOfPiece} programs of queries compared with each other`, piecesOfRun: 10, run: logicPiece },
  { name: `${fuzzedInputsOfPiece} inputs of every parser`, piecesOfRun: 5, run: fuzzPiece },
]

async function crashPiece(totals: Totals): Promise<Outcome> {
  const directory = mkdtempSync(join(tmpdir(), 'polylog-soak-'))
  const seed = totals.nextCrashSeed
  try {
    const result = await runRounds({ directory: join(directory, 'data'), seed, rounds: roundsOfPiece })
    const failures = result.failures.map((failure) => `crash seed ${seed}: ${failure}`)
    const added = {
      nextCrashSeed: 1,
      crashRounds: result.rounds,
      crashTransfers: result.transfers,
      crashAcknowledged: result.acknowledged,
      crashFailures: failures.length > 0 ? 1 : 0,
    }
    return { totals: addTo(totals, added), failures }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function simulationPiece(totals: Totals): Promise<Outcome> {
  const failures: string[] = []
  let sum = totals
  for (let i = 0; i < seedsOfPiece; i++) {
    const seed = sum.nextSimulationSeed
    const result = await simulate(planOf(seed))
    if (result.violations.length > 0) failures.push(await describe(seed, result))
    sum = addTo(sum, {
      nextSimulationSeed: 1,
      simulationSeeds: 1,
      simulatedSeconds: result.simulatedMs / 1000,
      simulationLives: result.crashes,
      simulationTransfers: result.transfers,
      serializableReplayed: result.serializableCompared,
      simulationFailures: result.violations.length > 0 ? 1 : 0,
    })
  }
  return { totals: sum, failures }
}

async function describe(seed: number, result: Awaited<ReturnType<typeof simulate>>): Promise<string> {
  const small = await shrink(result)
  const { invariant, message } = result.violations[0]!
  return `simulation seed ${seed}: ${invariant}: ${message}\n  shrunk: ${JSON.stringify(small.plan)}`
}

async function propertyPiece(totals: Totals): Promise<Outcome> {
  const seed = totals.nextPropertySeed
  const { tests, failures } = runProperties(seed)
  const added = { nextPropertySeed: 1, propertyTests: tests, propertyFailures: failures.length > 0 ? 1 : 0 }
  return { totals: addTo(totals, added), failures: failures.map((failure) => `property seed ${seed}: ${failure}`) }
}

async function redisPiece(totals: Totals): Promise<Outcome> {
  const seed = totals.nextRedisSeed
  const result = await runRedisDifferential({ seed, programs: redisProgramsOfPiece })
  if (result === undefined) return { totals, failures: [], skipped: 'redis-server is not installed' }
  const { programs, commands, differences } = result
  const added = { nextRedisSeed: programs, redisCommands: commands, redisDifferences: differences.length }
  return { totals: addTo(totals, added), failures: differences }
}

async function sqlPiece(totals: Totals): Promise<Outcome> {
  const seed = totals.nextSqlSeed
  const failures: string[] = []
  let sum = totals
  for (const kind of ['tables', 'objects'] as const) {
    const result = await runPostgresDifferential({ seed, programs: sqlProgramsOfPiece, kind })
    if (result === undefined) return { totals, failures: [], skipped: 'PostgreSQL is not installed' }
    const { statements, skipped, differences } = result
    const added = {
      sqlStatements: statements - skipped,
      sqlSkipped: skipped,
      sqlDifferences: differences.length,
    }
    sum = addTo(sum, added)
    failures.push(...differences)
  }
  return { totals: addTo(sum, { nextSqlSeed: sqlProgramsOfPiece }), failures }
}

async function logicPiece(totals: Totals): Promise<Outcome> {
  const seed = totals.nextLogicSeed
  const { queries, differences } = await runLogic({ seed, programs: logicProgramsOfPiece, checks: 25 })
  const added = {
    nextLogicSeed: logicProgramsOfPiece,
    logicQueries: queries,
    logicDifferences: differences.length,
  }
  return { totals: addTo(totals, added), failures: differences }
}

async function fuzzPiece(totals: Totals): Promise<Outcome> {
  const failures: string[] = []
  await goOn({ inputs: fuzzedInputsOfPiece }, ({ target, findings }) => {
    for (const finding of findings) failures.push(`fuzzing ${target}: ${finding}`)
  })
  return { totals, failures }
}
