/**
 * What the pipeline of a `$lookup` says by `$expr` of the documents that it wants: a field equals a variable of `let`.
 *
 * So documents that may fit are found by an index or by a table, and the pipeline looks at those alone. An expression's
 * equality is narrower than that of a query (an array equals an array, and not what is in it; a missing value is no
 * null), so what a query's equality finds is enough, unless the value is an array and the field is reached through others: of
 * those an expression makes an array that is stored nowhere.
 */
import { bsonType, type BsonValue, elementsOf, getField } from '../../model/document/bson.ts'
import { parsePath, type Path } from '../../model/document/path.ts'
import { nullValue, readString } from '../../model/document/values.ts'
import { compileExpression } from './expression.ts'
import { type Expression, objectOf } from './expression-contract.ts'
import { rootScope, type Variables } from './scope.ts'

export interface Equality {
  readonly path: Path
  readonly variable: Expression
}

/** In a stage `$match`, where it says so of all that pass. `names`: of `let`. */
export function equalityIn(stage: BsonValue | undefined, names: readonly string[]): Equality | undefined {
  const condition = stage?.type === bsonType.object ? getField(stage, '$match') : undefined
  return condition === undefined ? undefined : inCondition(condition, names)
}

function inCondition(condition: BsonValue, names: readonly string[]): Equality | undefined {
  if (condition.type !== bsonType.object) return undefined
  const expression = getField(condition, '$expr')
  const found = expression === undefined ? undefined : inExpression(expression, names)
  return found ?? inAll(getField(condition, '$and'), (one) => inCondition(one, names))
}

function inExpression(expression: BsonValue, names: readonly string[]): Equality | undefined {
  if (expression.type !== bsonType.object) return undefined
  const operands = getField(expression, '$eq')
  if (operands?.type !== bsonType.array) {
    return inAll(getField(expression, '$and'), (one) => inExpression(one, names))
  }
  const [a, b] = elementsOf(operands)
  if (a === undefined || b === undefined) return undefined
  return equality(a, b, names) ?? equality(b, a, names)
}

/** Of very long lists nothing is looked for. */
const longestListBytes = 16 * 1024

function inAll(list: BsonValue | undefined, look: (one: BsonValue) => Equality | undefined): Equality | undefined {
  if (list?.type !== bsonType.array || list.end - list.start > longestListBytes) return undefined
  for (const one of elementsOf(list)) {
    const found = look(one)
    if (found !== undefined) return found
  }
  return undefined
}

function equality(field: BsonValue, variable: BsonValue, names: readonly string[]): Equality | undefined {
  if (field.type !== bsonType.string || variable.type !== bsonType.string) return undefined
  const path = readString(field)
  const name = readString(variable)
  if (!path.startsWith('$') || path.startsWith('$$') || !name.startsWith('$$')) return undefined
  if (!names.includes(name.slice(2).split('.', 1)[0]!)) return undefined
  return { path: parsePath(path.slice(1)), variable: compileExpression(variable) }
}

/** The value that is looked for; undefined where nothing finds all that may fit. */
export function valueOf({ path, variable }: Equality, variables: Variables): BsonValue | undefined {
  const value = variable(rootScope(empty, variables))
  if (value.type === bsonType.undefined) return undefined
  if (value.type === bsonType.array && path.names.length > 1) return undefined
  return value.isNullish ? nullValue : value
}

const empty = objectOf([])
