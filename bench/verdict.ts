/**
 * Whether one build takes more of the processor than another, from ratios of pairs on a machine that does other things, too.
 *
 * Each pair says by itself whether the ratio lies above the limit, and where the true one lies at the limit it says so as
 * often as a coin does. So when of n pairs so many agree that a coin would in one case of twenty at most, they are
 * believed; how far a single pair is off does not matter. Looked at after each pair, it errs a little more often than that.
 */
export type Verdict = 'fine' | 'worse' | 'unsure'

const believedBelow = 0.05

export function verdictOf(ratios: readonly number[], limit: number): Verdict {
  const above = ratios.filter((ratio) => ratio > limit).length
  if (chanceOfAtLeast(above, ratios.length) < believedBelow) return 'worse'
  return chanceOfAtLeast(ratios.length - above, ratios.length) < believedBelow ? 'fine' : 'unsure'
}

/** That a coin falls on one side so often or more often. */
function chanceOfAtLeast(count: number, throws: number): number {
  let ways = 1
  let sum = 0
  for (let k = throws; k >= count; k--) {
    sum += ways
    ways = (ways * k) / (throws - k + 1)
  }
  return sum / 2 ** throws
}
