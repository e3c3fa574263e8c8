/** The extensions that can be made, and the functions that they are of. */
import type { StatementSteps } from '../../../database/contract.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import type { RoutineDefinition } from '../routine/definition.ts'
import { pgcrypto } from './pgcrypto.ts'
import { uuidOssp } from './uuid-ossp.ts'

export type NativeWork = (run: SqlRun, values: readonly SqlValue[]) => SqlValue | StatementSteps<SqlValue>

export interface NativeFunction {
  readonly name: string
  /** Types, each with the name of the parameter where it has one. */
  readonly takes: readonly (number | readonly [name: string, type: number])[]
  readonly gives: number
  readonly volatility: RoutineDefinition['volatility']
  readonly work: NativeWork
}

export interface AvailableExtension {
  readonly name: string
  readonly version: string
  readonly comment: string
  readonly functions: readonly NativeFunction[]
}

export const availableExtensions: readonly AvailableExtension[] = [pgcrypto, uuidOssp]

/** By what a definition keeps for its body. */
export function nativeName(extension: string, { name, takes }: NativeFunction): string {
  return `${extension}.${name}/${takes.map((one) => (typeof one === 'number' ? one : one[1])).join(',')}`
}

const works = new Map<string, NativeWork>(
  availableExtensions.flatMap(({ name, functions }) =>
    functions.map((one): [string, NativeWork] => [nativeName(name, one), one.work]),
  ),
)

export function findNative(name: string): NativeWork | undefined {
  return works.get(name)
}
