/** Loops. Each turn of one may be the last of the statement's turn: then it pauses. */
import { charge, isTurnOver } from '../../../base/work.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { isSteps } from '../../../database/transaction/wait.ts'
import type { PreparedStatement, Row, SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { conversion } from '../routine/conversion.ts'
import { findType } from '../../../model/table/types/registry.ts'
import { oid } from '../types/oids.ts'
import type { Compiler, Done, Exec } from './compile.ts'
import { openBound } from './exec-cursor.ts'
import { type CompileBody, isTrue, valueOf } from './evaluate.ts'
import { columnsOf, dynamicStatement, intoTargets, type Into, pullRows } from './exec-sql.ts'
import { mayEnd } from './exec-transaction.ts'
import { foundSlot, type Frame } from './frame.ts'
import { HeldRows } from './held-rows.ts'
import type { StandingAlone } from '../routine/standing-alone.ts'
import { Names } from './names.ts'
import type { PlExpression } from './sql-parts.ts'
import { rowOfValue } from './record-source.ts'
import { scanTokens } from './tokens.ts'
import type { LoopNode } from './tree.ts'

export function compileLoop(compiler: Compiler, node: LoopNode, outer: Names, compileBody: CompileBody): Exec {
  const names = new Names(outer, node.label, true)
  switch (node.kind) {
    case 'loop': {
      const body = compileBody(compiler, node.body, names)
      return (frame) => turns(frame, node, body, undefined)
    }
    case 'while': {
      const condition = compiler.expression(node.condition, names)
      const body = compileBody(compiler, node.body, names)
      return (frame) => turns(frame, node, body, condition)
    }
    case 'for integer':
      return compileCounted(compiler, node, names, compileBody)
    case 'foreach':
      return compileForeach(compiler, node, names, compileBody)
    default:
      return compileQueryLoop(compiler, node, names, compileBody)
  }
}

/** What a signal from the body means for the loop: go on, stop, or pass it on. */
function meaning(done: Done, label: string | undefined): 'next' | 'end' | 'out' {
  if (done === undefined) return 'next'
  const isOwn = done.label === undefined || done.label === label
  if (!isOwn || done.kind === 'return') return 'out'
  return done.kind === 'exit' ? 'end' : 'next'
}

const unitsPerTurn = 100

/** A turn costs something by itself: its body may be empty. */
function endsTurn(): boolean {
  charge(unitsPerTurn)
  return isTurnOver()
}

function* turns(frame: Frame, node: LoopNode, body: Exec, condition: PlExpression | undefined): StatementSteps<Done> {
  for (;;) {
    frame.statement = node
    if (condition !== undefined && !isTrue(frame, yield* valueOf(frame, condition), condition.type)) return undefined
    const done = body(frame)
    const result = isSteps(done) ? yield* done : done
    const what = meaning(result, node.label)
    if (what === 'end') return undefined
    if (what === 'out') return result
    if (endsTurn()) yield undefined
  }
}

type NodeOf<K extends LoopNode['kind']> = Extract<LoopNode, { kind: K }>

function compileCounted(compiler: Compiler, node: NodeOf<'for integer'>, outer: Names, compileBody: CompileBody): Exec {
  const bounds = [node.from, node.to, ...(node.by === undefined ? [] : [node.by])]
  const [from, to, by] = bounds.map((one) => compiler.expression(one, outer))
  const names = new Names(outer, undefined)
  const variable = compiler.scalar(names, node.variable, oid.int4)
  const body = compileBody(compiler, node.body, names)
  const number = function* (frame: Frame, one: NonNullable<typeof from>, what: string): StatementSteps<number> {
    const value = yield* valueOf(frame, one)
    if (value === null) throw failure('22004', `${what} of FOR loop cannot be null`)
    const convert = conversion(one.type, oid.int4, -1)
    return (convert === undefined ? value : convert(value, frame.caller)) as number
  }
  return function* (frame): StatementSteps<Done> {
    const first = yield* number(frame, from!, 'lower bound')
    const last = yield* number(frame, to!, 'upper bound')
    const step = by === undefined ? 1 : yield* number(frame, by, 'BY value')
    if (step <= 0) throw failure('22023', 'BY value of FOR loop must be greater than zero')
    const change = node.isReverse ? -step : step
    let found = false
    for (let at = first; node.isReverse ? at >= last : at <= last; at += change) {
      found = true
      frame.values[variable.slot] = at
      const done = body(frame)
      const result = isSteps(done) ? yield* done : done
      const what = meaning(result, node.label)
      if (what === 'out') return withFound(frame, true, result)
      if (what === 'end') break
      if (at + change > 2_147_483_647 || at + change < -2_147_483_648) break
      if (endsTurn()) yield undefined
    }
    return withFound(frame, found, undefined)
  }
}

function withFound(frame: Frame, found: boolean, done: Done): Done {
  frame.values[foundSlot] = found
  return done
}

function compileForeach(compiler: Compiler, node: NodeOf<'foreach'>, names: Names, compileBody: CompileBody): Exec {
  const array = compiler.expression(node.array, names)
  const into = intoTargets(compiler, node.targets, names)
  const first = compiler.target(node.targets[0]!, names)
  const isOneRecord = node.targets.length === 1 && first.variable.kind === 'record' && first.field === undefined
  const body = compileBody(compiler, node.body, names)
  return function* (frame): StatementSteps<Done> {
    const value = yield* valueOf(frame, array)
    if (value === null) throw failure('22004', 'FOREACH expression must not be null')
    const type = findType(array.type)
    if (type?.element === undefined) {
      throw failure('42804', `FOREACH expression must yield an array, not type ${type?.title ?? 'unknown'}`)
    }
    const items =
      node.slice === 0 ? flat(value as readonly SqlValue[]) : slices(value as readonly SqlValue[], node.slice)
    const column = { name: 'element', type: node.slice === 0 ? type.element.oid : array.type, modifier: -1 }
    const isRow = isOneRecord && node.slice === 0 && type.element.fields !== undefined
    let found = false
    for (const item of items) {
      found = true
      const row = isRow ? rowOfValue(item, type.element.oid) : { values: [item], columns: [column] }
      into(frame, row?.values, row?.columns ?? [])
      const done = body(frame)
      const result = isSteps(done) ? yield* done : done
      const what = meaning(result, node.label)
      if (what === 'out') return withFound(frame, true, result)
      if (what === 'end') break
      if (endsTurn()) yield undefined
    }
    return withFound(frame, found, undefined)
  }
}

function flat(values: readonly SqlValue[]): SqlValue[] {
  return values.flatMap((one) => (Array.isArray(one) ? flat(one as readonly SqlValue[]) : [one]))
}

function depthOf(value: SqlValue): number {
  return Array.isArray(value) ? 1 + depthOf((value[0] as SqlValue | undefined) ?? null) : 0
}

function slices(values: readonly SqlValue[], slice: number): SqlValue[] {
  const depth = depthOf(values)
  if (slice > depth) {
    throw failure('2202E', `slice dimension (${slice}) is out of the valid range 0..${depth}`)
  }
  let parts: SqlValue[] = [values]
  for (let i = slice; i < depth; i++) parts = parts.flatMap((one) => [...(one as readonly SqlValue[])])
  return parts
}

function compileQueryLoop(
  compiler: Compiler,
  node: NodeOf<'for query'> | NodeOf<'for execute'>,
  names: Names,
  compileBody: CompileBody,
): Exec {
  const [first] = node.targets
  const cursor = node.kind === 'for query' ? cursorOf(node.query.text, names) : undefined
  const isNew = cursor !== undefined || names.find(first!.path) === undefined
  const inner = isNew ? new Names(names, undefined) : names
  if (isNew) {
    if (cursor === undefined) {
      throw failure('42601', 'loop variable of loop over rows must be a record variable or list of scalar variables')
    }
    compiler.record(inner, first!.path[0]!)
  }
  const into = intoTargets(compiler, node.targets, inner)
  const body = compileBody(compiler, node.body, inner)
  const endsWithin = mayEnd(node.body)
  if (cursor !== undefined) return overCursor(compiler, node, names, { into, body, cursor, endsWithin })
  const query = node.kind === 'for query' ? compiler.statement(node.query, names) : undefined
  const dynamic = node.kind === 'for execute' ? dynamicStatement(compiler, node, names) : undefined
  return function* (frame): StatementSteps<Done> {
    let found = false
    let out: Done
    const take = function* (rows: readonly Row[], prepared: PreparedStatement): StatementSteps<boolean> {
      const columns = columnsOf(prepared)
      for (const row of rows) {
        found = true
        into(frame, row, columns)
        const done = body(frame)
        const result = isSteps(done) ? yield* done : done
        const what = meaning(result, node.label)
        if (what === 'out') out = result
        if (what !== 'next') return false
        if (endsTurn()) yield undefined
      }
      return true
    }
    const { prepared, values } = query === undefined ? yield* dynamic!(frame) : query.prepare(frame)
    const { alone } = frame
    if (alone !== undefined && (alone.isApart || endsWithin)) {
      yield* overHeld(frame, alone, { prepared, values }, (rows) => take(rows, prepared))
    } else yield* pullRows(frame, prepared, values, (rows) => take(rows, prepared))
    if (!found) into(frame, undefined, columnsOf(prepared))
    return withFound(frame, found, out)
  }
}

/** All rows are there before the first is looked at. */
function* overHeld(
  frame: Frame,
  alone: StandingAlone,
  { prepared, values }: { readonly prepared: PreparedStatement; readonly values: readonly SqlValue[] },
  take: (rows: readonly Row[]) => StatementSteps<boolean>,
): StatementSteps<void> {
  const held = new HeldRows(alone)
  const isWriting = prepared.command !== 'SELECT'
  if (isWriting) alone.writingLoops++
  try {
    yield* held.gather(frame, prepared, values)
    for (let from = 0; from < held.length;) {
      const rows = yield* held.piece(from)
      if (!(yield* take(rows))) return
      from += rows.length
    }
  } finally {
    if (isWriting) alone.writingLoops--
    held.close()
  }
}

interface CursorLoop {
  readonly endsWithin: boolean
  readonly into: Into
  readonly body: Exec
  readonly cursor: { readonly name: string; readonly text: string }
}

/** `FOR r IN cursor(arguments)`. */
function overCursor(
  compiler: Compiler,
  node: LoopNode,
  names: Names,
  { into, body, cursor, endsWithin }: CursorLoop,
): Exec {
  const variable = compiler.cursor(cursor.name, names)
  const open = openBound(compiler, variable, parametersIn(cursor.text), names)
  return function* (frame): StatementSteps<Done> {
    const opened = yield* open(frame)
    opened.isLoop = true
    if (endsWithin && frame.alone !== undefined) yield* opened.hold(frame.alone)
    let found = false
    for (;;) {
      const row = yield* opened.relative(1)
      if (row === undefined) break
      found = true
      into(frame, row, opened.columns)
      const done = body(frame)
      const result = isSteps(done) ? yield* done : done
      const what = meaning(result, node.label)
      if (what === 'next') continue
      frame.cursors.delete(opened.name)
      return withFound(frame, true, what === 'out' ? result : undefined)
    }
    frame.cursors.delete(opened.name)
    return withFound(frame, found, undefined)
  }
}

function cursorOf(text: string, names: Names): CursorLoop['cursor'] | undefined {
  const [first, second] = scanTokens(text)
  if (first?.name === undefined || (second!.kind !== 'end' && second!.text !== '(')) return undefined
  const variable = names.find([first.name])?.variable
  return variable?.kind === 'scalar' && variable.cursor !== undefined ? { name: first.name, text } : undefined
}

/** Of `c(1, b := 2)`: its parts, as OPEN has them. */
function parametersIn(text: string): readonly { readonly name: string | undefined; readonly text: string }[] {
  const tokens = scanTokens(text)
  const parts: { name: string | undefined; text: string }[] = []
  let depth = 0
  let from: number | undefined
  for (const [i, token] of tokens.entries()) {
    const isEnd = depth === 1 && (token.text === ',' || token.text === ')')
    if (isEnd && from !== undefined) {
      const [first, second] = [tokens[from]!, tokens[from + 1]!]
      const isNamed = first.name !== undefined && (second.text === ':=' || second.text === '=>')
      const start = isNamed ? tokens[from + 2]!.start : first.start
      parts.push({ name: isNamed ? first.name : undefined, text: text.slice(start, token.start) })
      from = undefined
    }
    if (token.text === '(') depth++
    else if (token.text === ')') depth--
    if ((token.text === '(' || token.text === ',') && depth === 1) from = i + 1
  }
  return parts
}
