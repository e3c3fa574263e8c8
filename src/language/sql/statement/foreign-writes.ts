/**
 * Writes through SQL into collections of other models (rule 7). What loses nothing works; the rest names the door that can.
 */
import type { InsertStmt, UpdateStmt } from 'libpg-query'
import type { Relation } from '../../../query/relation.ts'
import type { Binder } from '../bind/binder.ts'
import type { Scope } from '../bind/scope.ts'
import { PolylogError } from '../../../base/errors.ts'
import type { Planned } from './prepared.ts'
import type { Returning } from './returning.ts'
import type { BoundTarget } from './update.ts'

const doors: Readonly<Record<Relation['kind'], string>> = {
  table: 'SQL',
  documents: 'MongoDB',
  keyvalue: 'Redis',
  view: 'no',
}

function refuse(relation: Relation, verb: string): never {
  if (relation.kind === 'view') {
    throw new PolylogError('denied', `cannot ${verb} view "${relation.name}"`, { detail: { sqlState: '42809' } })
  }
  const door = doors[relation.kind]
  throw new PolylogError(
    'foreign_model_violation',
    `${verb} of "${relation.schema}.${relation.name}" through SQL is not supported: its home is the ${door} door`,
    { detail: { sqlState: '0A000', hint: `Write it through the ${door} door, in the same transaction if need be.` } },
  )
}

export function planForeignInsert(_binder: Binder, _scope: Scope, _statement: InsertStmt, relation: Relation): Planned {
  return refuse(relation, 'insert into')
}

export function planForeignUpdate(_binder: Binder, target: BoundTarget, _statement: UpdateStmt): Planned {
  return refuse(target.relation, 'update')
}

export function planForeignDelete(_binder: Binder, target: BoundTarget, _returning: Returning | undefined): Planned {
  return refuse(target.relation, 'delete from')
}
