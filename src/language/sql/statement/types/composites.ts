/** CREATE TYPE … AS (…). */
import type { CompositeTypeStmt } from 'libpg-query'
import { createType } from '../../../../model/table/type-schema.ts'
import { keptContents, shownNumber } from '../../../../model/table/types/registry.ts'
import type { CompositeContent, TypeField } from '../../../../model/table/types/user/content.ts'
import { requireTypeUse } from '../../bind/type-access.ts'
import { bindColumnType } from '../../bind/type-name.ts'
import { failure } from '../../failure.ts'
import { isNameTaken } from '../naming.ts'
import { nothing } from '../execution.ts'
import { type Planned, planSteps } from '../prepared.ts'
import { binderOf, newTypeName } from './type-names.ts'

export function planCreateComposite({ typevar, coldeflist = [] }: CompositeTypeStmt): Planned {
  const { schemaname, relname = '' } = typevar ?? {}
  const path = schemaname === undefined ? [relname] : [schemaname, relname]
  return planSteps({ kind: 'schema' }, 'CREATE TYPE', (run) => {
    const { namespace, name } = newTypeName(run, path)
    if (isNameTaken(run.transaction, namespace.name, name)) throw failure('42P07', `relation "${name}" already exists`)
    const binder = binderOf(run)
    const types: number[] = []
    const fields: TypeField[] = []
    for (const node of coldeflist) {
      if (!('ColumnDef' in node)) continue
      const { colname = '', typeName } = node.ColumnDef
      if (fields.some((field) => field.name === colname)) {
        throw failure('42701', `column "${colname}" specified more than once`)
      }
      const { type, modifier } = bindColumnType(binder, typeName, colname)
      requireTypeUse(binder.context, type)
      types.push(type)
      fields.push({ number: fields.length + 1, name: colname, type: shownNumber(type), modifier })
    }
    createType<CompositeContent>(run.transaction, namespace, name, 'composite', {
      fields,
      nextField: fields.length + 1,
      ...keptContents(types),
    })
    return nothing
  })
}
