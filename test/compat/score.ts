import type { ExpectedSkips } from './expected-skips.ts'
import type { CaseResult } from './suite.ts'

/**
 * What a run of a suite counts for.
 *
 * A case that is listed among the expected skips runs all the same: as long as it does not pass, it counts as skipped
 * with the list's reason; once it passes, the line is out of date and the case counts as failed until the line is gone.
 * A case that skips itself counts as failed unless it is listed. So nothing leaves the count without a line, and no line
 * outlives its reason.
 *
 * Invariants: every case counts exactly once, and so does every listed name that no case has.
 */
export interface Score {
  readonly passed: number
  readonly failures: readonly Failure[]
  readonly skips: readonly Skip[]
}

export interface Failure {
  readonly name: string
  readonly message: string
}

export interface Skip {
  readonly name: string
  readonly reason: string
}

type Verdict = 'passed' | { readonly failure: string } | { readonly skip: string }

export function scoreResults(results: readonly CaseResult[], expected: ExpectedSkips): Score {
  const failures: Failure[] = []
  const skips: Skip[] = []
  let passed = 0
  for (const result of results) {
    const verdict = judge(result, expected.get(result.name))
    if (verdict === 'passed') passed++
    else if ('failure' in verdict) failures.push({ name: result.name, message: verdict.failure })
    else skips.push({ name: result.name, reason: verdict.skip })
  }
  const names = new Set(results.map((result) => result.name))
  for (const name of expected.keys()) {
    if (!names.has(name)) failures.push({ name, message: 'is listed in expected-skips, but there is no such case' })
  }
  return { passed, failures, skips }
}

function judge(result: CaseResult, listedReason: string | undefined): Verdict {
  if (result.outcome === 'passed') {
    if (listedReason === undefined) return 'passed'
    return { failure: `passes, so its line in expected-skips has to go (${listedReason})` }
  }
  if (listedReason !== undefined) return { skip: listedReason }
  if (result.outcome === 'failed') return { failure: result.message }
  return { failure: `skips itself (${result.reason}) and is not listed in expected-skips` }
}

export function formatTotals(score: Score): string {
  return `${score.passed} passed, ${score.failures.length} failed, ${score.skips.length} skipped`
}
