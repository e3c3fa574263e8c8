/** How PostgreSQL names an object in a message: `constraint orders_pkey on table orders`. */
import { wordOf } from '../../../database/access/rights.ts'
import type { ObjectAddress } from '../../../database/catalog/objects.ts'
import { partsOf } from '../../../database/catalog/objects.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import { formatType } from '../../../model/table/types/registry.ts'
import { isExtension } from '../extension/extension-kind.ts'
import { isRoutine } from '../routine/definition.ts'
import { routineOf } from '../routine/routines.ts'
import { quoteIdentifier } from '../functions/text-functions.ts'
import { isType, typeOfCollection } from '../../../model/table/type-kinds.ts'
import { qualify } from '../bind/objects.ts'
import type { SqlRun } from '../plan/run.ts'
import { currentContext } from '../plan/run.ts'

export function describeAddress(run: SqlRun, { id, part }: ObjectAddress): string {
  const { catalog } = run.transaction
  const namespace = catalog.namespaceById(id)
  if (namespace !== undefined) return `schema ${namespace.name}`
  const collection = catalog.collectionById(id)
  if (collection === undefined) return `object ${id}`
  if (isExtension(collection)) return `extension ${collection.name}`
  if (isRoutine(collection)) return routineTitle(run, collection)
  const shown = (name: string): string => qualify(currentContext(run), collection.namespace.name, name)
  const whole = isType(collection)
    ? `type ${typeOfCollection(collection).title}`
    : `${wordOf(collection)} ${shown(collection.name)}`
  if (part === undefined) return whole
  const name = partsOf(collection).find(({ kind, key }) => kind === part.kind && key === part.key)?.name ?? ''
  if (part.kind === 'index') return `index ${shown(name)}`
  if (part.kind === 'default') return `default value for column ${name} of ${whole}`
  return part.kind === 'column' ? `column ${name} of ${whole}` : `${part.kind} ${name} on ${whole}`
}

/** `function f(integer)`, with its schema where the search path does not find it. */
export function routineTitle({ context }: SqlRun, collection: Collection): string {
  const { definition, inputs } = routineOf(collection)
  const schema = collection.namespace.name
  const isFound = context.searchPath.some(
    (one) => (one === '$user' || one === '"$user"' ? context.user : one) === schema,
  )
  const name = quoteIdentifier(definition.name)
  const types = inputs.map(({ type }) => formatType(type, -1)).join(',')
  return `${definition.kind} ${isFound ? '' : `${quoteIdentifier(schema)}.`}${name}(${types})`
}
