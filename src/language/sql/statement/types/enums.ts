/** CREATE TYPE … AS ENUM, ALTER TYPE … ADD VALUE and RENAME VALUE. */
import type { AlterEnumStmt, CreateEnumStmt } from 'libpg-query'
import type { Collection } from '../../../../database/catalog/catalog.ts'
import { definitionOf } from '../../../../database/catalog/objects.ts'
import { type DefinitionOf, enumKind } from '../../../../model/table/type-kinds.ts'
import { createType, newEnum, redefineType, withMember } from '../../../../model/table/type-schema.ts'
import type { EnumContent } from '../../../../model/table/types/user/content.ts'
import { maxLabelBytes } from '../../../../model/table/types/user/enum.ts'
import { stringsOf } from '../../bind/tree.ts'
import { failure } from '../../failure.ts'
import type { SqlRun } from '../../plan/run.ts'
import { skipping } from '../create-schema.ts'
import { nothing, type Outcome } from '../execution.ts'
import { type Planned, planSteps } from '../prepared.ts'
import { rewriteTypeNames } from './stored-names.ts'
import { getOwnType, newTypeName, pathOf } from './type-names.ts'

export function planCreateEnum(statement: CreateEnumStmt): Planned {
  const path = pathOf(statement.typeName)
  const labels = stringsOf(statement.vals)
  return planSteps({ kind: 'schema' }, 'CREATE TYPE', (run) => {
    const { namespace, name } = newTypeName(run, path)
    const seen = new Set<string>()
    for (const label of labels) {
      checkLabel(label)
      if (seen.has(label))
        throw failure('23505', 'duplicate key value violates unique constraint "pg_enum_typid_label_index"')
      seen.add(label)
    }
    createType<EnumContent>(run.transaction, namespace, name, 'enum', newEnum(labels))
    return nothing
  })
}

function checkLabel(label: string): void {
  if (Buffer.byteLength(label) <= maxLabelBytes) return
  throw failure('42602', `invalid enum label "${label}"`, { detail: 'Labels must be 63 bytes or less.' })
}

export function planAlterEnum(statement: AlterEnumStmt): Planned {
  const path = pathOf(statement.typeName)
  return planSteps({ kind: 'schema' }, 'ALTER TYPE', (run): Outcome => {
    const collection = getOwnType(run, path, 'enum')
    if (statement.oldVal === undefined) return addValue(run, collection, statement)
    return renameValue(run, collection, statement.oldVal, statement.newVal ?? '')
  })
}

type Definition = DefinitionOf<EnumContent>

function addValue(run: SqlRun, collection: Collection, statement: AlterEnumStmt): Outcome {
  const { newVal: label = '', newValNeighbor: neighbor, newValIsAfter: isAfter, skipIfNewValExists } = statement
  checkLabel(label)
  const definition = definitionOf(enumKind, collection)
  if (definition.members.some((one) => one.label === label)) {
    const message = `enum label "${label}" already exists`
    if (skipIfNewValExists === true) return { rowCount: 0, notices: [skipping('42710', message)] }
    throw failure('42710', message)
  }
  const at =
    neighbor === undefined ? definition.members.length : placeOf(definition, neighbor) + (isAfter === true ? 1 : 0)
  redefineType(run.transaction, collection, withMember(run.transaction, definition, label, at))
  return nothing
}

function placeOf({ members }: Definition, label: string): number {
  const at = members.findIndex((one) => one.label === label)
  if (at < 0) throw failure('22023', `"${label}" is not an existing enum label`)
  return at
}

/** Texts that hold the label are written anew: what is stored there is the member. */
function renameValue(run: SqlRun, collection: Collection, from: string, to: string): Outcome {
  checkLabel(to)
  const definition = definitionOf(enumKind, collection)
  const at = placeOf(definition, from)
  if (definition.members.some((one) => one.label === to)) {
    throw failure('42710', `enum label "${to}" already exists`)
  }
  const members = definition.members.map((one, i) => (i === at ? { ...one, label: to } : one))
  const { catalog } = run.transaction
  redefineType(run.transaction, collection, { ...definition, members })
  rewriteTypeNames(run, catalog, collection.id)
  return nothing
}
