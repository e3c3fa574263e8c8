/** BEGIN, COMMIT, SAVEPOINT and their kin: described for the door, which has the session. */
import type { Node, TransactionStmt } from 'libpg-query'
import type { Isolation } from '../../../database/contract.ts'
import { optionText } from '../bind/tree.ts'
import { notBuilt } from '../failure.ts'
import { type Planned, planEffect } from './prepared.ts'

export interface TransactionModes {
  readonly isolation?: Isolation
  readonly readOnly?: boolean
}

export function planTransaction(statement: TransactionStmt): Planned {
  const modes = transactionModes(statement.options ?? [])
  const chain = statement.chain === true
  const name = statement.savepoint_name ?? ''
  switch (statement.kind) {
    case 'TRANS_STMT_BEGIN':
      return planEffect({ kind: 'begin', ...modes }, 'BEGIN')
    case 'TRANS_STMT_START':
      return planEffect({ kind: 'begin', ...modes }, 'START TRANSACTION')
    case 'TRANS_STMT_COMMIT':
      return planEffect({ kind: 'commit', chain }, 'COMMIT')
    case 'TRANS_STMT_ROLLBACK':
      return planEffect({ kind: 'rollback', chain }, 'ROLLBACK')
    case 'TRANS_STMT_SAVEPOINT':
      return planEffect({ kind: 'savepoint', name }, 'SAVEPOINT')
    case 'TRANS_STMT_RELEASE':
      return planEffect({ kind: 'release', name }, 'RELEASE')
    case 'TRANS_STMT_ROLLBACK_TO':
      return planEffect({ kind: 'rollback to', name }, 'ROLLBACK')
    case 'TRANS_STMT_PREPARE':
      return planEffect({ kind: 'prepare transaction', gid: statement.gid ?? '' }, 'PREPARE TRANSACTION')
    case 'TRANS_STMT_COMMIT_PREPARED':
      return planEffect({ kind: 'finish prepared', gid: statement.gid ?? '', commits: true }, 'COMMIT PREPARED')
    case 'TRANS_STMT_ROLLBACK_PREPARED':
      return planEffect({ kind: 'finish prepared', gid: statement.gid ?? '', commits: false }, 'ROLLBACK PREPARED')
    default:
      throw notBuilt(`a statement ${statement.kind}`)
  }
}

/** `read uncommitted` behaves as read committed, as it does in PostgreSQL. */
function isolationOf(text: string): Isolation | undefined {
  const lower = text.toLowerCase()
  if (lower === 'read uncommitted') return 'read committed'
  return lower === 'read committed' || lower === 'repeatable read' || lower === 'serializable' ? lower : undefined
}

/** DEFERRABLE is about waiting for a state on which a serializable transaction that only reads cannot fail: here every state is one. */
export function transactionModes(options: readonly Node[]): TransactionModes {
  const modes: { isolation?: Isolation; readOnly?: boolean } = {}
  for (const option of options) {
    if (!('DefElem' in option)) continue
    const { defname, arg } = option.DefElem
    const text = optionText(arg) ?? ''
    if (defname === 'transaction_isolation') {
      const isolation = isolationOf(text)
      if (isolation !== undefined) modes.isolation = isolation
    } else if (defname === 'transaction_read_only') modes.readOnly = text === '1' || text === 'true'
  }
  return modes
}
