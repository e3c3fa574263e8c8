/** Where Polylog answers something else than PostgreSQL on purpose, and why. Everything else that differs is a bug. */
import type { Answer } from './wire-client.ts'

export interface KnownDifference {
  readonly reason: string
  readonly applies: (text: string, expected: Answer, actual: Answer) => boolean
}

const isDataError = ({ failure }: Answer): boolean => failure !== undefined && /^2[12]/.test(failure.state)
const readsTables = (text: string): boolean => /\bt[0-2]\b/.test(text)
const transcendental =
  /\b(sin|cos|tan|cot|asin|acos|atan|atan2|sinh|cosh|tanh|exp|ln|log|log10|cbrt|power|pow|degrees|radians)\(|\^|\|\|\//

/** Equal but for the last digits of numbers in text. */
function agreeToDigits(expected: Answer, actual: Answer): boolean {
  const [a, b] = [expected, actual].map(({ rows }) => rows.flat().map((value) => value ?? 'null'))
  return a!.length === b!.length && a!.every((text, i) => text === b![i] || isClose(text, b![i]!))
}

function isClose(a: string, b: string): boolean {
  const number = /-?\d+(\.\d+)?(e[+-]?\d+)?/gi
  if (a.replace(number, '#') !== b.replace(number, '#')) return false
  const others = b.match(number) ?? []
  return (a.match(number) ?? []).every((one, i) => {
    const [x, y] = [Number(one), Number(others[i])]
    return Math.abs(x - y) <= 1e-12 * Math.max(Math.abs(x), Math.abs(y))
  })
}

export const knownDifferences: readonly KnownDifference[] = [
  {
    reason: 'PostgreSQL computes what depends on nothing before it knows whether a row needs it; Polylog when one does',
    applies: (text, expected, actual) => readsTables(text) && isDataError(expected) && actual.failure === undefined,
  },
  {
    reason: 'which of several errors in the data comes first follows from the plan',
    applies: (text, expected, actual) => readsTables(text) && isDataError(expected) && isDataError(actual),
  },
  {
    reason: "the last digit of a transcendental function is the C library's",
    applies: (text, expected, actual) => transcendental.test(text) && agreeToDigits(expected, actual),
  },
]
