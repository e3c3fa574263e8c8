/**
 * What is answered to who may not: as the server words it, but without what the command holds beside its name, its collection
 * and its database, since errors go to logs. Each is told to the audit.
 */
import { isDenial } from '../../database/access/rights.ts'
import type { PolylogError } from '../../base/errors.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import { PolicyViolation } from '../../model/table/policies.ts'
import { bsonType } from '../../model/document/bson.ts'
import { readString } from '../../model/document/values.ts'
import type { Request } from './request.ts'

export function worded(request: Request, error: PolylogError): PolylogError {
  if (!isDenial(error)) return error
  const { command, database, gateway, session } = request
  gateway.sessions.principals.audit.record({
    event: 'access denied',
    by: session,
    object: shownTarget(request) ?? database,
    detail: command,
  })
  if (error instanceof PolicyViolation) return mongoError(13, error.message, 'denied')
  const text = `not authorized on ${database} to execute command { ${command}: ${shown(request)}, $db: "${database}" }`
  return mongoError(13, text, 'denied')
}

/** The first field of most commands is the name of a collection. */
function shown(request: Request): string {
  const value = request.fields.get(request.command)
  if (value?.type === bsonType.string) return JSON.stringify(readString(value))
  return value?.isNumber === true ? '1' : '{ … }'
}

function shownTarget({ command, fields, database }: Request): string | undefined {
  const value = fields.get(command)
  return value?.type === bsonType.string ? `${database}.${readString(value)}` : undefined
}
