/** A value as the server's own messages show it, cut where it is long. */
import { bsonType, type BsonValue, elementsOf, fieldsOf } from './bson.ts'
import { isoDate } from './calendar.ts'
import { decodeDecimal128 } from './decimal128.ts'
import { readBoolean, readDouble, readInt64, readNumber, readRegex, readString, toHex } from './values.ts'

const longestText = 512

export function describeKey(value: BsonValue): string {
  const { bytes, start, end } = value
  switch (value.type) {
    case bsonType.string:
    case bsonType.symbol:
    case bsonType.code:
      return JSON.stringify(readString(value).slice(0, longestText))
    case bsonType.double: {
      const number = readDouble(value)
      return Number.isInteger(number) ? number.toFixed(1) : String(number)
    }
    case bsonType.int32:
    case bsonType.int64:
      return String(readNumber(value))
    case bsonType.decimal:
      return decodeDecimal128(bytes, start).toString()
    case bsonType.objectId:
      return `ObjectId('${toHex(bytes, start, end)}')`
    case bsonType.boolean:
      return String(readBoolean(value))
    case bsonType.date:
      return `new Date(${readInt64(value)}) /* ${isoDate(readInt64(value))} */`
    case bsonType.object: {
      const fields = fieldsOf(value).map(([name, field]) => `${name}: ${describeKey(field)}`)
      return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`.slice(0, longestText)
    }
    case bsonType.array:
      return `[ ${elementsOf(value).map(describeKey).join(', ')} ]`.slice(0, longestText)
    case bsonType.binary:
      return `BinData(${bytes[start + 4]}, ${toHex(bytes, start + 5, Math.min(end, start + 5 + longestText)).toUpperCase()})`
    case bsonType.regex: {
      const { pattern, options } = readRegex(value)
      return `/${pattern}/${options}`
    }
    case bsonType.minKey:
      return 'MinKey'
    case bsonType.maxKey:
      return 'MaxKey'
    case bsonType.undefined:
      return 'undefined'
    case bsonType.timestamp:
      return `Timestamp(${readInt64(value) >> 32n}, ${readInt64(value) & 0xffff_ffffn})`
    default:
      return 'null'
  }
}
