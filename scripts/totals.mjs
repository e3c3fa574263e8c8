/**
 * The line every test command ends with: `N passed, N failed, N skipped`.
 *
 * @typedef {{ passed: number, failed: number, skipped: number }} Totals
 */

/**
 * @param {Totals} totals
 * @returns {string}
 */
export function formatTotals({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}

/**
 * The last such line of an output.
 * @param {string} output
 * @returns {Totals | undefined}
 */
export function parseTotals(output) {
  const last = [...output.matchAll(/^(\d+) passed, (\d+) failed, (\d+) skipped$/gm)].at(-1)
  return last === undefined ? undefined : { passed: Number(last[1]), failed: Number(last[2]), skipped: Number(last[3]) }
}

/**
 * @param {Totals} a
 * @param {Totals} b
 * @returns {Totals}
 */
export function addTotals(a, b) {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped }
}
