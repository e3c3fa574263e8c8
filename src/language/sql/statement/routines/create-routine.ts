/** CREATE [OR REPLACE] FUNCTION and PROCEDURE. */
import type { CreateFunctionStmt, FunctionParameter, Node } from 'libpg-query'
import type { Collection } from '../../../../database/catalog/catalog.ts'
import { createBareBinder } from '../../bind/bind.ts'
import { signature } from '../../bind/bind-function.ts'
import { tryCoerce } from '../../bind/coerce.ts'
import { Scope } from '../../bind/scope.ts'
import { requireTypeUse } from '../../bind/type-access.ts'
import { locationOf, stringsOf } from '../../bind/tree.ts'
import type { ParsedStatement } from '../../contract.ts'
import { deparse } from '../../expression/deparse.ts'
import { failure } from '../../failure.ts'
import type { SqlRun } from '../../plan/run.ts'
import { currentContext } from '../../plan/run.ts'
import { typeTitle } from '../../routine/conversion.ts'
import {
  inputsOf,
  outputsOf,
  type ParameterMode,
  type RoutineDefinition,
  type RoutineParameter,
  routineJson,
  type RoutineResult,
  signatureOf,
} from '../../routine/definition.ts'
import { languageForNew } from '../../routine/languages.ts'
import { isPolymorphic } from '../../routine/pseudo-types.ts'
import { routineOf } from '../../routine/routines.ts'
import { findType, shownNumber } from '../../../../model/table/types/registry.ts'
import { oid } from '../../types/oids.ts'
import { targetNamespace } from '../naming.ts'
import { nothing } from '../execution.ts'
import { type Planned, planSteps } from '../prepared.ts'
import { atomicBody } from './atomic-body.ts'
import { routineType } from './routine-type.ts'
import { routineOptions } from './routine-options.ts'

export function planCreateRoutine(node: CreateFunctionStmt, statement: ParsedStatement): Planned {
  const isProcedure = node.is_procedure === true
  const word = isProcedure ? 'procedure' : 'function'
  return planSteps({ kind: 'schema' }, `CREATE ${word.toUpperCase()}`, (run) => {
    const definition = definitionOf(run, node, statement)
    const language = languageForNew(definition.language)
    const names = stringsOf(node.funcname)
    const [name = '', schemaname] = [...names].reverse()
    const namespace = targetNamespace(run, schemaname === undefined ? { relname: name } : { relname: name, schemaname })
    const own = signatureOf(
      name,
      inputsOf(definition).map(({ type }) => type),
    )
    const before = run.transaction.catalog.findCollection(namespace.name, own, 'function')
    if (before === undefined) run.transaction.createCollection(namespace, own, 'routine', routineJson(definition))
    else replace(run, before, definition, node.replace === true)
    // It may call itself.
    language.validate!(definition, run)
    return nothing
  })
}

function replace(run: SqlRun, before: Collection, definition: RoutineDefinition, isAllowed: boolean): void {
  const { definition: old } = routineOf(before)
  const types = inputsOf(definition).map(({ type }) => type)
  if (!isAllowed) {
    throw failure('42723', `function "${definition.name}" already exists with same argument types`)
  }
  run.transaction.principal.rights.requireOwner(before)
  if (old.kind !== definition.kind) {
    throw failure('42809', 'cannot change routine kind', { detail: `"${old.name}" is a ${old.kind}.` })
  }
  const hint = `Use DROP ${old.kind.toUpperCase()} ${signature(old.name, types)} first.`
  if (resultText(old) !== resultText(definition)) {
    const hasRow = outputsOf(old).length > 0 && outputsOf(definition).length > 0
    const detail = hasRow ? { detail: 'Row type defined by OUT parameters is different.' } : {}
    const what =
      old.kind === 'procedure' ? 'whether a procedure has output parameters' : 'return type of existing function'
    throw failure('42P13', `cannot change ${what}`, { ...detail, hint })
  }
  for (const [i, { name }] of inputsOf(old).entries()) {
    if (name === undefined || inputsOf(definition)[i]!.name === name) continue
    throw failure('42P13', `cannot change name of input parameter "${name}"`, { hint })
  }
  const missing = inputsOf(old).some(
    (one, i) => one.default !== undefined && inputsOf(definition)[i]!.default === undefined,
  )
  if (missing) throw failure('42P13', 'cannot remove parameter defaults from existing function', { hint })
  run.transaction.alterCollection(before, { definition: routineJson(definition) })
}

function resultText(definition: RoutineDefinition): string {
  const { type = 0, isSet = false, table = 0 } = definition.returns ?? {}
  return `${shownNumber(type)} ${isSet} ${table} ${outputsOf(definition)
    .map((one) => `${one.name ?? ''} ${shownNumber(one.type)}`)
    .join()}`
}

function definitionOf(run: SqlRun, node: CreateFunctionStmt, statement: ParsedStatement): RoutineDefinition {
  const kind = node.is_procedure === true ? 'procedure' : 'function'
  const name = stringsOf(node.funcname).at(-1)!
  const parameters = parametersOf(run, node)
  const returns = resultOf(run, node, parameters)
  const options = routineOptions(node.options ?? [], kind)
  const isAtomic = node.sql_body !== undefined
  const language = options.language ?? (isAtomic ? 'sql' : undefined)
  if (language === undefined) throw failure('42P13', 'no language specified')
  if (options.linkedAt !== undefined) {
    languageForNew(language)
    throw failure('42P13', `only one AS item needed for language "${language}"`, { location: options.linkedAt })
  }
  if (isAtomic && language !== 'sql') {
    throw failure('42P13', 'inline SQL function body only valid for language SQL')
  }
  if (isAtomic && options.body !== undefined) throw failure('42P13', 'duplicate function body specified')
  const body = isAtomic ? atomicBody(statement) : options.body
  if (body === undefined) throw failure('42P13', 'no function body specified')
  const { language: _, body: __, rows, ...others } = options
  if (rows !== undefined && returns?.isSet !== true) {
    throw failure('22023', 'ROWS is not applicable when function does not return a set')
  }
  checkPolymorphic(parameters, returns)
  return {
    kind,
    name,
    language,
    parameters,
    ...(returns !== undefined && { returns }),
    ...others,
    ...(rows !== undefined && { rows }),
    body,
    ...(isAtomic && { isAtomic }),
  }
}

const modes: Readonly<Record<string, ParameterMode>> = {
  FUNC_PARAM_IN: 'in',
  FUNC_PARAM_OUT: 'out',
  FUNC_PARAM_INOUT: 'inout',
  FUNC_PARAM_VARIADIC: 'variadic',
  FUNC_PARAM_TABLE: 'table',
  FUNC_PARAM_DEFAULT: 'in',
}

function parametersOf(run: SqlRun, node: CreateFunctionStmt): RoutineParameter[] {
  const parameters: RoutineParameter[] = []
  for (const one of node.parameters ?? []) {
    if (!('FunctionParameter' in one)) continue
    const { name, argType, mode: given = 'FUNC_PARAM_IN', defexpr }: FunctionParameter = one.FunctionParameter
    const mode = modes[given]!
    if (argType?.setof === true) {
      throw failure('42P13', 'functions cannot accept set arguments', { location: argType.location })
    }
    const { type } = routineType(run, argType!)
    requireTypeUse(currentContext(run), type)
    if (type === oid.void || type === 2279) {
      throw failure(
        '42P13',
        `${node.is_procedure === true ? 'procedures' : 'functions'} cannot accept type ${typeTitle(type)}`,
      )
    }
    checkVariadic(parameters, mode, type)
    checkName(parameters, name, mode)
    const isInput = mode === 'in' || mode === 'inout' || mode === 'variadic'
    if (defexpr !== undefined && !isInput) {
      throw failure('42P13', 'only input parameters can have default values', { location: locationOf(defexpr) })
    }
    const text = defexpr === undefined ? undefined : defaultText(run, defexpr, type)
    const lacks = parameters.some((before) => before.default !== undefined) && text === undefined && isInput
    if (lacks) throw failure('42P13', 'input parameters after one with a default value must also have defaults')
    parameters.push({
      ...(name !== undefined && name !== '' && { name }),
      mode,
      type,
      ...(text !== undefined && { default: text }),
    })
  }
  return parameters
}

function checkVariadic(before: readonly RoutineParameter[], mode: ParameterMode, type: number): void {
  const isInput = mode !== 'out' && mode !== 'table'
  if (isInput && before.some((one) => one.mode === 'variadic')) {
    throw failure('42P13', 'VARIADIC parameter must be the last input parameter')
  }
  if (mode !== 'variadic') return
  const isArray = isPolymorphic(type) ? type === oid.anyarray || type === 5078 : findType(type)?.element !== undefined
  if (!isArray && type !== oid.any) throw failure('42P13', 'VARIADIC parameter must be an array')
}

function checkName(before: readonly RoutineParameter[], name: string | undefined, mode: ParameterMode): void {
  if (name === undefined || name === '') return
  const isPureInput = mode === 'in' || mode === 'variadic'
  const taken = before.some((one) => {
    if (one.name !== name) return false
    const otherIsInput = one.mode === 'in' || one.mode === 'variadic'
    const otherIsOutput = one.mode === 'out' || one.mode === 'table'
    return !((isPureInput && otherIsOutput) || ((mode === 'out' || mode === 'table') && otherIsInput && false))
  })
  if (taken) throw failure('42P13', `parameter name "${name}" used more than once`)
}

function defaultText(run: SqlRun, node: Node, type: number): string {
  const binder = createBareBinder(currentContext(run))
  const scope = new Scope()
  scope.forbidsAggregates = 'DEFAULT expressions'
  const bound = scope.withoutSets('DEFAULT expressions', () => binder.expression(scope, node))
  const value = isPolymorphic(type) ? bound : tryCoerce(binder, bound, type, -1, 'assignment')
  if (value === undefined) {
    throw failure('42804', `argument of DEFAULT must be type ${typeTitle(type)}, not type ${typeTitle(bound.type)}`, {
      location: bound.location,
    })
  }
  return deparse(value)
}

function resultOf(
  run: SqlRun,
  node: CreateFunctionStmt,
  parameters: readonly RoutineParameter[],
): RoutineResult | undefined {
  const outputs = parameters.filter(({ mode }) => mode !== 'in' && mode !== 'variadic')
  const implied = outputs.length === 1 ? outputs[0]!.type : oid.record
  if (node.is_procedure === true) return outputs.length === 0 ? undefined : { type: oid.record, isSet: false }
  if (node.returnType === undefined) {
    if (outputs.length === 0) throw failure('42P13', 'function result type must be specified')
    return { ...resultOfType(implied), isSet: false }
  }
  const isSet = node.returnType.setof === true
  const isTable = parameters.some(({ mode }) => mode === 'table')
  if (isTable) return { ...resultOfType(implied), isSet: true }
  const { type } = routineType(run, node.returnType)
  requireTypeUse(currentContext(run), type)
  if (outputs.length > 0 && type !== implied) {
    throw failure('42P13', `function result type must be ${typeTitle(implied)} because of OUT parameters`)
  }
  return { ...resultOfType(type), isSet }
}

/** Rows of a table are known by the table. */
function resultOfType(type: number): Pick<RoutineResult, 'type' | 'table'> {
  const { fields, made } = findType(type) ?? {}
  const isOfTable = fields !== undefined && made?.content.kind === 'composite' && made.content.isTable === true
  return isOfTable ? { type: oid.record, table: made.id } : { type }
}

function checkPolymorphic(parameters: readonly RoutineParameter[], returns: RoutineResult | undefined): void {
  const given = parameters.filter(({ mode }) => mode !== 'out' && mode !== 'table')
  const isDetermined = given.some(({ type }) => isPolymorphic(type))
  if (isDetermined) return
  const outputs = parameters.filter(({ mode }) => mode === 'out' || mode === 'table')
  const found = [...outputs.map(({ type }) => type), ...(returns === undefined ? [] : [returns.type])].find(
    isPolymorphic,
  )
  if (found === undefined) return
  const title = typeTitle(found)
  const wanted =
    found === 5077 || found === 5078 || found === 5079
      ? 'at least one input of type anycompatible, anycompatiblearray, anycompatiblenonarray, anycompatiblerange, or anycompatiblemultirange'
      : 'at least one input of type anyelement, anyarray, anynonarray, anyenum, anyrange, or anymultirange'
  throw failure('42P13', 'cannot determine result data type', {
    detail: `A result of type ${title} requires ${wanted}.`,
  })
}
