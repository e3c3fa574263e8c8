/** Statements that decide what runs next, and those that assign; what the others are is in files of their own. */
import { charge } from '../../../base/work.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import type { SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { isSteps } from '../../../database/transaction/wait.ts'
import { converted } from '../routine/conversion.ts'
import { assignField, assignRow, assignScalar } from './assign.ts'
import { compileBlock } from './exec-block.ts'
import { compileCursorStatement } from './exec-cursor.ts'
import { compileLoop } from './exec-loop.ts'
import { compileRaise } from './exec-raise.ts'
import { compileReturn } from './exec-return.ts'
import { compileSqlStatement } from './exec-sql.ts'
import type { CompiledStatement, Compiler, Done, Exec } from './compile.ts'
import type { Frame } from './frame.ts'
import type { Names, RecordValue } from './names.ts'
import { isTrue, valueOf, withValue } from './evaluate.ts'
import { pending } from './sql-parts.ts'
import type { Body, StatementNode } from './tree.ts'
import { recordSource, rowFrom } from './record-source.ts'
import { withElement } from '../functions/arrays/subscripts.ts'
import { findType } from '../../../model/table/types/registry.ts'

const unitsPerStatement = 300

/** One statement after another. */
export function compileBody(compiler: Compiler, body: Body, names: Names): Exec {
  const statements = body.map((node): CompiledStatement => ({ node, run: compileStatement(compiler, node, names) }))
  return (frame) => runFrom(frame, statements, 0)
}

function runFrom(frame: Frame, statements: readonly CompiledStatement[], from: number): Done | StatementSteps<Done> {
  for (let i = from; i < statements.length; i++) {
    const { node, run } = statements[i]!
    frame.statement = node
    charge(unitsPerStatement)
    const done = run(frame)
    if (done === undefined) continue
    return isSteps(done) ? goOn(frame, done, statements, i + 1) : done
  }
  return undefined
}

function* goOn(
  frame: Frame,
  steps: StatementSteps<Done>,
  statements: readonly CompiledStatement[],
  next: number,
): StatementSteps<Done> {
  const done = yield* steps
  if (done !== undefined) return done
  const rest = runFrom(frame, statements, next)
  return isSteps(rest) ? yield* rest : rest
}

function compileStatement(compiler: Compiler, node: StatementNode, names: Names): Exec {
  switch (node.kind) {
    case 'block':
      return compileBlock(compiler, node, names, compileBody)
    case 'loop':
    case 'while':
    case 'for integer':
    case 'for query':
    case 'for execute':
    case 'foreach':
      return compileLoop(compiler, node, names, compileBody)
    case 'assign':
      return compileAssign(compiler, node, names)
    case 'if':
      return compileIf(compiler, node, names)
    case 'case':
      return compileCase(compiler, node, names)
    case 'exit':
      return compileExit(compiler, node, names)
    case 'null':
      return () => undefined
    case 'return':
    case 'return next':
    case 'return query':
    case 'return execute':
      return compileReturn(compiler, node, names)
    case 'raise':
    case 'assert':
      return compileRaise(compiler, node, names)
    case 'open':
    case 'fetch':
    case 'close':
      return compileCursorStatement(compiler, node, names)
    default:
      return compileSqlStatement(compiler, node, names)
  }
}

type NodeOf<K extends StatementNode['kind']> = Extract<StatementNode, { kind: K }>

function compileAssign(compiler: Compiler, node: NodeOf<'assign'>, names: Names): Exec {
  const { variable, field, subscripts } = compiler.target(node.target, names)
  const value = compiler.expression(node.value, names)
  if (subscripts.length > 0) return assignElement(compiler, node, names)
  if (variable.kind === 'scalar') {
    return (frame) =>
      withValue(frame, value, (found) => {
        assignScalar(frame, variable, found, value.type)
        return undefined
      })
  }
  if (field !== undefined) {
    return (frame) =>
      withValue(frame, value, (found) => {
        assignField(frame, variable, field, found, value.type)
        return undefined
      })
  }
  const source = recordSource(value, names)
  return function* (frame): StatementSteps<Done> {
    const row = yield* rowFrom(source, frame)
    assignRow(frame, variable, row?.values, row?.columns ?? variable.columns ?? [])
    return undefined
  }
}

function assignElement(compiler: Compiler, node: NodeOf<'assign'>, names: Names): Exec {
  const { variable, field, subscripts } = compiler.target(node.target, names)
  const value = compiler.expression(node.value, names)
  return function* (frame): StatementSteps<Done> {
    const places: number[] = []
    for (const one of subscripts) {
      const place = yield* valueOf(frame, one)
      if (place === null) throw failure('22004', 'array subscript in assignment must not be null')
      places.push(Number(place))
    }
    const found = yield* valueOf(frame, value)
    const record = variable.kind === 'record' ? (frame.values[variable.slot] as RecordValue | null) : undefined
    const column = record?.columns.findIndex(({ name }) => name === field) ?? -1
    const type = variable.kind === 'scalar' ? variable.type : (record?.columns[column]?.type ?? 0)
    const before = (variable.kind === 'scalar' ? frame.values[variable.slot] : record?.values[column]) as SqlValue
    const element = findType(type)?.element
    if (element === undefined) {
      const title = findType(type)?.title ?? 'unknown'
      throw failure('42804', `cannot subscript type ${title} because it does not support subscripting`)
    }
    const item = converted(found, value.type, { type: element.oid, modifier: -1 }, frame.caller)
    const after = withElement(before as readonly SqlValue[] | null, places, item)
    if (variable.kind === 'scalar') assignScalar(frame, variable, after, type)
    else assignField(frame, variable, field!, after, type)
    return undefined
  }
}

function compileIf(compiler: Compiler, node: NodeOf<'if'>, names: Names): Exec {
  const branches = node.branches.map(({ when, body }) => ({
    when: compiler.expression(when, names),
    body: compileBody(compiler, body, names),
  }))
  const otherwise = compileBody(compiler, node.otherwise, names)
  const decide = (frame: Frame, from: number): Done | StatementSteps<Done> => {
    for (let i = from; i < branches.length; i++) {
      const { when, body } = branches[i]!
      const value = when.now(frame)
      if (value === pending) return decideLater(frame, i)
      if (isTrue(frame, value, when.type)) return body(frame)
    }
    return otherwise(frame)
  }
  function* decideLater(frame: Frame, at: number): StatementSteps<Done> {
    const { when, body } = branches[at]!
    const value = yield* when.later(frame)
    const done = isTrue(frame, value, when.type) ? body(frame) : decide(frame, at + 1)
    return isSteps(done) ? yield* done : done
  }
  return (frame) => decide(frame, 0)
}

/** With a subject each WHEN compares it, as a variable that has no name. */
function compileCase(compiler: Compiler, node: NodeOf<'case'>, names: Names): Exec {
  const subject = node.subject && compiler.expression(node.subject, names)
  const parts = node.branches.map(({ when, body }) => ({
    when: when.map(({ text, line }) => {
      const shown = node.subject === undefined ? text : `(${node.subject.text}) = (${text})`
      return compiler.expression({ text: shown, line }, names)
    }),
    body: compileBody(compiler, body, names),
  }))
  const otherwise = node.otherwise && compileBody(compiler, node.otherwise, names)
  return function* (frame): StatementSteps<Done> {
    if (subject !== undefined) yield* valueOf(frame, subject)
    for (const { when, body } of parts) {
      for (const one of when) {
        if (!isTrue(frame, yield* valueOf(frame, one), one.type)) continue
        const done = body(frame)
        return isSteps(done) ? yield* done : done
      }
    }
    if (otherwise === undefined) {
      throw failure('20000', 'case not found', { hint: 'CASE statement is missing ELSE part.' })
    }
    const done = otherwise(frame)
    return isSteps(done) ? yield* done : done
  }
}

function compileExit(compiler: Compiler, { isExit, label, when }: NodeOf<'exit'>, names: Names): Exec {
  const signal = { kind: isExit ? 'exit' : 'continue', label } as const
  const labeled = label === undefined ? undefined : names.labeledBy(label)
  if (label !== undefined && labeled === undefined) {
    throw failure('42601', `there is no label "${label}" attached to any block or loop enclosing this statement`)
  }
  if (!isExit && labeled?.isLoop === false) throw failure('42601', `block label "${label}" cannot be used in CONTINUE`)
  if (when === undefined) return () => signal
  const condition = compiler.expression(when, names)
  return (frame) => withValue(frame, condition, (value) => (isTrue(frame, value, condition.type) ? signal : undefined))
}
