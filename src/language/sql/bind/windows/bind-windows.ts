/**
 * The windows of a block: those of its WINDOW clause in the order of the text, then what stands in parentheses behind OVER,
 * each text once. One that names another takes over its partitions, and its order where it has none itself.
 */
import type { Node, WindowDef } from 'libpg-query'
import { formatType } from '../../../../model/table/types/registry.ts'
import { type Expression, someExpression, type SortKey } from '../../expression/expression.ts'
import { failure, notBuilt } from '../../failure.ts'
import { rangeOffsetsOf } from '../../functions/in-range.ts'
import { findCast } from '../../types/casts.ts'
import { oid } from '../../types/oids.ts'
import { directionOf, settle } from '../bind-function.ts'
import type { Binder } from '../binder.ts'
import { bindSorted } from '../collation.ts'
import { coerce, tryCoerce } from '../coerce.ts'
import type { Scope } from '../scope.ts'
import { findWindow, windowId } from './bind-window-call.ts'
import type { BoundWindow, FrameBound, InRange, WindowFrame } from './window.ts'

/** PostgreSQL's FRAMEOPTION bits (parsenodes.h). */
const option = {
  range: 0x2,
  rows: 0x4,
  groups: 0x8,
  startUnboundedPreceding: 0x20,
  startUnboundedFollowing: 0x80,
  endUnboundedFollowing: 0x100,
  startCurrentRow: 0x200,
  endCurrentRow: 0x400,
  startOffsetPreceding: 0x800,
  endOffsetPreceding: 0x1000,
  startOffsetFollowing: 0x2000,
  endOffsetFollowing: 0x4000,
  excludeCurrentRow: 0x8000,
  excludeGroup: 0x10000,
  excludeTies: 0x20000,
}
const defaultFrame = option.range | option.startUnboundedPreceding | option.endCurrentRow

/** Undefined where the block has no calls with OVER and defines no windows. */
export function bindWindows(
  binder: Binder,
  scope: Scope,
  clause: readonly Node[] | undefined,
  expressions: readonly Expression[],
): readonly BoundWindow[] | undefined {
  const found: { readonly window: BoundWindow; readonly options: number }[] = []
  const place = (definition: WindowDef): void => {
    const base = definition.refname === undefined ? undefined : findNamed(found, definition.refname, definition)
    found.push({
      window: bindWindow(binder, scope, definition, base),
      options: definition.frameOptions ?? defaultFrame,
    })
  }
  for (const node of clause ?? []) {
    if (!('WindowDef' in node)) continue
    const { name, location } = node.WindowDef
    if (found.some(({ window }) => window.name === name)) {
      throw failure('42P20', `window "${name ?? ''}" is already defined`, { location })
    }
    place(node.WindowDef)
  }
  for (const definition of definitionsIn(expressions)) {
    const id = windowId(definition)
    if (found.some(({ window }) => window.id === id)) continue
    if (definition.name !== undefined) throw missingWindow(definition.name, definition)
    place(definition)
  }
  const used = new Set(definitionsIn(expressions).map(windowId))
  const windows = found.flatMap(({ window }) => (used.has(window.id) ? [window] : []))
  return windows.length === 0 ? undefined : windows
}

function definitionsIn(expressions: readonly Expression[]): readonly WindowDef[] {
  const definitions: WindowDef[] = []
  for (const one of expressions) {
    someExpression(one, (part) => {
      if (part.kind === 'window') definitions.push(part.definition)
      return false
    })
  }
  return definitions
}

interface Base {
  readonly window: BoundWindow
  readonly options: number
}

function findNamed(found: readonly Base[], name: string, { location }: WindowDef): Base {
  const base = found.find(({ window }) => window.name === name)
  if (base === undefined) throw missingWindow(name, { location } as WindowDef)
  return base
}

function missingWindow(name: string, { location }: WindowDef): Error {
  return failure('42704', `window "${name}" does not exist`, { location })
}

function bindWindow(binder: Binder, scope: Scope, definition: WindowDef, base: Base | undefined): BoundWindow {
  const { name, location, orderClause = [], partitionClause = [] } = definition
  const options = definition.frameOptions ?? defaultFrame
  const ownOrder = orderClause.map((node) => bindKey(binder, scope, node))
  const ownPartition = partitionClause.map((node) => bindPart(binder, scope, node))
  if (base !== undefined) checkOverrides(definition, base, options)
  const order = ownOrder.length > 0 ? ownOrder : (base?.window.order ?? [])
  const frame = bindFrame(binder, scope, definition, options, order)
  const partition = base?.window.partition ?? ownPartition
  return { id: windowId(definition), name, partition, order, frame, location }
}

function checkOverrides(definition: WindowDef, { window, options: others }: Base, options: number): void {
  const { location, orderClause = [], partitionClause = [], name } = definition
  const what = `of window "${window.name!}"`
  if (partitionClause.length > 0) throw failure('42P20', `cannot override PARTITION BY clause ${what}`, { location })
  if (orderClause.length > 0 && window.order.length > 0) {
    throw failure('42P20', `cannot override ORDER BY clause ${what}`, { location })
  }
  if (others === defaultFrame) return
  const message = `cannot copy window "${window.name!}" because it has a frame clause`
  const isPlain = name === undefined && orderClause.length === 0 && options === defaultFrame
  const hint = 'Omit the parentheses in this OVER clause.'
  throw failure('42P20', message, { location, ...(isPlain && { hint }) })
}

function bindPart(binder: Binder, scope: Scope, node: Node): Expression {
  return checkedPart(settle(binder, binder.expression(scope, node)))
}

function checkedPart(part: Expression): Expression {
  const window = findWindow([part])
  if (window === undefined) return part
  throw failure('42P20', 'window functions are not allowed in window definitions', { location: window.location })
}

function bindKey(binder: Binder, scope: Scope, node: Node): SortKey {
  if (!('SortBy' in node)) throw notBuilt('this ORDER BY')
  return {
    expression: checkedPart(settle(binder, bindSorted(binder, scope, node.SortBy.node!))),
    ...directionOf(node.SortBy),
  }
}

function bindFrame(
  binder: Binder,
  scope: Scope,
  definition: WindowDef,
  options: number,
  order: readonly SortKey[],
): WindowFrame {
  const { location, startOffset, endOffset } = definition
  const has = (bit: number): boolean => (options & bit) !== 0
  const mode = has(option.rows) ? 'rows' : has(option.groups) ? 'groups' : 'range'
  if (mode === 'groups' && order.length === 0) {
    throw failure('42P20', 'GROUPS mode requires an ORDER BY clause', { location })
  }
  const bindOffset = (node: Node): { offset: Expression; inRange: InRange | undefined } =>
    mode === 'range'
      ? rangeOffset(binder, scope, node, definition, order)
      : { offset: plainOffset(binder, scope, node, mode), inRange: undefined }
  const first = startOffset === undefined ? undefined : bindOffset(startOffset)
  const last = endOffset === undefined ? undefined : bindOffset(endOffset)
  const start: FrameBound = has(option.startOffsetPreceding)
    ? { kind: 'preceding', offset: first!.offset }
    : has(option.startOffsetFollowing)
      ? { kind: 'following', offset: first!.offset }
      : { kind: has(option.startCurrentRow) ? 'current row' : 'unbounded preceding' }
  const end: FrameBound = has(option.endOffsetPreceding)
    ? { kind: 'preceding', offset: last!.offset }
    : has(option.endOffsetFollowing)
      ? { kind: 'following', offset: last!.offset }
      : { kind: has(option.endUnboundedFollowing) ? 'unbounded following' : 'current row' }
  const exclude = has(option.excludeCurrentRow)
    ? 'current row'
    : has(option.excludeGroup)
      ? 'group'
      : has(option.excludeTies)
        ? 'ties'
        : 'nothing'
  return { mode, start, end, exclude, startInRange: first?.inRange, endInRange: last?.inRange }
}

function bindOffset(binder: Binder, scope: Scope, node: Node, clause: string): Expression {
  const bound = scope.withoutSets(`window ${clause}`, () => binder.expression(scope, node))
  const found = (kind: Expression['kind']): boolean => someExpression(bound, (one) => one.kind === kind)
  const { location } = bound
  if (found('aggregate')) {
    throw failure('42803', `aggregate functions are not allowed in window ${clause}`, { location })
  }
  if (found('window')) throw failure('42P20', 'window functions are not allowed in window definitions', { location })
  if (found('column')) throw failure('42P10', `argument of ${clause} must not contain variables`, { location })
  return bound
}

function plainOffset(binder: Binder, scope: Scope, node: Node, mode: 'rows' | 'groups'): Expression {
  const clause = mode.toUpperCase()
  const offset = bindOffset(binder, scope, node, clause)
  const converted = tryCoerce(binder, offset, oid.int8, -1, 'assignment')
  if (converted !== undefined) return converted
  const message = `argument of ${clause} must be type bigint, not type ${formatType(offset.type, -1)}`
  throw failure('42804', message, { location: offset.location })
}

function rangeOffset(
  binder: Binder,
  scope: Scope,
  node: Node,
  { location }: WindowDef,
  order: readonly SortKey[],
): { offset: Expression; inRange: InRange } {
  const title = 'RANGE with offset PRECEDING/FOLLOWING'
  if (order.length !== 1) throw failure('42P20', `${title} requires exactly one ORDER BY column`, { location })
  const offset = bindOffset(binder, scope, node, 'RANGE')
  const { type } = order[0]!.expression
  const all = rangeOffsetsOf(type)
  const at = { location: offset.location }
  const column = formatType(type === oid.varchar ? oid.text : type, -1)
  if (all.length === 0) throw failure('0A000', `${title} is not supported for column type ${column}`, at)
  const { type: given } = offset
  const possible = all.filter((one) => {
    return given === oid.unknown || given === one.type || findCast(given, one.type, 'implicit') !== undefined
  })
  const pair = `column type ${column} and offset type ${formatType(given, -1)}`
  if (possible.length === 0) {
    const hint = 'Cast the offset value to an appropriate type.'
    throw failure('0A000', `${title} is not supported for ${pair}`, { ...at, hint })
  }
  const preferred = given === oid.unknown ? type : given
  const chosen = possible.find((one) => one.type === preferred) ?? (possible.length === 1 ? possible[0] : undefined)
  if (chosen === undefined) {
    const hint = 'Cast the offset value to the exact intended type.'
    throw failure('0A000', `${title} has multiple interpretations for ${pair}`, { ...at, hint })
  }
  return { offset: coerce(binder, offset, chosen.type), inRange: chosen.test }
}
