/**
 * The functions that are window functions only: those that count rows and peers, and those that take a value from another
 * row of the partition or the frame. Each is asked for one row after another and may be interrupted: it changes what it
 * remembers only when it has all that it needs.
 */
import type { SqlValue } from '../../contract.ts'
import { failure } from '../../failure.ts'
import type { SqlRun } from '../run.ts'
import type { Frame } from './frames.ts'
import type { Place } from './place.ts'
import { excludedOf, framePlace } from './excluded.ts'

/** What a window computes for each row. */
export interface RowFunction {
  begin(): void
  value(run: SqlRun): SqlValue
  /** The first place that it may look at for rows behind the one at hand; nothing before it is kept for it. */
  keepsFrom(): number
}

/** A function that remembers nothing. */
function plain(value: (run: SqlRun) => SqlValue, keepsFrom: () => number = () => Infinity): RowFunction {
  return { begin: () => undefined, value, keepsFrom }
}

/** Where its arguments stand in the rows, and which of them are the same in all rows. */
export interface Arguments {
  readonly columns: readonly number[]
  readonly areConstant: readonly boolean[]
}

type Make = (place: Place, given: Arguments, frame: Frame) => RowFunction

export const rowFunctions: ReadonlyMap<string, Make> = new Map<string, Make>([
  ['row_number', (place) => plain(() => BigInt(place.at + 1))],
  ['rank', (place) => plain(() => BigInt(place.peerStart + 1))],
  ['dense_rank', (place) => plain(() => BigInt(place.group + 1))],
  [
    'percent_rank',
    (place) =>
      plain((run) => {
        const count = place.rows.count(run)
        return count <= 1 ? 0 : place.peerStart / (count - 1)
      }),
  ],
  ['cume_dist', (place) => plain((run) => place.peerEnd(run) / place.rows.count(run))],
  ['ntile', (place, { columns }) => new Ntile(place, columns[0]!)],
  ['lag', (place, given) => shifted(place, given, -1)],
  ['lead', (place, given) => shifted(place, given, 1)],
  ['first_value', firstValue],
  ['last_value', lastValue],
  ['nth_value', nthValue],
])

/** The value `direction` × offset rows away; the default where the partition has no row there. */
function shifted(place: Place, { columns, areConstant }: Arguments, direction: 1 | -1): RowFunction {
  const [column, offset, missing] = columns
  let farthestBack = direction < 0 ? 1 : 0
  const value = (run: SqlRun): SqlValue => {
    const { at, rows } = place
    const by = offset === undefined ? 1 : (place.valueAt(at, offset, run) as number | null)
    if (by === null) return null
    const from = at + direction * by
    farthestBack = Math.max(farthestBack, at - from)
    if (from < 0 || !rows.has(from, run)) return missing === undefined ? null : place.valueAt(at, missing, run)
    return place.valueAt(from, column!, run)
  }
  // Offsets that differ from row to row may lead anywhere.
  const isKnown = offset === undefined || areConstant[1] === true
  return plain(value, () => (isKnown ? place.at + 1 - farthestBack : 0))
}

/** The nth row of the frame; -1: the last. */
function inFrame(place: Place, frame: Frame, nth: (run: SqlRun) => number | null, column: number): RowFunction {
  const value = (run: SqlRun): SqlValue => {
    const number = nth(run)
    if (number === null) return null
    const at = framePlace(frame.head(run), frame.tail(run), excludedOf(frame.exclude, place, run), number)
    return at === undefined ? null : place.valueAt(at, column, run)
  }
  return plain(value, () => frame.lastHead)
}

/** In a frame that always begins with the partition's first row, that one's value is remembered in its place. */
function firstValue(place: Place, { columns }: Arguments, frame: Frame): RowFunction {
  const found = inFrame(place, frame, () => 1, columns[0]!)
  if (!frame.startsAtFirst || frame.exclude !== 'nothing') return found
  let first: SqlValue | undefined
  const value = (run: SqlRun): SqlValue => {
    if (frame.tail(run) === 0) return null
    if (first === undefined) first = place.valueAt(0, columns[0]!, run)
    return first
  }
  return { begin: () => void (first = undefined), value, keepsFrom: () => (first === undefined ? 0 : Infinity) }
}

function lastValue(place: Place, { columns }: Arguments, frame: Frame): RowFunction {
  const found = inFrame(place, frame, () => -1, columns[0]!)
  return frame.exclude === 'nothing' ? { ...found, keepsFrom: () => frame.lastTail - 1 } : found
}

function nthValue(place: Place, { columns: [column, number] }: Arguments, frame: Frame): RowFunction {
  const nth = (run: SqlRun): number | null => {
    const value = place.valueAt(place.at, number!, run) as number | null
    if (value !== null && value <= 0) throw failure('22016', 'argument of nth_value must be greater than zero')
    return value
  }
  return inFrame(place, frame, nth, column!)
}

/** Buckets as even as can be, the larger ones first; how many is what the first row says that says something. */
class Ntile implements RowFunction {
  readonly #place: Place
  readonly #column: number
  #buckets = 0

  constructor(place: Place, column: number) {
    this.#place = place
    this.#column = column
  }

  begin(): void {
    this.#buckets = 0
  }

  #from = 0

  value(run: SqlRun): SqlValue {
    const { at, rows } = this.#place
    if (this.#buckets === 0) {
      const wanted = this.#place.valueAt(at, this.#column, run) as number | null
      if (wanted === null) return null
      if (wanted <= 0) throw failure('22014', 'argument of ntile must be greater than zero')
      rows.count(run)
      this.#buckets = wanted
      this.#from = at
    }
    const count = rows.count(run)
    const small = Math.floor(count / this.#buckets)
    const larger = count % this.#buckets
    const row = at - this.#from
    const inLarger = larger * (small + 1)
    return row < inLarger ? Math.floor(row / (small + 1)) + 1 : larger + Math.floor((row - inLarger) / small) + 1
  }

  keepsFrom(): number {
    return Infinity
  }
}
