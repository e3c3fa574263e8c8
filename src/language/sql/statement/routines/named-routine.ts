/** Functions as DROP, ALTER, COMMENT and GRANT name them: by what they take, or by name alone where there is only one. */
import type { FunctionParameter, Node, ObjectWithArgs } from 'libpg-query'
import { formatType } from '../../../../model/table/types/registry.ts'
import { stringsOf } from '../../bind/tree.ts'
import { failure } from '../../failure.ts'
import type { SqlRun } from '../../plan/run.ts'
import { type Routine, routinesNamed } from '../../routine/routines.ts'
import { routineType } from './routine-type.ts'

export type RoutineWord = 'function' | 'procedure' | 'routine' | 'aggregate'

function fits({ definition }: Routine, word: RoutineWord): boolean {
  return word === 'routine' || definition.kind === word
}

/** As PostgreSQL shows it: `f(integer, text)`; without what it takes where that was not said. */
export function shownRoutine(run: SqlRun, node: ObjectWithArgs): string {
  const name = stringsOf(node.objname).join('.')
  if (node.args_unspecified === true) return name
  return `${name}(${typesOf(run, node)
    .map((type) => formatType(type, -1))
    .join(', ')})`
}

function typesOf(run: SqlRun, { objargs, objfuncargs }: ObjectWithArgs): number[] {
  const inputs = (objfuncargs ?? []).flatMap((one): FunctionParameter[] => {
    return 'FunctionParameter' in one ? [one.FunctionParameter] : []
  })
  const isInput = ({ mode = 'FUNC_PARAM_DEFAULT' }: FunctionParameter): boolean => {
    return mode !== 'FUNC_PARAM_OUT' && mode !== 'FUNC_PARAM_TABLE'
  }
  if (inputs.length > 0) return inputs.filter(isInput).map(({ argType }) => routineType(run, argType!).type)
  return (objargs ?? []).flatMap((one) => ('TypeName' in one ? [routineType(run, one.TypeName).type] : []))
}

/** Undefined where there is none. Errors: 42725 where a name alone means several; 42809 for one of another kind. */
export function findRoutine(run: SqlRun, node: ObjectWithArgs, word: RoutineWord): Routine | undefined {
  const names = stringsOf(node.objname)
  const candidates = candidatesFor(run, names)
  if (node.args_unspecified === true) {
    const own = candidates.filter((one) => fits(one, word))
    if (own.length > 1) {
      throw failure('42725', `${word} name "${names.join('.')}" is not unique`, {
        hint: `Specify the argument list to select the ${word} unambiguously.`,
      })
    }
    return own[0] ?? refuseKind(candidates[0], word, names.join('.'))
  }
  const types = typesOf(run, node)
  const found = candidates.find(({ inputs }) => {
    return inputs.length === types.length && inputs.every(({ type }, i) => type === types[i])
  })
  return found !== undefined && fits(found, word) ? found : refuseKind(found, word, shownRoutine(run, node))
}

function refuseKind(found: Routine | undefined, word: RoutineWord, shown: string): undefined {
  if (found === undefined) return undefined
  throw failure('42809', `${shown} is not ${word === 'aggregate' ? 'an' : 'a'} ${word}`)
}

function candidatesFor({ transaction: { catalog }, context }: SqlRun, names: readonly string[]): readonly Routine[] {
  const name = names.at(-1)!
  if (names.length > 1) {
    const schema = names.at(-2)!
    const isKnown = catalog.namespaces.has(schema) || schema === 'public' || schema === 'pg_catalog'
    if (!isKnown) throw failure('3F000', `schema "${schema}" does not exist`)
    return routinesNamed(catalog, schema, name)
  }
  const path = context.searchPath.map((one) => (one === '"$user"' || one === '$user' ? context.user : one))
  return path.flatMap((schema) => routinesNamed(catalog, schema, name))
}

export function getRoutine(run: SqlRun, node: ObjectWithArgs, word: RoutineWord): Routine {
  const found = findRoutine(run, node, word)
  if (found !== undefined) return found
  throw missingRoutine(run, node, word)
}

export function missingRoutine(run: SqlRun, node: ObjectWithArgs, word: RoutineWord): Error {
  const shown = shownRoutine(run, node)
  if (node.args_unspecified === true) return failure('42883', `could not find a ${word} named "${shown}"`)
  return failure('42883', `${word} ${shown} does not exist`)
}

export function routineNode(node: Node | undefined): ObjectWithArgs {
  return node !== undefined && 'ObjectWithArgs' in node ? node.ObjectWithArgs : {}
}

/** Of the grammar's names for kinds of objects. */
export function routineWord(kind: string | undefined): RoutineWord | undefined {
  if (kind === 'OBJECT_FUNCTION') return 'function'
  if (kind === 'OBJECT_PROCEDURE') return 'procedure'
  if (kind === 'OBJECT_ROUTINE') return 'routine'
  return kind === 'OBJECT_AGGREGATE' ? 'aggregate' : undefined
}
