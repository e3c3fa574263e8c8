/** Aggregate functions. `add` gets the arguments of one row and answers the new state. */
import { charge } from '../../../base/work.ts'
import { Decimal } from '../../../base/decimal.ts'
import { arrayDimensions } from '../../../model/table/types/array.ts'
import { maxArrayDimensions } from '../../../model/table/types/array-text.ts'
import { getType } from '../../../model/table/types/registry.ts'
import type { SqlValue, Interval } from '../contract.ts'
import type { Aggregate } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { oid } from '../types/oids.ts'
import { comparatorOf } from './comparison.ts'
import { divideInterval, sumIntervals } from './date-functions.ts'
import { quoteJson, sortedByKey } from '../../../model/table/types/json.ts'
import { toJsonb, toJsonText } from './json/json-functions.ts'
import { divideNumeric, rootAt } from './numeric-rules.ts'
import { numericCost, perSize, seriesCost } from './cost.ts'
import { type AggregateParts, defineAggregate } from './registry.ts'
import { joinTexts } from './text-length.ts'

type Values = readonly SqlValue[]

interface Common<S> {
  readonly strict?: boolean
  readonly keeps?: Aggregate['keeps']
  readonly begin: () => S
  readonly finish: (state: S) => SqlValue
}

/** Of one argument at most, or of any number. */
type Definition<S> = Common<S> &
  ({ readonly addOne: (state: S, value: SqlValue) => S } | { readonly add: (state: S, values: Values) => S })

function define<S>(
  name: string,
  takes: readonly number[],
  gives: number,
  definition: Definition<S> | ((types: readonly number[]) => Definition<S>),
  parts: AggregateParts = {},
): void {
  const make = (types: readonly number[]): Aggregate => {
    const made = typeof definition === 'function' ? definition(types) : definition
    const { strict = true, keeps = 'nothing', begin } = made
    const common = { name, result: gives, strict, keeps, begin, finish: made.finish as Aggregate['finish'] }
    if ('add' in made) return { ...common, add: made.add as Aggregate['add'] }
    const addOne = made.addOne as NonNullable<Aggregate['addOne']>
    return { ...common, addOne, add: (state, values) => addOne(state, values[0] ?? null) }
  }
  defineAggregate({ name, takes, gives, make, ...parts })
}

define<number>('count', [], oid.int8, { strict: false, begin: () => 0, addOne: (n) => n + 1, finish: BigInt })
define<number>('count', [oid.any], oid.int8, { begin: () => 0, addOne: (n) => n + 1, finish: BigInt })

function defineSums(): void {
  const { int2, int4, int8, numeric, float4, float8, interval } = oid
  const outOfRange = (): Error => failure('22003', 'bigint out of range')
  for (const type of [int2, int4]) {
    // Whole numbers below 2^53 are exact in doubles; beyond, the sum goes on as a bigint.
    define<number | bigint | null>('sum', [type], int8, {
      begin: () => null,
      addOne: (sum, value) => {
        const next = typeof sum === 'bigint' ? sum + BigInt(value as number) : (sum ?? 0) + (value as number)
        return typeof next === 'number' && !Number.isSafeInteger(next) ? BigInt(sum!) + BigInt(value as number) : next
      },
      finish: (sum) => {
        if (sum === null) return null
        const total = BigInt(sum)
        if (BigInt.asIntN(64, total) !== total) throw outOfRange()
        return total
      },
    })
  }
  define<bigint | null>('sum', [int8], numeric, {
    begin: () => null,
    addOne: (sum, value) => (sum ?? 0n) + (value as bigint),
    finish: (sum) => (sum === null ? null : Decimal.of(sum)),
  })
  define<Decimal | null>('sum', [numeric], numeric, {
    begin: () => null,
    addOne: (sum, value) => (sum === null ? (value as Decimal) : sum.add(value as Decimal)),
    finish: (sum) => sum,
  })
  for (const type of [float4, float8]) {
    const fit = type === float4 ? Math.fround : (value: number): number => value
    define<number | null>('sum', [type], type, {
      begin: () => null,
      addOne: (sum, value) => (sum === null ? (value as number) : fit(sum + (value as number))),
      finish: (sum) => sum,
    })
  }
  define<Interval | null>('sum', [interval], interval, {
    begin: () => null,
    addOne: (sum, value) => addIntervals(sum, value as Interval),
    finish: (sum) => sum,
  })
}

function addIntervals(a: Interval | null, b: Interval): Interval {
  return a === null ? b : sumIntervals(a, b)
}

interface Mean {
  sum: Decimal
  count: number
}

function defineMeans(): void {
  const { int2, int4, int8, numeric, float4, float8 } = oid
  const decimal = (value: SqlValue): Decimal => {
    if (value instanceof Decimal) return value
    return typeof value === 'number' ? Decimal.ofSmall(value, 0) : Decimal.of(value as bigint)
  }
  for (const type of [int2, int4, int8, numeric]) {
    define<Mean>('avg', [type], numeric, {
      begin: () => ({ sum: Decimal.zero, count: 0 }),
      addOne: (mean, value) => {
        mean.sum = mean.sum.add(decimal(value))
        mean.count++
        return mean
      },
      finish: ({ sum, count }) => (count === 0 ? null : divideNumeric(sum, Decimal.ofSmall(count, 0))),
    })
    defineSpread(type, decimal)
  }
  for (const type of [float4, float8]) {
    define<{ sum: number; count: number }>('avg', [type], float8, {
      begin: () => ({ sum: 0, count: 0 }),
      addOne: ({ sum, count }, value) => ({ sum: sum + (value as number), count: count + 1 }),
      finish: ({ sum, count }) => (count === 0 ? null : sum / count),
    })
    defineFloatSpread(type)
  }
}

function defineIntervalMean(): void {
  define<{ sum: Interval | null; count: number }>('avg', [oid.interval], oid.interval, {
    begin: () => ({ sum: null, count: 0 }),
    add: ({ sum, count }, [value]) => ({ sum: addIntervals(sum, value as Interval), count: count + 1 }),
    finish: ({ sum, count }) => (sum === null ? null : divideInterval(sum, count)),
  })
}

interface Moments {
  sum: Decimal
  squares: Decimal
  count: bigint
}

/** Variance and standard deviation over exact numbers: (N·Σx² − (Σx)²) / (N·(N−1)). */
function defineSpread(type: number, decimal: (value: SqlValue) => Decimal): void {
  const spread = (name: string, sample: boolean, root: boolean): void =>
    define<Moments>(
      name,
      [type],
      oid.numeric,
      {
        begin: () => ({ sum: Decimal.zero, squares: Decimal.zero, count: 0n }),
        add: ({ sum, squares, count }, [value]) => {
          const x = decimal(value!)
          if (type === oid.numeric) charge(digitUnits(x))
          return { sum: sum.add(x), squares: squares.add(x.multiply(x)), count: count + 1n }
        },
        finish: ({ sum, squares, count }) => [sum, squares, Decimal.of(count)],
      },
      { finishing: { of: numericArray, call: spreadOf(sample, root), cost: momentsCost } },
    )
  nameSpreads(spread)
}

const numericArray = getType(oid.numeric).arrayOid
const digitUnits = numericCost as (value: Decimal) => number
const rootCost = seriesCost as (value: Decimal) => number

/** A quotient and a root of as many digits as the squares have; cheap where those are few. */
function momentsCost([, squares]: readonly Decimal[]): number {
  return digitUnits(squares!) === 0 ? 0 : rootCost(squares!)
}

function spreadOf(sample: boolean, root: boolean): (moments: readonly Decimal[]) => Decimal | null {
  return ([sum, squares, n]) => {
    const count = n!.coefficient
    if (count === 0n || (sample && count === 1n)) return null
    const above = n!.multiply(squares!).subtract(sum!.multiply(sum!))
    if (above.isFinite && above.coefficient <= 0n) return Decimal.zero
    const variance = divideNumeric(above, n!.multiply(sample ? Decimal.of(count - 1n) : n!))
    // The root shows as many digits as the variance.
    return root && variance.isFinite ? rootAt(variance, variance.scale) : variance
  }
}

function nameSpreads(spread: (name: string, sample: boolean, root: boolean) => void): void {
  for (const name of ['variance', 'var_samp']) spread(name, true, false)
  for (const name of ['stddev', 'stddev_samp']) spread(name, true, true)
  spread('var_pop', false, false)
  spread('stddev_pop', false, true)
}

function defineFloatSpread(type: number): void {
  nameSpreads((name, sample, root) =>
    define<{ count: number; sum: number; squares: number }>(name, [type], oid.float8, {
      begin: () => ({ count: 0, sum: 0, squares: 0 }),
      // Youngs and Cramer, operation by operation as PostgreSQL has it: all digits are the same.
      add: ({ count, sum, squares }, [value]) => {
        const x = value as number
        const [next, total] = [count + 1, sum + x]
        if (count === 0) return { count: next, sum: total, squares: Number.isFinite(x) ? 0 : NaN }
        const by = x * next - total
        const grown = squares + (by * by) / (next * count)
        if (Number.isFinite(total) && Number.isFinite(grown)) return { count: next, sum: total, squares: grown }
        if (Number.isFinite(sum) && Number.isFinite(x)) throw failure('22003', 'value out of range: overflow')
        return { count: next, sum: total, squares: NaN }
      },
      finish: ({ count, squares }) => {
        if (count === 0 || (sample && count === 1)) return null
        const variance = squares / (sample ? count - 1 : count)
        return root ? Math.sqrt(variance) : variance
      },
    }),
  )
}

/** Types with an order of which PostgreSQL has no min and max all the same. */
const withoutExtremes: ReadonlySet<number> = new Set<number>([
  oid.bool,
  oid.uuid,
  oid.jsonb,
  oid.bytea,
  oid.bit,
  oid.varbit,
  oid.macaddr,
  oid.macaddr8,
])

function defineExtremes(): void {
  for (const [name, sign] of [
    ['min', -1],
    ['max', 1],
  ] as const) {
    const make = (types: readonly number[]): Definition<SqlValue> => {
      const type = types[0]!
      const { isOrdered, category, title } = getType(type)
      if (!isOrdered || 'RCP'.includes(category) || withoutExtremes.has(type)) {
        throw failure('42883', `function ${name}(${title}) does not exist`, {
          hint: 'No function matches the given name and argument types. You might need to add explicit type casts.',
        })
      }
      const compare = comparatorOf(type)
      return {
        keeps: 'one',
        begin: () => null,
        addOne: (best, value) => (best === null || compare(value, best) * sign > 0 ? value! : best),
        finish: (best) => best,
      }
    }
    define<SqlValue>(name, [oid.anyelement], oid.anyelement, make)
    // Of varchar, and of literals of no type, the answer is text.
    for (const type of [oid.text, oid.bpchar]) define<SqlValue>(name, [type], type, make)
  }
}

function defineLogic(): void {
  for (const [name, decisive] of [
    ['bool_and', false],
    ['every', false],
    ['bool_or', true],
  ] as const) {
    define<boolean | null>(name, [oid.bool], oid.bool, {
      begin: () => null,
      addOne: (state, value) => (state === decisive ? decisive : (value as boolean)),
      finish: (state) => state,
    })
  }
  for (const type of [oid.int2, oid.int4]) {
    define<number | null>('bit_and', [type], type, {
      begin: () => null,
      addOne: (a, b) => (a ?? -1) & (b as number),
      finish: (a) => a,
    })
    define<number | null>('bit_or', [type], type, {
      begin: () => null,
      addOne: (a, b) => (a ?? 0) | (b as number),
      finish: (a) => a,
    })
  }
  define<bigint | null>('bit_and', [oid.int8], oid.int8, {
    begin: () => null,
    addOne: (a, b) => (a ?? -1n) & (b as bigint),
    finish: (a) => a,
  })
  for (const type of [oid.int2, oid.int4]) {
    define<number | null>('bit_xor', [type], type, {
      begin: () => null,
      addOne: (a, b) => (a ?? 0) ^ (b as number),
      finish: (a) => a,
    })
  }
  define<bigint | null>('bit_xor', [oid.int8], oid.int8, {
    begin: () => null,
    addOne: (a, b) => (a ?? 0n) ^ (b as bigint),
    finish: (a) => a,
  })
  define<bigint | null>('bit_or', [oid.int8], oid.int8, {
    begin: () => null,
    addOne: (a, b) => (a ?? 0n) | (b as bigint),
    finish: (a) => a,
  })
}

function defineLists(): void {
  define<TextParts | null>('string_agg', [oid.text, oid.text], oid.text, {
    strict: false,
    keeps: 'all',
    begin: () => null,
    add: (parts, [value, separator]) => {
      if (value === null) return parts
      if (parts === null) return new TextParts('').add(value as string)
      return parts.add((separator ?? '') as string).add(value as string)
    },
    finish: (parts) => parts?.joined() ?? null,
  })
  define<BytesParts | null>('string_agg', [oid.bytea, oid.bytea], oid.bytea, {
    strict: false,
    keeps: 'all',
    begin: () => null,
    add: (parts, [value, separator]) => {
      if (value === null) return parts
      if (parts === null) return new BytesParts().add(value as Uint8Array)
      return parts.add((separator ?? noBytes) as Uint8Array).add(value as Uint8Array)
    },
    finish: (parts) => parts?.joined() ?? null,
  })
  define('array_agg', [oid.anyelement], oid.anyarray, ([type]): Definition<SqlValue[] | null> => {
    const isOfArrays = getType(type!).category === 'A'
    return {
      strict: false,
      keeps: 'all',
      begin: () => null,
      add: (list, [value]) => {
        if (isOfArrays) checkSameShape(list?.[0], value!)
        if (list === null) return [value!]
        list.push(value!)
        return list
      },
      finish: (list) => list,
    }
  })
  const list =
    (partOf: (type: number, value: SqlValue) => string) =>
    ([type]: readonly number[]): Definition<TextParts | null> => ({
      strict: false,
      keeps: 'all',
      begin: () => null,
      add: (parts, [value]) => (parts ?? new TextParts(', ')).add(partOf(type!, value!)),
      finish: (parts) => (parts === null ? null : `[${parts.joined()}]`),
    })
  define('json_agg', [oid.anyelement], oid.json, list(toJsonText), { through: ['to_json of an element'] })
  // The canonical form of an array is that of its elements.
  define('jsonb_agg', [oid.anyelement], oid.jsonb, list(toJsonb), { through: ['to_jsonb of an element'] })
  defineObjects()
}

/** Arrays are put together to one that has a dimension more. */
function checkSameShape(first: SqlValue | undefined, value: SqlValue): void {
  if (value === null) throw failure('22004', 'cannot accumulate null arrays')
  const dimensions = arrayDimensions(value as Values)
  if (dimensions.length >= maxArrayDimensions) {
    const message = `number of array dimensions (${dimensions.length + 1}) exceeds the maximum allowed`
    throw failure('54000', `${message} (${maxArrayDimensions})`)
  }
  if (first === undefined) {
    if (dimensions.length === 0) throw failure('2202E', 'cannot accumulate empty arrays')
  } else if (arrayDimensions(first as Values).join() !== dimensions.join()) {
    throw failure('2202E', 'cannot accumulate arrays of different dimensionality')
  }
}

function keyOf(type: number, key: SqlValue): string {
  if (key === null) throw failure('22004', 'field name must not be null')
  return getType(type).formatText(key)
}

function defineObjects(): void {
  const taken = { strict: false, keeps: 'all', begin: () => null } as const
  define(
    'json_object_agg',
    [oid.any, oid.any],
    oid.json,
    ([keyType, type]): Definition<TextParts | null> => ({
      ...taken,
      add: (parts, [key, value]) =>
        (parts ?? new TextParts(', ')).add(`${quoteJson(keyOf(keyType!, key!))} : ${toJsonText(type!, value!)}`),
      finish: (parts) => (parts === null ? null : `{ ${parts.joined()} }`),
    }),
    { through: [undefined, 'to_json of an element'] },
  )
  define(
    'jsonb_object_agg',
    [oid.any, oid.any],
    oid.jsonb,
    ([keyType, type]): Definition<string[] | null> => ({
      ...taken,
      add: (members, [key, value]) => {
        const all = members ?? []
        all.push(keyOf(keyType!, key!), toJsonb(type!, value!))
        return all
      },
      finish: (members) => members,
    }),
    {
      through: [undefined, 'to_jsonb of an element'],
      finishing: { of: oid.textArray, call: jsonbObjectOf, cost: perSize(60) },
    },
  )
}

/** Of keys and values in turn, the values canonical already. */
function jsonbObjectOf(list: readonly string[]): string {
  const members = new Map<string, string>()
  for (let i = 0; i < list.length; i += 2) members.set(list[i]!, list[i + 1]!)
  const parts = sortedByKey([...members])
  return `{${joinTexts(
    parts.map(([key, value]) => `${quoteJson(key)}: ${value}`),
    ', ',
  )}}`
}

/** Texts that are put together as they come, so that little is left to do at the end. */
class TextParts {
  readonly #separator: string
  #whole: string[] = []
  #fresh: string[] = []

  constructor(separator: string) {
    this.#separator = separator
  }

  add(text: string): this {
    this.#fresh.push(text)
    if (this.#fresh.length === 1024) {
      this.#whole.push(joinTexts(this.#fresh, this.#separator))
      this.#fresh = []
    }
    return this
  }

  joined(): string {
    return joinTexts(
      [...this.#whole, ...(this.#fresh.length === 0 ? [] : [this.#fresh.join(this.#separator)])],
      this.#separator,
    )
  }
}

const noBytes = new Uint8Array(0)

/** Joined now and then, so that little is left to do at the end. */
class BytesParts {
  #whole: Uint8Array[] = []
  #fresh: Uint8Array[] = []

  add(bytes: Uint8Array): this {
    this.#fresh.push(bytes)
    if (this.#fresh.length === 1024) {
      this.#whole.push(Buffer.concat(this.#fresh))
      this.#fresh = []
    }
    return this
  }

  joined(): Uint8Array {
    return new Uint8Array(Buffer.concat([...this.#whole, ...this.#fresh]))
  }
}

defineSums()
defineMeans()
defineIntervalMean()
defineExtremes()
defineLogic()
defineLists()
