/**
 * What one caller has seen of its database: the highest sequence of any state that a statement of it ran on, of any commit
 * that it was told of. The sessions of one connection share it, so that a reply waits for what any of them has seen.
 */
import type { Sequence } from '../database/contract.ts'

export class Sight {
  sequence: Sequence = 0

  saw(sequence: Sequence): void {
    if (sequence > this.sequence) this.sequence = sequence
  }
}
