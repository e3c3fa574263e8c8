/** Statements of a body: what begins with a word of PL/pgSQL is one of its own, what begins a target is an assignment, all else is SQL. */
import { failure } from '../failure.ts'
import { parseBlock } from './parse-body.ts'
import { parseClose, parseFetch, parseOpen } from './parse-cursor.ts'
import { parseLoop } from './parse-loop.ts'
import { parseLabel, parseTarget, parseTargets, parseUsing } from './parse-parts.ts'
import { parseRaise } from './parse-raise.ts'
import type { TokenReader } from './token-reader.ts'
import type { Body, Branch, Fragment, IntoNode, StatementNode, TargetNode } from './tree.ts'

export function parseStatements(reader: TokenReader, ends: readonly string[]): Body {
  const statements: StatementNode[] = []
  while (!ends.some((word) => reader.is(word))) {
    if (reader.token.kind === 'end') throw reader.unexpected()
    statements.push(parseStatement(reader))
  }
  return statements
}

function parseStatement(reader: TokenReader): StatementNode {
  const { line } = reader
  const label = parseLabel(reader)
  if (reader.is('declare') || reader.is('begin')) {
    const block = parseBlock(reader, label)
    reader.expectSymbol(';')
    return block
  }
  const loop = parseLoop(reader, label)
  if (loop !== undefined) return loop
  if (label !== undefined) throw reader.unexpected()
  if (isAssignment(reader)) return parseAssignment(reader, line)
  const { word } = reader.token
  const parse = word === undefined ? undefined : Object.hasOwn(parsers, word) ? parsers[word] : undefined
  const own = parse?.(reader, line)
  return own ?? parseSql(reader, line)
}

/** A name, perhaps with fields and subscripts, and `:=` or `=` behind it. */
function isAssignment(reader: TokenReader): boolean {
  if (reader.token.name === undefined && reader.token.kind !== 'parameter') return false
  let depth = 0
  for (let i = 1; ; i++) {
    const { kind, text } = reader.ahead(i)
    if (kind === 'end' || text === ';') return false
    if (text === '[') depth++
    else if (text === ']') depth--
    else if (depth === 0) {
      if (text === ':=' || text === '=') return true
      const isField = text === '.' || reader.ahead(i - 1).text === '.'
      if (!isField) return false
    }
  }
}

function parseAssignment(reader: TokenReader, line: number): StatementNode {
  const target = parseTarget(reader)
  if (!reader.takeSymbol(':=')) reader.expectSymbol('=')
  const value = reader.until([';'])
  reader.expectSymbol(';')
  return { kind: 'assign', line, target, value }
}

type Parse = (reader: TokenReader, line: number) => StatementNode | undefined

function ended<T>(reader: TokenReader, value: T): T {
  reader.expectSymbol(';')
  return value
}

const parsers: Readonly<Record<string, Parse>> = {
  if: parseIf,
  case: parseCase,
  exit: parseExit,
  continue: parseExit,
  return: parseReturn,
  raise: (reader, line) => parseRaise(reader, line),
  assert: parseAssert,
  execute: parseExecute,
  perform: parsePerform,
  get: parseDiagnostics,
  open: parseOpen,
  fetch: parseFetch,
  move: parseFetch,
  close: parseClose,
  null: (reader, line) => {
    reader.skip()
    return ended(reader, { kind: 'null', line })
  },
  commit: parseTransaction,
  rollback: parseTransaction,
}

function parseIf(reader: TokenReader, line: number): StatementNode {
  reader.expect('if')
  const branches: Branch[] = []
  do {
    const when = reader.until(['then'])
    reader.expect('then')
    branches.push({ when, body: reader.statements(['elsif', 'elseif', 'else', 'end']) })
  } while (reader.take('elsif') || reader.take('elseif'))
  const otherwise = reader.take('else') ? reader.statements(['end']) : []
  reader.expect('end', 'if')
  return ended(reader, { kind: 'if', line, branches, otherwise })
}

function parseCase(reader: TokenReader, line: number): StatementNode {
  reader.expect('case')
  const subject = reader.is('when') ? undefined : reader.until(['when'])
  const branches: { when: Fragment[]; body: Body }[] = []
  while (reader.take('when')) {
    const when: Fragment[] = []
    if (subject === undefined) when.push(reader.until(['then']))
    else {
      do when.push(reader.until([',', 'then']))
      while (reader.takeSymbol(','))
    }
    reader.expect('then')
    branches.push({ when, body: reader.statements(['when', 'else', 'end']) })
  }
  if (branches.length === 0) throw reader.unexpected()
  const otherwise = reader.take('else') ? reader.statements(['end']) : undefined
  reader.expect('end', 'case')
  return ended(reader, { kind: 'case', line, subject, branches, otherwise })
}

function parseExit(reader: TokenReader, line: number): StatementNode {
  const isExit = reader.skip().word === 'exit'
  const label = reader.is('when') || reader.isSymbol(';') ? undefined : reader.name()
  const when = reader.take('when') ? reader.until([';']) : undefined
  return ended(reader, { kind: 'exit', line, isExit, label, when })
}

function parseReturn(reader: TokenReader, line: number): StatementNode {
  reader.expect('return')
  if (reader.take('next')) {
    const value = reader.isSymbol(';') ? undefined : reader.until([';'])
    return ended(reader, { kind: 'return next', line, value })
  }
  if (reader.take('query')) {
    if (reader.take('execute')) {
      const query = reader.until(['using', ';'])
      return ended(reader, { kind: 'return execute', line, query, using: parseUsing(reader) })
    }
    return ended(reader, { kind: 'return query', line, query: reader.until([';'], 'statement') })
  }
  const value = reader.isSymbol(';') ? undefined : reader.until([';'])
  return ended(reader, { kind: 'return', line, value })
}

function parseAssert(reader: TokenReader, line: number): StatementNode {
  reader.expect('assert')
  const condition = reader.until([',', ';'])
  const message = reader.takeSymbol(',') ? reader.until([';']) : undefined
  return ended(reader, { kind: 'assert', line, condition, message })
}

function parseExecute(reader: TokenReader, line: number): StatementNode {
  reader.expect('execute')
  const query = reader.until(['into', 'using', ';'])
  let into: IntoNode | undefined
  let using: Fragment[] = []
  for (;;) {
    if (reader.take('into')) {
      if (into !== undefined) throw reader.unexpected()
      into = parseInto(reader)
    } else if (reader.is('using')) {
      if (using.length > 0) throw reader.unexpected()
      using = parseUsing(reader, ['into', ';'])
    } else break
  }
  return ended(reader, { kind: 'execute', line, query, into, using })
}

function parseInto(reader: TokenReader): IntoNode {
  const isStrict = reader.take('strict')
  return { isStrict, targets: parseTargets(reader) }
}

function parsePerform(reader: TokenReader, line: number): StatementNode {
  reader.expect('perform')
  const { text, line: at } = reader.until([';'], 'statement')
  return ended(reader, { kind: 'perform', line, query: { text: `SELECT ${text}`, line: at } })
}

function parseTransaction(reader: TokenReader, line: number): StatementNode {
  const isCommit = reader.skip().word === 'commit'
  const isChained = reader.take('and', 'chain')
  if (!isChained && reader.take('and')) reader.expect('no', 'chain')
  return ended(reader, { kind: 'transaction', line, isCommit, isChained })
}

const diagnosticItems: ReadonlySet<string> = new Set([
  'row_count',
  'pg_routine_oid',
  'pg_context',
  'returned_sqlstate',
  'column_name',
  'constraint_name',
  'pg_datatype_name',
  'message_text',
  'table_name',
  'schema_name',
  'pg_exception_detail',
  'pg_exception_hint',
  'pg_exception_context',
])

function parseDiagnostics(reader: TokenReader, line: number): StatementNode {
  reader.expect('get')
  const isStacked = reader.take('stacked')
  if (!isStacked) reader.take('current')
  reader.expect('diagnostics')
  const items: { target: TargetNode; item: string }[] = []
  do {
    const target = parseTarget(reader)
    if (!reader.takeSymbol(':=')) reader.expectSymbol('=')
    const item = reader.name()
    if (!diagnosticItems.has(item)) throw failure('42601', 'unrecognized GET DIAGNOSTICS item')
    const isOfStatement = item === 'row_count' || item === 'pg_context' || item === 'pg_routine_oid'
    if (isStacked && isOfStatement && item !== 'pg_context') {
      throw failure('42601', `diagnostics item ${item.toUpperCase()} is not allowed in GET STACKED DIAGNOSTICS`)
    }
    if (!isStacked && !isOfStatement) {
      throw failure('42601', `diagnostics item ${item.toUpperCase()} is not allowed in GET CURRENT DIAGNOSTICS`)
    }
    items.push({ target, item })
  } while (reader.takeSymbol(','))
  return ended(reader, { kind: 'diagnostics', line, isStacked, items })
}

/** To its semicolon; what stands behind INTO is taken out, wherever it is. */
function parseSql(reader: TokenReader, line: number): StatementNode {
  const first = reader.token
  if (first.kind === 'symbol' && first.text !== '(') throw reader.unexpected()
  let into: IntoNode | undefined
  let text = ''
  let from = first.start
  let last = first
  let depth = 0
  while (!(reader.isSymbol(';') && depth === 0)) {
    const { token } = reader
    if (token.kind === 'end') throw reader.unexpected()
    if (token.text === '(' || token.text === '[') depth++
    if (token.text === ')' || token.text === ']') depth--
    if (token.word === 'into' && last.word !== 'insert' && last.word !== 'merge' && first.word !== 'import') {
      if (into !== undefined) throw failure('42601', 'INTO specified more than once')
      text += reader.text.slice(from, token.start)
      reader.skip()
      into = parseInto(reader)
      from = reader.token.start
      last = token
      continue
    }
    last = reader.skip()
  }
  text += reader.text.slice(from, reader.token.start)
  const query = { text: text.trimEnd(), line: reader.lineOf(first.start) }
  return ended(reader, { kind: 'sql', line, query, into, word: first.word ?? '' })
}
