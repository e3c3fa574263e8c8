/** The principal of work that no session asked for. */
import { PolylogError } from '../base/errors.ts'
import type { Principal } from './contract.ts'

export const nobody: Principal = {
  user: 'polylog',
  database: '',
  sessionId: 0,
  token: () => {
    throw new PolylogError('no_transaction', 'the system has no transaction that others could join')
  },
}
