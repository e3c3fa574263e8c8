import { Int32, Long, ObjectId } from 'mongodb-of-specs'
import { describe, expect, it } from 'vitest'
import { difference } from './match.ts'

const context = {
  entity: (name: string): unknown => (name === 'five' ? 5 : undefined),
  sessionId: (name: string): unknown => ({ id: name }),
}

const id = new ObjectId('000000000000000000000001')

describe('as expected is', () => {
  it.each<readonly [unknown, unknown]>([
    [{ a: 1 }, { a: new Int32(1), b: 2 }],
    [{ a: Long.fromNumber(5) }, { a: 5 }],
    [[{ a: 1 }], [{ a: 1, b: 2 }]],
    [{ sort: { a: 1 } }, { sort: new Map([['a', 1]]) }],
    [{ a: { $$exists: false } }, {}],
    [{ a: { $$unsetOrMatches: 1 } }, { a: null }],
    [{ a: { $$type: ['string', 'objectId'] } }, { a: id }],
    [{ a: { $$sessionLsid: 's' } }, { a: { id: 's' } }],
    [{ a: { $$matchesEntity: 'five' } }, { a: 5 }],
    [{ a: { $$lte: 3 } }, { a: 3 }],
    [{ a: { $$matchAsRoot: { b: 1 } } }, { a: { b: 1, c: 1 } }],
    [{ $$unsetOrMatches: { a: 1 } }, undefined],
  ])('%o by %o', (expected, actual) => {
    expect(difference(expected, actual, context)).toBeUndefined()
  })
})

describe('not as expected is', () => {
  it.each<readonly [unknown, unknown]>([
    [{ a: 1 }, { a: 2 }],
    [{ a: { b: 1 } }, { a: { b: 1, c: 2 } }],
    [[1], [1, 2]],
    [{ a: { $$exists: true } }, {}],
    [{ a: { $$exists: false } }, { a: null }],
    [{ a: { $$unsetOrMatches: 1 } }, { a: 2 }],
    [{ a: { $$type: 'int' } }, { a: 'x' }],
    [{ a: { $$sessionLsid: 's' } }, { a: { id: 't' } }],
    [{ a: '1' }, { a: 1 }],
    [{ a: { $$lte: 3 } }, { a: 4 }],
  ])('%o by %o', (expected, actual) => {
    expect(difference(expected, actual, context)).toBeDefined()
  })

  it('says where', () => {
    expect(difference({ a: { b: [1, 2] } }, { a: { b: [1, 3] } }, context)).toBe('a.b.1: expected 2, got 3')
  })
})
