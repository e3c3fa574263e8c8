/** The principal of work that no session asked for. */
import { PolylogError } from '../base/errors.ts'
import { unlimited } from './access/rights.ts'
import type { Principal } from './contract.ts'

export const nobody: Principal = {
  user: 'polylog',
  roleId: undefined,
  rights: unlimited,
  database: '',
  sessionId: 0,
  token: () => {
    throw new PolylogError('no_transaction', 'the system has no transaction that others could join')
  },
}
