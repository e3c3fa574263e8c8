/** Expressions from within statements: at once where that can be, else in steps. */
import type { StatementSteps } from '../../../database/contract.ts'
import { isSteps } from '../../../database/transaction/wait.ts'
import type { SqlValue } from '../contract.ts'
import { conversion } from '../routine/conversion.ts'
import { oid } from '../types/oids.ts'
import type { Compiler, Done, Exec } from './compile.ts'
import type { Frame } from './frame.ts'
import type { Names } from './names.ts'
import { type PlExpression, pending } from './sql-parts.ts'
import type { Body } from './tree.ts'

export type CompileBody = (compiler: Compiler, body: Body, names: Names) => Exec

/** Does something with a value, at once where it is there at once. */
export function withValue(
  frame: Frame,
  expression: PlExpression,
  use: (value: SqlValue) => Done | StatementSteps<Done>,
): Done | StatementSteps<Done> {
  const value = expression.now(frame)
  return value === pending ? useLater(frame, expression, use) : use(value)
}

function* useLater(
  frame: Frame,
  expression: PlExpression,
  use: (value: SqlValue) => Done | StatementSteps<Done>,
): StatementSteps<Done> {
  const done = use(yield* expression.later(frame))
  return isSteps(done) ? yield* done : done
}

export function* valueOf(frame: Frame, expression: PlExpression): StatementSteps<SqlValue> {
  const value = expression.now(frame)
  return value === pending ? yield* expression.later(frame) : value
}

export function isTrue(frame: Frame, value: SqlValue, type: number): boolean {
  if (typeof value === 'boolean') return value
  const convert = conversion(type, oid.bool, -1)
  return value !== null && convert?.(value, frame.caller) === true
}
