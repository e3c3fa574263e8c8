/** How PostgreSQL names an object in a message: `constraint orders_pkey on table orders`. */
import type { ObjectAddress } from '../../../database/catalog/objects.ts'
import { partsOf } from '../../../database/catalog/objects.ts'
import { isSequence } from '../../../model/table/sequence.ts'
import { qualify } from '../bind/objects.ts'
import type { SqlRun } from '../plan/run.ts'
import { currentContext } from '../plan/run.ts'

export function describeAddress(run: SqlRun, { id, part }: ObjectAddress): string {
  const { catalog } = run.transaction
  const namespace = catalog.namespaceById(id)
  if (namespace !== undefined) return `schema ${namespace.name}`
  const collection = catalog.collectionById(id)
  if (collection === undefined) return `object ${id}`
  const shown = (name: string): string => qualify(currentContext(run), collection.namespace.name, name)
  const whole = `${isSequence(collection) ? 'sequence' : 'table'} ${shown(collection.name)}`
  if (part === undefined) return whole
  const name = partsOf(collection).find(({ kind, key }) => kind === part.kind && key === part.key)?.name ?? ''
  if (part.kind === 'index') return `index ${shown(name)}`
  if (part.kind === 'default') return `default value for column ${name} of ${whole}`
  return part.kind === 'column' ? `column ${name} of ${whole}` : `${part.kind} ${name} on ${whole}`
}
