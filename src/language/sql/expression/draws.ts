/** Evaluations whose rows come out the same where they are made again: `database/transaction/draws.ts` tells how. */
import { Draws, isDealing } from '../../../database/transaction/draws.ts'
import type { SqlRow, SqlRun } from '../plan/run.ts'

type Evaluation<T> = (row: SqlRow, run: SqlRun) => T

/** `evaluate`, which draws the same numbers until it gets through. */
export function drawingOnce<T>(evaluate: Evaluation<T>): Evaluation<T> {
  const place = {}
  return (row, run) => {
    return isDealing() ? evaluate(row, run) : drawsAt(place, run).run(() => evaluate(row, run))
  }
}

function drawsAt(place: object, run: SqlRun): Draws {
  const places = (run.drawsOfPlaces ??= new Map())
  let draws = places.get(place)
  if (draws === undefined) places.set(place, (draws = new Draws()))
  return draws
}
