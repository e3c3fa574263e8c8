/** What a type is called, and by which numbers. */
import { quoteIdentifier } from '../identifier.ts'
import type { MadeType, SqlType } from '../type.ts'

export type Identity = Required<Pick<SqlType, 'oid' | 'catalogOid' | 'name' | 'title' | 'arrayOid' | 'made'>>

/** With its schema, except of `public` and the system's: what stored texts are read in. */
export function titleOf({ schema, name }: MadeType['content']): string {
  return schema === 'public' || schema === 'pg_catalog'
    ? quoteIdentifier(name)
    : `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`
}
