/** Which of PostgreSQL's catalogs shows a collection. */
import type { Collection } from '../../../database/catalog/catalog.ts'
import { isType } from '../../../model/table/type-kinds.ts'
import { isExtension } from '../extension/extension-kind.ts'
import { isRoutine } from '../routine/definition.ts'

export function catalogOf(collection: Collection): 'pg_class' | 'pg_extension' | 'pg_proc' | 'pg_type' {
  if (isRoutine(collection)) return 'pg_proc'
  if (isExtension(collection)) return 'pg_extension'
  return isType(collection) ? 'pg_type' : 'pg_class'
}
