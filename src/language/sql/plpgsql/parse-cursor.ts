/** OPEN, FETCH, MOVE and CLOSE. */
import { failure } from '../failure.ts'
import { parseTargets, parseUsing } from './parse-parts.ts'
import type { TokenReader } from './token-reader.ts'
import type { Direction, Fragment, StatementNode } from './tree.ts'

export function parseOpen(reader: TokenReader, line: number): StatementNode {
  reader.expect('open')
  const cursor = reader.name()
  const isNoScroll = reader.take('no', 'scroll')
  const isScroll = isNoScroll ? false : reader.take('scroll') || undefined
  const base = { kind: 'open', line, cursor, isScroll } as const
  if (reader.take('for')) {
    if (reader.take('execute')) {
      const query = reader.until(['using', ';'])
      const execute = { query, using: parseUsing(reader) }
      reader.expectSymbol(';')
      return { ...base, query: undefined, execute, parameters: [] }
    }
    const query = reader.until([';'], 'statement')
    reader.expectSymbol(';')
    return { ...base, query, execute: undefined, parameters: [] }
  }
  const parameters: { name: string | undefined; value: Fragment }[] = []
  if (reader.takeSymbol('(')) {
    do parameters.push(parseParameter(reader))
    while (reader.takeSymbol(','))
    reader.expectSymbol(')')
  }
  reader.expectSymbol(';')
  return { ...base, query: undefined, execute: undefined, parameters }
}

function parseParameter(reader: TokenReader): { name: string | undefined; value: Fragment } {
  const next = reader.ahead(1).text
  const isNamed = reader.token.name !== undefined && (next === ':=' || next === '=>')
  const name = isNamed ? reader.name() : undefined
  if (isNamed) reader.skip()
  return { name, value: reader.until([',', ')']) }
}

export function parseFetch(reader: TokenReader, line: number): StatementNode {
  const isMove = reader.skip().word === 'move'
  const direction = parseDirection(reader)
  if (!reader.take('from')) reader.take('in')
  const cursor = reader.name()
  if (isMove) {
    reader.expectSymbol(';')
    return { kind: 'fetch', line, cursor, direction, targets: undefined }
  }
  if (direction.count === 'all' || (direction.by === undefined && Math.abs(direction.count) > 1)) {
    throw failure('0A000', 'FETCH statement cannot return multiple rows')
  }
  reader.expect('into')
  const targets = parseTargets(reader)
  reader.expectSymbol(';')
  return { kind: 'fetch', line, cursor, direction, targets }
}

const simple: Readonly<Record<string, Direction>> = {
  next: { how: 'relative', count: 1 },
  prior: { how: 'relative', count: -1 },
  first: { how: 'absolute', count: 1 },
  last: { how: 'absolute', count: -1 },
}

function parseDirection(reader: TokenReader): Direction {
  const { word } = reader.token
  if (word !== undefined && Object.hasOwn(simple, word) && reader.ahead(1).word !== 'into') {
    reader.skip()
    return simple[word]!
  }
  if (reader.is('absolute') || reader.is('relative')) {
    const how = reader.skip().word as Direction['how']
    return { how, count: 1, by: countOf(reader) }
  }
  if (reader.is('all')) {
    reader.skip()
    return { how: 'relative', count: 'all' }
  }
  if (reader.is('forward') || reader.is('backward')) {
    const isForward = reader.skip().word === 'forward'
    if (reader.take('all')) return isForward ? { how: 'relative', count: 'all' } : { how: 'absolute', count: 0 }
    const sign = isForward ? 1 : -1
    if (reader.is('from') || reader.is('in') || reader.token.kind === 'word') return { how: 'relative', count: sign }
    return { how: 'relative', count: sign, by: countOf(reader) }
  }
  if (reader.token.kind === 'number' || reader.isSymbol('-')) {
    return { how: 'relative', count: 1, by: countOf(reader) }
  }
  return { how: 'relative', count: 1 }
}

function countOf(reader: TokenReader): Fragment {
  const first = reader.token
  let last = reader.skip()
  while (!reader.is('from') && !reader.is('in') && reader.token.kind !== 'end' && reader.ahead(1).word !== 'into') {
    if (reader.token.name !== undefined) break
    last = reader.skip()
  }
  return reader.fragment(first, last)
}

export function parseClose(reader: TokenReader, line: number): StatementNode {
  reader.expect('close')
  const cursor = reader.name()
  reader.expectSymbol(';')
  return { kind: 'close', line, cursor }
}
