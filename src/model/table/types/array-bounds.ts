/**
 * Where an array's dimensions begin. Nearly all begin at 1 and are plain lists; one whose text says otherwise, `[0:2]={…}`,
 * or that was written below its beginning, is a list that knows its lower bounds, one a dimension.
 *
 * What is made of such a list by `map`, `slice` or `filter` is a plain one: who keeps the shape says so with `withBounds`.
 */
import { sqlError } from './type.ts'
import type { SqlValue } from './value.ts'

type Values = readonly SqlValue[]

export class BoundedArray extends Array<SqlValue> {
  lowerBounds: readonly number[] = []

  static override get [Symbol.species](): ArrayConstructor {
    return Array
  }
}

/** PostgreSQL's MaxArraySize. */
export const maxArrayElements = 134_217_727

export function arrayTooLarge(): Error {
  return sqlError('too_large', '54000', `array size exceeds the maximum allowed (${maxArrayElements})`)
}

/** One for each of its dimensions. */
export function lowerBoundsOf(values: Values, dimensions: readonly number[]): readonly number[] {
  return values instanceof BoundedArray ? values.lowerBounds : dimensions.map(() => 1)
}

/** The same elements, beginning there. */
export function withBounds(values: Values, lowerBounds: readonly number[]): Values {
  if (values.length === 0 || lowerBounds.every((bound) => bound === 1)) return plainList(values)
  checkBounds(values, lowerBounds)
  const bounded = new BoundedArray()
  for (const value of values) bounded.push(value)
  bounded.lowerBounds = lowerBounds
  return bounded
}

/** The place behind the last one must be a number, too (`ArrayCheckBounds`). */
function checkBounds(values: Values, lowerBounds: readonly number[]): void {
  let list: unknown = values
  for (const bound of lowerBounds) {
    const length = Array.isArray(list) ? list.length : 0
    if (bound + length > 2_147_483_647) {
      throw sqlError('too_large', '54000', `array lower bound is too large: ${bound}`)
    }
    list = (list as readonly unknown[])[0]
  }
}

/** In the shape of another list. */
export function shapedAs(shape: Values, values: Values): Values {
  return shape instanceof BoundedArray ? withBounds(values, shape.lowerBounds) : values
}

function plainList(values: Values): Values {
  return values instanceof BoundedArray ? Array.from<SqlValue>(values) : values
}
