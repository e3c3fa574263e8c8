/** The other thread's part of an evaluation: compiles the specification, applies it, and answers its value or its error. */
import { PolylogError, type ErrorCode, type ErrorDetail } from '../../base/errors.ts'
import { toItsEnd } from '../../base/work.ts'
import type { JsonObject } from '../../database/catalog/catalog.ts'
import { BsonValue } from '../../model/document/bson.ts'
import { inOrderOf, storedCollation } from '../../model/document/collation.ts'
import { compileExpression } from './expression.ts'
import { compileFilter } from './filter.ts'
import { rootScope } from './scope.ts'
import { compileChanges } from './update.ts'

export interface SentValue {
  readonly type: number
  readonly bytes: Uint8Array
}

export interface EvaluateInput {
  readonly kind: 'expression' | 'filter' | 'update'
  readonly specification: SentValue
  readonly root: SentValue
  /** As it is stored. */
  readonly collation: JsonObject | undefined
  readonly variables: readonly (readonly [string, SentValue])[]
}

export type EvaluateAnswer =
  | SentValue
  | boolean
  | { readonly error: { readonly code: ErrorCode; readonly message: string; readonly detail: ErrorDetail } }

export function run(given: unknown): EvaluateAnswer {
  const { collation } = given as EvaluateInput
  return inOrderOf(storedCollation(collation), () => evaluate(given as EvaluateInput))
}

function evaluate({ kind, specification, root, variables }: EvaluateInput): EvaluateAnswer {
  try {
    const scope = rootScope(own(root), new Map(variables.map(([name, value]) => [name, own(value)])))
    if (kind === 'filter') {
      const { matches } = compileFilter(own(specification), scope.variables)
      return toItsEnd(() => matches(scope.root))
    }
    const make =
      kind === 'update' ? compileChanges(own(specification), scope.variables) : compileExpression(own(specification))
    const { type, bytes, start, end } = toItsEnd(() => make(scope))
    return { type, bytes: bytes.slice(start, end) }
  } catch (error) {
    if (!(error instanceof PolylogError)) throw error
    const { code, message, detail } = error
    return { error: { code, message, detail } }
  }
}

/** Readers of texts take no shared memory. */
function own({ type, bytes }: SentValue): BsonValue {
  return new BsonValue(type, bytes.slice())
}
