/** The PostgreSQL gateway: the protocol of version 3, and SQL. */
import { loadSql, parseOn, prepare, prepareOn } from '../../language/sql/sql.ts'
import type { GatewayFactory } from '../gateway.ts'
import type { SqlLanguage } from './language.ts'
import { PostgresGateway } from './postgres-gateway.ts'

const sqlLanguage: SqlLanguage = { load: loadSql, parse: parseOn, prepare, prepareOn }

export const createPostgresGateway: GatewayFactory = (sessions, limits) =>
  new PostgresGateway(sessions, limits, sqlLanguage)
