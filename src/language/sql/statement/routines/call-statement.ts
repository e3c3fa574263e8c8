/** CALL and DO. */
import type { CallStmt, DoStmt, FuncCall } from 'libpg-query'
import { bindRoutineOf, noSuchFunction, signature } from '../../bind/bind-function.ts'
import { routineRows, routinesOf } from '../../bind/bind-routine.ts'
import type { Binder } from '../../bind/binder.ts'
import { Scope } from '../../bind/scope.ts'
import { optionText, stringsOf } from '../../bind/tree.ts'
import { compile } from '../../expression/compile.ts'
import { failure } from '../../failure.ts'
import { Planner } from '../../plan/planner.ts'
import { noRow } from '../../plan/run.ts'
import { callInSteps } from '../../routine/call.ts'
import type { Routine } from '../../routine/routines.ts'
import { getRoutineLanguage } from '../../routine/languages.ts'
import type { StatementSteps } from '../../../../database/contract.ts'
import { nothing, type Outcome, settled } from '../execution.ts'
import { type Planned, planSteps } from '../prepared.ts'

export function planCall(binder: Binder, { funccall }: CallStmt): Planned {
  const node = funccall!
  const path = stringsOf(node.funcname)
  const routines = routinesOf(binder, path)
  const scope = new Scope()
  scope.forbidsAggregates = 'CALL arguments'
  if (routines.length === 0) {
    const types = (node.args ?? []).map((one) => ({ type: binder.expression(scope, one).type }))
    throw noSuchFunction(path.join('.'), types, node.location, false, 'procedure')
  }
  const bound = bindRoutineOf(binder, scope, withoutOutputs(node, routines), path, routines)
  if (!('routine' in bound) || bound.routine.definition.kind !== 'procedure') {
    const shown = 'routine' in bound ? signature(bound.routine.definition.name, bound.types) : path.join('.')
    throw failure('42809', `${shown} is not a procedure`, {
      location: node.location,
      hint: 'To call a function, use SELECT.',
    })
  }
  const compiler = new Planner().compilerAt(0)
  const parts = bound.arguments.map((one) => compile(one, compiler))
  const rows = routineRows(bound)
  const { columns } = bound
  const planned = planSteps(
    { kind: 'write', mayOnlyRead: true },
    'CALL',
    function* (run): StatementSteps<Outcome> {
      const values = yield* settled(() => parts.map((part) => part(noRow, run)))
      const found = yield* settled(() => rows(run, values))
      return { rowCount: 0, rows: columns.length === 0 ? [] : [...found] }
    },
    columns.length === 0 ? undefined : columns,
  )
  const { parameters } = bound.routine.definition
  const outputs = parameters.flatMap(({ mode }, i) => (mode === 'out' || mode === 'inout' ? [i] : []))
  return { ...planned, outputs }
}

/** What is given for output parameters means nothing but where they go. */
function withoutOutputs(node: FuncCall, routines: readonly Routine[]): FuncCall {
  const { args = [] } = node
  const isPositional = args.every((one) => !('NamedArgExpr' in one))
  const meant = routines.find(({ definition: { parameters } }) => {
    return parameters.length === args.length && parameters.some(({ mode }) => mode === 'out')
  })
  if (meant === undefined || !isPositional) return node
  return { ...node, args: args.filter((_, i) => meant.definition.parameters[i]!.mode !== 'out') }
}

export function planDo({ args = [] }: DoStmt): Planned {
  const options = new Map(
    args.flatMap((node) => ('DefElem' in node ? [[node.DefElem.defname!, node.DefElem.arg]] : [])),
  )
  const body = optionText(options.get('as'))
  if (body === undefined) throw failure('42601', 'no inline code specified')
  const name = optionText(options.get('language')) ?? 'plpgsql'
  return planSteps({ kind: 'write', mayOnlyRead: true }, 'DO', function* (run): StatementSteps<Outcome> {
    const language = getRoutineLanguage(name)
    const steps = language.runBlock?.(body, run)
    if (steps === undefined) throw failure('0A000', `language "${name}" does not support inline code execution`)
    yield* callInSteps(run, steps)
    return nothing
  })
}
