/**
 * Blocks: their variables begin anew each time, and with EXCEPTION the block is a part of the transaction that fails alone. What it
 * has written is taken back before the handler begins; locks stay.
 */
import { PolylogError } from '../../../base/errors.ts'
import { charge } from '../../../base/work.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { isSteps } from '../../../database/transaction/wait.ts'
import { failure, sqlStateOf } from '../failure.ts'
import { oid } from '../types/oids.ts'
import { assignRow, assignScalar } from './assign.ts'
import { type Compiler, type Done, type Exec, refcursor } from './compile.ts'
import { handles, statesOf } from './conditions.ts'
import type { CompileBody } from './evaluate.ts'
import type { Frame } from './frame.ts'
import { Names, type ScalarVariable, type Variable } from './names.ts'
import { recordSource, rowFrom } from './record-source.ts'
import { asStatement } from '../routine/standing-alone.ts'
import { type PlExpression, pending } from './sql-parts.ts'
import type { BlockNode, DeclarationNode } from './tree.ts'

type Begin = (frame: Frame) => undefined | StatementSteps<undefined>

export function compileBlock(compiler: Compiler, node: BlockNode, outer: Names, compileBody: CompileBody): Exec {
  const names = new Names(outer, node.label)
  const declarations = node.declarations.flatMap((one) => compileDeclaration(compiler, one, names) ?? [])
  const body = compileBody(compiler, node.body, names)
  const guarded = node.handlers.length === 0 ? body : compileHandlers(compiler, node, names, { body, compileBody })
  const { label } = node
  const left = (done: Done): Done => {
    return done !== undefined && done.kind === 'exit' && label !== undefined && done.label === label ? undefined : done
  }
  if (declarations.length === 0 && label === undefined) return guarded
  return (frame) => {
    for (let i = 0; i < declarations.length; i++) {
      const steps = declarations[i]!(frame)
      if (steps !== undefined) return beginLater(frame, i, steps)
    }
    frame.statement = node
    const done = guarded(frame)
    return isSteps(done) ? leave(done) : left(done)
  }
  function* leave(steps: StatementSteps<Done>): StatementSteps<Done> {
    return left(yield* steps)
  }
  function* beginLater(frame: Frame, at: number, first: StatementSteps<undefined>): StatementSteps<Done> {
    yield* first
    for (const begin of declarations.slice(at + 1)) {
      const steps = begin(frame)
      if (steps !== undefined) yield* steps
    }
    const done = guarded(frame)
    return left(isSteps(done) ? yield* done : done)
  }
}

function compileDeclaration(compiler: Compiler, node: DeclarationNode, names: Names): Begin | undefined {
  if (node.kind === 'alias') {
    const found = names.find([node.of])
    if (found === undefined) throw failure('42601', `variable "${node.of}" does not exist`)
    names.add(found.variable, node.name)
    return undefined
  }
  if (node.kind === 'cursor') return declareCursor(compiler, node, names)
  const initial = node.initial && compiler.expression(node.initial, names)
  const variable = compiler.declare(names, node.name, node.type, node)
  if (variable.kind === 'scalar') return beginScalar(variable, initial)
  const source = initial && recordSource(initial, names)
  return (frame) => {
    if (source !== undefined) return beginRecord(frame, variable, source)
    frame.values[variable.slot] = null
    if (variable.columns !== undefined) assignRow(frame, variable, undefined, variable.columns)
    return undefined
  }
}

function* beginRecord(
  frame: Frame,
  variable: Variable & { kind: 'record' },
  source: ReturnType<typeof recordSource>,
): StatementSteps<undefined> {
  const row = yield* rowFrom(source, frame)
  assignRow(frame, variable, row?.values, row?.columns ?? variable.columns ?? [])
  return undefined
}

function beginScalar(variable: ScalarVariable, initial: PlExpression | undefined): Begin {
  if (initial === undefined) {
    return (frame) => {
      frame.values[variable.slot] = null
      return undefined
    }
  }
  return (frame) => {
    const value = initial.now(frame)
    if (value === pending) return assignLater(frame, variable, initial)
    assignScalar(frame, variable, value, initial.type)
    return undefined
  }
}

function* assignLater(frame: Frame, variable: ScalarVariable, initial: PlExpression): StatementSteps<undefined> {
  const value = yield* initial.later(frame)
  assignScalar(frame, variable, value, initial.type)
  return undefined
}

function declareCursor(compiler: Compiler, node: DeclarationNode & { kind: 'cursor' }, names: Names): Begin {
  const inner = new Names(names, undefined)
  const parameters = node.parameters.map(({ name, type }) => compiler.declare(inner, name, type))
  const { query, isScroll, name } = node
  const cursor = { query, parameters: parameters as ScalarVariable[], isScroll, names: inner }
  const variable = compiler.scalar(names, name, refcursor, -1, { cursor })
  return (frame) => {
    frame.values[variable.slot] = name
    return undefined
  }
}

/** To raise one, and to take back what was done before it. */
const unitsPerError = 30_000

interface Guarded {
  readonly body: Exec
  readonly compileBody: CompileBody
}

function compileHandlers(compiler: Compiler, node: BlockNode, names: Names, { body, compileBody }: Guarded): Exec {
  const inner = new Names(names, undefined)
  const state = compiler.scalar(inner, 'sqlstate', oid.text)
  const message = compiler.scalar(inner, 'sqlerrm', oid.text)
  const handlers = node.handlers.map(({ conditions, body: statements }) => {
    for (const one of conditions) if (one !== 'others') statesOf(one)
    return { conditions, run: compileBody(compiler, statements, inner) }
  })
  const handlerOf = (error: unknown): Exec | undefined => {
    const isCaught = error instanceof PolylogError && !error.retryable
    return isCaught ? handlers.find(({ conditions }) => handles(conditions, error))?.run : undefined
  }
  return function* (frame): StatementSteps<Done> {
    const outcome = yield* asPart(frame, () => attempt(frame, body, handlerOf))
    if (!('handler' in outcome)) return outcome.done
    const { error, handler } = outcome
    const outer = frame.handled
    frame.handled = error
    frame.values[state.slot] = sqlStateOf(error)
    frame.values[message.slot] = error.message
    const done = handler(frame)
    const result = isSteps(done) ? yield* done : done
    frame.handled = outer
    return result
  }
}

type Attempt = { readonly done: Done } | { readonly error: PolylogError; readonly handler: Exec }

/** The body, up to the error that is handled: what it has written is taken back then. */
function* attempt(frame: Frame, body: Exec, handlerOf: (error: unknown) => Exec | undefined): StatementSteps<Attempt> {
  const { transaction } = frame.caller
  const start = transaction.savepoint()
  frame.guards++
  try {
    const done = body(frame)
    return { done: isSteps(done) ? yield* done : done }
  } catch (error) {
    const handler = handlerOf(error)
    if (handler === undefined) throw error
    charge(unitsPerError)
    yield* transaction.takeBackPart(start)
    return { error: error as PolylogError, handler }
  } finally {
    frame.guards--
  }
}

/** It cannot be left before its end: where statements are run again by themselves it is one of them, with the variables of before. */
function* asPart<T>(frame: Frame, begin: () => StatementSteps<T>): StatementSteps<T> {
  const { alone } = frame
  if (alone?.isApart !== true) return yield* begin()
  const { rowCount } = frame
  const values = [...frame.values]
  return yield* asStatement(alone, () => {
    frame.values.splice(0, Infinity, ...values)
    frame.rowCount = rowCount
    return begin()
  })
}
