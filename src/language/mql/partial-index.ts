/**
 * Whether a query may use an index that has only some documents: where its conditions say that every match is among them.
 *
 * What an index asks of its documents is a conjunction of conditions on paths (`$eq`, comparisons, `$in`, `$exists: true`,
 * `$type`); each has to follow from one that the query asks of the same path. Where that cannot be seen the index is not used.
 */
import { bsonType, type BsonValue, bsonTypeName, elementsOf, fieldsOf } from '../../model/document/bson.ts'
import type { PartialFilter } from '../../model/document/index-definition.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { compareValues, equalValues, typeClass } from '../../model/document/order.ts'
import { isTruthy, readString } from '../../model/document/values.ts'
import type { Predicate } from './filter.ts'
import { isOperatorDocument } from './filter-operators.ts'

interface Wanted {
  readonly path: string
  readonly operator: string
  readonly value: BsonValue
}

const wanted = new WeakMap<PartialFilter, readonly Wanted[] | undefined>()

export function impliesPartial(predicates: readonly Predicate[], partial: PartialFilter): boolean {
  if (!wanted.has(partial)) wanted.set(partial, conjunctionOf(partial.filter))
  const conditions = wanted.get(partial)
  if (conditions === undefined) return false
  return conditions.every((condition) => {
    return predicates.some((one) => one.path.text === condition.path && implies(one, condition))
  })
}

/** Undefined where it has alternatives. */
function conjunctionOf(filter: BsonValue): Wanted[] | undefined {
  const conditions: Wanted[] = []
  for (const [name, value] of fieldsOf(filter)) {
    if (name === '$and') {
      for (const part of elementsOf(value)) {
        const parts = conjunctionOf(part)
        if (parts === undefined) return undefined
        conditions.push(...parts)
      }
    } else if (name.startsWith('$')) return undefined
    else if (!isOperatorDocument(value)) conditions.push({ path: name, operator: '$eq', value })
    else for (const [operator, operand] of fieldsOf(value)) conditions.push({ path: name, operator, value: operand })
  }
  return conditions
}

function implies({ operator, values }: Predicate, { operator: asked, value }: Wanted): boolean {
  const isEquality = operator === '$eq' || operator === '$in'
  switch (asked) {
    case '$exists':
      return values.every(isPlain)
    case '$type':
      return isEquality && values.every((one) => isOfType(one, value))
    case '$eq':
      return isEquality && values.every((one) => equalValues(one, value))
    case '$in':
      return isEquality && values.every((one) => elementsOf(value).some((other) => equalValues(one, other)))
    case '$gt':
    case '$gte':
      return comesFrom(operator, values, value, asked === '$gte', 1)
    case '$lt':
    case '$lte':
      return comesFrom(operator, values, value, asked === '$lte', -1)
    default:
      return false
  }
}

/** It is there in every document that matches, and is no array. */
function isPlain(value: BsonValue): boolean {
  return !value.isNullish && value.type !== bsonType.array
}

function isOfType(value: BsonValue, type: BsonValue): boolean {
  return isPlain(value) && type.type === bsonType.string && bsonTypeName(value.type) === readString(type)
}

function comesFrom(
  operator: Predicate['operator'],
  values: readonly BsonValue[],
  bound: BsonValue,
  isInclusive: boolean,
  sign: number,
): boolean {
  const [strict, loose] = sign > 0 ? ['$gt', '$gte'] : ['$lt', '$lte']
  const isEquality = operator === '$eq' || operator === '$in'
  if (!isEquality && operator !== strict && operator !== loose) return false
  return values.every((one) => {
    if (!isPlain(one) || typeClass(one.type) !== typeClass(bound.type)) return false
    const difference = compareValues(one, bound) * sign
    return difference > 0 || (difference === 0 && (isInclusive || operator === strict))
  })
}

const allowed: ReadonlySet<string> = new Set(['$eq', '$gt', '$gte', '$lt', '$lte', '$in', '$exists', '$type'])

/** Errors: CannotCreateIndex (67) for what no partial index may ask. */
export function checkPartialFilter(filter: BsonValue): void {
  for (const [name, value] of fieldsOf(filter)) {
    if (name === '$and' || name === '$or') {
      for (const part of elementsOf(value)) checkPartialFilter(part)
      continue
    }
    if (name.startsWith('$')) throw notAllowed(name)
    if (!isOperatorDocument(value)) continue
    for (const [operator, operand] of fieldsOf(value)) {
      if (!allowed.has(operator) || (operator === '$exists' && !isTruthy(operand))) throw notAllowed(operator)
    }
  }
}

function notAllowed(what: string): Error {
  return mongoError(mongoCode.cannotCreateIndex, `Expression not supported in partial index: ${what}`)
}
