/** ALTER TYPE and ALTER DOMAIN … RENAME TO, SET SCHEMA and OWNER TO: what they say alike of every kind of type. */
import type { AlterObjectSchemaStmt, AlterOwnerStmt, RenameStmt } from 'libpg-query'
import type { Collection } from '../../../../database/catalog/catalog.ts'
import type { CollectionChange } from '../../../../database/catalog/schema-changes.ts'
import { changeType } from '../../../../model/table/type-schema.ts'
import { failure } from '../../failure.ts'
import type { SqlRun } from '../../plan/run.ts'
import { nothing } from '../execution.ts'
import { giveCollection, newOwner } from '../owners.ts'
import { type Planned, planSteps } from '../prepared.ts'
import { renameDomainConstraint } from './domains.ts'
import { rewriteTypeNames } from './stored-names.ts'
import { getOwnType, getTypeCollection, pathOf, refuseTaken } from './type-names.ts'

const kinds: ReadonlySet<string> = new Set(['OBJECT_TYPE', 'OBJECT_DOMAIN'])

/** Undefined where it is about something else. */
export function planRenameType(statement: RenameStmt): Planned | undefined {
  const { renameType = 'OBJECT_TABLE', object, newname: to = '', subname = '' } = statement
  if (renameType === 'OBJECT_DOMCONSTRAINT') {
    return planChange('OBJECT_DOMAIN', pathOf(object), (run, domain) =>
      renameDomainConstraint(run, domain, subname, to),
    )
  }
  if (!kinds.has(renameType)) return undefined
  const path = pathOf(object)
  return planChange(renameType, path, (run, collection) => {
    refuseTaken(run, collection.namespace, to)
    move(run, collection, { name: to })
  })
}

export function planMoveType({
  objectType = 'OBJECT_TABLE',
  object,
  newschema = '',
}: AlterObjectSchemaStmt): Planned | undefined {
  if (!kinds.has(objectType)) return undefined
  const path = pathOf(object)
  return planChange(objectType, path, (run, collection) => {
    const namespace = run.transaction.catalog.namespaces.get(newschema)
    if (namespace === undefined) throw failure('3F000', `schema "${newschema}" does not exist`)
    if (namespace.id === collection.namespace.id) return
    if (run.transaction.catalog.findCollection(newschema, collection.name, 'type') !== undefined) {
      throw failure('42710', `type "${collection.name}" already exists in schema "${newschema}"`)
    }
    move(run, collection, { namespace })
  })
}

export function planOwnType({ objectType = 'OBJECT_TABLE', object, newowner }: AlterOwnerStmt): Planned | undefined {
  if (!kinds.has(objectType)) return undefined
  const path = pathOf(object)
  return planChange(objectType, path, (run, collection) => {
    giveCollection(run, collection, newOwner(run, newowner))
  })
}

function planChange(kind: string, path: readonly string[], change: (run: SqlRun, type: Collection) => void): Planned {
  const command = kind === 'OBJECT_DOMAIN' ? 'ALTER DOMAIN' : 'ALTER TYPE'
  return planSteps({ kind: 'schema' }, command, (run) => {
    const found = getTypeCollection(run, path)
    if (kind === 'OBJECT_DOMAIN' && found.kind !== 'domain') throw failure('42809', `${found.name} is not a domain`)
    change(run, getOwnType(run, path))
    return nothing
  })
}

/** Another name or schema, for it and for the texts that name it. */
function move(run: SqlRun, collection: Collection, to: CollectionChange): void {
  const { catalog } = run.transaction
  changeType(run.transaction, collection, to)
  rewriteTypeNames(run, catalog, collection.id)
}
