/** The names of the schemas that temporary relations lie in. */
import { temporaryPrefix } from '../../database/catalog/schema-changes.ts'

/** `pg_temp_` and the number of a session; more behind it where that was taken. */
const temporaryName = new RegExp(`^${temporaryPrefix}(\\d+)(?:_\\d+)?$`)

export function isTemporaryName(schema: string): boolean {
  return temporaryName.test(schema)
}

/** The session that the schema is of. */
export function sessionOfTemporary(schema: string): number | undefined {
  const found = temporaryName.exec(schema)
  return found === null ? undefined : Number(found[1])
}
