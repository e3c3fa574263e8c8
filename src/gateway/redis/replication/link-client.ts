/** The client as which commands of a master run: nobody hears what it is answered, and it asks nobody for leave. */
import type { Session } from '../../../session/contract.ts'
import type { Client } from '../client.ts'
import { CommandError } from '../errors.ts'

function refuse(): never {
  throw new CommandError('ERR not for a master')
}

export class LinkClient implements Client {
  readonly id = 0
  readonly local = ''
  readonly isMonitor = false
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
    this.session = session
    this.remote = remote
  }

  get watches(): never {
    return refuse()
  }

  get parties(): never {
    return refuse()
  }

  get unasked(): never {
    return refuse()
  }

  unblock(): boolean {
    return false
  }

  identify(): never {
    return refuse()
  }

  keepName(): never {
    return refuse()
  }

  closeAfterReplies(): never {
    return refuse()
  }

  openDatabase(): never {
    return refuse()
  }

  changeSession(): never {
    return refuse()
  }

  reset(): never {
    return refuse()
  }

  kill(): never {
    return refuse()
  }
}
