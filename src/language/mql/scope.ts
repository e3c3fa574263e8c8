/** What an expression sees: the document, the current one (`$$CURRENT`), and variables. */
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { missingValue } from '../../model/document/values.ts'
import type { BsonValue } from '../../model/document/bson.ts'

/** Variables by name, without `$$`. */
export type Variables = ReadonlyMap<string, BsonValue>

export interface Scope {
  readonly root: BsonValue
  readonly variables: Variables
}

export const noVariables: Variables = new Map()

export function rootScope(root: BsonValue, variables: Variables): Scope {
  return { root, variables }
}

export function bindVariable(scope: Scope, name: string, value: BsonValue): Scope {
  const variables = new Map(scope.variables)
  variables.set(name, value)
  return { root: scope.root, variables }
}

/** Of `$let` and its kin: names that begin with a capital are the server's own. */
export function checkVariableName(name: string): string {
  if (name === 'CURRENT' || /^[a-z\u0080-\uffff][\w\u0080-\uffff]*$/.test(name)) return name
  throw mongoError(mongoCode.failedToParse, `'${name}' starts with an invalid character for a user variable name`)
}

export function getVariable(scope: Scope, name: string): BsonValue {
  return scope.variables.get(name) ?? missingValue
}
