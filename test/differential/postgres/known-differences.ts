/** Where Polylog answers something else than PostgreSQL on purpose, and why. Everything else that differs is a bug. */
import type { Answer } from './wire-client.ts'

export interface KnownDifference {
  readonly reason: string
  readonly applies: (text: string, expected: Answer, actual: Answer) => boolean
}

const isDataError = ({ failure }: Answer): boolean => failure !== undefined && /^2[12]/.test(failure.state)
const readsTables = (text: string): boolean => /\b(t[0-2]|parted|kept|shown|joined|counted)\b/.test(text)
const transcendental =
  /\b(sin|cos|tan|cot|asin|acos|atan|atan2|sinh|cosh|tanh|exp|ln|log|log10|cbrt|power|pow|degrees|radians)\(|\^|\|\|\//

/** Equal but for the last digits of numbers in text. */
function agreeToDigits(expected: Answer, actual: Answer): boolean {
  const [a, b] = [expected, actual].map(({ rows }) => rows.flat().map((value) => value ?? 'null'))
  return a!.length === b!.length && a!.every((text, i) => text === b![i] || isClose(text, b![i]!))
}

function isClose(a: string, b: string): boolean {
  // A double in binary.
  if (/^[0-9a-f]{16}$/.test(a) && /^[0-9a-f]{16}$/.test(b)) return isCloseDouble(a, b)
  const number = /-?\d+(\.\d+)?(e[+-]?\d+)?/gi
  if (a.replace(number, '#') !== b.replace(number, '#')) return false
  const others = b.match(number) ?? []
  return (a.match(number) ?? []).every((one, i) => {
    const [x, y] = [Number(one), Number(others[i])]
    return Math.abs(x - y) <= 1e-12 * Math.max(Math.abs(x), Math.abs(y))
  })
}

function isCloseDouble(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a, 'hex').readDoubleBE(), Buffer.from(b, 'hex').readDoubleBE()]
  return Math.abs(x - y) <= 1e-12 * Math.max(Math.abs(x), Math.abs(y))
}

/** Columns that differ in nothing but a modifier that Polylog does not tell. */
function lacksModifier(expected: Answer, actual: Answer): boolean {
  const [before, after] = [expected.columns ?? [], actual.columns ?? []]
  return (
    before.length === after.length &&
    before.some((one, i) => one !== after[i]) &&
    before.every((one, i) => one === after[i] || one.replace(/:\d+$/, ':-1') === after[i])
  )
}

const withoutSchema = ({ failure }: Answer): string => `${failure?.state} ${failure?.message.replaceAll(/\bw\./g, '')}`
const withoutSignOfNaN = ({ rows }: Answer): string =>
  JSON.stringify(rows)
    .replaceAll(/"ffc0|"fff8/g, '"7fc0')
    .replaceAll('"7ff8', '"7fc0')

export const knownDifferences: readonly KnownDifference[] = [
  {
    reason: 'a message names a type with its schema also where the search path finds it',
    applies: (_text, expected, actual) =>
      actual.failure !== undefined && withoutSchema(expected) === withoutSchema(actual),
  },
  {
    reason: 'NaN has no sign',
    applies: (_text, expected, actual) =>
      expected.failure === undefined &&
      actual.failure === undefined &&
      withoutSignOfNaN(expected) === withoutSignOfNaN(actual),
  },
  {
    reason: 'PostgreSQL computes what depends on nothing before it knows whether a row needs it; Polylog when one does',
    applies: (text, expected, actual) =>
      readsTables(text) && /^(2|54|0A)/.test(expected.failure?.state ?? '') && actual.failure === undefined,
  },
  {
    reason: 'which of several errors in the data comes first follows from the plan',
    applies: (text, expected, actual) => {
      const states = [expected, actual].map(({ failure }) => failure?.state ?? '')
      return (
        readsTables(text) && states.every((state) => /^2[123]/.test(state)) && !states.every((one) => one[1] === '3')
      )
    },
  },
  {
    reason: 'PostgreSQL tells the modifier of the branch that is left when it has computed what depends on nothing',
    applies: (text, expected, actual) =>
      /\b(case|coalesce|greatest|least)\b/.test(text) && lacksModifier(expected, actual),
  },
  {
    reason: 'a column of a derived table is computed also where nothing reads it',
    applies: (text, expected, actual) =>
      / as d\d|with a\d|exists \(/.test(text) && expected.failure === undefined && isDataError(actual),
  },
  {
    reason: 'PostgreSQL computes with infinite timestamps in age() and with overflowing parts in make_interval()',
    applies: (text, expected, actual) =>
      /\b(age|make_interval)\(/.test(text) && expected.failure === undefined && actual.failure?.state === '22008',
  },
  {
    reason: 'what PostgreSQL finds ambiguous for types that are not here is not ambiguous',
    applies: (_text, expected, actual) => expected.failure?.state === '42725' && actual.failure?.state !== '42725',
  },
  {
    reason: 'a parameter of which nothing says the type is text, also under count() and the like',
    applies: (_text, expected, actual) => expected.failure?.state === '42P18' && actual.failure === undefined,
  },
  {
    reason: 'a text that is no date is wrong in more than one way',
    applies: (_text, expected, actual) =>
      [expected, actual].every(({ failure }) => /^2200[789]$|^22023$/.test(failure?.state ?? '')) &&
      /invalid input syntax|out of range|not recognized/.test(actual.failure!.message),
  },
  {
    reason: 'a strict function of a null literal is null in PostgreSQL before its other arguments are computed',
    applies: (text, expected, actual) =>
      /\bnull\b/.test(text) &&
      expected.failure === undefined &&
      isDataError(actual) &&
      expected.rows.flat().includes(null),
  },
  {
    reason: 'what is wrong with a regular expression is told in the words of the engine that runs it',
    applies: (_text, expected, actual) => expected.failure?.state === '2201B' && actual.failure?.state === '2201B',
  },
  {
    reason: 'of the checks at the end of a statement, those of a unique constraint come before those of references',
    applies: (_text, expected, actual) => expected.failure?.state === '23503' && actual.failure?.state === '23505',
  },
  {
    reason: 'a change that no row refers to leaves nothing behind to be checked later',
    applies: (_text, expected, actual) => expected.failure?.state === '55006' && actual.failure === undefined,
  },
  {
    reason: "the last digit of a transcendental function is the C library's",
    applies: (text, expected, actual) => transcendental.test(text) && agreeToDigits(expected, actual),
  },
]
