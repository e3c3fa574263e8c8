/** A measured row as one line for people. */
import type { Row, Spread } from './measure.ts'

export function rowLine(row: Row): string {
  const peer =
    'missing' in row.peer ? `${row.peer.name}: ${row.peer.missing}` : `${row.peer.name} ${spreadText(row.peer)}`
  const ratio = row.ratio === null ? '–' : `${row.ratio.toFixed(2)}×`
  return `${row.name}  ${ratio}  ours ${spreadText(row.ours)} ${row.unit}; ${peer}; ${row.notes}`
}

export function spreadText(spread: Spread): string {
  return `${short(spread.median)} (${short(spread.min)}–${short(spread.max)})`
}

function short(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en-US')
  return value.toFixed(value >= 10 ? 1 : 2)
}
