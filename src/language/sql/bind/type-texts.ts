/**
 * Names of types and texts of values, as a catalog has them: what was bound for an older version of a type is written as it is
 * called now.
 */
import { ByteWriter } from '../../../base/bytes.ts'
import type { Catalog, Collection } from '../../../database/catalog/catalog.ts'
import { formatType, getType, isArrayType } from '../../../model/table/types/registry.ts'
import type { SqlType } from '../../../model/table/types/type.ts'
import type { SqlValue } from '../contract.ts'
import { typeByNumber } from './made-types.ts'

export interface TypeTexts {
  readonly typeName: (type: number, modifier: number) => string
  readonly valueText: (type: number, value: SqlValue) => string
}

/** `shown`: the name of a type's collection; left out, as messages have it. */
export function typeTextsIn(catalog: Catalog, shown?: (collection: Collection) => string): TypeTexts {
  const nowOf = (type: SqlType): SqlType => {
    return type.catalogOid === undefined ? type : (typeByNumber(catalog, type.catalogOid) ?? type)
  }
  return {
    typeName: (type, modifier) => {
      const now = nowOf(getType(type))
      const collection = shown && now.made && catalog.collectionById(now.made.id)
      if (collection === undefined) return formatType(now.oid, modifier)
      return `${shown!(collection)}${isArrayType(now) ? '[]' : ''}`
    },
    // A value means the same in both: by its stored form.
    valueText: (type, value) => {
      const was = getType(type)
      const now = nowOf(was)
      if (was === now) return was.formatText(value)
      const writer = new ByteWriter(64)
      was.writeStored(value, writer)
      return now.formatText(now.readStored(writer.bytes, 0, writer.end))
    },
  }
}
