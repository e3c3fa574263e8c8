/**
 * What plans cost. The unit is one row of a scan that is read, decoded and tested: about 0.2 µs of one processor.
 *
 * The constants are measured (decision 076 has the figures and how). They need not be right on every machine: what matters is
 * how they stand to each other, and plans whose costs are near each other are told apart by rules instead
 * (`access-path.ts`).
 */

/** A row of a scan whose entries are the rows themselves. */
const scannedRow = 1
/** A row by an entry of another index: the entry, and a search for the row. */
const fetchedRow = 10
/** The search where a range begins. */
const range = 8
/** An operator opened for one row of another input, beside its range. */
const inner = 20
/** A comparison in a sort, and a row that is kept for it. */
const compared = 0.3
const kept = 1
const built = 4
const probed = 2
/** Two rows joined and tested. */
const pair = 0.8

/** What an operator hands out, and what that costs together with all below it. */
export interface Estimate {
  readonly rows: number
  readonly cost: number
}

/** Reading entries in ranges. `isPrimary`: they are the rows, or tell all that is read of them. */
export function readCost(ranges: number, entries: number, isPrimary: boolean): number {
  return ranges * range + entries * (isPrimary ? scannedRow : fetchedRow)
}

/** Beside reading its input. */
export function sortCost(rows: number): number {
  return rows * (kept + compared * Math.log2(Math.max(rows, 2)))
}

/** Rows kept to be read again. */
export function keptCost(rows: number): number {
  return rows * kept
}

/** Rows in a hash table: of a join, or of groups. */
export function tableCost(rows: number): number {
  return rows * built
}

/** `found`: entries that each look-up reads on average. */
export function lookUpJoinCost(outer: Estimate, found: number, isPrimary: boolean): number {
  return outer.cost + outer.rows * (inner + readCost(1, found, isPrimary) + found * pair)
}

/** A table of `inner`'s rows, past which those of `outer` stream. */
export function hashJoinCost(outer: Estimate, inner: Estimate, rows: number): number {
  return outer.cost + inner.cost + tableCost(inner.rows) + outer.rows * probed + rows * pair
}

/** A plan that is opened for each of so many rows, as a subquery in an expression is. */
export function repeatedCost(outer: Estimate, each: number): number {
  return outer.cost + outer.rows * (2 * inner + each)
}

/** Every pair of rows; those of `inner` are kept. */
export function loopJoinCost(outer: Estimate, inner: Estimate): number {
  return outer.cost + inner.cost + keptCost(inner.rows) + outer.rows * inner.rows * pair
}
