/**
 * A seed's plan, as data: the lives of the server, what goes wrong in each, and who the clients are. Everything else that
 * chance decides comes from the world's own random numbers. A plan can be made smaller, which is how a failure is shrunk.
 */
import type { CrashKind, FaultName } from '../../src/host/simulated/faults.ts'
import type { LogFault } from '../../src/log/faulty-log.ts'
import { SeededRandom } from '../../src/host/simulated/random.ts'

export type LifeEnd = CrashKind | 'stop'

export interface Life {
  readonly runMs: number
  readonly end: LifeEnd
  /** The disk operation during which it crashes, counted from the start: starting up may be cut too. */
  readonly crashIo?: number
  /** How likely each fault is at every opportunity. */
  readonly faults: Partial<Record<FaultName, number>>
  /** Whether starting up meets the faults too. */
  readonly isFaultyFromStart: boolean
  /** What befalls the log at each append, as one on other machines, and how likely. */
  readonly logFaults?: LogFaults
  /** The disk has so much more space than is used, for part of the life. */
  readonly spareBytes?: number
}

/** A follower beside the server: how often it looks, and how much log its leader keeps for it. */
export interface FollowerPlan {
  readonly pollMs: number
  readonly maxLagBytes: number
}

export interface Plan {
  readonly seed: number
  readonly embeddedClients: number
  readonly networkClients: number
  readonly checkpointEveryBytes: number
  /** Where the shop's tables and documents lie; left out: in memory. */
  readonly engine?: string
  /** Transactions that write more are committed in slices, of `sliceKeys` writes. */
  readonly largeCommitWrites: number
  readonly sliceKeys: number
  /** Of a store whose pages are not all resident: so many are, beside those that somebody waits for. */
  readonly poolPages?: number
  readonly follower?: FollowerPlan
  /** The data directory is. */
  readonly isEncrypted?: boolean
  readonly lives: readonly Life[]
}

/** What a life may suffer from, and how much of it. */
const diskFaults: readonly (readonly [FaultName, number])[] = [
  ['sync-error', 0.1],
  ['write-error', 0.02],
  ['tear', 0.06],
  ['shorten', 0.02],
  ['no-space', 0.03],
  ['slow-disk', 0.05],
  ['folder-error', 0.05],
]
const networkFaults: readonly (readonly [FaultName, number])[] = [
  ['cut', 0.01],
  ['half-open', 0.003],
  ['refuse', 0.1],
  ['slow-network', 0.02],
]
const otherFaults: readonly (readonly [FaultName, number])[] = [
  ['clock-jump', 0.002],
  ['stall', 0.005],
]

/** What may be asked for by name, and how likely it is then. */
export const faultsByName: ReadonlyMap<string, number> = new Map<string, number>([
  ...diskFaults,
  ...networkFaults,
  ...otherFaults,
  ['read-error', 0.02],
  ['lying-sync', 0.05],
])

export type LogFaults = Partial<Record<LogFault['kind'], number>>

const logFaults: readonly (readonly [LogFault['kind'], number])[] = [
  ['unknown', 0.15],
  ['unavailable', 0.06],
  ['fenced', 0.06],
  ['slow', 0.1],
]

/** Durability is not claimed where a disk lies about it. */
export const excludedFromDurability: ReadonlySet<FaultName> = new Set<FaultName>(['lying-sync'])

/** As it is; with the larger ones of the simulation's transactions in slices; with nearly all of them. */
const commitSizes: readonly Pick<Plan, 'largeCommitWrites' | 'sliceKeys'>[] = [
  { largeCommitWrites: 1_000, sliceKeys: 1_000 },
  { largeCommitWrites: 4, sliceKeys: 3 },
  { largeCommitWrites: 1, sliceKeys: 1 },
]

/** `only`: nothing but these faults, each in every life. */
export function planOf(seed: number, only: readonly FaultName[] = []): Plan {
  const random = new SeededRandom(seed * 2 + 1)
  // Of its own, so that what else a seed decides is as it would be without.
  const logRandom = new SeededRandom(seed * 2 + 1_000_001)
  const engine = seed % 5 < 2 ? 'sorted' : undefined
  const lives = Array.from({ length: random.between(2, 4) }, () => {
    const life = lifeOf(random, only)
    const faults = only.length > 0 ? undefined : logFaultsOf(logRandom)
    return faults === undefined ? life : { ...life, logFaults: faults }
  })
  const readRandom = new SeededRandom(seed * 2 + 5_000_001)
  if (only.length === 0) for (const life of lives) if (readRandom.chance(0.25)) life.faults['read-error'] = 0.02
  const pageRandom = new SeededRandom(seed * 2 + 2_000_001)
  return {
    seed,
    embeddedClients: random.between(1, 4),
    networkClients: random.between(1, 4),
    checkpointEveryBytes: random.chance(0.6) ? 12_000 : 1_000_000,
    ...commitSizes[seed % commitSizes.length]!,
    ...(pageRandom.chance(0.35) && { poolPages: pageRandom.between(8, 32) }),
    ...(engine !== undefined && { engine }),
    ...followerOf(seed, lives),
    ...(seed % 7 === 3 && { isEncrypted: true }),
    lives,
  }
}

function lifeOf(random: SeededRandom, only: readonly FaultName[]): Life {
  const dice = random.below(10)
  const end: LifeEnd = dice < 7 ? 'power' : dice < 9 ? 'process' : 'stop'
  const probabilities: Partial<Record<FaultName, number>> = {}
  if (only.length > 0) {
    for (const fault of only) probabilities[fault] = faultsByName.get(fault)!
  } else {
    for (const list of [diskFaults, networkFaults, otherFaults]) {
      if (!random.chance(0.6)) continue
      const [fault, probability] = list[random.below(list.length)]!
      probabilities[fault] = probability
    }
  }
  return {
    runMs: random.between(15, 90),
    end,
    ...(end !== 'stop' && random.chance(0.65) && { crashIo: random.between(1, 300) }),
    faults: probabilities,
    isFaultyFromStart: random.chance(0.3),
    ...(only.length === 0 && random.chance(0.2) && { spareBytes: random.below(60_000) }),
  }
}

/**
 * Where no sync fails or lies: of one that fails the simulated disk writes nothing ever, whoever has asked for it, so that a
 * follower's would lose what its leader has yet to sync. Nor where the log has troubles of logs on other machines, which
 * fence a leader: who follows reads the files, and knows nothing of them.
 */
function followerOf(seed: number, lives: readonly Life[]): { follower?: FollowerPlan } {
  const random = new SeededRandom(seed * 2 + 6_000_001)
  const isSound = lives.every(({ faults, logFaults }) => {
    return logFaults === undefined && faults['sync-error'] === undefined && faults['lying-sync'] === undefined
  })
  if (!isSound || !random.chance(0.35)) return {}
  const pollMs = [1, 10, 60][random.below(3)]!
  return { follower: { pollMs, maxLagBytes: random.chance(0.5) ? 1 : 100_000_000 } }
}

/** One kind of trouble, or all of them. */
function logFaultsOf(random: SeededRandom): LogFaults | undefined {
  if (!random.chance(0.3)) return undefined
  const all = Object.fromEntries(logFaults) as LogFaults
  if (random.chance(0.5)) return all
  const [kind, probability] = logFaults[random.below(logFaults.length)]!
  return { [kind]: probability }
}

/** Smaller plans, the boldest first. */
export function* smallerPlans(plan: Plan): Generator<Plan> {
  for (let i = 0; i < plan.lives.length && plan.lives.length > 1; i++) {
    yield { ...plan, lives: plan.lives.filter((_, at) => at !== i) }
  }
  if (plan.largeCommitWrites < commitSizes[0]!.largeCommitWrites) yield { ...plan, ...commitSizes[0]! }
  const { poolPages, ...resident } = plan
  if (poolPages !== undefined) yield resident
  const { follower, ...alone } = plan
  if (follower !== undefined) yield alone
  if (plan.networkClients > 0) yield { ...plan, networkClients: plan.networkClients - 1 }
  if (plan.embeddedClients > 0) yield { ...plan, embeddedClients: plan.embeddedClients - 1 }
  for (const [i, life] of plan.lives.entries()) {
    const replaced = (changed: Life): Plan => ({
      ...plan,
      lives: plan.lives.map((one, at) => (at === i ? changed : one)),
    })
    for (const fault of Object.keys(life.faults)) {
      const faults = { ...life.faults }
      delete faults[fault as FaultName]
      yield replaced({ ...life, faults })
    }
    const { logFaults: troubles, ...calm } = life
    if (troubles !== undefined) yield replaced(calm)
    const { spareBytes, ...roomy } = life
    if (spareBytes !== undefined) yield replaced(roomy)
    if (life.isFaultyFromStart) yield replaced({ ...life, isFaultyFromStart: false })
    if (life.runMs > 4) yield replaced({ ...life, runMs: life.runMs >> 1 })
  }
}
