/** A document with one value put at a path through objects; a missing value removes the field. */
import { bsonType, BsonValue, FieldCursor } from '../../model/document/bson.ts'
import { BsonWriter } from '../../model/document/bson-writer.ts'
import type { Path } from '../../model/document/path.ts'

export function replaceAtPath(document: BsonValue, path: Path, value: BsonValue): BsonValue {
  const writer = new BsonWriter().begin()
  writeReplaced(writer, document, path, 0, value)
  return new BsonValue(bsonType.object, writer.end().toBytes())
}

function writeReplaced(writer: BsonWriter, document: BsonValue, path: Path, depth: number, value: BsonValue): void {
  const name = path.names[depth]!
  const cursor = FieldCursor.of(document)
  let isDone = false
  while (cursor.next()) {
    const field = cursor.value
    if (cursor.name !== name || isDone) {
      writer.elements(field.bytes, cursor.elementStart, field.end)
      continue
    }
    isDone = true
    if (depth === path.names.length - 1) {
      writer.value(name, value)
    } else if (field.type === bsonType.object) {
      writer.beginObject(name)
      writeReplaced(writer, field.reference(), path, depth + 1, value)
      writer.end()
    } else {
      writeNew(writer, path, depth, value)
    }
  }
  if (!isDone) writeNew(writer, path, depth, value)
}

function writeNew(writer: BsonWriter, path: Path, depth: number, value: BsonValue): void {
  if (value.type === bsonType.missing) return
  const name = path.names[depth]!
  if (depth === path.names.length - 1) {
    writer.value(name, value)
    return
  }
  writer.beginObject(name)
  writeNew(writer, path, depth + 1, value)
  writer.end()
}
