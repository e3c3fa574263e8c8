/** bool. Any unambiguous beginning of true, false, yes, no, on, off is accepted, as are 1 and 0. */
import { compareNumbers, invalidText, needBytes, plainType, trimSpace, type SqlType } from './type.ts'

const words: readonly (readonly [word: string, shortest: number, value: boolean])[] = [
  ['true', 1, true],
  ['false', 1, false],
  ['yes', 1, true],
  ['no', 1, false],
  ['on', 2, true],
  ['off', 2, false],
  ['1', 1, true],
  ['0', 1, false],
]

function parseBoolean(text: string): boolean {
  const word = trimSpace(text).toLowerCase()
  for (const [whole, shortest, value] of words) {
    if (word.length >= shortest && whole.startsWith(word)) return value
  }
  throw invalidText('boolean', text)
}

export const boolType: SqlType = {
  ...plainType,
  oid: 16,
  name: 'bool',
  title: 'boolean',
  arrayOid: 1000,
  category: 'B',
  isPreferred: true,
  lengthBytes: 1,
  storage: 'bool',
  storedBytes: 1,
  isOrdered: true,
  parseText: (text) => parseBoolean(text),
  formatText: (value) => (value === true ? 't' : 'f'),
  encodeBinary: (value, writer) => writer.u8(value === true ? 1 : 0),
  decodeBinary: (bytes, start, end) => {
    needBytes('boolean', start, end, 1)
    return bytes[start] !== 0
  },
  compare: (a, b) => compareNumbers(Number(a), Number(b)),
  writeKey: (value, writer) => void writer.boolean(value === true),
  writeStored: (value, writer) => writer.u8(value === true ? 1 : 0),
  readStored: (bytes, start) => bytes[start] !== 0,
}
