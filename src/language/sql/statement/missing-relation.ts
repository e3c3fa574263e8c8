/** What a statement says of a relation that is not there. */
import type { RangeVar } from 'libpg-query'
import type { Notice } from '../contract.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { skipping } from './create-schema.ts'
import type { Outcome } from './execution.ts'
import { shownName } from './naming.ts'

/** `missingOk`: by IF EXISTS, which PostgreSQL answers without the schema, unlike the error. */
export function missingRelation(name: RangeVar, missingOk: boolean | undefined): Outcome {
  if (missingOk !== true) throw failure('42P01', `relation "${shownName(name)}" does not exist`)
  return { rowCount: 0, notices: [skipping('00000', `relation "${name.relname}" does not exist`)] }
}

/** Of DROP IF EXISTS; `word`: `table`. */
export function skippedDrop({ transaction }: SqlRun, word: string, { schemaname, relname }: RangeVar): Notice {
  const isSchemaThere = schemaname === undefined || transaction.catalog.namespaces.get(schemaname) !== undefined
  const what = isSchemaThere ? `${word} "${relname}"` : `schema "${schemaname}"`
  return skipping('00000', `${what} does not exist`)
}
