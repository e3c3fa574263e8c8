/**
 * The geometric types. None has an order that indexes know.
 *
 * Stored and on the wire: each number as a float8; of a path before them closed u8 and the number of points i32, of a polygon the
 * number. (In storage numbers are little endian.)
 */
import { ByteReader, type ByteWriter } from '../../../../base/bytes.ts'
import { invalidBinary, plainType, sqlError, type SqlType } from '../type.ts'
import { Shape, type ShapeKind } from './shape.ts'
import { formatShape, parseShape } from './shape-text.ts'

const counts: Readonly<Partial<Record<ShapeKind, number>>> = { point: 2, lseg: 4, box: 4, line: 3, circle: 3 }

function write(shape: Shape, writer: ByteWriter, isWire: boolean): void {
  const { kind, numbers } = shape
  if (kind === 'path') writer.u8(shape.isClosed ? 1 : 0)
  if (counts[kind] === undefined) writer.i32be(numbers.length / 2)
  for (const number of numbers) {
    if (isWire) writer.f64be(number)
    else writer.f64le(number)
  }
}

function read(kind: ShapeKind, reader: ByteReader, isWire: boolean): Shape {
  const fixed = counts[kind]
  const head = (kind === 'path' ? 1 : 0) + (fixed === undefined ? 4 : 0)
  if (reader.remaining < head) throw invalidBinary(kind)
  const isClosed = kind !== 'path' || reader.u8() === 1
  const count = fixed ?? 2 * reader.i32be()
  if (count <= 0 || reader.remaining !== 8 * count) throw invalidBinary(kind)
  const numbers = Array.from({ length: count }, () => (isWire ? reader.f64be() : reader.f64le()))
  return new Shape(kind, numbers, isClosed)
}

function shapeType(kind: ShapeKind, oid: number, arrayOid: number): SqlType {
  const fixed = counts[kind]
  return {
    ...plainType,
    oid,
    name: kind,
    title: kind,
    arrayOid,
    category: 'G',
    ...(kind === 'box' && { arrayDelimiter: ';' }),
    lengthBytes: fixed === undefined ? -1 : fixed * 8,
    storage: fixed === undefined ? 'variable' : 'fixed',
    storedBytes: fixed === undefined ? 0 : fixed * 8,
    isOrdered: false,
    parseText: (text) => parseShape(kind, text),
    formatText: (value) => formatShape(value as Shape),
    encodeBinary: (value, writer) => write(value as Shape, writer, true),
    decodeBinary: (bytes, start, end) => read(kind, new ByteReader(bytes, start, end), true),
    compare: () => {
      throw sqlError('wrong_type', '42883', `could not identify an ordering operator for type ${kind}`)
    },
    writeKey: () => {
      throw sqlError('wrong_type', '42704', `data type ${kind} has no default operator class for access method "btree"`)
    },
    writeStored: (value, writer) => write(value as Shape, writer, false),
    readStored: (bytes, start, end) => read(kind, new ByteReader(bytes, start, end), false),
  }
}

export const shapeTypes: readonly SqlType[] = [
  shapeType('point', 600, 1017),
  shapeType('lseg', 601, 1018),
  shapeType('path', 602, 1019),
  shapeType('box', 603, 1020),
  shapeType('polygon', 604, 1027),
  shapeType('line', 628, 629),
  shapeType('circle', 718, 719),
]
