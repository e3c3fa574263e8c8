import { type Reply, ReplyError } from './resp-client.ts'

/** A reply as the suite's JSON writes it. */
export type Expected = string | number | null | readonly Expected[]

/** How a case wants its arrays compared. Single values are always compared as they are. */
export interface Comparison {
  /** Where a reply is an array, its innermost arrays are compared as bags. */
  readonly ignoresOrder: boolean
  /** Inside an array, two strings that both read as numbers are equal when they differ by less than a hundredth. */
  readonly isApproximate: boolean
}

const tolerance = 0.01

export function isExpected(expected: Expected, reply: Reply, { ignoresOrder, isApproximate }: Comparison): boolean {
  if (!Array.isArray(expected)) return isEqual(expected, reply, false)
  const [left, right] = ignoresOrder ? [sortInnermost(expected), sortInnermost(reply)] : [expected, reply]
  return isEqual(left, right, isApproximate)
}

function isEqual(expected: Expected, reply: Reply, isApproximate: boolean): boolean {
  if (isArray(expected)) {
    if (!isArray(reply) || reply.length !== expected.length) return false
    return expected.every((element, index) => isEqual(element, reply[index] ?? null, isApproximate))
  }
  if (isApproximate && isDecimal(expected) && isDecimal(reply)) {
    return Math.abs(Number(expected) - Number(reply)) < tolerance
  }
  return expected === reply
}

function isDecimal(value: unknown): boolean {
  return typeof value === 'string' && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value)
}

/** An array without arrays in it is sorted; of one with arrays in it, each of those is. */
function sortInnermost<T extends Expected | Reply>(value: T): T {
  if (!isArray(value)) return value
  const elements: readonly (Expected | Reply)[] = value
  const sorted = elements.some(isArray) ? elements.map(sortInnermost) : elements.toSorted(compareLeaves)
  return sorted as unknown as T
}

function compareLeaves(a: unknown, b: unknown): number {
  const [left, right] = [JSON.stringify(a), JSON.stringify(b)]
  return left < right ? -1 : Number(left > right)
}

function isArray<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value)
}

/** A reply for a message, short. */
export function show(value: Expected | Reply): string {
  if (value instanceof ReplyError) return `error ${value.message}`
  const text = JSON.stringify(value)
  return text.length > 300 ? `${text.slice(0, 300)}…` : text
}
