/**
 * The elements of a text: what each of its characters, or several that count as one, weighs at each level.
 *
 * Of the mappings that begin where the text is read, the longest counts; marks that stand between its parts do not keep it
 * from counting, where none of them is of the same class as what is taken ("discontiguous", UTS 10, S2.1). Digits that are
 * read as numbers weigh what the number does.
 */
import { combiningClass, countOf, firstOf, implicitPrimary, othersAt, primaryAt } from './collation-tables.ts'
import type { CollationTables } from './collation-tables.ts'

/** Of an element that has nothing of its own at these levels. */
export const commonOthers = 0x0500_0500

const firstSyllable = 0xac00
const lastSyllable = 0xd7a3

export class ElementList {
  length = 0
  primaries: Uint32Array = new Uint32Array(64)
  others: Uint32Array = new Uint32Array(64)

  push(primary: number, others: number): void {
    if (this.length === this.primaries.length) this.#grow()
    this.primaries[this.length] = primary
    this.others[this.length++] = others
  }

  #grow(): void {
    const [primaries, others] = [new Uint32Array(2 * this.length), new Uint32Array(2 * this.length)]
    primaries.set(this.primaries)
    others.set(this.others)
    this.primaries = primaries
    this.others = others
  }

  /** What a long text took is not kept. */
  reset(): void {
    this.length = 0
    if (this.primaries.length <= keptElements) return
    this.primaries = new Uint32Array(64)
    this.others = new Uint32Array(64)
  }
}

const keptElements = 16_384

/** Code points that are taken out of the text, being parts of what came before. */
const taken = -1

export function readElements(text: string, tables: CollationTables, isNumeric: boolean, into: ElementList): void {
  into.reset()
  const points = pointsOf(text)
  for (let at = 0; at < points.length;) {
    const point = points[at]!
    const list = point === taken ? 0 : tables.elementsOf(point)
    if (point === taken) at++
    else if (isNumeric && isDigit(point, list, tables)) at = pushNumber(points, at, tables, into)
    else if (tables.contractionsOf(point) === undefined) {
      pushMapped(point, list, tables, into)
      at++
    } else at = pushContracted(points, at, list, tables, into)
  }
}

function pointsOf(text: string): number[] {
  const points: number[] = []
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i)!
    if (point > 0xffff) i++
    points.push(point)
  }
  return points
}

function pushList(list: number, into: ElementList): void {
  const first = firstOf(list)
  for (let place = first; place < first + countOf(list); place++) into.push(primaryAt(place), othersAt(place))
}

function pushMapped(point: number, list: number, tables: CollationTables, into: ElementList): void {
  if (list !== 0) pushList(list, into)
  else if (point >= firstSyllable && point <= lastSyllable) pushSyllable(point - firstSyllable, tables, into)
  else into.push(implicitPrimary(point), commonOthers)
}

/** A syllable of Hangul is its two or three letters. */
function pushSyllable(place: number, tables: CollationTables, into: ElementList): void {
  pushList(tables.elementsOf(0x1100 + Math.floor(place / 588)), into)
  pushList(tables.elementsOf(0x1161 + (Math.floor(place / 28) % 21)), into)
  if (place % 28 > 0) pushList(tables.elementsOf(0x11a7 + (place % 28)), into)
}

/** Answers where to go on. */
function pushContracted(
  points: number[],
  at: number,
  list: number,
  tables: CollationTables,
  into: ElementList,
): number {
  const contractions = tables.contractionsOf(points[at]!)!
  const longest = contractions.find(({ rest }) => rest.every((point, i) => points[at + 1 + i] === point))
  const matched = longest === undefined ? [] : longest.rest
  const next = at + 1 + matched.length
  const found = withMarks(points, next, matched, tables.contractionsOf(points[at]!)!) ?? longest?.elements
  if (found === undefined) pushMapped(points[at]!, list, tables, into)
  else pushList(found, into)
  return next
}

/** Elements of what is matched together with marks further on, which are taken from the text. */
function withMarks(
  points: number[],
  from: number,
  matched: readonly number[],
  contractions: ReturnType<CollationTables['contractionsOf']> & {},
): number | undefined {
  let elements: number | undefined
  let rest = matched
  let lastClass = 0
  for (let i = from; i < points.length; i++) {
    const point = points[i]!
    if (point === taken) continue
    const own = combiningClass(point)
    if (own === 0) break
    const longer = own === lastClass ? undefined : contractions.find((one) => isOneMore(one.rest, rest, point))
    if (longer === undefined) {
      lastClass = own
      continue
    }
    elements = longer.elements
    rest = longer.rest
    points[i] = taken
  }
  return elements
}

function isOneMore(longer: readonly number[], rest: readonly number[], point: number): boolean {
  return longer.length === rest.length + 1 && longer.at(-1) === point && rest.every((one, i) => longer[i] === one)
}

/** Whose primary weights the digits of all scripts have. */
const asciiZero = 0x30

function isDigit(point: number, list: number, tables: CollationTables): boolean {
  return digitOf(point, list, tables) >= 0 && (point < 0x80 || /^\p{Nd}$/u.test(String.fromCodePoint(point)))
}

/** Its value, or -1. */
function digitOf(point: number, list: number, tables: CollationTables): number {
  if (point < 0x80) return point >= asciiZero && point <= asciiZero + 9 ? point - asciiZero : -1
  if (countOf(list) !== 1) return -1
  const primary = primaryAt(firstOf(list))
  for (let digit = 0; digit < 10; digit++) {
    if (primaryAt(firstOf(tables.elementsOf(asciiZero + digit))) === primary) return digit
  }
  return -1
}

/** Weights of numbers begin with this byte, before those of digits. */
const headOfNumbers = 0x1200_0000
/** Of a number; longer ones count as several. */
const mostDigits = 250

/** Its number of digits, then they by twos: more digits are a larger number. */
function pushNumber(points: readonly number[], from: number, tables: CollationTables, into: ElementList): number {
  let at = from
  const digits: number[] = []
  for (; at < points.length && digits.length < mostDigits; at++) {
    const list = points[at] === taken ? 0 : tables.elementsOf(points[at]!)
    if (points[at] === taken || !isDigit(points[at]!, list, tables)) break
    const digit = digitOf(points[at]!, list, tables)
    if (digit > 0 || digits.length > 0) digits.push(digit)
  }
  const bytes = [digits.length + 2]
  if (digits.length % 2 === 1) digits.unshift(0)
  for (let i = 0; i < digits.length; i += 2) bytes.push(10 * digits[i]! + digits[i + 1]! + 2)
  while (bytes.length % 3 !== 0) bytes.push(2)
  for (let i = 0; i < bytes.length; i += 3) {
    into.push(headOfNumbers + (bytes[i]! << 16) + (bytes[i + 1]! << 8) + bytes[i + 2]!, commonOthers)
  }
  return at
}
