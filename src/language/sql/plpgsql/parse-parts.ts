/** Parts that several statements have: targets, USING, labels, conditions. */
import { failure } from '../failure.ts'
import type { TokenReader } from './token-reader.ts'
import type { Fragment, TargetNode } from './tree.ts'

export function parseTarget(reader: TokenReader): TargetNode {
  const { line } = reader
  const path = [reader.token.kind === 'parameter' ? reader.skip().text : reader.name()]
  while (reader.takeSymbol('.')) path.push(reader.name())
  const subscripts: Fragment[] = []
  while (reader.takeSymbol('[')) {
    subscripts.push(reader.until([']']))
    reader.expectSymbol(']')
  }
  return { path, subscripts, line }
}

export function parseTargets(reader: TokenReader): TargetNode[] {
  const targets: TargetNode[] = []
  do targets.push(parseTarget(reader))
  while (reader.takeSymbol(','))
  return targets
}

export function parseUsing(reader: TokenReader, ends: readonly string[] = [';']): Fragment[] {
  if (!reader.take('using')) return []
  const using: Fragment[] = []
  do using.push(reader.until([',', ...ends]))
  while (reader.takeSymbol(','))
  return using
}

/** `<<name>>`. */
export function parseLabel(reader: TokenReader): string | undefined {
  if (!reader.takeSymbol('<<')) return undefined
  const name = reader.name()
  reader.expectSymbol('>>')
  return name
}

/** The name behind an END is that of the beginning, or nothing. */
export function checkEndLabel(reader: TokenReader, label: string | undefined): void {
  const { name } = reader.token
  if (name === undefined) return
  if (label === undefined) throw failure('42601', `end label "${name}" specified for unlabeled block`)
  if (name !== label) throw failure('42601', `end label "${name}" differs from block's label "${label}"`)
  reader.skip()
}

export function parseCondition(reader: TokenReader): string {
  const name = reader.name()
  if (name !== 'sqlstate' || reader.token.kind !== 'string') return name
  const state = reader.string()
  if (!/^[0-9A-Z]{5}$/.test(state)) throw failure('42601', 'invalid SQLSTATE code')
  return `sqlstate ${state}`
}
