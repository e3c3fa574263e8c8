/** Blocks and declarations of a body. */
import { failure } from '../failure.ts'
import { checkEndLabel, parseCondition } from './parse-parts.ts'
import type { TokenReader } from './token-reader.ts'
import type { BlockNode, DeclarationNode, HandlerNode, StatementNode } from './tree.ts'

export function parseBlock(reader: TokenReader, label: string | undefined): BlockNode {
  const { line } = reader
  const declarations: DeclarationNode[] = []
  while (reader.take('declare')) {
    while (!reader.is('begin') && !reader.is('declare')) {
      if (reader.isSymbol('<<')) {
        throw failure('42601', 'block label must be placed before DECLARE, not after')
      }
      declarations.push(parseDeclaration(reader, declarations))
    }
  }
  const begin = reader.line
  reader.expect('begin')
  const body = reader.statements(['end', 'exception'])
  const handlers = reader.take('exception') ? parseHandlers(reader) : []
  reader.expect('end')
  checkEndLabel(reader, label)
  return { kind: 'block', line: declarations.length > 0 ? line : begin, label, declarations, body, handlers }
}

function parseHandlers(reader: TokenReader): HandlerNode[] {
  const handlers: HandlerNode[] = []
  while (reader.take('when')) {
    const conditions = [parseCondition(reader)]
    while (reader.take('or')) conditions.push(parseCondition(reader))
    reader.expect('then')
    const body: readonly StatementNode[] = reader.statements(['when', 'end'])
    handlers.push({ conditions, body })
  }
  if (handlers.length === 0) throw reader.unexpected()
  return handlers
}

function parseDeclaration(reader: TokenReader, before: readonly DeclarationNode[]): DeclarationNode {
  const { line } = reader
  const name = reader.name()
  if (before.some((one) => one.name === name)) throw failure('42601', `duplicate declaration at or near "${name}"`)
  if (reader.take('alias', 'for')) {
    const of = reader.token.kind === 'parameter' ? reader.skip().text : reader.name()
    reader.expectSymbol(';')
    return { kind: 'alias', line, name, of }
  }
  const isNoScroll = reader.take('no', 'scroll')
  const isScroll = !isNoScroll && reader.take('scroll')
  if (reader.take('cursor'))
    return parseCursor(reader, { name, line, isScroll: isNoScroll ? false : isScroll || undefined })
  const isConstant = reader.take('constant')
  const type = parseType(reader, ['collate', 'not', 'default', ':=', '=', ';'])
  if (reader.take('collate')) reader.name()
  const isNotNull = reader.take('not', 'null')
  const hasInitial = reader.take('default') || reader.takeSymbol(':=') || reader.takeSymbol('=')
  const initial = hasInitial ? reader.until([';']) : undefined
  reader.expectSymbol(';')
  if (isNotNull && initial === undefined) {
    throw failure('22004', `variable "${name}" must have a default value, since it's declared NOT NULL`)
  }
  return { kind: 'variable', line, name, type, isConstant, isNotNull, initial }
}

/** As text: it may have parentheses and brackets, `%TYPE` and several words. */
function parseType(reader: TokenReader, ends: readonly string[]): string {
  if (reader.token.kind === 'end') throw reader.unexpected()
  if (ends.includes(reader.token.word ?? reader.token.text)) throw failure('42601', 'missing data type declaration')
  return reader.until(ends).text
}

function parseCursor(
  reader: TokenReader,
  cursor: { readonly name: string; readonly line: number; readonly isScroll: boolean | undefined },
): DeclarationNode {
  const parameters: { name: string; type: string }[] = []
  if (reader.takeSymbol('(')) {
    do {
      const name = reader.name()
      parameters.push({ name, type: parseType(reader, [',', ')']) })
    } while (reader.takeSymbol(','))
    reader.expectSymbol(')')
  }
  if (!reader.take('is') && !reader.take('for')) throw reader.unexpected()
  const query = reader.until([';'], 'statement')
  reader.expectSymbol(';')
  return { kind: 'cursor', ...cursor, parameters, query }
}
