/**
 * `$where`, `$function` and `$accumulator`: JavaScript of clients.
 *
 * None of it runs on a thread that others share: no step of a script can be told beforehand to be short, since a function of the
 * language's own may loop where nobody can stop it. So each call is an evaluation (`evaluation.ts`) that is beyond any bound:
 * another thread carries it out, which is ended when nobody waits any more. Where a host has no such thread it runs in place.
 */
import { onOwnThread } from '../../base/work.ts'
import {
  bsonType,
  bsonTypeName,
  BsonValue,
  elementsOf,
  emptyDocument,
  fieldsOf,
  getField,
} from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { nullValue, readInt64, readString } from '../../model/document/values.ts'
import { evaluation } from './evaluation.ts'
import type { SentValue } from './evaluate-job.ts'
import { arrayOf, type Compile, type Expression, objectOf, type OperatorFamily } from './expression-contract.ts'
import { nextChance } from './expression-bits.ts'
import { Interpreter } from './javascript/interpreter.ts'
import { opened, received } from './javascript/values.ts'
import type { Scope } from './scope.ts'

/** Functions that run in one interpreter, which is made when the first of them is called. */
class Script {
  readonly #codes: readonly string[]
  #interpreter: Interpreter | undefined

  constructor(codes: readonly string[]) {
    this.#codes = codes
  }

  run(job: 'call' | 'test' | 'gather', given: readonly BsonValue[], { variables }: Scope): string {
    onOwnThread()
    const now = variables.get('NOW')
    const ms = now === undefined ? 0 : Number(readInt64(now))
    if (this.#interpreter?.isBroken === true) this.#interpreter = undefined
    this.#interpreter ??= this.#begin(ms)
    return this.#interpreter.run(job, 0, opened(...given), ms)
  }

  #begin(now: number): Interpreter {
    const interpreter = new Interpreter(now, nextChance())
    for (const code of this.#codes) interpreter.compile(code)
    return interpreter
  }
}

let areRefused = false

/** Compiles what may hold no scripts: what is stored as a rule. */
export function withoutScripts<T>(compile: () => T): T {
  const outer = areRefused
  areRefused = true
  try {
    return compile()
  } finally {
    areRefused = outer
  }
}

function checkAllowed(name: string): void {
  if (areRefused) throw mongoError(mongoCode.badValue, `${name} is not allowed in this context`)
}

function codeOf(value: BsonValue | undefined): string | undefined {
  return value?.type === bsonType.string || value?.type === bsonType.code ? readString(value) : undefined
}

/** A test of documents. */
export function compileWhere(value: BsonValue): (scope: Scope) => boolean {
  checkAllowed('$where')
  const code = codeOf(value)
  if (code === undefined) throw mongoError(mongoCode.badValue, '$where got bad type')
  const script = new Script([code])
  return evaluation(
    'filter',
    objectOf([['$where', value]]),
    (scope) => script.run('test', [scope.root], scope) === 'true',
    Boolean,
  )
}

interface Failures {
  readonly body: number
  readonly arguments: number
  readonly language: number
}

/** Errors: of the operator's own numbers. */
function checkLanguage(name: string, language: BsonValue | undefined, failure: number): void {
  if (language === undefined) throw mongoError(failure, `The lang specifier must be specified. [${name}]`)
  if (language.type === bsonType.string && readString(language) === 'js') return
  throw mongoError(31_419, "Currently the only supported language specifier is 'js'.")
}

function partsOf(name: string, operand: BsonValue, known: readonly string[]): ReadonlyMap<string, BsonValue> {
  if (operand.type !== bsonType.object) {
    throw mongoError(31_260, `${name} requires an object as an argument, found: ${bsonTypeName(operand.type)}`)
  }
  const parts = new Map(fieldsOf(operand))
  for (const part of parts.keys()) {
    if (!known.includes(part)) throw mongoError(40_415, `BSON field '${name}.${part}' is an unknown field.`)
  }
  return parts
}

const ofFunction: Failures = { body: 31_261, arguments: 31_262, language: 31_418 }

function compileFunction(operand: BsonValue, compile: Compile): Expression {
  checkAllowed('$function')
  const parts = partsOf('$function', operand, ['body', 'args', 'lang'])
  const code = codeOf(parts.get('body'))
  if (code === undefined) throw mongoError(ofFunction.body, 'The body function must be specified.')
  const args = parts.get('args')
  if (args === undefined) throw mongoError(ofFunction.arguments, 'The args field must be specified.')
  checkLanguage('$function', parts.get('lang'), ofFunction.language)
  const given = compile(args)
  const script = new Script([code])
  return (scope) => {
    const list = given(scope)
    if (list.type !== bsonType.array) throw mongoError(31_266, 'The args field must be of type array')
    return received(script.run('call', [nullValue, ...elementsOf(list)], scope))
  }
}

export const scriptOperators: OperatorFamily = [['$function', compileFunction]]

/** What one group has gathered, as a state: `{ initArgs, rows }` is the document that it is evaluated for. */
export function compileGathering(specification: BsonValue): Expression {
  const part = (name: string): string | undefined => codeOf(getField(specification, name))
  const end = part('finalize')
  const script = new Script([part('init')!, part('accumulate')!, ...(end === undefined ? [] : [end])])
  const flag = new BsonValue(bsonType.boolean, new Uint8Array([end === undefined ? 0 : 1]))
  return (scope) => {
    const { root } = scope
    return received(script.run('gather', [getField(root, 'initArgs')!, getField(root, 'rows')!, flag], scope))
  }
}

export interface Gathering {
  /** What is kept of each document. */
  readonly input: Expression
  /** The state of a group, by what its documents have given. */
  readonly result: (rows: readonly BsonValue[], id: BsonValue, variables: Scope['variables']) => BsonValue
}

const gatheringParts = ['init', 'initArgs', 'accumulate', 'accumulateArgs', 'merge', 'finalize', 'lang']

/** `$accumulator`. Nothing is gathered in two places, so `merge` is asked for and never called. */
export function parseGathering(operand: BsonValue, compile: Compile): Gathering {
  checkAllowed('$accumulator')
  const parts = partsOf('$accumulator', operand, gatheringParts)
  for (const name of ['init', 'accumulate', 'merge']) {
    if (codeOf(parts.get(name)) !== undefined) continue
    throw mongoError(4_544_702, `$accumulator is missing required argument '${name}'`)
  }
  const args = parts.get('accumulateArgs')
  if (args === undefined) throw mongoError(4_544_702, "$accumulator is missing required argument 'accumulateArgs'")
  if (parts.has('finalize') && codeOf(parts.get('finalize')) === undefined) {
    throw mongoError(4_544_701, '$accumulator finalize must be a string or code')
  }
  checkLanguage('$accumulator', parts.get('lang'), 4_544_702)
  const initial = compile(parts.get('initArgs') ?? arrayOf([]))
  const state = evaluation('gathering', operand, compileGathering(operand), (answer) => {
    const { type, bytes } = answer as SentValue
    return new BsonValue(type, bytes)
  })
  return {
    input: checkedList(compile(args), 'accumulateArgs'),
    result: (rows, id, variables) => {
      const group = id.type === bsonType.object ? id : new BsonValue(bsonType.object, emptyDocument)
      const initArgs = checkedList(initial, 'initArgs')({ root: group, variables })
      const root = objectOf([
        ['initArgs', initArgs],
        ['rows', arrayOf(rows)],
      ])
      return state({ root, variables })
    },
  }
}

function checkedList(expression: Expression, name: string): Expression {
  return (scope) => {
    const list = expression(scope)
    if (list.type === bsonType.array) return list
    throw mongoError(4_544_712, `$accumulator ${name} must evaluate to an array`)
  }
}
