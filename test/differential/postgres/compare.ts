/** Whether two servers have answered the same, and what differs. */
import type { Answer, Failure } from './wire-client.ts'

export interface Expectation {
  /** The order of rows is the statement's; else rows are a multiset. */
  readonly isOrdered: boolean
}

/** Undefined where they agree. */
export function difference(expected: Answer, actual: Answer, { isOrdered }: Expectation): string | undefined {
  if (expected.failure !== undefined || actual.failure !== undefined) {
    const [before, after] = [showFailure(expected.failure), showFailure(actual.failure)]
    if (before === after && expected.status === actual.status) return undefined
    return `expected ${before ?? showRows(expected)}, got ${after ?? showRows(actual)}`
  }
  if (expected.tag !== actual.tag) return `expected tag ${expected.tag}, got ${actual.tag}`
  const [columns, found] = [expected.columns?.join(), actual.columns?.join()]
  if (columns !== found) return `expected columns ${columns}, got ${found}`
  const [rows, others] = [lines(expected, isOrdered), lines(actual, isOrdered)]
  const at = rows.findIndex((row, i) => row !== others[i])
  if (at >= 0 || rows.length !== others.length) {
    const place = at < 0 ? rows.length : at
    return `row ${place + 1} of ${rows.length}: expected ${rows[place]}, got ${others[place]}`
  }
  return expected.status === actual.status ? undefined : `expected status ${expected.status}, got ${actual.status}`
}

function lines({ rows }: Answer, isOrdered: boolean): string[] {
  const shown = rows.map((row) => JSON.stringify(row))
  return isOrdered ? shown : shown.sort()
}

function showFailure(failure: Failure | undefined): string | undefined {
  if (failure === undefined) return undefined
  const place = failure.position === undefined ? '' : ` at ${failure.position}`
  return `${failure.state} ${failure.message}${place}`
}

function showRows(answer: Answer): string {
  return `${answer.tag ?? 'nothing'} ${lines(answer, true).slice(0, 3).join(' ')}`.slice(0, 300)
}
