import { describe, expect, it } from 'vitest'
import {
  type AccessIndex,
  type AccessPath,
  type AccessRequest,
  chooseAccess,
  type FieldConditions,
  matchingRows,
} from './access-path.ts'

interface TestIndex extends AccessIndex {
  readonly name: string
}

function index(name: string, fields: readonly string[], more: Partial<AccessIndex> = {}): TestIndex {
  const parts = fields.map((field) => {
    const isDescending = field.startsWith('-')
    return { field: field.replace(/^-/, ''), isDescending, nullsFirst: undefined, arrays: undefined }
  })
  const kind = { isUnique: false, isPrimary: false, isOrdered: true, isHint: false, isSparse: false }
  return { name, parts, ...kind, ...more }
}

const primary = index('primary', ['id'], { isUnique: true, isPrimary: true })

function point(value: number): FieldConditions<number> {
  return { point: { value, count: 1, acceptsNull: false } }
}

interface Asked {
  readonly indexes: readonly TestIndex[]
  readonly conditions: { readonly [field: string]: FieldConditions<number> }
  readonly order?: readonly string[]
  readonly limit?: number
  readonly size?: number
  readonly entries?: { readonly [index: string]: number }
}

let asked = 0

function request({ indexes, conditions, order = [], limit, size, entries }: Asked): AccessRequest<number, TestIndex> {
  asked = 0
  return {
    indexes,
    conditionsOn: (field) => conditions[field],
    order: order.map((field) => {
      return { field: field.replace(/^-/, ''), isDescending: field.startsWith('-'), nullsFirst: undefined }
    }),
    limit,
    restShare: 1,
    measure: {
      size: () => {
        asked++
        return size
      },
      entries: (path) => {
        asked++
        return entries?.[path.index.name]
      },
    },
  }
}

function choose(wanted: Asked): string {
  const path = chooseAccess(request(wanted))
  return path === undefined ? 'whole' : described(path)
}

function described({ index: { name }, bounds, order }: AccessPath<number, TestIndex>): string {
  return [name, ...bounds.map(({ kind }) => kind), ...(order === undefined ? [] : [order])].join(' ')
}

describe('an access path', () => {
  const a = index('a', ['a'])
  const b = index('b', ['b'])
  const conditions = { a: point(1), b: point(2) }

  it('goes through the index that holds fewer entries', () => {
    const both = { indexes: [primary, a, b], conditions, size: 100_000 }
    expect(choose({ ...both, entries: { a: 5000, b: 10 } })).toBe('b point')
    expect(choose({ ...both, entries: { a: 10, b: 5000 } })).toBe('a point')
  })

  it('by all of a unique key is chosen without counting', () => {
    const unique = index('u', ['a', 'b'], { isUnique: true })
    expect(choose({ indexes: [primary, a, unique], conditions })).toBe('u point point')
    expect(asked).toBe(0)
    // A null may come often.
    const isNull = { isNull: { value: 0, count: 1, acceptsNull: true } }
    expect(
      choose({ indexes: [primary, unique, a], conditions: { a: point(1), b: isNull }, entries: { u: 5, a: 3 } }),
    ).toBe('u point point')
    expect(asked).toBeGreaterThan(0)
  })

  it('by the primary key alone is chosen without counting', () => {
    expect(choose({ indexes: [primary, a], conditions: { id: { low: 1 } } })).toBe('primary interval')
    expect(asked).toBe(0)
  })

  it('is the whole where an index would fetch most of it', () => {
    const one = { indexes: [primary, a], conditions: { a: point(1) } }
    expect(choose({ ...one, size: 100_000, entries: { a: 60_000 } })).toBe('whole')
    expect(choose({ ...one, size: 100_000, entries: { a: 6000 } })).toBe('a point')
    expect(choose({ ...one, size: 100, entries: { a: 60 } })).toBe('a point')
  })

  it('pins more parts where costs are near each other', () => {
    const wide = index('ab', ['a', 'b'])
    expect(choose({ indexes: [primary, a, wide], conditions, size: 1000, entries: { a: 3, ab: 3 } })).toBe(
      'ab point point',
    )
    expect(choose({ indexes: [primary, a, wide], conditions })).toBe('ab point point')
  })

  it('is not given up for the whole where nobody can count', () => {
    expect(choose({ indexes: [primary, a], conditions: { a: { low: 1 } } })).toBe('a interval')
    expect(choose({ indexes: [primary, a], conditions: { a: { low: 1 } }, size: 100_000 })).toBe('a interval')
  })

  it('gives an order where little of it is read', () => {
    const sorted = { indexes: [primary, a, b], conditions: { a: point(1) }, order: ['b'], size: 100_000 }
    expect(choose({ ...sorted, limit: 10, entries: { a: 50_000 } })).toBe('b forward')
    expect(choose({ ...sorted, limit: 10, entries: { a: 20 } })).toBe('a point')
    expect(choose({ ...sorted, entries: { a: 50_000 } })).toBe('whole')
    const wide = index('ab', ['a', '-b'])
    expect(choose({ ...sorted, indexes: [primary, a, b, wide], entries: { a: 5000, ab: 5000 } })).toBe(
      'ab point reverse',
    )
  })

  it('ends with an interval', () => {
    const wide = index('ab', ['a', 'b'])
    const bounds = { a: { low: 1, high: 5 }, b: point(2) }
    expect(choose({ indexes: [wide], conditions: bounds, size: 10 })).toBe('ab interval')
  })

  it('keeps what an array may break', () => {
    const arrays = index('x', ['a', 'b'])
    const parts = arrays.parts.map((part) => ({ ...part, arrays: 'list' }))
    const multi = { ...arrays, parts }
    const interval = { low: 1, high: 5 }
    expect(chooseAccess(request({ indexes: [multi], conditions: { a: interval } }))?.bounds).toEqual([
      { kind: 'interval', low: 1, high: undefined },
    ])
    // Another element may have the other value.
    expect(choose({ indexes: [multi], conditions, size: 10 })).toBe('x point')
    expect(chooseAccess(request({ indexes: [multi], conditions, size: 10 }))?.repeats).toBe(true)
    expect(choose({ indexes: [multi], conditions: { a: interval }, order: ['a'], size: 10 })).toBe('x interval')
    expect(choose({ indexes: [multi], conditions: {}, order: ['a'], size: 10 })).toBe('x forward')
  })

  it('by a sparse index needs a bound that null does not satisfy', () => {
    const sparse = { ...a, isSparse: true }
    const nullable = { list: { value: 0, count: 2, acceptsNull: true } }
    expect(choose({ indexes: [sparse], conditions: { a: point(1) }, size: 10, entries: { a: 1 } })).toBe('a point')
    expect(choose({ indexes: [sparse], conditions: { a: nullable }, size: 10, entries: { a: 1 } })).toBe('whole')
    expect(choose({ indexes: [sparse], conditions: {}, order: ['a'], size: 10 })).toBe('whole')
  })

  it('by a hint has points only, and no null', () => {
    const hint = { ...a, isHint: true, isOrdered: false }
    expect(choose({ indexes: [hint], conditions: { a: { low: 1 } } })).toBe('whole')
    expect(choose({ indexes: [hint], conditions: { a: { isNull: { value: 0, count: 1, acceptsNull: true } } } })).toBe(
      'whole',
    )
  })
})

describe('an order', () => {
  const wide = index('abc', ['a', '-b', 'c'])
  const order = (fields: readonly string[], conditions: Asked['conditions'] = {}): string =>
    choose({ indexes: [wide], conditions, order: fields, limit: 1 })

  it('is that of the parts behind single points, or all against it', () => {
    expect(order(['a', '-b'])).toBe('abc forward')
    expect(order(['-a', 'b', '-c'])).toBe('abc reverse')
    expect(order(['a', 'b'])).toBe('whole')
    expect(order(['b'])).toBe('whole')
    expect(order(['b'], { a: point(1) })).toBe('abc point reverse')
    expect(order(['a', '-b', 'c'], { a: point(1), b: point(2) })).toBe('abc point point forward')
    expect(order(['a'], { a: point(1) })).toBe('abc point forward')
  })

  it('begins anew behind a list', () => {
    const list = { list: { value: 0, count: 3, acceptsNull: false } }
    expect(order(['a'], { a: list })).toBe('abc list forward')
    expect(order(['a', '-b'], { a: list })).toBe('abc list')
    expect(order(['a', '-b'], { a: { low: 1 } })).toBe('abc interval forward')
  })

  it('minds where nulls stand, if there are any', () => {
    const nulls = { ...wide, parts: wide.parts.map((part) => ({ ...part, nullsFirst: part.isDescending })) }
    const wanted = (isDescending: boolean, nullsFirst: boolean): string => {
      const asking = {
        ...request({ indexes: [nulls], conditions: {}, limit: 1 }),
        order: [{ field: 'a', isDescending, nullsFirst }],
      }
      const path = chooseAccess(asking)
      return path === undefined ? 'whole' : described(path)
    }
    expect(wanted(false, false)).toBe('abc forward')
    expect(wanted(false, true)).toBe('whole')
    expect(wanted(true, true)).toBe('abc reverse')
    expect(wanted(true, false)).toBe('whole')
  })
})

describe('how many rows match', () => {
  it('multiplies the shares of fields, each once', () => {
    const conditions = { a: point(1), b: point(2) }
    const indexes = [primary, index('a', ['a']), index('ab', ['a', 'b'])]
    expect(matchingRows(request({ indexes, conditions, size: 1000, entries: { a: 100, ab: 10 } }))).toBe(10)
    const apart = [primary, index('a', ['a']), index('b', ['b'])]
    expect(matchingRows(request({ indexes: apart, conditions, size: 1000, entries: { a: 100, b: 500 } }))).toBe(50)
    expect(matchingRows(request({ indexes: apart, conditions, size: 0, entries: { a: 0, b: 0 } }))).toBe(0)
  })
})
