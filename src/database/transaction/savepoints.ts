import type { Savepoint } from '../contract.ts'
import { type AgendaMark, nothingYet } from './agenda.ts'

/** Where nothing was done yet: nearly every statement outside of a block begins there. */
const beginning: Savepoint = { writes: 0, catalogChanges: 0, agenda: nothingYet, effects: 0, calls: 0, counted: 0 }

/** What a savepoint is a place in, beside the catalog's changes and the agenda. */
interface Marked {
  readonly writes: { readonly count: number }
  readonly effects: { readonly size: number }
  readonly locks: { readonly calls: number }
  readonly counts: { readonly mark: number }
}

export function savepointAt(
  { writes: { count: writes }, effects: { size: effects }, locks: { calls }, counts: { mark: counted } }: Marked,
  catalogChanges: number,
  agenda: AgendaMark,
): Savepoint {
  const isBeginning = writes + catalogChanges + effects + calls + counted === 0 && agenda === nothingYet
  return isBeginning ? beginning : { writes, catalogChanges, agenda, effects, calls, counted }
}
