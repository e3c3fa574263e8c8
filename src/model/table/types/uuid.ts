/** uuid: upper case, braces and a missing or odd grouping by hyphens are accepted, the standard form is given back. */
import { compareNumbers, invalidText, needBytes, plainType, type SqlType } from './type.ts'

const uuidText = /^\{?((?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4})\}?$/

function parseUuid(text: string): string {
  const digits = uuidText.exec(text)?.[1]
  if (digits === undefined || text.startsWith('{') !== text.endsWith('}')) throw invalidText('uuid', text)
  return group(digits.replace(/-/g, '').toLowerCase())
}

function group(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

function uuidToBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replace(/-/g, ''), 'hex'))
}

export function uuidFromBytes(bytes: Uint8Array, start = 0): string {
  return group(Buffer.from(bytes.subarray(start, start + 16)).toString('hex'))
}

export const uuidType: SqlType = {
  ...plainType,
  oid: 2950,
  name: 'uuid',
  title: 'uuid',
  arrayOid: 2951,
  category: 'U',
  lengthBytes: 16,
  storage: 'fixed',
  storedBytes: 16,
  isOrdered: true,
  parseText: (text) => parseUuid(text),
  formatText: (value) => value as string,
  encodeBinary: (value, writer) => writer.copy(uuidToBytes(value as string)),
  decodeBinary: (bytes, start, end) => {
    needBytes('uuid', start, end, 16)
    return uuidFromBytes(bytes, start)
  },
  compare: (a, b) => compareNumbers(a as unknown as number, b as unknown as number),
  writeKey: (value, writer) => void writer.uuid(uuidToBytes(value as string)),
  writeStored: (value, writer) => writer.copy(uuidToBytes(value as string)),
  readStored: (bytes, start) => uuidFromBytes(bytes, start),
}
