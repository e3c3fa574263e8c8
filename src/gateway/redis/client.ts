/** A connection as commands see it. */
import type { Session } from '../../session/contract.ts'
import type { CommandError } from './errors.ts'
import type { Parties } from './parties.ts'
import type { QueuedCommands } from './queue.ts'
import type { Unasked } from './unasked.ts'
import type { Tracking } from './watching/tracking.ts'
import type { Watches } from './watches.ts'

/** What a client may call itself, as long as it likes; charged to its connection. */
export type ClientName = 'name' | 'libraryName' | 'libraryVersion'

/** A monitor is shown the commands of others; a replica has what is here. */
export type ClientRole = 'client' | 'monitor' | 'replica'

export interface Client {
  /** CLIENT ID: grows with every connection. */
  readonly id: number
  readonly remote: string
  /** Where it has come in. */
  readonly local: string
  readonly role: ClientRole
  /** From this machine. */
  readonly isLocal: boolean
  readonly openedMs: number
  /** Where commands run, and who is asked about the open transaction. POLYLOG.USE and AUTH replace it. */
  readonly session: Session
  readonly watches: Watches
  readonly parties: Parties
  /** Made where it is not there yet. */
  readonly unasked: Unasked
  /** CLIENT TRACKING, while it is on. */
  readonly tracking: Tracking | undefined
  /** All that it listens to. */
  readonly subscriptionCount: number
  readonly name: string
  readonly libraryName: string
  readonly libraryVersion: string
  /** Its command is neither part of a script nor of a block. */
  readonly isAlone: boolean
  /** It has proved who it is, or nobody asks. */
  readonly isIdentified: boolean
  /** Nobody hears what it is answered. */
  readonly hasEnded: boolean
  identify(): void
  /** By whose name the server was called, until its session is there. */
  readonly homeDatabase: string | undefined
  /** Number of the selected database. */
  database: number
  /** 2 or 3. */
  protocol: number
  isExemptFromEviction: boolean
  /** CLIENT NO-TOUCH: what it reads is not the younger for it. */
  touchesNothing: boolean
  /** Its command waits for somebody else: a lock. */
  readonly isBlocked: boolean
  /** Ends its wait for data, as if its time were over or with the error; false where it does not wait for any. */
  unblock(error?: CommandError): boolean
  /** What has arrived and is not carried out. */
  readonly receivedBytes: number
  /** Replies that its side has not taken. */
  readonly pendingBytes: number
  /** All that is charged for it. */
  readonly memoryBytes: number
  lastCommand: string
  readonly lastActiveMs: number
  /** Commands since MULTI. */
  queue: QueuedCommands | undefined

  /** Throws `out_of_memory`. */
  keepName(which: ClientName, value: string): void
  /** Closes the connection once the replies so far have left. */
  closeAfterReplies(): void
  /** What must be waited for before `changeSession` to this database. */
  openDatabase(name: string): Promise<void> | undefined
  /** Goes on as another user or in another database; before anything is answered. */
  changeSession(change: { user?: string; roleId?: number | undefined; database?: string }): void
  /** Back to the state of a new connection. */
  reset(): void
  kill(): void
}
