/**
 * Random numbers of an evaluation that is made again: the same ones, else what had to be waited for would decide them.
 *
 * A row that meets a missing page, or whose slice ends within a dear call, is evaluated again from its beginning
 * (`database/transaction/wait.ts`). What it draws is noted until its evaluation has come to its end, and a repeated evaluation is dealt
 * what the interrupted one was, in its order. So rows come out the same whatever was resident.
 *
 * Evaluations nest. What is evaluated within another one of the same row is part of it. A subquery is not: its operators keep
 * what they have and go on behind it, so each of its rows has an evaluation of its own (`apart`).
 *
 * Invariant: an evaluation that was interrupted is the next one that is made at its place.
 */
import type { SqlRow, SqlRun } from '../plan/run.ts'

type Evaluation<T> = (row: SqlRow, run: SqlRun) => T

export class Draws {
  readonly #dealt: Uint8Array[] = []
  #at = 0

  begin(): void {
    this.#at = 0
  }

  end(): void {
    this.#dealt.length = 0
  }

  next(into: Uint8Array, run: SqlRun): void {
    const dealt = this.#dealt[this.#at]
    if (dealt?.length === into.length) into.set(dealt)
    else {
      run.transaction.services.random(into)
      this.#dealt.length = this.#at
      this.#dealt.push(into.slice())
    }
    this.#at++
  }
}

/** Random bytes for the row at hand. */
export function draw(into: Uint8Array, run: SqlRun): void {
  if (run.draws === undefined) run.transaction.services.random(into)
  else run.draws.next(into, run)
}

/** `evaluate`, which draws the same numbers until it gets through. */
export function drawingOnce<T>(evaluate: Evaluation<T>): Evaluation<T> {
  const place = {}
  return (row, run) => {
    if (run.draws !== undefined) return evaluate(row, run)
    const draws = drawsAt(place, run)
    run.draws = draws
    draws.begin()
    try {
      const value = evaluate(row, run)
      draws.end()
      return value
    } finally {
      run.draws = undefined
    }
  }
}

function drawsAt(place: object, run: SqlRun): Draws {
  const places = (run.drawsOfPlaces ??= new Map())
  let draws = places.get(place)
  if (draws === undefined) places.set(place, (draws = new Draws()))
  return draws
}

/** Runs what keeps what it has when it is interrupted, and so has evaluations of its own. */
export function apart<T>(run: SqlRun, work: () => T): T {
  const { draws } = run
  if (draws === undefined) return work()
  run.draws = undefined
  try {
    return work()
  } finally {
    run.draws = draws
  }
}
