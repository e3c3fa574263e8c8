/** What all long runs so far have come to: plain sums. */
export interface Totals {
  /** Where the next run goes on. */
  readonly nextCrashSeed: number
  readonly nextSimulationSeed: number
  readonly crashRounds: number
  readonly crashTransfers: number
  readonly crashAcknowledged: number
  readonly crashFailures: number
  readonly simulationSeeds: number
  readonly simulatedSeconds: number
  /** Of the server; each but the last of a seed ends by a crash or a clean end. */
  readonly simulationLives: number
  readonly simulationTransfers: number
  readonly serializableReplayed: number
  readonly simulationFailures: number
  readonly nextPropertySeed: number
  readonly propertyTests: number
  readonly propertyFailures: number
  readonly nextRedisSeed: number
  readonly redisCommands: number
  readonly redisDifferences: number
  readonly nextSqlSeed: number
  readonly sqlStatements: number
  /** Of something that is said not to be supported. */
  readonly sqlSkipped: number
  readonly sqlDifferences: number
  readonly nextLogicSeed: number
  /** Of SQL, that must agree with each other. */
  readonly logicQueries: number
  readonly logicDifferences: number
}

/** Tests run the seeds of the simulation up to 1,200, and seed 1 of the properties. */
export const emptyTotals: Totals = {
  nextCrashSeed: 100,
  nextSimulationSeed: 10_001,
  crashRounds: 0,
  crashTransfers: 0,
  crashAcknowledged: 0,
  crashFailures: 0,
  simulationSeeds: 0,
  simulatedSeconds: 0,
  simulationLives: 0,
  simulationTransfers: 0,
  serializableReplayed: 0,
  simulationFailures: 0,
  nextPropertySeed: 2,
  propertyTests: 0,
  propertyFailures: 0,
  nextRedisSeed: 1_000_001,
  redisCommands: 0,
  redisDifferences: 0,
  nextSqlSeed: 1_000_001,
  sqlStatements: 0,
  sqlSkipped: 0,
  sqlDifferences: 0,
  nextLogicSeed: 1_000_001,
  logicQueries: 0,
  logicDifferences: 0,
}

export function addTo(totals: Totals, added: Partial<Totals>): Totals {
  const sum: Record<keyof Totals, number> = { ...totals }
  for (const [name, value] of Object.entries(added)) sum[name as keyof Totals] += value
  return sum
}
