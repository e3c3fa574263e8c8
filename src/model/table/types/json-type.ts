/**
 * json keeps the text as it was given; jsonb keeps its canonical text (`json.ts`) and has an order:
 * object > array > boolean > number > string > null, a longer array or object above a shorter one, members by key and
 * then value. One exception is PostgreSQL's own: the empty array sorts below null.
 */
import { decodeUtf8 } from '../../../base/bytes.ts'
import { Decimal } from '../../../base/decimal.ts'
import type { KeyWriter } from '../../../base/tuple.ts'
import { checkJsonSyntax, formatJsonb, parseJson, sortedMembers, type JsonNode } from './json.ts'
import { compareText, decodeText } from './text.ts'
import { plainType, sqlError, type SqlType } from './type.ts'

function checkJson(text: string): string {
  checkJsonSyntax(text)
  return text
}

function canonicalJson(text: string): string {
  return formatJsonb(parseJson(text))
}

const ranks = { emptyArray: 0, null: 1, string: 2, number: 3, boolean: 4, array: 5, object: 6 } as const

function rankOf(node: JsonNode): number {
  if (node === null) return ranks.null
  if (typeof node === 'string') return ranks.string
  if (typeof node === 'boolean') return ranks.boolean
  if (node instanceof Decimal) return ranks.number
  if (node instanceof Map) return ranks.object
  return (node as readonly JsonNode[]).length === 0 ? ranks.emptyArray : ranks.array
}

export function compareJson(a: JsonNode, b: JsonNode): number {
  const rank = rankOf(a)
  const difference = rank - rankOf(b)
  if (difference !== 0) return difference
  if (rank === ranks.string) return compareText(a as string, b as string)
  if (rank === ranks.boolean) return Number(a) - Number(b)
  if (rank === ranks.number) return (a as Decimal).compare(b as Decimal)
  if (rank === ranks.array) return compareElements(a as readonly JsonNode[], b as readonly JsonNode[])
  if (rank === ranks.object) return compareElements(flatten(a), flatten(b))
  return 0
}

function flatten(node: JsonNode): JsonNode[] {
  return sortedMembers(node as ReadonlyMap<string, JsonNode>).flat<readonly JsonNode[]>()
}

function compareElements(a: readonly JsonNode[], b: readonly JsonNode[]): number {
  if (a.length !== b.length) return a.length - b.length
  for (let i = 0; i < a.length; i++) {
    const difference = compareJson(a[i]!, b[i]!)
    if (difference !== 0) return difference
  }
  return 0
}

function writeJsonKey(node: JsonNode, writer: KeyWriter): void {
  const rank = rankOf(node)
  writer.beginArray().int64(rank)
  if (rank === ranks.string) writer.string(node as string)
  else if (rank === ranks.boolean) writer.boolean(node as boolean)
  else if (rank === ranks.number) writer.numberDecimal(node as Decimal)
  else if (rank === ranks.array || rank === ranks.object) {
    const elements = rank === ranks.array ? (node as readonly JsonNode[]) : flatten(node)
    writer.int64(elements.length)
    for (const element of elements) writeJsonKey(element, writer)
  }
  writer.endNested()
}

const textual = {
  ...plainType,
  category: 'U',
  lengthBytes: -1,
  storage: 'text' as const,
  storedBytes: 0,
}

export const jsonType: SqlType = {
  ...textual,
  oid: 114,
  name: 'json',
  title: 'json',
  arrayOid: 199,
  isOrdered: false,
  parseText: (text) => checkJson(text),
  formatText: (value) => value as string,
  encodeBinary: (value, writer) => void writer.utf8(value as string),
  decodeBinary: (bytes, start, end) => checkJson(decodeText(bytes, start, end)),
  compare: () => {
    throw sqlError('wrong_type', '42883', 'could not identify an ordering operator for type json')
  },
  writeKey: () => {
    throw sqlError('wrong_type', '42704', 'data type json has no default operator class for access method "btree"')
  },
  writeStored: (value, writer) => void writer.utf8(value as string),
  readStored: decodeUtf8,
}

/** The first byte of its binary form is a version. */
const jsonbWireVersion = 1

export const jsonbType: SqlType = {
  ...textual,
  oid: 3802,
  name: 'jsonb',
  title: 'jsonb',
  arrayOid: 3807,
  isOrdered: true,
  parseText: (text) => canonicalJson(text),
  formatText: (value) => value as string,
  encodeBinary: (value, writer) => {
    writer.u8(jsonbWireVersion)
    writer.utf8(value as string)
  },
  decodeBinary: (bytes, start, end) => {
    const version = start < end ? bytes[start]! : 0
    if (version !== jsonbWireVersion) {
      throw sqlError('invalid_argument', '22P03', `unsupported jsonb version number ${version}`)
    }
    return canonicalJson(decodeText(bytes, start + 1, end))
  },
  compare: (a, b) => (a === b ? 0 : compareJson(parseJson(a as string), parseJson(b as string))),
  writeKey: (value, writer) => writeJsonKey(parseJson(value as string), writer),
  writeStored: (value, writer) => void writer.utf8(value as string),
  readStored: decodeUtf8,
}
