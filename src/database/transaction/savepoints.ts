import type { Savepoint } from '../contract.ts'
import { type AgendaMark, nothingYet } from './agenda.ts'

/** Where nothing was done yet: nearly every statement outside of a block begins there. */
const beginning: Savepoint = { writes: 0, catalogChanges: 0, agenda: nothingYet, effects: 0, calls: 0 }

export function savepointAt(
  writes: number,
  catalogChanges: number,
  agenda: AgendaMark,
  effects: number,
  calls: number,
): Savepoint {
  const isBeginning = writes + catalogChanges + effects + calls === 0 && agenda === nothingYet
  return isBeginning ? beginning : { writes, catalogChanges, agenda, effects, calls }
}
