/** RAISE in all its forms. */
import { failure } from '../failure.ts'
import { parseCondition } from './parse-parts.ts'
import type { TokenReader } from './token-reader.ts'
import type { Fragment, RaiseLevel, RaiseNode } from './tree.ts'

const levels: readonly RaiseLevel[] = ['exception', 'warning', 'notice', 'info', 'log', 'debug']

const optionNames: ReadonlySet<string> = new Set([
  'errcode',
  'message',
  'detail',
  'hint',
  'column',
  'constraint',
  'datatype',
  'table',
  'schema',
])

export function parseRaise(reader: TokenReader, line: number): RaiseNode {
  reader.expect('raise')
  const level = levels.find((one) => reader.take(one)) ?? 'exception'
  const base = { kind: 'raise', line, level } as const
  if (reader.takeSymbol(';')) return { ...base, parameters: [], options: [] }
  if (reader.token.kind === 'string') {
    const message = reader.string()
    const parameters: Fragment[] = []
    while (reader.takeSymbol(',')) parameters.push(reader.until([',', 'using', ';']))
    const options = parseOptions(reader)
    checkCount(message, parameters.length)
    return { ...base, message, parameters, options }
  }
  if (reader.is('using')) return { ...base, parameters: [], options: parseOptions(reader) }
  const condition = parseCondition(reader)
  return { ...base, condition, parameters: [], options: parseOptions(reader) }
}

function parseOptions(reader: TokenReader): RaiseNode['options'] {
  const options: { name: string; value: Fragment }[] = []
  if (reader.take('using')) {
    do {
      const name = reader.name()
      if (!optionNames.has(name)) throw failure('42601', 'unrecognized RAISE statement option')
      if (!reader.takeSymbol('=')) reader.expectSymbol(':=')
      options.push({ name, value: reader.until([',', ';']) })
    } while (reader.takeSymbol(','))
  }
  reader.expectSymbol(';')
  return options
}

/** `%%` is a percent sign. */
function checkCount(message: string, given: number): void {
  const wanted = message.replaceAll('%%', '').split('%').length - 1
  if (given > wanted) throw failure('42601', 'too many parameters specified for RAISE')
  if (given < wanted) throw failure('42601', 'too few parameters specified for RAISE')
}
