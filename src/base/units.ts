/** Durations and sizes as people write them in settings, with PostgreSQL's units: `30s`, `5min`; `64kB`, `1GB`. */

/** The largest first; the second is how many of the smallest whole it is. */
export type Units = readonly (readonly [unit: string, factor: number])[]

export const durationUnitsMs: Units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
  ['ms', 1],
  ['us', 0.001],
]

export const sizeUnits: Units = [
  ['TB', 1024 ** 4],
  ['GB', 1024 ** 3],
  ['MB', 1024 ** 2],
  ['kB', 1024],
  ['B', 1],
]

function parse(text: string, units: Units, bare: string): number | undefined {
  const [, number, unit = bare] = /^\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]+)?\s*$/.exec(text) ?? []
  const factor = units.find(([name]) => name === unit)?.[1]
  return number === undefined || factor === undefined ? undefined : Number(number) * factor
}

/** By the largest unit that leaves no fraction, or the smallest. */
export function inLargestUnit(amount: number, units: Units): string {
  if (amount === 0) return '0'
  const [unit, factor] = units.find(([, one]) => Number.isInteger(amount / one)) ?? units.at(-1)!
  return `${amount / factor}${unit}`
}

/** Whole milliseconds; a number without a unit is milliseconds. Undefined for what is no duration. */
export function parseDurationMs(text: string): number | undefined {
  const milliseconds = parse(text, durationUnitsMs, 'ms')
  return milliseconds === undefined ? undefined : Math.round(milliseconds)
}

export function formatDuration(milliseconds: number): string {
  return inLargestUnit(milliseconds, durationUnitsMs)
}

/** Of a setting that was checked when it was set; where there is none, and of 0, there is no limit: 0. */
export function durationMs(text: string | undefined): number {
  return text === undefined || text === '0' ? 0 : (parseDurationMs(text) ?? 0)
}

/** Whole bytes; a number without a unit is kilobytes, as PostgreSQL's settings of memory have it. */
export function parseSizeBytes(text: string): number | undefined {
  const bytes = parse(text, sizeUnits, 'kB')
  return bytes === undefined ? undefined : Math.round(bytes)
}

export function formatSize(bytes: number): string {
  return inLargestUnit(bytes, sizeUnits)
}
