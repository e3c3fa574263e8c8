/** Projections of long documents, and what is made of many: in many turns, with the answers that one turn gives. */
import { BSON, type Document } from 'bson'
import { expect, it } from 'vitest'
import { documentOf } from '../../../test/documents/any-document.ts'
import { eachTurn } from '../../base/resumption-turns.ts'
import { resumable, suspended } from '../../base/resumption.ts'
import { beginTurn, charge, turnUnits } from '../../base/work.ts'
import type { BsonValue } from '../../model/document/bson.ts'
import { int32Value } from '../../model/document/values.ts'
import { arrayOf, objectOf } from './expression-contract.ts'
import { compileFilter } from './filter.ts'
import { compileAddFields, compileProjection, compileUnset, type Projection } from './projection.ts'
import { noVariables } from './scope.ts'

const count = 40_000
const items = Array.from({ length: count }, (_, v) => ({ v, w: { x: v, y: [v, { z: 1 }] } }))
const numbers = items.map(({ v }) => v)
const fields = Object.fromEntries(numbers.map((n) => [`f${n}`, n]))

function decoded({ bytes, start, end }: BsonValue): Document {
  return BSON.deserialize(bytes.subarray(start, end), { promoteValues: true })
}

const filter = compileFilter(documentOf({ 'o.v': count - 1 }), noVariables)
const find = (specification: Document): Projection => compileProjection(documentOf(specification), noVariables, filter)
const list = { _id: 1, a: numbers, o: items, n: 5 }

const cases: readonly (readonly [string, Projection, Document, Document])[] = [
  ['included elements', find({ 'o.v': 1 }), list, { _id: 1, o: items.map(({ v }) => ({ v })) }],
  [
    'excluded elements',
    find({ 'o.w.x': 0, a: 0 }),
    list,
    { _id: 1, o: items.map(({ v, w: { y } }) => ({ v, w: { y } })), n: 5 },
  ],
  ['arrays in arrays', find({ 'o.w.y.z': 1, _id: 0 }), list, { o: items.map(() => ({ w: { y: [{ z: 1 }] } })) }],
  [
    'two slices',
    find({ a: { $slice: [5, 30_000] }, o: { $slice: -20_000 }, n: 1 }),
    list,
    { _id: 1, a: numbers.slice(5, 30_005), o: items.slice(-20_000), n: 5 },
  ],
  ['a matching element', find({ o: { $elemMatch: { v: count - 1 } } }), list, { _id: 1, o: [items.at(-1)] }],
  ['the matched element', find({ 'o.$': 1 }), list, { _id: 1, o: [items.at(-1)] }],
  [
    'many fields',
    find(Object.fromEntries(numbers.map((n) => [`f${n}`, 1]))),
    { _id: 1, ...fields },
    { _id: 1, ...fields },
  ],
  ['all but one', compileUnset(['f3', 'x']), { ...fields, x: 1 }, without(fields, 'f3')],
  [
    'an added field in each',
    compileAddFields(documentOf({ 'o.z': '$n', m: 3 }), noVariables),
    list,
    { ...list, o: items.map((one) => ({ ...one, z: 5 })), m: 3 },
  ],
  [
    'many added fields',
    compileAddFields(documentOf({ ...fields, f1: '$n' }), noVariables),
    { n: 7, f1: 0 },
    { n: 7, ...fields, f1: 7 },
  ],
]

function without(document: Document, name: string): Document {
  const { [name]: _, ...rest } = document
  return rest
}

it.each(cases)('%s', (_, project, document, expected) => {
  const value = documentOf(document)
  const { result, units } = eachTurn(() => project(value))
  expect(decoded(result)).toEqual(expected)
  expect(Buffer.compare(bytesOf(result), bytesOf(project(value)))).toBe(0)
  expect(units.length).toBeGreaterThan(1)
  expect(Math.max(...units)).toBeLessThan(2 * turnUnits)
})

function bytesOf({ bytes, start, end }: BsonValue): Uint8Array {
  return bytes.subarray(start, end)
}

it('several long arrays of one document', () => {
  const values = numbers.map((n) => int32Value(n))
  const { result, units } = eachTurn(() =>
    objectOf([
      ['a', arrayOf(values)],
      ['b', arrayOf(values.slice(1))],
      ['c', arrayOf([])],
    ]),
  )
  expect(decoded(result)).toEqual({ a: numbers, b: numbers.slice(1), c: [] })
  expect(units.length).toBeGreaterThan(2)
})

it('goes on with the argument that it was suspended at, and with no other', () => {
  const made = resumable((value: { readonly of: readonly BsonValue[] }) => arrayOf(value.of))
  const [first, second] = [numbers, numbers.slice(1, 1000)].map((list) => ({ of: list.map((n) => int32Value(n)) }))
  beginTurn()
  charge(turnUnits)
  expect(() => made(first!)).toThrow(expect.toSatisfy((error: unknown) => error === suspended))
  beginTurn()
  expect(Object.values(decoded(made(second!)))).toEqual(numbers.slice(1, 1000))
})
