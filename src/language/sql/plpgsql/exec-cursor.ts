/** OPEN, FETCH, MOVE, CLOSE. */
import type { StatementSteps } from '../../../database/contract.ts'
import type { SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { conversion } from '../routine/conversion.ts'
import { oid } from '../types/oids.ts'
import { assignScalar } from './assign.ts'
import type { Compiler, Done, Exec } from './compile.ts'
import { OpenCursor } from './cursors.ts'
import { valueOf } from './evaluate.ts'
import { dynamicStatement, intoTargets } from './exec-sql.ts'
import { foundSlot, type Frame } from './frame.ts'
import type { Names, ScalarVariable } from './names.ts'
import type { StatementNode } from './tree.ts'

type NodeOf<K extends StatementNode['kind']> = Extract<StatementNode, { kind: K }>

export function compileCursorStatement(
  compiler: Compiler,
  node: NodeOf<'open'> | NodeOf<'fetch'> | NodeOf<'close'>,
  names: Names,
): Exec {
  const variable = compiler.cursor(node.cursor, names)
  if (node.kind === 'open') return compileOpen(compiler, node, variable, names)
  if (node.kind === 'fetch') return compileFetch(compiler, node, variable, names)
  return (frame) => {
    const { name } = cursorIn(frame, variable)
    frame.cursors.delete(name)
    return undefined
  }
}

function cursorIn(frame: Frame, variable: ScalarVariable): OpenCursor {
  const name = frame.values[variable.slot] as string | null
  if (name === null) throw failure('22004', `cursor variable "${variable.name}" is null`)
  const found = frame.cursors.get(name)
  if (found === undefined) throw failure('34000', `cursor "${name}" does not exist`)
  return found
}

/** Under the name that the variable has, or one of its own. */
function register(frame: Frame, variable: ScalarVariable, make: (name: string) => OpenCursor): OpenCursor {
  const given = frame.values[variable.slot] as string | null
  const name = given ?? freeName(frame)
  if (frame.cursors.has(name)) throw failure('42P03', `cursor "${name}" already in use`)
  const opened = make(name)
  frame.cursors.set(name, opened)
  if (given === null) assignScalar(frame, variable, name, oid.text)
  return opened
}

function freeName(frame: Frame): string {
  for (let i = 1; ; i++) if (!frame.cursors.has(`<unnamed portal ${i}>`)) return `<unnamed portal ${i}>`
}

interface Argument {
  readonly name: string | undefined
  readonly text: string
}

/** A cursor that was declared with its query. */
export function openBound(
  compiler: Compiler,
  variable: ScalarVariable,
  given: readonly Argument[],
  names: Names,
): (frame: Frame) => StatementSteps<OpenCursor> {
  const { cursor } = variable
  if (cursor === undefined) throw failure('42601', `cursor FOR loop must use a bound cursor variable`)
  const { parameters } = cursor
  if (given.length > parameters.length) {
    const isNone = parameters.length === 0
    throw failure(
      '42601',
      isNone ? `cursor "${variable.name}" has no arguments` : `too many arguments for cursor "${variable.name}"`,
    )
  }
  if (given.length < parameters.length) {
    const isNone = given.length === 0
    throw failure(
      '42601',
      isNone ? `cursor "${variable.name}" has arguments` : `not enough arguments for cursor "${variable.name}"`,
    )
  }
  const values = given.map(({ name, text }, i) => {
    const parameter = name === undefined ? parameters[i]! : parameters.find((one) => one.name === name)
    if (parameter === undefined) {
      throw failure('42601', `cursor "${variable.name}" has no argument named "${name}"`)
    }
    return { parameter, value: compiler.expression({ text, line: 1 }, names) }
  })
  const query = compiler.statement(cursor.query, cursor.names)
  return function* (frame) {
    for (const { parameter, value } of values) {
      assignScalar(frame, parameter, yield* valueOf(frame, value), value.type)
    }
    const opened = register(frame, variable, (name) => {
      return new OpenCursor(name, query.prepare(frame), frame.caller, frame.context, cursor.isScroll)
    })
    if (frame.apart !== undefined) yield* opened.hold(frame.apart)
    return opened
  }
}

function compileOpen(compiler: Compiler, node: NodeOf<'open'>, variable: ScalarVariable, names: Names): Exec {
  if (node.query === undefined && node.execute === undefined) {
    const given = node.parameters.map(({ name, value }) => ({ name, text: value.text }))
    if (variable.cursor === undefined) throw failure('42601', 'syntax error, expected "FOR"')
    const open = openBound(compiler, variable, given, names)
    return function* (frame): StatementSteps<Done> {
      yield* open(frame)
      return undefined
    }
  }
  const query = node.query && compiler.statement(node.query, names)
  const dynamic = node.execute && dynamicStatement(compiler, node.execute, names)
  return function* (frame): StatementSteps<Done> {
    const prepared = query === undefined ? yield* dynamic!(frame) : query.prepare(frame)
    const make = (name: string): OpenCursor => {
      return new OpenCursor(name, prepared, frame.caller, frame.context, node.isScroll)
    }
    const opened = register(frame, variable, make)
    if (frame.apart !== undefined) yield* opened.hold(frame.apart)
    return undefined
  }
}

function compileFetch(compiler: Compiler, node: NodeOf<'fetch'>, variable: ScalarVariable, names: Names): Exec {
  const into = node.targets && intoTargets(compiler, node.targets, names)
  const { how, count, by } = node.direction
  const distance = by && compiler.expression(by, names)
  return function* (frame): StatementSteps<Done> {
    const cursor = cursorIn(frame, variable)
    if (count === 'all') {
      frame.rowCount = yield* cursor.toEnd()
      frame.values[foundSlot] = frame.rowCount > 0
      return undefined
    }
    const given: SqlValue = distance === undefined ? 1 : yield* valueOf(frame, distance)
    if (given === null) throw failure('22004', 'relative or absolute cursor position is null')
    const convert = distance && conversion(distance.type, oid.int4, -1)
    const steps = count * Number(convert === undefined ? given : convert(given, frame.caller))
    const row = how === 'relative' ? yield* cursor.relative(steps) : yield* cursor.absolute(steps)
    into?.(frame, row, cursor.columns)
    frame.rowCount = row === undefined ? 0 : 1
    frame.values[foundSlot] = row !== undefined
    return undefined
  }
}
