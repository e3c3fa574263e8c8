/**
 * Aggregation expressions: `$field`, `$$variable`, literals, objects, arrays and operators, compiled to functions of a
 * scope. Values are BSON where they lie; what an operator computes is new bytes. An operator that is not known answers
 * as the server does, InvalidPipelineOperator (168).
 */
import { mapInParts } from '../../base/resumption.ts'
import { attempt, dearUnits, tooMuch } from '../../base/work.ts'
import { bsonType, BsonValue, FieldCursor, findField } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { parsePath, type Path } from '../../model/document/path.ts'
import { missingValue, readString } from '../../model/document/values.ts'
import type { SentValue } from './evaluate-job.ts'
import { evaluation, received } from './evaluation.ts'
import { arrayOf, objectOf, type Expression, type ExpressionOperator } from './expression-contract.ts'
import { arithmeticOperators } from './expression-arithmetic.ts'
import { arrayOperators } from './expression-array.ts'
import { bitOperators } from './expression-bits.ts'
import { conversionOperators } from './expression-conversion.ts'
import { dateOperators } from './expression-date.ts'
import { dateUnitOperators } from './expression-date-units.ts'
import { logicOperators } from './expression-logic.ts'
import { objectOperators } from './expression-object.ts'
import { percentileOperators } from './percentiles.ts'
import { scriptOperators } from './scripts.ts'
import { textOperators } from './expression-text.ts'
import { trigonometryOperators } from './expression-trigonometry.ts'
import { isLongLiteral, longElementsOf, longFieldsOf } from './long-lists.ts'
import { getVariable, type Scope } from './scope.ts'

const literal: ExpressionOperator = (operand) => () => operand

export const expressionOperators: ReadonlyMap<string, ExpressionOperator> = new Map([
  ...logicOperators,
  ...arithmeticOperators,
  ...arrayOperators,
  ...objectOperators,
  ...textOperators,
  ...conversionOperators,
  ...dateOperators,
  ...dateUnitOperators,
  ...trigonometryOperators,
  ...bitOperators,
  ...percentileOperators,
  ...scriptOperators,
  ['$literal', literal] as const,
  ['$const', literal] as const,
])

/** What takes long is computed by another thread. */
export function compileExpression(expression: BsonValue): Expression {
  const here = compilePart(expression)
  const isSmall = expression.type !== bsonType.object && expression.type !== bsonType.array
  return isSmall ? here : evaluation('expression', expression, here, (answer) => received(answer as SentValue))
}

function compilePart(expression: BsonValue): Expression {
  if (isLongLiteral(expression)) return () => expression
  switch (expression.type) {
    case bsonType.string:
      return compileText(expression)
    case bsonType.object:
      return compileObject(expression)
    case bsonType.array: {
      const parts = mapInParts(longElementsOf(expression), compilePart)
      return (scope) => arrayOf(parts.map((part) => part(scope)))
    }
    default:
      return () => expression
  }
}

function compileText(expression: BsonValue): Expression {
  const text = readString(expression)
  if (text.startsWith('$$')) return compileVariable(text.slice(2))
  if (!text.startsWith('$')) return () => expression
  if (text === '$') throw mongoError(16_872, "'$' by itself is not a valid FieldPath")
  const path = checkedPath(text.slice(1))
  return (scope) => getFieldPath(scope.variables.get('CURRENT') ?? scope.root, path, 0)
}

function checkedPath(text: string): Path {
  const path = parsePath(text)
  if (text.endsWith('.')) throw mongoError(40_353, "FieldPath must not end with a '.'.")
  if (path.names.some((name) => name === '')) {
    throw mongoError(15_998, 'FieldPath field names may not be empty strings.')
  }
  if (path.names.some((name) => name.startsWith('$'))) {
    throw mongoError(16_410, `FieldPath field names may not start with '$'. Consider using $getField or $setField.`)
  }
  return path
}

const systemVariables = new Set(['ROOT', 'CURRENT', 'REMOVE', 'NOW', 'KEEP', 'PRUNE', 'DESCEND'])

function compileVariable(text: string): Expression {
  const dot = text.indexOf('.')
  const name = dot < 0 ? text : text.slice(0, dot)
  const path = dot < 0 ? undefined : checkedPath(text.slice(dot + 1))
  if (!/^[a-zA-Z\u0080-\uffff][\w\u0080-\uffff]*$/.test(name)) {
    throw mongoError(mongoCode.failedToParse, `'${name}' starts with an invalid character for a user variable name`)
  }
  if (/^[A-Z]/.test(name) && !systemVariables.has(name)) {
    throw mongoError(17_276, `Use of undefined variable: ${name}`)
  }
  const read = variableReader(name)
  return path === undefined ? read : (scope) => getFieldPath(read(scope), path, 0)
}

function variableReader(name: string): Expression {
  if (name === 'ROOT') return (scope) => scope.root
  if (name === 'REMOVE') return () => missingValue
  if (name === 'CURRENT') return (scope) => scope.variables.get(name) ?? scope.root
  return (scope) => {
    if (!scope.variables.has(name)) throw mongoError(17_276, `Use of undefined variable: ${name}`)
    return getVariable(scope, name)
  }
}

/** Through objects; an array on the way gives the array of what its objects hold. */
function getFieldPath(value: BsonValue, path: Path, depth: number): BsonValue {
  if (depth === path.names.length) return value
  if (value.type === bsonType.object) {
    const field = new BsonValue()
    findField(value.bytes, value.start, path.encoded[depth]!, field)
    return getFieldPath(field, path, depth + 1)
  }
  if (value.type !== bsonType.array) return missingValue
  const found: BsonValue[] = []
  const cursor = FieldCursor.of(value)
  while (cursor.next()) {
    const inner = getFieldPath(cursor.value.reference(), path, depth)
    if (inner.type !== bsonType.missing) found.push(inner)
  }
  return arrayOf(found)
}

function compileObject(expression: BsonValue): Expression {
  const fields = longFieldsOf(expression)
  const [first] = fields
  if (first?.[0].startsWith('$') === true) return compileOperator(fields)
  const parts = mapInParts(fields, ([name, value]): [string, Expression] => {
    if (name.includes('.')) throw mongoError(16_405, `FieldPath field names may not contain '.' in ${name}`)
    if (name.startsWith('$')) throw mongoError(16_410, `FieldPath field names may not start with '$': ${name}`)
    return [name, compilePart(value)]
  })
  return (scope) => objectOf(parts.map(([name, part]) => [name, part(scope)] as const))
}

function compileOperator(fields: readonly [string, BsonValue][]): Expression {
  const [[name, operand]] = fields as [[string, BsonValue]]
  if (fields.length > 1) {
    const shown = fields.map(([one]) => one).join(', ')
    throw mongoError(15_983, `an expression specification must contain exactly one field, found: ${shown}`)
  }
  const make = expressionOperators.get(name)
  if (make === undefined) throw mongoError(mongoCode.invalidPipelineOperator, `Unrecognized expression '${name}'`)
  return make(operand, compilePart)
}

/** A value evaluated once, without a document: `let` variables of a command. */
export function evaluateConstant(expression: BsonValue, scope: Scope): BsonValue {
  const value = attempt(maxConstantUnits, () => compilePart(expression)(scope))
  if (value !== tooMuch) return value
  throw mongoError(mongoCode.badValue, "the value of a variable in 'let' takes more work than it may")
}

/** Nothing waits where constants are evaluated. */
const maxConstantUnits = 4 * dearUnits
