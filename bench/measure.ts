/**
 * How two things are compared: the same work in turn, ours and the peer's, at least five pairs in one call; the median
 * and the range of each. A ratio above 1 means that ours is better, whatever the unit.
 */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export interface Row {
  readonly area: string
  readonly name: string
  readonly unit: string
  readonly ours: Spread
  readonly peer:
    | (Spread & { readonly name: string; readonly version: string })
    | { readonly name: string; readonly missing: string }
  /** ours/peer for throughput, peer/ours for time; null without a peer. */
  readonly ratio: number | null
  readonly durability: string
  readonly clients: number
  readonly notes: string
}

export interface Side {
  /** One measurement; larger is better unless the comparison says `lowerIsBetter`. */
  run(): Promise<number>
}

export interface Comparison {
  readonly area: string
  readonly name: string
  readonly unit: string
  readonly durability: string
  readonly clients: number
  readonly lowerIsBetter?: boolean
  readonly ours: Side
  readonly peer:
    | (Side & { readonly name: string; readonly version: string })
    | { readonly name: string; readonly missing: string }
  /** Asked after the measurement: the processor time per operation and the like. */
  readonly notes?: () => string
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { median, min: sorted[0]!, max: sorted.at(-1)! }
}

/** Runs the pairs, the order within a pair changing each time. */
export async function compare(comparison: Comparison, pairs: number): Promise<Row> {
  const { ours, peer, area, name, unit, durability, clients } = comparison
  const ourValues: number[] = []
  const peerValues: number[] = []
  for (let i = 0; i < pairs; i++) {
    const ourTurn = async (): Promise<void> => void ourValues.push(await ours.run())
    const peerTurn = async (): Promise<void> => {
      if ('run' in peer) peerValues.push(await peer.run())
    }
    for (const turn of i % 2 === 0 ? [ourTurn, peerTurn] : [peerTurn, ourTurn]) await turn()
  }
  const ourSpread = spreadOf(ourValues)
  const notes = comparison.notes?.() ?? ''
  const row = { area, name, unit, ours: ourSpread, durability, clients, notes }
  if (!('run' in peer)) return { ...row, peer, ratio: null }
  const peerSpread = spreadOf(peerValues)
  const ratio =
    comparison.lowerIsBetter === true ? peerSpread.median / ourSpread.median : ourSpread.median / peerSpread.median
  return { ...row, peer: { name: peer.name, version: peer.version, ...peerSpread }, ratio }
}
