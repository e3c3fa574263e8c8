/** Functions of arrays that look for elements, which takes the equality of their type, or show them. */
import { shapedAs, lowerBoundsOf } from '../../../model/table/types/array-bounds.ts'
import { arrayDimensions, flatElements, mapElements } from '../../../model/table/types/array.ts'
import { getType, findType } from '../../../model/table/types/registry.ts'
import type { SqlValue } from '../contract.ts'
import { constant, type Expression } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { arraySearch } from '../functions/arrays/array-functions.ts'
import { undeterminedType } from '../functions/resolve.ts'
import { joinTexts } from '../functions/text-length.ts'
import { oid } from '../types/oids.ts'
import { coerce, commonType } from './coerce.ts'
import { knownArray, needArguments, specialCall, specialFunctions } from './specials.ts'

type List = readonly SqlValue[]
type Equal = (a: SqlValue, b: SqlValue) => boolean

interface Search {
  readonly gives: 'int4' | 'int4Array' | 'array'
  /** Arguments beside the array that are elements; of what follows, each is an integer. */
  readonly elements: number
  readonly most: number
}

function search(
  name: string,
  { gives, elements, most }: Search,
  run: (equal: Equal, values: SqlValue[]) => SqlValue,
): void {
  specialFunctions.set(name, (binder, given, location) => {
    needArguments(name, given, elements + 1, location, most)
    const list = knownArray(binder, given)
    const own = findType(list.type)?.element
    const shared = own === undefined ? undefined : meetingType(own.oid, given.slice(1, 1 + elements), name)
    const element = shared === undefined ? undefined : getType(shared)
    if (element === undefined) needArguments(name, given, Infinity, location)
    const array = coerce(binder, list, element!.arrayOid)
    const parts = given.map((part, i) => {
      return i === 0 ? array : coerce(binder, part, i <= elements ? element!.oid : oid.int4)
    })
    const { equal } = arraySearch(element!.oid)
    const type = gives === 'array' ? array.type : oid[gives]
    return specialCall(name, type, parts, (...values: SqlValue[]) => run(equal, values), location)
  })
}

/** The common type of an array's elements and what is looked for among them. */
function meetingType(element: number, others: readonly Expression[], name: string): number | undefined {
  try {
    return commonType([constant(null, element), ...others], name)
  } catch {
    return undefined
  }
}

function refuseNested(list: List, what: string): void {
  if (arrayDimensions(list).length <= 1) return
  throw failure('0A000', `${what} multidimensional arrays is not supported`)
}

/** Of the first dimension. */
function lowerBound(list: List): number {
  return lowerBoundsOf(list, arrayDimensions(list))[0] ?? 1
}

search('array_position', { gives: 'int4', elements: 1, most: 3 }, (equal, [list, wanted, from]) => {
  if (list === null) return null
  if (from === null) throw failure('22004', 'initial position must not be null')
  refuseNested(list as List, 'searching for elements in')
  const lower = lowerBound(list as List)
  const start = typeof from === 'number' ? from - lower : 0
  const at = (list as List).findIndex((one, i) => i >= start && equal(one, wanted!))
  return at < 0 ? null : at + lower
})

search('array_positions', { gives: 'int4Array', elements: 1, most: 2 }, (equal, [list, wanted]) => {
  if (list === null) return null
  refuseNested(list as List, 'searching for elements in')
  const lower = lowerBound(list as List)
  return (list as List).flatMap((one, i) => (equal(one, wanted!) ? [i + lower] : []))
})

search('array_remove', { gives: 'array', elements: 1, most: 2 }, (equal, [list, wanted]) => {
  if (list === null) return null
  refuseNested(list as List, 'removing elements from')
  const left = (list as List).filter((one) => !equal(one, wanted!))
  return shapedAs(list as List, left)
})

search('array_replace', { gives: 'array', elements: 2, most: 3 }, (equal, [list, from, to]) => {
  return list === null ? null : replaceIn(list as List, (one) => (equal(one, from!) ? to! : one))
})

function replaceIn(list: List, replace: (value: SqlValue) => SqlValue): List {
  if (!list.includes(null) && !Array.isArray(list[0])) return mapElements(list, replace)
  const replaced = list.map((one) => (Array.isArray(one) ? replaceIn(one, replace) : replace(one)))
  return shapedAs(list, replaced)
}

/** Arrays of anything but text are shown by their element's output function. */
specialFunctions.set('array_to_string', (binder, given, location) => {
  needArguments('array_to_string', given, 2, location, 3)
  const array = given[0]!
  if (array.type === oid.unknown) throw undeterminedType()
  const element = getType(array.type).element
  if (element === undefined) needArguments('array_to_string', given, Infinity, location)
  const parts = [array, ...given.slice(1).map((part) => coerce(binder, part, oid.text))]
  const join = (list: SqlValue, separator: SqlValue, missing: SqlValue = null): SqlValue => {
    if (list === null || separator === null) return null
    const shown = flatElements(list as List).flatMap((value) => {
      if (value === null) return missing === null ? [] : [missing as string]
      return [element!.formatText(value)]
    })
    return joinTexts(shown, separator as string)
  }
  return specialCall('array_to_string', oid.text, parts, join, location)
})
