import type { SeededRandom } from './random.ts'

/** Who decides what a power failure leaves of the changes that were never synced. */
export interface Survival {
  /** Of `count` versions, oldest first: the index of the one that is found afterwards. */
  version(count: number): number
  /** Whether a change of a folder, all of whose predecessors survive, does too. */
  keeps(): boolean
}

/**
 * Chance decides, every legal state being possible. With one coin for all changes the plain cases, all lost and all
 * kept, would hardly ever come up among hundreds of changes, so each failure first draws how much it keeps.
 */
export function seededSurvival(random: SeededRandom): Survival {
  const keep = [0, 1, 0.5, 0.1, 0.9][random.below(5)] ?? 0.5
  return {
    version: (count) => (random.chance(keep) ? count - 1 : keep === 0 ? 0 : random.below(count)),
    keeps: () => random.chance(keep),
  }
}
