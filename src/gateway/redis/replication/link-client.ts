/** The client as which commands of a master run: nobody hears what it is answered, and it asks nobody for leave. */
import type { Session } from '../../../session/contract.ts'
import type { Client } from '../client.ts'
import { CommandError } from '../errors.ts'
import { RefusingClient } from '../refusing-client.ts'

export class LinkClient extends RefusingClient implements Client {
  readonly id = 0
  readonly local = ''
  readonly role = 'client'
  readonly isLocal = true
  readonly openedMs = 0
  readonly subscriptionCount = 0
  readonly libraryName = ''
  readonly libraryVersion = ''
  readonly isIdentified = true
  readonly homeDatabase: string | undefined = undefined
  readonly hasEnded = false
  readonly tracking: undefined = undefined
  readonly queue: undefined = undefined
  /** Neither waits. */
  readonly isAlone = false
  readonly isBlocked = false
  readonly isExemptFromEviction = true
  readonly touchesNothing = false
  readonly receivedBytes = 0
  readonly pendingBytes = 0
  readonly memoryBytes = 0
  readonly lastActiveMs = 0
  readonly name = 'master'
  readonly protocol = 2
  lastCommand = ''
  database = 0
  readonly remote: string
  readonly session: Session

  constructor(session: Session, remote: string) {
    super()
    this.session = session
    this.remote = remote
  }

  get watches(): never {
    return this.refuse()
  }

  get parties(): never {
    return this.refuse()
  }

  get unasked(): never {
    return this.refuse()
  }

  unblock(): boolean {
    return false
  }

  protected refuse(): never {
    throw new CommandError('ERR not for a master')
  }
}
