/** The PostgreSQL gateway: the protocol of version 3, and SQL. */
import { loadSql, parseOn, prepare, prepareOn } from '../../language/sql/sql.ts'
import { readElsewhere } from '../../language/sql/remote/input.ts'
import { isDearInput } from '../../language/sql/remote/input-cost.ts'
import type { Protocol } from '../gateway.ts'
import type { SqlLanguage } from './language.ts'
import { postgresOver } from './postgres-protocol.ts'

const sqlLanguage: SqlLanguage = { load: loadSql, parse: parseOn, prepare, prepareOn, isDearInput, readElsewhere }

export const postgresProtocol: Protocol<'postgres'> = postgresOver(sqlLanguage)
