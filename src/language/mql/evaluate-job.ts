/** The other thread's part of an evaluation: compiles the specification, applies it, and answers its value or its error. */
import { PolylogError, type ErrorCode, type ErrorDetail } from '../../base/errors.ts'
import { toItsEnd } from '../../base/work.ts'
import type { JsonObject } from '../../database/catalog/catalog.ts'
import { BsonValue } from '../../model/document/bson.ts'
import { inOrderOf, storedCollation } from '../../model/document/collation.ts'
import type { EvaluationKind } from './evaluation.ts'
import { seedChance } from './expression-bits.ts'
import { compileExpression } from './expression.ts'
import { compileFilter } from './filter.ts'
import { useInterpreterCode } from './javascript/quickjs.ts'
import { rootScope, type Scope } from './scope.ts'
import { compileGathering } from './scripts.ts'
import { compileChanges } from './update.ts'

export interface SentValue {
  readonly type: number
  readonly bytes: Uint8Array
}

export interface EvaluateInput {
  readonly kind: EvaluationKind
  /** The same of all that one specification is applied to for one statement. */
  readonly number: number
  /** The machine code of what runs scripts. */
  readonly interpreter: Uint8Array
  /** From 0 to 1: what is drawn there follows from it. */
  readonly chance: number
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

type Compiled = (scope: Scope) => BsonValue | boolean

/** The newest, since the next document comes with the same: what its scripts leave behind is for it alone. */
const compiled = new Map<number, Compiled>()
const mostCompiled = 8

export function run(given: unknown): EvaluateAnswer {
  const input = given as EvaluateInput
  useInterpreterCode(input.interpreter)
  seedChance(new Uint8Array(new Float64Array([input.chance]).buffer))
  return inOrderOf(storedCollation(input.collation), () => evaluate(input))
}

function evaluate(input: EvaluateInput): EvaluateAnswer {
  try {
    const { root, variables } = input
    const scope = rootScope(own(root), new Map(variables.map(([name, value]) => [name, own(value)])))
    const apply = compiledOf(input, scope)
    const value = toItsEnd(() => apply(scope))
    if (typeof value === 'boolean') return value
    const { type, bytes, start, end } = value
    return { type, bytes: bytes.slice(start, end) }
  } catch (error) {
    if (!(error instanceof PolylogError)) throw error
    const { code, message, detail } = error
    return { error: { code, message, detail } }
  }
}

function compiledOf(input: EvaluateInput, scope: Scope): Compiled {
  const { number } = input
  const apply = compiled.get(number) ?? compile(input, scope)
  compiled.delete(number)
  compiled.set(number, apply)
  if (compiled.size > mostCompiled) compiled.delete(compiled.keys().next().value!)
  return apply
}

function compile({ kind, specification }: EvaluateInput, { variables }: Scope): Compiled {
  const given = own(specification)
  switch (kind) {
    case 'expression':
      return compileExpression(given)
    case 'gathering':
      return compileGathering(given)
    case 'update':
      return compileChanges(given, variables)
    case 'filter': {
      const { matches } = compileFilter(given, variables)
      return ({ root }) => matches(root)
    }
  }
}

/** Readers of texts take no shared memory. */
function own({ type, bytes }: SentValue): BsonValue {
  return new BsonValue(type, bytes.slice())
}
