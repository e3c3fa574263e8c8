/** Types as functions name them: pseudo types, rows of tables and `table.column%TYPE` beside those that columns have. */
import type { TypeName } from 'libpg-query'
import { findTypeByName } from '../../../../model/table/types/registry.ts'
import { isTable } from '../../../../model/table/table-kind.ts'
import { Table } from '../../../../model/table/table.ts'
import { isMade } from '../../../../model/table/types/user/user-type.ts'
import { stringsOf } from '../../bind/tree.ts'
import { bindTypeName } from '../../bind/type-name.ts'
import { failure, notBuilt } from '../../failure.ts'
import type { SqlRun } from '../../plan/run.ts'
import { oid } from '../../types/oids.ts'
import { findCollection } from '../naming.ts'

export interface RoutineType {
  readonly type: number
  readonly modifier: number
  /** It is a row of this table. */
  readonly table?: number
}

export function routineType(run: SqlRun, name: TypeName): RoutineType {
  const names = stringsOf(name.names)
  if (name.pct_type === true) return columnType(run, names)
  const isPlain = names.length === 1 || names[0] === 'pg_catalog'
  const pseudo = isPlain && (name.arrayBounds?.length ?? 0) === 0 ? findTypeByName(names.at(-1)!) : undefined
  if (pseudo?.category === 'P') return { type: pseudo.oid, modifier: -1 }
  const table = findType(run, name, names) ?? tableNamed(run, names)
  if (table !== undefined) return table
  const { setof: _, ...single } = name
  return bindTypeName(undefined, single)
}

/** Types of the system go before tables of their names. */
function findType(_run: SqlRun, name: TypeName, names: readonly string[]): RoutineType | undefined {
  if (names.length > 1 && names[0] !== 'pg_catalog') return undefined
  if (findTypeByName(names.at(-1)!) === undefined) return undefined
  const { setof: _set, ...single } = name
  return bindTypeName(undefined, single)
}

function tableNamed(run: SqlRun, names: readonly string[]): RoutineType | undefined {
  const [relname = '', schemaname] = [...names].reverse()
  const collection = findCollection(run, schemaname === undefined ? { relname } : { relname, schemaname })
  if (collection === undefined || !isTable(collection)) return undefined
  return { type: oid.record, modifier: -1, table: collection.id }
}

/** `table.column%TYPE`. */
function columnType(run: SqlRun, names: readonly string[]): RoutineType {
  const [column = '', relname = '', schemaname] = [...names].reverse()
  const shown = names.slice(0, -1).join('.')
  const collection = findCollection(run, schemaname === undefined ? { relname } : { relname, schemaname })
  if (collection === undefined || !isTable(collection)) throw failure('42P01', `relation "${shown}" does not exist`)
  const found = Table.of(collection).columns.find(({ name }) => name === column)
  if (found === undefined) throw failure('42703', `column "${column}" of relation "${relname}" does not exist`)
  // Its number holds for this process alone, and a definition stays.
  if (isMade(found.type.oid)) throw notBuilt('a function of a type that a user has made')
  return { type: found.type.oid, modifier: found.modifier }
}
