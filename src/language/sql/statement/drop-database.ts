/** DROP DATABASE: the server takes it away. */
import type { DropdbStmt } from 'libpg-query'
import { failure } from '../failure.ts'
import { type Planned, planEffect } from './prepared.ts'

export function planDropDatabase(statement: DropdbStmt): Planned {
  let isForced = false
  for (const node of statement.options ?? []) {
    if (!('DefElem' in node)) continue
    const { defname = '', location } = node.DefElem
    if (defname !== 'force') throw failure('42601', `unrecognized DROP DATABASE option "${defname}"`, { location })
    isForced = true
  }
  const effect = {
    kind: 'drop database',
    name: statement.dbname!,
    isForced,
    missingOk: statement.missing_ok === true,
  } as const
  return planEffect(effect, 'DROP DATABASE')
}
