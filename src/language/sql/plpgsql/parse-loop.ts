/** LOOP, WHILE, FOR in all its forms, FOREACH. */
import { checkEndLabel, parseTargets, parseUsing } from './parse-parts.ts'
import type { TokenReader } from './token-reader.ts'
import type { Body, LoopNode } from './tree.ts'
import { failure } from '../failure.ts'

/** Undefined where none begins here. */
export function parseLoop(reader: TokenReader, label: string | undefined): LoopNode | undefined {
  const { line } = reader
  if (reader.take('loop')) return { kind: 'loop', line, label, body: parseLoopBody(reader, label) }
  if (reader.take('while')) {
    const condition = reader.until(['loop'])
    reader.expect('loop')
    return { kind: 'while', line, label, condition, body: parseLoopBody(reader, label) }
  }
  if (reader.take('foreach')) return parseForeach(reader, line, label)
  return reader.take('for') ? parseFor(reader, line, label) : undefined
}

function parseLoopBody(reader: TokenReader, label: string | undefined): Body {
  const body = reader.statements(['end'])
  reader.expect('end', 'loop')
  checkEndLabel(reader, label)
  reader.expectSymbol(';')
  return body
}

function parseForeach(reader: TokenReader, line: number, label: string | undefined): LoopNode {
  const targets = parseTargets(reader)
  let slice = 0
  if (reader.take('slice')) {
    slice = Number(reader.skip().text)
    if (!Number.isInteger(slice)) throw reader.unexpected()
  }
  reader.expect('in', 'array')
  const array = reader.until(['loop'])
  reader.expect('loop')
  return { kind: 'foreach', line, label, targets, slice, array, body: parseLoopBody(reader, label) }
}

function parseFor(reader: TokenReader, line: number, label: string | undefined): LoopNode {
  const targets = parseTargets(reader)
  reader.expect('in')
  if (reader.take('execute')) {
    const query = reader.until(['using', 'loop'])
    const using = parseUsing(reader, ['loop'])
    reader.expect('loop')
    return { kind: 'for execute', line, label, targets, query, using, body: parseLoopBody(reader, label) }
  }
  const isReverse = reader.is('reverse')
  if (isReverse || reader.findsBefore('..', ['loop', ';'])) {
    if (isReverse) reader.skip()
    const from = reader.until(['..'])
    reader.expectSymbol('..')
    const to = reader.until(['by', 'loop'])
    const by = reader.take('by') ? reader.until(['loop']) : undefined
    reader.expect('loop')
    if (targets.length > 1) throw failure('42601', 'integer FOR loop must have only one target variable')
    const variable = targets[0]!.path[0]!
    return { kind: 'for integer', line, label, variable, isReverse, from, to, by, body: parseLoopBody(reader, label) }
  }
  const query = reader.until(['loop'], 'statement')
  reader.expect('loop')
  return { kind: 'for query', line, label, targets, query, body: parseLoopBody(reader, label) }
}
