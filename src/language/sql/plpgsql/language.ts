/** PL/pgSQL as a language of functions: a body is parsed and compiled once for each version of its function, and run in frames. */
import type { StatementSteps } from '../../../database/contract.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import { signature } from '../bind/bind-function.ts'
import { findType, getType } from '../../../model/table/types/registry.ts'
import type { RecordRow, RowValue } from '../../../model/table/types/user/row-value.ts'
import type { Row, SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { currentContext, type SqlRun } from '../plan/run.ts'
import { inputsOf, type RoutineDefinition } from '../routine/definition.ts'
import { withContext } from '../routine/error-context.ts'
import { type Invocation, registerRoutineLanguage, type RoutineLanguage } from '../routine/languages.ts'
import { isPolymorphic } from '../routine/pseudo-types.ts'
import { columnsOfResult, columnsOfType, isBareRecord, isComposite } from '../routine/result.ts'
import { oid } from '../types/oids.ts'
import { assignRow } from './assign.ts'
import type { Purpose } from './compile.ts'
import { type CompiledBody, compileText, runFrame } from './compile-text.ts'
import { outputRow } from './exec-return.ts'
import { Frame } from './frame.ts'
import type { Variable } from './names.ts'
import { parseBody } from './parse.ts'
import { runTrigger } from './trigger.ts'
import { rowVariable } from './variable-type.ts'

/** Compiled for the types that it is called with. */
const compiled = new WeakMap<Collection, Map<string, CompiledBody>>()

function compiledFor(invocation: Invocation): CompiledBody {
  const { routine, caller, types } = invocation
  let known = compiled.get(routine.collection)
  if (known === undefined) compiled.set(routine.collection, (known = new Map<string, CompiledBody>()))
  const key = types.join()
  let found = known.get(key)
  if (found === undefined) {
    const run = Object.create(caller, { context: { value: invocation.context } }) as SqlRun
    found = compileRoutine(routine.definition, run, types, invocation.columns)
    known.set(key, found)
  }
  return found
}

function compileRoutine(
  definition: RoutineDefinition,
  run: SqlRun,
  types: readonly number[],
  columns: Purpose['columns'],
): CompiledBody {
  const { kind, name, parameters, returns } = definition
  const isScalar = !isComposite(definition) && returns?.type !== oid.void && kind === 'function'
  const purpose = { kind, isSet: returns?.isSet === true, columns, isScalar }
  return compileText(definition.body, run, purpose, name, (compiler, names) => {
    const inputs: Variable[] = []
    const outputs: Variable[] = []
    for (const [i, parameter] of parameters.entries()) {
      const { mode, type } = parameter
      const isInput = mode !== 'out' && mode !== 'table'
      const at = inputs.length
      const own = isInput ? types[at]! : isPolymorphic(type) ? (columns?.[outputs.length]?.type ?? type) : type
      const title = parameter.name ?? `$${i + 1}`
      const row = findType(own)
      const variable =
        row?.fields === undefined && own !== oid.record
          ? compiler.scalar(names, title, own)
          : compiler.record(names, title, row?.fields && rowVariable(row))
      if (parameter.name !== undefined) names.add(variable, `$${i + 1}`)
      if (isInput) inputs.push(variable)
      if (mode !== 'in' && mode !== 'variadic') outputs.push(variable)
    }
    return { inputs, outputs }
  })
}

function* runRoutine(invocation: Invocation): StatementSteps<readonly Row[]> {
  const { routine, values, columns, context, caller, isReadOnly } = invocation
  const { definition } = routine
  if (definition.returns?.type === triggerType) {
    throw failure('0A000', 'trigger functions can only be called as triggers')
  }
  const title = `function ${signature(
    definition.name,
    inputsOf(definition).map(({ type }) => type),
  )}`
  let body: CompiledBody
  try {
    body = compiledFor(invocation)
  } catch (error) {
    throw withContext(error, () => `compilation of PL/pgSQL function "${definition.name}"`)
  }
  const isRecord = isBareRecord(definition)
  const mayEnd = definition.kind === 'procedure' && definition.isDefiner !== true && !definition.settings?.length
  const alone = mayEnd ? caller.alone : undefined
  const frame = new Frame(caller, context, { slots: body.slots, isReadOnly, columns, isRecord, title, alone })
  for (const one of body.purpose.outputs) {
    if (one.kind === 'record') assignRow(frame, one, undefined, one.columns ?? [])
  }
  for (const [i, variable] of body.inputs.entries()) giveInput(frame, variable, values[i]!)
  const signal = yield* runFrame(frame, body)
  const { purpose } = body
  if (signal === 'returned') return frame.rows
  if (purpose.outputs.length > 0 && !purpose.isSet) return [outputRow(frame, purpose)]
  const isVoid = definition.kind === 'procedure' || definition.returns?.type === oid.void
  if (purpose.isSet || isVoid || purpose.outputs.length > 0) return frame.rows
  const error = failure('2F005', 'control reached end of function without RETURN')
  throw withContext(error, () => `PL/pgSQL ${title}`)
}

function giveInput(frame: Frame, variable: Variable, value: SqlValue): void {
  if (variable.kind === 'scalar') frame.values[variable.slot] = value
  else if (variable.columns !== undefined || value === null) {
    assignRow(frame, variable, (value as RowValue | null)?.values, variable.columns ?? [])
  } else {
    const row = value as RecordRow
    assignRow(frame, variable, row.values, columnsOfType(getType(row.type)))
  }
}

/** All SQL in it is read; what it names is looked up where it runs. */
function validate(definition: RoutineDefinition, run: SqlRun): void {
  const inputs = inputsOf(definition)
  const types = inputs.map(({ type }) => type)
  if (definition.returns?.type === triggerType) {
    parseBody(definition.body)
    return
  }
  const columns = columnsOfResult(definition, run.transaction.catalog)
  const own = Object.create(run, { context: { value: currentContext(run) } }) as SqlRun
  try {
    compileRoutine(definition, own, types, columns)
  } catch (error) {
    throw withContext(error, () => `compilation of PL/pgSQL function "${definition.name}"`)
  }
}

/** PostgreSQL's number of the type `trigger`. */
export const triggerType = 2279

function* runBlock(body: string, run: SqlRun): StatementSteps<void> {
  const context = Object.create(run.context, { catalog: { get: () => run.transaction.catalog } }) as SqlRun['context']
  const own = Object.create(run, { context: { value: context } }) as SqlRun
  const purpose = { kind: 'block', isSet: false, columns: [], isScalar: false } as const
  const made = compileText(body, own, purpose, 'inline_code_block', () => ({ inputs: [], outputs: [] }))
  const { alone } = run
  const options = { slots: made.slots, isReadOnly: false, columns: [], title: 'function inline_code_block', alone }
  const frame = new Frame(run, context, options)
  yield* runFrame(frame, made)
}

const plpgsql: RoutineLanguage = { name: 'plpgsql', run: runRoutine, validate, runTrigger, runBlock }

registerRoutineLanguage(plpgsql)
