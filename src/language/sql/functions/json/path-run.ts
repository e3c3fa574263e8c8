/**
 * Running a path over a document: items come one after another, so that who wants the first one pays for no more.
 *
 * Lax mode takes an array apart where an item is wanted, takes an item for an array of one where an array is wanted, and finds
 * nothing where a member lacks; strict mode has an error for each. Errors that the standard names are thrown as `PathFailure`:
 * a predicate turns them into unknown, a silent call into no answer. Predicates are true, false, or null: unknown.
 */
import { charge } from '../../../../base/work.ts'
import { Decimal } from '../../../../base/decimal.ts'
import { type OrderOperator, orderHolds } from '../../../../base/order.ts'
import type { Comparison, JsonPath, PathItem, PathMethod } from '../../../../model/table/types/json-path/path-nodes.ts'
import { type JsonNode, sortedMembers } from '../../../../model/table/types/json.ts'
import { compareText } from '../../../../model/table/types/text.ts'
import { failure } from '../../failure.ts'
import { divideNumeric, modNumeric } from '../numeric-rules.ts'
import { compileRegex } from '../pattern.ts'
import { isArray, isObject, jsonKind } from './json-nodes.ts'
import { PathFailure } from './path-failure.ts'
import { compareDateTimes, DateTimeItem, readDateTimeItem } from './path-datetime.ts'

export type Item = JsonNode | DateTimeItem
export type Items = Generator<Item, void, void>

function fail(sqlState: string, message: string): PathFailure {
  return new PathFailure(failure(sqlState, message))
}

const unitsPerItem = 60

const orderOperators: Readonly<Record<Comparison, OrderOperator>> = {
  '==': '=',
  '!=': '<>',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
}

interface Context {
  readonly path: JsonPath
  readonly root: JsonNode
  readonly variables: ReadonlyMap<string, JsonNode>
  /** Whether times without and with zones may be compared, by the session's zone. */
  readonly usesZone: boolean
}

interface Place {
  readonly current: Item
  /** Size of the array whose subscript is being computed. */
  readonly size: number
  /** Below `**`, what does not fit is no error, in strict mode either. */
  readonly isForgiving: boolean
}

export function* runPath(context: Context): Items {
  const runner = new PathRunner(context)
  yield* runner.items(context.path.item, context.root, runner.top, context.path.isLax)
}

class PathRunner {
  readonly #context: Context
  readonly #isLax: boolean
  readonly top: Place

  constructor(context: Context) {
    this.#context = context
    this.#isLax = context.path.isLax
    this.top = { current: context.root, size: -1, isForgiving: context.path.isLax }
  }

  /** What `item` and all behind it make of one value; `unwraps`: an array is taken apart first where that is asked for. */
  *items(item: PathItem, value: Item, place: Place, unwraps = this.#isLax): Items {
    charge(unitsPerItem)
    switch (item.kind) {
      case 'null':
        return yield* this.#next(item, null, place)
      case 'boolean':
      case 'number':
      case 'string':
        return yield* this.#next(item, item.value, place)
      case 'variable':
        return yield* this.#next(item, this.#variable(item.value), place)
      case 'root':
        return yield* this.#next(item, this.#context.root, place)
      case 'current':
        return yield* this.#next(item, place.current, place)
      case 'last':
        return yield* this.#next(item, Decimal.of(BigInt(place.size - 1)), place)
      case 'arithmetic':
        return yield* this.#next(item, this.#arithmetic(item, value, place), place)
      case 'sign':
        return yield* this.#sign(item, value, place)
      case 'key':
      case 'anyKey':
        return yield* this.#members(item, value, place, unwraps)
      case 'anyElement':
      case 'elements':
        return yield* this.#elements(item, value, place)
      case 'any':
        return yield* this.#levels(item, value, place)
      case 'filter':
        if (unwraps && isArray(value as JsonNode)) return yield* this.#each(item, value as JsonNode[], place)
        if (this.#test(item.argument, value, { ...place, current: value }) === true)
          yield* this.#next(item, value, place)
        return
      case 'method':
        return yield* this.#method(item, value, place, unwraps)
      case 'datetime':
        if (unwraps && isArray(value as JsonNode)) return yield* this.#each(item, value as JsonNode[], place)
        return yield* this.#next(item, this.#dateTime(item.template, value), place)
      default:
        return yield* this.#next(item, this.#test(item, value, place), place)
    }
  }

  *#next(item: PathItem, value: Item, place: Place): Items {
    if (item.next === undefined) yield value
    else yield* this.items(item.next, value, place)
  }

  /** The same of each element of an array, which are not taken apart again. */
  *#each(item: PathItem, list: readonly JsonNode[], place: Place): Items {
    for (const one of list) yield* this.items(item, one, place, false)
  }

  #variable(name: string): JsonNode {
    const found = this.#context.variables.get(name)
    if (found === undefined) throw failure('42704', `could not find jsonpath variable "${name}"`)
    return found
  }

  *#members(item: PathItem, value: Item, place: Place, unwraps: boolean): Items {
    const node = value as JsonNode
    if (isObject(node)) {
      if (item.kind !== 'key') {
        for (const [, one] of sortedMembers(node)) yield* this.#next(item, one, place)
        return
      }
      const found = node.get(item.value)
      if (found !== undefined) yield* this.#next(item, found, place)
      else if (!place.isForgiving) throw fail('2203A', `JSON object does not contain key "${item.value}"`)
    } else if (unwraps && isArray(node)) yield* this.#each(item, node, place)
    else if (!place.isForgiving) {
      throw item.kind === 'key'
        ? fail('2203A', 'jsonpath member accessor can only be applied to an object')
        : fail('2203C', 'jsonpath wildcard member accessor can only be applied to an object')
    }
  }

  *#elements(item: PathItem, value: Item, place: Place): Items {
    const node = value as JsonNode
    if (item.kind !== 'elements') {
      if (isArray(node)) for (const one of node) yield* this.#next(item, one, place)
      else if (this.#isLax) yield* this.#next(item, value, place)
      else if (!place.isForgiving)
        throw fail('22039', 'jsonpath wildcard array accessor can only be applied to an array')
      return
    }
    if (!isArray(node) && !this.#isLax) {
      if (place.isForgiving) return
      throw fail('22039', 'jsonpath array accessor can only be applied to an array')
    }
    const list: readonly Item[] = isArray(node) ? node : [value]
    const within = { ...place, size: list.length }
    for (const [first, last] of item.ranges) {
      const from = this.#index(first, value, within)
      const to = last === undefined ? from : this.#index(last, value, within)
      if (!place.isForgiving && (from < 0 || from > to || to >= list.length)) {
        throw fail('22033', 'jsonpath array subscript is out of bounds')
      }
      for (let at = Math.max(0, from); at <= Math.min(to, list.length - 1); at++)
        yield* this.#next(item, list[at]!, place)
    }
  }

  #index(item: PathItem, value: Item, place: Place): number {
    const found = [...this.items(item, value, place, this.#isLax)]
    const [only] = found
    if (found.length !== 1 || !(only instanceof Decimal)) {
      throw fail('22033', 'jsonpath array subscript is not a single numeric value')
    }
    const index = Number(only.truncate(0).coefficient)
    if ((index | 0) !== index) throw fail('22033', 'jsonpath array subscript is out of integer range')
    return index
  }

  *#levels(item: Extract<PathItem, { kind: 'any' }>, value: Item, place: Place): Items {
    const { first, last } = item
    if (first === 0) yield* this.#next(item, value, { ...place, isForgiving: true })
    yield* this.#below(item, value, place, 1, first, last)
  }

  *#below(item: PathItem, value: Item, place: Place, level: number, first: number, last: number): Items {
    if (level > last) return
    const node = value as JsonNode
    const children = isArray(node) ? node : isObject(node) ? sortedMembers(node).map(([, one]) => one) : []
    for (const child of children) {
      charge(unitsPerItem)
      const isLeaf = !isArray(child) && !isObject(child)
      if (level >= first || (first === Infinity && isLeaf))
        yield* this.#next(item, child, { ...place, isForgiving: true })
      if (!isLeaf) yield* this.#below(item, child, place, level + 1, first, last)
    }
  }

  /** In lax mode, what arrays among the items hold in place of them. */
  *#unwrapped(item: PathItem, value: Item, place: Place): Items {
    for (const one of this.items(item, value, place)) {
      if (this.#isLax && isArray(one as JsonNode)) yield* one as JsonNode[]
      else yield one
    }
  }

  #arithmetic(item: Extract<PathItem, { kind: 'arithmetic' }>, value: Item, place: Place): Decimal {
    const operand = (side: 'left' | 'right'): Decimal => {
      const found = [...this.#unwrapped(item[side], value, place)]
      if (found.length === 1 && found[0] instanceof Decimal) return found[0]
      throw fail('22038', `${side} operand of jsonpath operator ${item.operator} is not a single numeric value`)
    }
    const [a, b] = [operand('left'), operand('right')]
    try {
      switch (item.operator) {
        case '+':
          return a.add(b)
        case '-':
          return a.subtract(b)
        case '*':
          return a.multiply(b)
        case '/':
          return divideNumeric(a, b)
        default:
          return modNumeric(a, b)
      }
    } catch (error) {
      throw new PathFailure(error as Error)
    }
  }

  *#sign(item: Extract<PathItem, { kind: 'sign' }>, value: Item, place: Place): Items {
    for (const one of this.#unwrapped(item.argument, value, place)) {
      if (!(one instanceof Decimal)) {
        throw fail('2203B', `operand of unary jsonpath operator ${item.sign} is not a numeric value`)
      }
      yield* this.#next(item, item.sign === '-' ? one.negate() : one, place)
    }
  }

  *#method(item: Extract<PathItem, { kind: 'method' }>, value: Item, place: Place, unwraps: boolean): Items {
    const { name } = item
    if (name === 'type')
      return yield* this.#next(item, value instanceof DateTimeItem ? value.title : jsonKind(value), place)
    const node = value as JsonNode
    if (name === 'size') {
      if (!isArray(node) && !this.#isLax) {
        if (place.isForgiving) return
        throw fail('22039', 'jsonpath item method .size() can only be applied to an array')
      }
      return yield* this.#next(item, Decimal.of(BigInt(isArray(node) ? node.length : 1)), place)
    }
    if (unwraps && isArray(node)) return yield* this.#each(item, node, place)
    if (name === 'keyvalue') return yield* this.#pairs(item, value, place)
    yield* this.#next(item, name === 'double' ? toDouble(value) : rounded(name, value), place)
  }

  *#pairs(item: PathItem, value: Item, place: Place): Items {
    const node = value as JsonNode
    if (!isObject(node)) throw fail('2203C', 'jsonpath item method .keyvalue() can only be applied to an object')
    const id = Decimal.of(BigInt(offsetWithin(this.#context.root, node) ?? 0))
    for (const [key, one] of sortedMembers(node)) {
      const pair = new Map<string, JsonNode>([
        ['id', id],
        ['key', key],
        ['value', one],
      ])
      yield* this.#next(item, pair, place)
    }
  }

  #dateTime(template: string | undefined, value: Item): DateTimeItem {
    if (typeof value !== 'string')
      throw fail('22031', 'jsonpath item method .datetime() can only be applied to a string')
    return readDateTimeItem(value, template)
  }

  /** Null: unknown. */
  #test(item: PathItem, value: Item, place: Place): boolean | null {
    switch (item.kind) {
      case 'and': {
        const left = this.#test(item.left, value, place)
        if (left === false) return false
        const right = this.#test(item.right, value, place)
        return right === true ? left : right
      }
      case 'or': {
        const left = this.#test(item.left, value, place)
        if (left === true) return true
        const right = this.#test(item.right, value, place)
        return right === false ? left : right
      }
      case 'not': {
        const inner = this.#test(item.argument, value, place)
        return inner === null ? null : !inner
      }
      case 'isUnknown':
        return this.#test(item.argument, value, place) === null
      case 'exists':
        return this.#exists(item.argument, value, place)
      case 'compare':
        return this.#compare(item, value, place)
      case 'startsWith':
        return this.#startsWith(item, value, place)
      case 'likeRegex':
        return this.#likeRegex(item, value, place)
      default:
        throw new Error(`invariant broken: ${item.kind} is no predicate`)
    }
  }

  #exists(argument: PathItem, value: Item, place: Place): boolean | null {
    try {
      const found = this.items(argument, value, place)
      // Strict mode wants to know that there is no error in what follows, either.
      return this.#isLax ? found.next().done !== true : [...found].length > 0
    } catch (error) {
      if (error instanceof PathFailure) return null
      throw error
    }
  }

  /** All operands; undefined where one of them is an error. */
  #operands(argument: PathItem, value: Item, place: Place, unwraps = true): readonly Item[] | undefined {
    try {
      return [...(unwraps ? this.#unwrapped(argument, value, place) : this.items(argument, value, place))]
    } catch (error) {
      if (error instanceof PathFailure) return undefined
      throw error
    }
  }

  /** By pairs: in lax mode the first that holds decides, in strict mode one that is unknown does. */
  #anyPair(
    left: readonly Item[] | undefined,
    right: readonly Item[] | undefined,
    holds: (a: Item, b: Item) => boolean | null,
  ): boolean | null {
    if (left === undefined || right === undefined) return null
    let [isFound, isUnknown] = [false, false]
    for (const a of left) {
      for (const b of right) {
        charge(unitsPerItem)
        const result = holds(a, b)
        if (result === null) {
          if (!this.#isLax) return null
          isUnknown = true
        } else if (result) {
          if (this.#isLax) return true
          isFound = true
        }
      }
    }
    return isFound ? true : isUnknown ? null : false
  }

  #compare(item: Extract<PathItem, { kind: 'compare' }>, value: Item, place: Place): boolean | null {
    const left = this.#operands(item.left, value, place)
    const right = left && this.#operands(item.right, value, place)
    return this.#anyPair(left, right, (a, b) => {
      const order = compareItems(item.operator, a, b, this.#context.usesZone)
      return order === undefined ? null : orderHolds(orderOperators[item.operator], order)
    })
  }

  #startsWith(item: PathItem, value: Item, place: Place): boolean | null {
    if (item.kind !== 'startsWith') return null
    const left = this.#operands(item.left, value, place)
    const right = left && this.#operands(item.right, value, place, false)
    return this.#anyPair(left, right, (a, b) =>
      typeof a === 'string' && typeof b === 'string' ? a.startsWith(b) : null,
    )
  }

  #likeRegex(item: Extract<PathItem, { kind: 'likeRegex' }>, value: Item, place: Place): boolean | null {
    const matches = regexOf(item.pattern, item.flags)
    return this.#anyPair(this.#operands(item.argument, value, place), [null], (a) => {
      return typeof a === 'string' ? matches(a) : null
    })
  }
}

/** XQuery's flags as PostgreSQL's: without `s`, a point and a negated class match no newline. */
function regexOf(pattern: string, flags: string): (text: string) => boolean {
  const has = (flag: string): boolean => flags.includes(flag)
  const own = has('q') ? pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') : pattern
  const kind = has('m') ? (has('s') ? 'w' : 'n') : has('s') ? 's' : 'p'
  const regex = compileRegex(own, (has('i') ? 'i' : '') + kind)
  return (text) => regex.matcher(text).find()
}

/** Undefined: not comparable. */
function compareItems(operator: string, a: Item, b: Item, usesZone: boolean): number | undefined {
  if (a instanceof DateTimeItem || b instanceof DateTimeItem) {
    return a instanceof DateTimeItem && b instanceof DateTimeItem ? compareDateTimes(a, b, usesZone) : undefined
  }
  const [left, right] = [jsonKind(a), jsonKind(b)]
  // A null is no other value: only `!=` holds of the two.
  if (left !== right) return left === 'null' || right === 'null' ? (operator === '!=' ? 1 : Number.NaN) : undefined
  if (typeof a === 'boolean') return Number(a) - Number(b)
  if (typeof a === 'string') return compareText(a, b as string)
  if (a instanceof Decimal) return a.compare(b as Decimal)
  return a === null ? 0 : undefined
}

function rounded(name: PathMethod, value: Item): Decimal {
  if (!(value instanceof Decimal)) {
    throw fail('22036', `jsonpath item method .${name}() can only be applied to a numeric value`)
  }
  if (name === 'abs') return value.compare(Decimal.zero) < 0 ? value.negate() : value
  const whole = value.truncate(0)
  const difference = value.compare(whole)
  if (name === 'floor') return difference < 0 ? whole.subtract(Decimal.of(1n)) : whole
  return difference > 0 ? whole.add(Decimal.of(1n)) : whole
}

const doubleText = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i

function toDouble(value: Item): Decimal {
  const what = 'jsonpath item method .double()'
  if (value instanceof Decimal) {
    if (!Number.isFinite(value.toNumber())) {
      throw fail('22036', `numeric argument of ${what} is out of range for type double precision`)
    }
    return Decimal.parse(String(value.toNumber()))!
  }
  if (typeof value !== 'string') throw fail('22036', `${what} can only be applied to a string or numeric value`)
  const number = doubleText.test(value) ? Number(value) : Number.NaN
  const isUnderflow = number === 0 && /[1-9]/.test(value.replace(/e.*$/i, ''))
  if (!Number.isFinite(number) || isUnderflow) {
    throw fail('22036', `string argument of ${what} is not a valid representation of a double precision number`)
  }
  return Decimal.parse(String(number))!
}

/**
 * Where a part lies in PostgreSQL's own bytes of the document, which is what `keyvalue()` calls an object's id: 4 bytes of a
 * header and of each entry, then the values, numbers and containers at multiples of 4.
 */
function offsetWithin(whole: JsonNode, wanted: JsonNode): number | undefined {
  return whole === wanted ? 0 : new Layout(wanted).find(whole, 0)
}

class Layout {
  readonly #wanted: JsonNode

  constructor(wanted: JsonNode) {
    this.#wanted = wanted
  }

  find(node: JsonNode, start: number): number | undefined {
    const { parts, end } = this.#parts(node, start)
    void end
    for (const { node: part, at } of parts) {
      if (part === this.#wanted) return at
      const found = isArray(part) || isObject(part) ? this.find(part, at) : undefined
      if (found !== undefined) return found
    }
    return undefined
  }

  #parts(node: JsonNode, start: number): { parts: { node: JsonNode; at: number }[]; end: number } {
    const members = isObject(node) ? sortedMembers(node) : []
    const values = isArray(node) ? node : members.map(([, value]) => value)
    let at = start + 4 + 4 * (values.length + members.length)
    for (const [key] of members) at += Buffer.byteLength(key)
    const parts = values.map((value) => {
      if (value instanceof Decimal || isArray(value) || isObject(value)) at += (4 - (at % 4)) % 4
      const part = { node: value, at }
      at += this.#size(value, at)
      return part
    })
    return { parts, end: at }
  }

  #size(node: JsonNode, start: number): number {
    charge(unitsPerItem)
    if (typeof node === 'string') return Buffer.byteLength(node)
    if (node instanceof Decimal) return numericBytes(node)
    return isArray(node) || isObject(node) ? this.#parts(node, start).end - start : 0
  }
}

/** A numeric as it is stored: its length, a short header, and groups of four digits. */
function numericBytes(value: Decimal): number {
  const digits = (value.coefficient < 0n ? -value.coefficient : value.coefficient).toString()
  const [whole, fraction] = [
    digits.slice(0, Math.max(0, digits.length - value.scale)),
    digits.slice(-value.scale || digits.length),
  ]
  const padded =
    whole.padStart(Math.ceil(whole.length / 4) * 4, '0') +
    (value.scale > 0 ? fraction.padStart(value.scale, '0').padEnd(Math.ceil(value.scale / 4) * 4, '0') : '')
  const groups = (padded.match(/.{4}/g) ?? [])
    .join(' ')
    .replace(/^(?:0000 ?)+/, '')
    .replace(/(?: ?0000)+$/, '')
  return 4 + 2 + 2 * (groups === '' ? 0 : groups.split(' ').length)
}
