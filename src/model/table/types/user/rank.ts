/**
 * Ranks: byte strings between any two of which there is another, so that what is put between two members of an enum gets a
 * place in keys that are there already. Compared as bytes; none ends in 00, below which there would be no room.
 */

const half = 0x80

/** Above `low` and below `high`; either may be missing. Hexadecimal digits. */
export function rankBetween(low: string | undefined, high: string | undefined): string {
  const [from, to] = [bytesOf(low), bytesOf(high)]
  const bytes: number[] = []
  let isBelow = high !== undefined
  for (let at = 0; ; at++) {
    const lower = from[at] ?? 0
    const upper = isBelow ? (to[at] ?? 0x100) : 0x100
    if (upper - lower > 1) {
      bytes.push(middle(lower, upper, low === undefined, high === undefined))
      return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('')
    }
    bytes.push(lower)
    if (upper > lower) isBelow = false
  }
}

/** Who adds at an end does so again: a step of one, so that the ranks of a long list stay short. */
function middle(lower: number, upper: number, isFirst: boolean, isLast: boolean): number {
  if (isFirst && isLast) return half
  if (isLast) return lower + 1
  return isFirst ? upper - 1 : (lower + upper) >> 1
}

function bytesOf(rank: string | undefined): number[] {
  return rank === undefined ? [] : Array.from(Buffer.from(rank, 'hex'))
}

/** Of so many members that are made at once, in their order: three bytes each. */
export function firstRanks(count: number): string[] {
  return Array.from({ length: count }, (_, i) => (0x40_0000 + i * 16 + 1).toString(16))
}
