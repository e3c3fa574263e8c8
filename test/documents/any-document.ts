/** Any document that the driver can write, and documents in BSON's bytes. */
import { BSON, serialize, type Document } from 'bson'
import fc from 'fast-check'
import { type BsonValue, documentValue, getField } from '../../src/model/document/bson.ts'

const { Binary, BSONRegExp, Decimal128, Double, Int32, Long, MaxKey, MinKey, ObjectId, Timestamp } = BSON

const names = fc.constantFrom('a', 'b', 'c', 'd', '_id', '__proto', 'é', '0', '')

const scalars: fc.Arbitrary<unknown> = fc.oneof(
  fc.integer({ min: -3, max: 3 }).map((n) => new Int32(n)),
  fc.integer().map((n) => new Int32(n | 0)),
  fc.double().map((n) => new Double(n)),
  fc.constantFrom(0, -0, 1, 1.5, NaN, Infinity).map((n) => new Double(n)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n) => Long.fromBigInt(n)),
  fc.constantFrom('1', '1.0', '0.1', '1E+40', '-7', 'NaN').map((text) => Decimal128.fromString(text)),
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('', 'x', 'y', 'x\u0000'),
  fc.boolean(),
  fc.constant(null),
  fc.integer({ min: -1e14, max: 1e14 }).map((ms) => new Date(ms)),
  fc.uint8Array({ minLength: 12, maxLength: 12 }).map((bytes) => new ObjectId(bytes)),
  fc.tuple(fc.uint8Array({ maxLength: 4 }), fc.constantFrom(0, 4, 5)).map(([bytes, kind]) => new Binary(bytes, kind)),
  fc.tuple(fc.nat(), fc.nat()).map(([t, i]) => new Timestamp({ t, i })),
  fc.constantFrom('a', 'b').map((pattern) => new BSONRegExp(pattern, 'i')),
  fc.constant(new MinKey()),
  fc.constant(new MaxKey()),
)

export const anyValue: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalars,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.array(fc.tuple(names, tie('value')), { maxLength: 3 }).map((fields) => Object.fromEntries(fields)),
  ),
})).value

export const anyDocument: fc.Arbitrary<Document> = fc
  .array(fc.tuple(names, anyValue), { maxLength: 4 })
  .map((fields): Document => Object.fromEntries(fields))

export function valueOf(value: unknown): BsonValue {
  return getField(documentValue(serialize({ v: value })), 'v')!
}

export function documentOf(document: Document): BsonValue {
  return documentValue(serialize(document))
}
