/** A measured row in words: as a line, and the cells of the page's table. */
import type { Row, Spread } from './measure.ts'

export function rowLine(row: Row): string {
  const cpu = cpuText(row)
  const rest = [
    peerText(row),
    ...(cpu === '' ? [] : [`processor time ${cpu}`]),
    ...(row.notes === '' ? [] : [row.notes]),
  ]
  return `${row.name}  ${ratioText(row)}  ours ${spreadText(row.ours)} ${row.unit}; ${rest.join('; ')}`
}

export function peerText({ peer }: Row): string {
  if ('missing' in peer) return `${peer.name}: ${peer.missing}`
  return `${[peer.name, peer.version].filter(Boolean).join(' ')}: ${spreadText(peer)}`
}

/** Why there is none, where the machine was too restless for it. */
export function ratioText({ ratio, pairSpread }: { ratio: number | null; pairSpread: number | null }): string {
  if (ratio !== null) return `${ratio.toFixed(2)}×`
  return pairSpread === null ? '–' : `no ratio: pairs spread by ${pairSpread.toFixed(1)}×`
}

/** Microseconds an operation, ours, the peer's, and how many times the peer's ours are. */
export function cpuText({ cpu }: Row): string {
  if (cpu === undefined) return ''
  const ours = `${short(cpu.ours.median)} µs`
  return cpu.peer === undefined ? ours : `${ours} / ${short(cpu.peer.median)} µs (${ratioText(cpu)})`
}

export function spreadText(spread: Spread): string {
  return `${short(spread.median)} (${short(spread.min)}–${short(spread.max)})`
}

function short(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en-US')
  return value.toFixed(value >= 10 ? 1 : 2)
}
