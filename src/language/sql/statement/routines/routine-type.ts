/** Types as functions name them: pseudo types and `table.column%TYPE` beside those that columns have. */
import type { TypeName } from 'libpg-query'
import { findTypeByName } from '../../../../model/table/types/registry.ts'
import { isTable } from '../../../../model/table/table-kind.ts'
import { Table } from '../../../../model/table/table.ts'
import { createBinder } from '../../bind/bind.ts'
import { stringsOf } from '../../bind/tree.ts'
import { bindTypeName, type BoundType } from '../../bind/type-name.ts'
import { failure } from '../../failure.ts'
import { currentContext, type SqlRun } from '../../plan/run.ts'
import { findCollection } from '../naming.ts'

export function routineType(run: SqlRun, name: TypeName): BoundType {
  const names = stringsOf(name.names)
  if (name.pct_type === true) return columnType(run, names)
  const isPlain = names.length === 1 || names[0] === 'pg_catalog'
  const pseudo = isPlain && (name.arrayBounds?.length ?? 0) === 0 ? findTypeByName(names.at(-1)!) : undefined
  if (pseudo?.category === 'P') return { type: pseudo.oid, modifier: -1 }
  const { setof: _, ...single } = name
  return bindTypeName(createBinder(currentContext(run), []), single)
}

/** `table.column%TYPE`. */
function columnType(run: SqlRun, names: readonly string[]): BoundType {
  const [column = '', relname = '', schemaname] = [...names].reverse()
  const shown = names.slice(0, -1).join('.')
  const collection = findCollection(run, schemaname === undefined ? { relname } : { relname, schemaname })
  if (collection === undefined || !isTable(collection)) throw failure('42P01', `relation "${shown}" does not exist`)
  const found = Table.of(collection).columns.find(({ name }) => name === column)
  if (found === undefined) throw failure('42703', `column "${column}" of relation "${relname}" does not exist`)
  return { type: found.type.oid, modifier: found.modifier }
}
