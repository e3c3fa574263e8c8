import { ObjectId } from 'bson'
import { expect, test } from 'vitest'
import { documentOf } from '../../../test/documents/any-document.ts'
import { compileFilter } from './filter.ts'
import { plainId } from './id-filter.ts'
import { noVariables } from './scope.ts'

const ids = [1, 1.5, 'one', new ObjectId(), new Date(5), 2n ** 60n]
const others = [null, [1], { a: 1 }, { $gt: 1 }, /one/, true]

test('a look-up says of every document what its filter written with $eq says', () => {
  for (const id of ids) {
    const filter = compileFilter(documentOf({ _id: id }), noVariables)
    const written = compileFilter(documentOf({ _id: { $eq: id } }), noVariables)
    expect(filter.isEmpty).toBe(false)
    expect(filter.predicates.map(({ operator, path }) => [path.text, operator])).toEqual([['_id', '$eq']])
    expect(filter.conditions).toHaveLength(1)
    for (const other of [...ids, ...others]) {
      const document = documentOf({ _id: other, x: 1 })
      expect(filter.matches(document)).toBe(written.matches(document))
    }
  }
})

test('only a plain value alone is a look-up', () => {
  for (const id of ids) expect(plainId(documentOf({ _id: id }))).toBeDefined()
  for (const id of others) expect(plainId(documentOf({ _id: id }))).toBeUndefined()
  expect(plainId(documentOf({}))).toBeUndefined()
  expect(plainId(documentOf({ a: 1 }))).toBeUndefined()
  expect(plainId(documentOf({ _id: 1, a: 1 }))).toBeUndefined()
})
