/** `numeric(10,2)[]` and its kin: a type and its modifier. */
import type { Node, TypeName } from 'libpg-query'
import { arrayOf, findTypeByName } from '../../../model/table/types/registry.ts'
import { requireColumnType } from '../../../model/table/types/column-type.ts'
import type { SqlType } from '../../../model/table/types/type.ts'
import { failure, locate, notBuilt } from '../failure.ts'
import { intervalModifier } from '../../../model/table/types/interval-fields.ts'
import { oid } from '../types/oids.ts'
import type { Binder } from './binder.ts'
import { findMadeType } from './made-types.ts'
import { stringsOf } from './tree.ts'

export interface BoundType {
  readonly type: number
  readonly modifier: number
}

/** `binder` knows the types of the catalog; without it there are the built-in ones. */
export function bindTypeName(binder: Binder | undefined, name: TypeName | undefined): BoundType {
  return boundType(binder, name)
}

/** As a column that is kept has it. @throws PolylogError 42P16 of a pseudo type. */
export function bindColumnType(binder: Binder | undefined, name: TypeName | undefined, column: string): BoundType {
  return boundType(binder, name, column)
}

function boundType(binder: Binder | undefined, name: TypeName | undefined, column?: string): BoundType {
  const names = stringsOf(name?.names)
  const last = names[names.length - 1] ?? ''
  const location = name?.location
  if (name?.setof === true) throw notBuilt('SETOF', location)
  const type = locate(location, () => findNamed(binder, names))
  if (type !== undefined && column !== undefined) locate(location, () => requireColumnType(column, type.oid))
  const isRecord = type?.oid === oid.record && (name?.arrayBounds?.length ?? 0) === 0
  if (type === undefined || (type.category === 'P' && !isRecord)) {
    if (notBuiltTypes.has(last)) throw notBuilt(`type ${last}`, location)
    throw failure('42704', `type "${names.join('.')}" does not exist`, { location })
  }
  const modifier = modifierOf(type, name?.typmods, location)
  if ((name?.arrayBounds?.length ?? 0) === 0) return { type: type.oid, modifier }
  const array = arrayOf(type)
  if (array === undefined) throw failure('42704', `type "${last}[]" does not exist`, { location })
  return { type: array.oid, modifier }
}

function findNamed(binder: Binder | undefined, names: readonly string[]): SqlType | undefined {
  const [first = '', second] = names
  const builtIn = second === undefined || first === 'pg_catalog' ? (second ?? first) : undefined
  const found = builtIn && findTypeByName(builtIn === 'char' && second === undefined ? '"char"' : builtIn)
  if (found !== undefined && found !== '') return found
  return binder === undefined ? undefined : findMadeType(binder, names)
}

/** Types that PostgreSQL has and that are named in an error instead of being called unknown. */
const notBuiltTypes = new Set('tsvector tsquery xml'.split(' '))

function modifierOf(type: SqlType, typmods: readonly Node[] | undefined, location: number | undefined): number {
  if (typmods === undefined || typmods.length === 0) return -1
  const numbers = typmods.map((node) => {
    if ('A_Const' in node && node.A_Const.ival !== undefined) return node.A_Const.ival.ival ?? 0
    throw failure('42601', 'type modifiers must be simple constants or identifiers', { location })
  })
  // `interval` carries its fields as a mask, all of them set where none is named.
  if (type.oid === oid.interval) {
    return locate(location, () => intervalModifier(numbers[0]!, numbers[1]))
  }
  return locate(location, () => type.modifierOf(numbers))
}
