/**
 * How two things are compared: the same work in turn, ours and each peer's, at least five rounds in one call; the median
 * and the range of each, and the median of what each round's pair gives as ratio. A ratio above 1 means that ours is
 * better, whatever the unit; of processor time it is what we take for each microsecond of the peer's.
 *
 * A machine that has other things to do may take from one side of a pair what it leaves the other. Where the pairs spread
 * by more than `spreadMax` there is no ratio.
 */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** One measurement. */
export interface Measured {
  readonly value: number
  /** Processor time an operation, of all threads and processes that serve it. */
  readonly cpuMicros?: number
}

interface Ratio {
  /** Null without a peer, and where the pairs spread too far. */
  readonly ratio: number | null
  /** The highest pair's ratio by the lowest's; null without a peer. */
  readonly pairSpread: number | null
}

export interface Row extends Ratio {
  readonly area: string
  readonly name: string
  readonly unit: string
  readonly ours: Spread
  readonly peer:
    | (Spread & { readonly name: string; readonly version: string })
    | { readonly name: string; readonly missing: string }
  /** Microseconds of the processor an operation. */
  readonly cpu?: { readonly ours: Spread; readonly peer?: Spread } & Ratio
  readonly durability: string
  readonly clients: number
  readonly notes: string
}

export interface Side {
  /** One measurement; larger is better unless the comparison says `lowerIsBetter`. */
  run(): Promise<Measured>
}

export interface Peer {
  readonly name: string
  /** What its row is called behind the comparison's name. */
  readonly suffix?: string
  readonly version?: string
  /** A peer that is not there has none. */
  readonly run?: () => Promise<Measured>
  readonly missing?: string
}

export interface Comparison {
  readonly area: string
  readonly name: string
  readonly unit: string
  readonly durability: string
  readonly clients: number
  readonly lowerIsBetter?: boolean
  readonly ours: Side
  readonly peers: readonly Peer[]
  readonly notes?: string
}

export const spreadMax = 2

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { median, min: sorted[0]!, max: sorted.at(-1)! }
}

/** Of values that were measured in pairs: how many times the second ones the first ones are. */
export function ratioOf(dividends: readonly number[], divisors: readonly number[]): Ratio {
  if (divisors.length === 0) return { ratio: null, pairSpread: null }
  const { median, min, max } = spreadOf(dividends.map((value, i) => value / divisors[i]!))
  const pairSpread = max / min
  // A side that took nothing gives no number.
  return { ratio: pairSpread <= spreadMax ? median : null, pairSpread: Number.isFinite(pairSpread) ? pairSpread : null }
}

/** Runs the rounds, the order within one changing each time: a row for each peer. */
export async function compare(comparison: Comparison, rounds: number): Promise<Row[]> {
  const { ours, peers } = comparison
  const ourValues: Measured[] = []
  const peerValues: Measured[][] = peers.map(() => [])
  const sides = [{ run: ours.run, into: ourValues }, ...peers.map(({ run }, i) => ({ run, into: peerValues[i]! }))]
  for (let i = 0; i < rounds; i++) {
    for (const { run, into } of i % 2 === 0 ? sides : sides.toReversed()) if (run !== undefined) into.push(await run())
  }
  return peers.map((peer, i) => rowOf(comparison, peer, ourValues, peerValues[i]!))
}

/** Of values that were measured in turn. */
export function rowOf(
  comparison: Omit<Comparison, 'ours' | 'peers'>,
  { name, version = '', suffix = '', missing = 'peer not installed' }: Peer,
  ours: readonly Measured[],
  peers: readonly Measured[],
): Row {
  const { lowerIsBetter = false, notes = '', ...rest } = comparison
  const [our, their] = [ours, peers].map((of) => of.map(({ value }) => value)) as [number[], number[]]
  const cpu = cpuOf(ours, peers)
  return {
    ...rest,
    name: rest.name + suffix,
    ours: spreadOf(our),
    peer: peers.length === 0 ? { name, missing } : { name, version, ...spreadOf(their) },
    ...(peers.length === 0 || !lowerIsBetter ? ratioOf(our, their) : ratioOf(their, our)),
    ...(cpu !== undefined && { cpu }),
    notes,
  }
}

function cpuOf(ours: readonly Measured[], peers: readonly Measured[]): Row['cpu'] {
  const [our, their] = [ours, peers].map((of) => of.flatMap(({ cpuMicros }) => cpuMicros ?? [])) as [number[], number[]]
  if (our.length === 0) return undefined
  // One that was asked for its processor time in some rounds only would be paired with other rounds.
  if (their.length !== our.length) return { ours: spreadOf(our), ratio: null, pairSpread: null }
  return { ours: spreadOf(our), peer: spreadOf(their), ...ratioOf(our, their) }
}

/** A figure that nothing is compared with. */
export function figure(row: Omit<Comparison, 'ours' | 'peers'>, values: readonly Measured[], missing?: string): Row {
  return rowOf(row, { name: 'none', missing: missing ?? 'no peer: the figure itself counts' }, values, [])
}
