/** What a transaction block has said of roles, and as what it sees them. */
import type { PendingChanges } from '../../principal/pending-changes.ts'
import type { Principals } from '../../principal/principals.ts'

export class RolesOfBlock {
  readonly pending: PendingChanges
  readonly principals: Principals

  constructor(principals: Principals) {
    this.pending = principals.pending()
    this.principals = principals.within(this.pending)
  }
}
