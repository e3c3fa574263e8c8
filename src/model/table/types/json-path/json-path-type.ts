/** jsonpath: a value is its canonical text. It has no order. */
import { decodeUtf8 } from '../../../../base/bytes.ts'
import { decodeText } from '../text.ts'
import { plainType, sqlError, type SqlType } from '../type.ts'
import { parsePath } from './path-parser.ts'
import { formatPath } from './path-text.ts'

function canonical(text: string): string {
  return formatPath(parsePath(text))
}

/** The first byte of its binary form. */
const wireVersion = 1

export const jsonPathType: SqlType = {
  ...plainType,
  oid: 4072,
  name: 'jsonpath',
  title: 'jsonpath',
  arrayOid: 4073,
  category: 'U',
  lengthBytes: -1,
  storage: 'text',
  storedBytes: 0,
  isOrdered: false,
  parseText: (text) => canonical(text),
  formatText: (value) => value as string,
  encodeBinary: (value, writer) => {
    writer.u8(wireVersion)
    writer.utf8(value as string)
  },
  decodeBinary: (bytes, start, end) => {
    const version = start < end ? bytes[start]! : 0
    if (version !== wireVersion) {
      throw sqlError('invalid_argument', '22P03', `unsupported jsonpath version number: ${version}`)
    }
    return canonical(decodeText(bytes, start + 1, end))
  },
  compare: () => {
    throw sqlError('wrong_type', '42883', 'could not identify an ordering operator for type jsonpath')
  },
  writeKey: () => {
    throw sqlError('wrong_type', '42704', 'data type jsonpath has no default operator class for access method "btree"')
  },
  writeStored: (value, writer) => void writer.utf8(value as string),
  readStored: decodeUtf8,
}
