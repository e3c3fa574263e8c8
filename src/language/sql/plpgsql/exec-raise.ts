/** RAISE and ASSERT. */
import { PolylogError } from '../../../base/errors.ts'
import { findType } from '../../../model/table/types/registry.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import type { Notice, SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { describeObject } from '../bind/objects.ts'
import { objectTypes } from '../types/oids.ts'
import { addNotice } from '../routine/inner-statement.ts'
import type { Compiler, Done, Exec } from './compile.ts'
import { statesOf } from './conditions.ts'
import { isTrue, valueOf } from './evaluate.ts'
import type { Frame } from './frame.ts'
import type { Names } from './names.ts'
import type { RaiseNode, StatementNode } from './tree.ts'

type NodeOf<K extends StatementNode['kind']> = Extract<StatementNode, { kind: K }>

export function compileRaise(compiler: Compiler, node: NodeOf<'raise'> | NodeOf<'assert'>, names: Names): Exec {
  if (node.kind === 'assert') return compileAssert(compiler, node, names)
  const parameters = node.parameters.map((one) => compiler.expression(one, names))
  const options = node.options.map(({ name, value }) => ({ name, value: compiler.expression(value, names) }))
  if (node.condition !== undefined) statesOf(node.condition)
  const isBare = node.message === undefined && node.condition === undefined && options.length === 0
  if (isBare) {
    return (frame) => {
      if (frame.handled !== undefined) throw frame.handled
      throw failure('0Z002', 'RAISE without parameters cannot be used outside an exception handler')
    }
  }
  return function* (frame): StatementSteps<Done> {
    const texts: string[] = []
    for (const one of parameters) texts.push(shownText(frame, yield* valueOf(frame, one), one.type))
    const given = new Map<string, string>()
    for (const { name, value } of options) {
      if (given.has(name)) throw failure('42601', `RAISE option already specified: ${name.toUpperCase()}`)
      const text = yield* valueOf(frame, value)
      if (text === null) throw failure('22004', 'RAISE statement option cannot be null')
      given.set(name, shownText(frame, text, value.type))
    }
    raise(frame, node, texts, given)
    return undefined
  }
}

export function shownText({ context }: Frame, value: SqlValue, type: number): string {
  if (value === null) return '<NULL>'
  if (objectTypes.has(type)) return describeObject(context, type, value as number)
  if (typeof value === 'boolean') return value ? 't' : 'f'
  return typeof value === 'string' ? value : (findType(type)?.formatText(value) ?? '')
}

function formatted(message: string, texts: readonly string[]): string {
  let next = 0
  return message.replace(/%%|%/g, (found) => (found === '%%' ? '%' : texts[next++]!))
}

const fields: Readonly<Record<string, string>> = {
  column: 'column',
  constraint: 'constraint',
  datatype: 'dataType',
  table: 'collection',
  schema: 'schema',
  detail: 'detail',
  hint: 'hint',
}

function raise(frame: Frame, node: RaiseNode, texts: readonly string[], given: ReadonlyMap<string, string>): void {
  if (node.message !== undefined && given.has('message')) {
    throw failure('42601', 'RAISE option already specified: MESSAGE')
  }
  if (node.condition !== undefined && given.has('errcode')) {
    throw failure('42601', 'RAISE option already specified: ERRCODE')
  }
  const state = stateOf(node, given.get('errcode'))
  const message =
    node.message === undefined ? (given.get('message') ?? defaultMessage(node, given)) : formatted(node.message, texts)
  const detail: Record<string, unknown> = { sqlState: state }
  for (const [name, key] of Object.entries(fields)) if (given.has(name)) detail[key] = given.get(name)
  if (node.level === 'exception') throw new PolylogError(codeOf(state), message, { detail })
  if (node.level === 'debug' || node.level === 'log') return
  const notice: Notice = {
    severity: node.level.toUpperCase() as Notice['severity'],
    sqlState: state,
    message,
    ...(given.has('detail') && { detail: given.get('detail')! }),
    ...(given.has('hint') && { hint: given.get('hint')! }),
  }
  addNotice(frame.caller, notice)
}

/** What a caller does about an error that a client has thought of is nobody's to say here. */
function codeOf(state: string): PolylogError['code'] {
  return failure(state, '').code
}

function stateOf({ condition, level }: RaiseNode, given: string | undefined): string {
  if (given !== undefined) return /^[0-9A-Z]{5}$/.test(given) ? given : statesOf(given.toLowerCase())[0]!
  if (condition !== undefined) return statesOf(condition)[0]!
  return level === 'exception' ? 'P0001' : level === 'warning' ? '01000' : '00000'
}

function defaultMessage({ condition }: RaiseNode, given: ReadonlyMap<string, string>): string {
  return condition?.replace('sqlstate ', '') ?? given.get('errcode') ?? 'unnamed RAISE'
}

function compileAssert(compiler: Compiler, node: NodeOf<'assert'>, names: Names): Exec {
  const condition = compiler.expression(node.condition, names)
  const message = node.message && compiler.expression(node.message, names)
  return function* (frame): StatementSteps<Done> {
    if (frame.context.getSetting('plpgsql.check_asserts') === 'off') return undefined
    const value: SqlValue = yield* valueOf(frame, condition)
    if (isTrue(frame, value, condition.type)) return undefined
    const text: SqlValue = message === undefined ? null : yield* valueOf(frame, message)
    throw failure('P0004', text === null ? 'assertion failed' : shownText(frame, text, message!.type))
  }
}
