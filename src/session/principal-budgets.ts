/**
 * What one principal has in all databases together, and how many connections there are: of a principal, of a database.
 *
 * A connection is a client's, at whichever door; sessions that a door opens beside it (the parties of Redis, transactions of
 * MongoDB) are not counted. Superusers are refused none, so that somebody can always look what is wrong.
 */
import { PolylogError } from '../base/errors.ts'
import { MemoryAccount } from '../base/memory-account.ts'
import { SpaceBudget } from '../database/directory/temporary-files.ts'
import type { Principals } from '../principal/principals.ts'
import type { ConnectionCounts } from './connection-counts.ts'
import type { Session } from './contract.ts'
import { limitBytes, type PrincipalBudget } from './limits.ts'

/** A session's, until it ends. */
export interface BudgetPlace {
  readonly user: string
  readonly database: string
  readonly isConnection: boolean
}

/** A session that begins. */
export interface Entering {
  readonly user: string
  /** Undefined of those who may do everything. */
  readonly roleId: number | undefined
  readonly database: string
  readonly isConnection: boolean
  /** What it goes on with: that is counted no more. */
  readonly instead: Pick<Session, 'user' | 'database' | 'isConnection'> | undefined
}

export interface Counted extends PrincipalBudget {
  sessions: number
  connections: number
}

export class PrincipalBudgets {
  readonly #principals: Principals
  readonly #connections: ConnectionCounts
  readonly #byUser = new Map<string, Counted>()
  /** Connections by database. */
  readonly #byDatabase = new Map<string, number>()

  constructor(principals: Principals, connections: ConnectionCounts) {
    this.#principals = principals
    this.#connections = connections
  }

  /**
   * For a session that begins; `leave` is for its end. Its limits are from then on those of the principal's sessions that
   * are there already. Errors: `too_many_connections`.
   */
  enter({ user, roleId, database, isConnection, instead }: Entering): Counted {
    const settings = this.#principals.settingsOf(user, '')
    const counted = this.#byUser.get(user) ?? newBudget(user)
    const inDatabase = this.#byDatabase.get(database) ?? 0
    if (isConnection && roleId !== undefined && this.#principals.member(roleId)?.isSuperuser !== true) {
      const before = instead?.isConnection === true ? instead : undefined
      if (before === undefined) this.#connections.checkNotReserved()
      const limit = this.#principals.byId(roleId)?.connectionLimit ?? -1
      this.#check('role', user, limit, counted.connections - (before?.user === user ? 1 : 0))
      const inDatabaseLimit = this.#principals.databaseLimit(database)
      this.#check('database', database, inDatabaseLimit, inDatabase - (before?.database === database ? 1 : 0))
    }
    counted.memory.limitBytes = limitBytes(settings, 'polylog.principal_memory')
    counted.space.limitBytes = limitBytes(settings, 'polylog.principal_temporary')
    counted.sessions++
    if (isConnection) counted.connections++
    this.#byUser.set(user, counted)
    if (isConnection) this.#byDatabase.set(database, inDatabase + 1)
    return counted
  }

  leave(counted: Counted, { user, database, isConnection }: BudgetPlace): void {
    if (isConnection) {
      counted.connections--
      this.#left(database)
    }
    if (--counted.sessions === 0) this.#byUser.delete(user)
  }

  #check(kind: string, name: string, limit: number, connections: number): void {
    if (limit < 0 || connections < limit) return
    throw new PolylogError('too_many_connections', `too many connections for ${kind} "${name}"`)
  }

  #left(database: string): void {
    const connections = this.#byDatabase.get(database)! - 1
    if (connections === 0) this.#byDatabase.delete(database)
    else this.#byDatabase.set(database, connections)
  }
}

function newBudget(user: string): Counted {
  const memory = new MemoryAccount(`the principal ${user}`, undefined, { quantumBytes: 1 })
  return { memory, space: new SpaceBudget(`the principal ${user}`, Infinity), sessions: 0, connections: 0 }
}
