/** CREATE SCHEMA. */
import type { CreateSchemaStmt } from 'libpg-query'
import type { Notice } from '../contract.ts'
import { failure, notBuilt } from '../failure.ts'
import { systemNamespaces } from '../catalog/identity.ts'
import { giveNamespace, newOwner } from './owners.ts'
import { type Planned, planSteps } from './prepared.ts'

export function planCreateSchema(statement: CreateSchemaStmt): Planned {
  if ((statement.schemaElts?.length ?? 0) > 0) throw notBuilt('CREATE SCHEMA with elements')
  return planSteps({ kind: 'schema' }, 'CREATE SCHEMA', (run) => {
    const { transaction, context } = run
    const owner = statement.authrole && newOwner(run, statement.authrole)
    const name = statement.schemaname ?? owner?.owner ?? context.user
    if (transaction.catalog.namespaces.has(name) || systemNamespaces.has(name)) {
      if (statement.if_not_exists !== true) throw failure('42P06', `schema "${name}" already exists`)
      return { rowCount: 0, notices: [skipping('42P06', `schema "${name}" already exists`)] }
    }
    if (name.startsWith('pg_')) {
      throw failure('42939', `unacceptable schema name "${name}"`, {
        detail: 'The prefix "pg_" is reserved for system schemas.',
      })
    }
    const namespace = transaction.createNamespace(name)
    if (owner !== undefined) giveNamespace(run, namespace, owner)
    return { rowCount: 0 }
  })
}

export function skipping(sqlState: string, what: string): Notice {
  return { severity: 'NOTICE', sqlState, message: `${what}, skipping` }
}
