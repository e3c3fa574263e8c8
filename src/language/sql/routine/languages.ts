/**
 * Languages that functions are written in. One is registered when it is loaded; what calls functions, and what makes them,
 * finds it here by name.
 */
import type { StatementSteps } from '../../../database/contract.ts'
import type { Firing } from '../../../model/table/triggers.ts'
import type { Row, SqlContext, SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import type { OutputColumn } from '../bind/query.ts'
import type { SqlRun } from '../plan/run.ts'
import type { RoutineDefinition } from './definition.ts'
import type { Routine } from './routines.ts'

/** One call of a function. */
export interface Invocation {
  readonly routine: Routine
  /** Whose statement it is: its transaction is the one that runs. */
  readonly caller: SqlRun
  /** As whom, and with which settings, it runs. */
  readonly context: SqlContext
  readonly values: readonly SqlValue[]
  /** Of its inputs: what polymorphic ones stand for here. */
  readonly types: readonly number[]
  /** What is asked of it: one column where it gives a value. */
  readonly columns: readonly OutputColumn[]
  /** It must not write. */
  readonly isReadOnly: boolean
}

export interface RoutineLanguage {
  readonly name: string
  /** Its row, or all its rows where it gives a set. Undefined: nothing at all, which is NULL. */
  run(invocation: Invocation): StatementSteps<readonly (readonly SqlValue[])[]>
  /** Throws what is wrong with a definition that is about to be kept. Left out: statements make no functions in it. */
  validate?(definition: RoutineDefinition, run: SqlRun): void
  /** The row that a trigger answers; undefined: NULL. */
  runTrigger?(invocation: Invocation, firing: Firing): StatementSteps<Row | undefined>
  /** DO. */
  runBlock?(body: string, run: SqlRun): StatementSteps<void>
}

const languages = new Map<string, RoutineLanguage>()

export function registerRoutineLanguage(language: RoutineLanguage): void {
  languages.set(language.name, language)
}

/** Errors: 42704. */
export function getRoutineLanguage(name: string): RoutineLanguage {
  const found = languages.get(name)
  if (found === undefined) throw missingLanguage(name)
  return found
}

/** For a definition in it. Errors: 42704. */
export function languageForNew(name: string): RoutineLanguage {
  const found = getRoutineLanguage(name)
  if (found.validate === undefined) throw missingLanguage(name)
  return found
}

function missingLanguage(name: string): Error {
  const hint = 'Use CREATE EXTENSION to load the language into the database.'
  return failure('42704', `language "${name}" does not exist`, name.startsWith('pl') ? { hint } : {})
}
