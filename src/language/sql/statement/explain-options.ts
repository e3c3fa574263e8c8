/** What EXPLAIN was asked for: its options, with PostgreSQL's rules of which go together. */
import type { Node } from 'libpg-query'
import { optionText } from '../bind/tree.ts'
import { failure, notBuilt } from '../failure.ts'

export interface ExplainOptions {
  readonly analyze: boolean
  readonly json: boolean
  readonly costs: boolean
  /** Names with their schemas, and the columns that come out. */
  readonly verbose: boolean
  /** What is set and bears on plans. */
  readonly settings: boolean
  /** Of each node, with ANALYZE. */
  readonly timing: boolean
  /** How long planning and running took. */
  readonly summary: boolean
  /** Pages that had to be read. */
  readonly buffers: boolean
  /** Writes that go into the log. */
  readonly wal: boolean
}

const names = ['analyze', 'costs', 'verbose', 'settings', 'timing', 'summary', 'buffers', 'wal'] as const
type Name = (typeof names)[number]

export function readExplainOptions(nodes: readonly Node[]): ExplainOptions {
  const given: { [K in Name]?: boolean } = {}
  let json = false
  for (const node of nodes) {
    if (!('DefElem' in node)) continue
    const { defname = '', arg, location } = node.DefElem
    const name = names.find((one) => one === defname)
    if (defname === 'format') json = isJson(optionText(arg) ?? '', location)
    else if (name === undefined) throw failure('42601', `unrecognized EXPLAIN option "${defname}"`, { location })
    else given[name] = isOn(name, optionText(arg))
  }
  const { analyze = false, costs = true, verbose = false, settings = false, buffers = false, wal = false } = given
  const { timing = analyze, summary = analyze } = given
  if (wal && !analyze) throw failure('22023', 'EXPLAIN option WAL requires ANALYZE')
  if (timing && !analyze) throw failure('22023', 'EXPLAIN option TIMING requires ANALYZE')
  return { analyze, json, costs, verbose, settings, timing, summary, buffers, wal }
}

function isJson(format: string, location: number | undefined): boolean {
  if (format === 'json' || format === 'text') return format === 'json'
  if (format === 'xml' || format === 'yaml') throw notBuilt(`EXPLAIN (FORMAT ${format.toUpperCase()})`)
  throw failure('22023', `unrecognized value for EXPLAIN option "format": "${format}"`, { location })
}

function isOn(name: string, text: string | undefined): boolean {
  const value = (text ?? 'true').toLowerCase()
  if (['true', 'on', '1'].includes(value)) return true
  if (['false', 'off', '0'].includes(value)) return false
  throw failure('42601', `${name} requires a Boolean value`)
}
