import { BSON } from 'bson'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyDocument, anyValue, documentOf, valueOf } from '../../test/documents/any-document.ts'
import { Decimal } from '../base/decimal.ts'
import { bsonType, bsonTypeName, type BsonValue } from '../model/document/bson.ts'
import { equalValues } from '../model/document/order.ts'
import { decimalValue, toDouble } from '../model/document/values.ts'
import { parseJson } from '../model/table/types/json.ts'
import { findTypeByName } from '../model/table/types/registry.ts'
import { documentToJsonb, jsonToBson } from './document-json.ts'
import { columnTypeOf, exactSql, fieldToSql, sqlToBson } from './document-values.ts'

const { Decimal128, Double, Int32, Long } = BSON

/** Equal, or the shortest decimal of a double. */
function isSameNumber(shown: BsonValue, value: BsonValue): boolean {
  if (equalValues(shown, value)) return true
  return value.type === bsonType.double && equalValues(decimalValue(Decimal.fromDouble(toDouble(value))), shown)
}

describe('columns', () => {
  const cases: [string[], string][] = [
    [['int'], 'int4'],
    [['int', 'null'], 'int4'],
    [['int', 'long'], 'int8'],
    [['int', 'double'], 'float8'],
    [['long', 'double'], 'numeric'],
    [['decimal', 'int'], 'numeric'],
    [['string'], 'text'],
    [['objectId'], 'text'],
    [['date'], 'timestamptz'],
    [['string', 'int'], 'jsonb'],
    [['object'], 'jsonb'],
    [['array', 'int'], 'jsonb'],
    [['null'], 'jsonb'],
  ]
  it.each(cases)('of %j are %s', (types, column) => {
    expect(columnTypeOf(new Set(types))).toBe(column)
  })

  it('show every value exactly that they have the type for', () => {
    fc.assert(
      fc.property(fc.array(anyValue, { minLength: 1, maxLength: 3 }), (list) => {
        const values = list.map(valueOf)
        const column = columnTypeOf(new Set(values.map(({ type }) => bsonTypeName(type))))
        for (const value of values) {
          const shown = fieldToSql(value, column)
          if (value.isNullish && column !== 'jsonb') expect(shown).toBeNull()
          else expect(shown).not.toBeNull()
          if (!value.isNumber || column === 'jsonb') continue
          expect(isSameNumber(sqlToBson(shown, findTypeByName(column)!), value)).toBe(true)
        }
      }),
    )
  })

  it('of doubles and longs show a double by its shortest digits', () => {
    const column = columnTypeOf(new Set(['long', 'double']))
    for (const number of [0.1, -5e-324, 1.7976931348623157e308]) {
      const back = sqlToBson(fieldToSql(valueOf(new Double(number)), column), findTypeByName(column)!)
      expect(toDouble(back)).toBe(number)
      expect(isSameNumber(back, valueOf(new Double(number)))).toBe(true)
    }
  })

  it('hide what came later and does not fit', () => {
    expect(fieldToSql(valueOf('x'), 'int4')).toBeNull()
    expect(fieldToSql(valueOf(1), 'text')).toBeNull()
    expect(fieldToSql(valueOf(new Date(1e20 - 1e20)), 'timestamptz')).toBe(0n)
  })
})

describe('jsonb', () => {
  it('has exact numbers and extended objects', () => {
    const document = {
      b: Long.fromString('9007199254740993'),
      a: Decimal128.fromString('1.50'),
      long_name: new Double(0.1),
      c: [new Int32(1), NaN, null, true],
      d: new Date(0),
      e: new BSON.ObjectId('0102030405060708090a0b0c'),
      f: new BSON.Binary(Buffer.from([1]), 4),
    }
    expect(documentToJsonb(documentOf(document))).toBe(
      '{"a": 1.50, "b": 9007199254740993, "c": [1, {"$numberDouble": "NaN"}, null, true], ' +
        '"d": {"$date": "1970-01-01T00:00:00Z"}, "e": {"$oid": "0102030405060708090a0b0c"}, ' +
        '"f": {"$binary": {"base64": "AQ==", "subType": "04"}}, "long_name": 0.1}',
    )
  })

  it('is made of any document', () => {
    fc.assert(fc.property(anyDocument, (document) => void parseText(documentToJsonb(documentOf(document)))))
  })

  /** As jsonb's input does; a NUL in a string is the one thing that SQL's text cannot have. */
  function parseText(text: string): unknown {
    return text.includes('\\u0000') ? undefined : parseJson(text)
  }

  it('becomes BSON and the same jsonb again', () => {
    for (const text of ['{"a": [1, 2.5, 12345678901234567890], "$oid": "x"}', '"text"', '0.1', '1e-400', 'null']) {
      const canonical = documentToJsonb(jsonToBson(text))
      expect(documentToJsonb(jsonToBson(canonical))).toBe(canonical)
    }
  })
})

describe('writing', () => {
  const accepted: [unknown, string, unknown][] = [
    [new Double(5), 'int4', 5],
    [Decimal128.fromString('5.0'), 'int8', 5n],
    [new Int32(5), 'float8', 5],
    [new Double(10.5), 'numeric', Decimal.parse('10.5')],
    [new Date(86_400_000), 'date', 1],
    [{ a: [1, 'x'] }, 'jsonb', '{"a": [1, "x"]}'],
  ]
  it.each(accepted)('%j into %s', (value, type, expected) => {
    expect(exactSql(valueOf(value), findTypeByName(type)!)).toEqual(expected)
  })

  const refused: [unknown, string][] = [
    [new Double(5.5), 'int4'],
    [Long.fromString('2147483648'), 'int4'],
    [Long.fromString('9007199254740993'), 'float8'],
    [new Double(0.1), 'numeric'],
    [new Double(0.1), 'float4'],
    ['5', 'int4'],
    [5, 'text'],
    ['a\u0000', 'text'],
    [new Date(1), 'date'],
    [{ a: new Date(1) }, 'jsonb'],
    [new Double(NaN), 'jsonb'],
  ]
  it.each(refused)('%j into %s is refused', (value, type) => {
    expect(exactSql(valueOf(value), findTypeByName(type)!)).toBeUndefined()
  })
})
