/**
 * Where a session reads what its database held before: from `lookBack` on, until it comes back, statements and transactions
 * that begin run on a state of the past (`database/history`), which takes no writes. What belongs to the connection, as its
 * locks, messages and what its replies wait for, stays with the present.
 */
import type { Moment } from '../base/moment.ts'
import { PastRights, requireHistory } from '../database/access/past-rights.ts'
import type { Rights } from '../database/access/rights.ts'
import type { Sequence } from '../database/contract.ts'
import type { Database } from '../database/database.ts'
import type { PastState } from '../database/history/history.ts'

export class LookingBack {
  readonly #present: Database
  readonly #state: PastState

  private constructor(present: Database, state: PastState) {
    this.#present = present
    this.#state = state
  }

  /** `rights`: in the present. Errors: those of `History`, `denied`. */
  static async to(present: Database, rights: Rights, moment: Moment): Promise<LookingBack> {
    requireHistory(rights, present.name)
    return new LookingBack(present, await stateAt(present, moment))
  }

  get database(): Database {
    return this.#state.database
  }

  get sequence(): Sequence {
    return this.database.newestSequence
  }

  /** `of`: what the same roles may do in a database. */
  rights(of: (database: Database) => Rights): Rights {
    return PastRights.of(of(this.database), of(this.#present), this.#present.catalog)
  }

  /** As `rights`, of the caller itself. Errors: `denied`. */
  ownRights(of: (database: Database) => Rights): Rights {
    requireHistory(of(this.#present), this.#present.name)
    return this.rights(of)
  }

  /** `sessionId`: whose locks end there. */
  end(sessionId: number): void {
    this.database.locks.endSession(sessionId)
    this.#state.release()
  }
}

async function stateAt(present: Database, moment: Moment): Promise<PastState> {
  const { sequence, timeMs } = await present.history.find(moment)
  return present.history.at(sequence, timeMs)
}
