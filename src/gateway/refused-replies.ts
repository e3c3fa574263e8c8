/**
 * What leaves in place of replies that told of what was refused since, by a full disk or because another leads: an error
 * for each of them, and the connection goes on.
 *
 *   replies are held ──▶ standInFor ──▶ refused ──▶ reword ──▶ the block that is open fails ──▶ the errors leave
 *                           │                          │
 *                           └── nothing would do ──────┴──▶ the connection ends: who connects again knows where it is
 *
 * The rules are the same for all protocols and stand here: nothing of a chunk is told as done; what the client hears is how
 * things stand; what has changed the connection itself cannot be told as failed; a block in which a statement runs cannot
 * be failed behind its back. A protocol tells where one reply ends and what an error looks like.
 */
import type { PolylogError } from '../base/errors.ts'
import type { StandIn } from '../session/outbox.ts'

/** Replies in the words of the error. */
export interface Reworded {
  readonly bytes: Uint8Array
  /** The client hears that the block which it may have open has failed. */
  readonly failsBlock: boolean
  /** They told only of what goes back with that block, and with it what would have stayed on the connection. */
  readonly isInBlock: boolean
}

/** What only the protocol knows of its replies and of its client. */
export interface Rewording {
  /** Asked when replies are to be held. False where the client has begun what it would not hear the failure of. */
  readonly canReword?: boolean
  /** Undefined where they are not whole replies, or where no error would do. */
  reword(replies: Uint8Array, error: PolylogError): Reworded | undefined
  /** The client could still commit what it has begun. */
  readonly hasOpenBlock: boolean
  /** The client has been told so. */
  failBlock(): void
}

/** For a chunk of replies that must be held. `tellsOfLasting`: of what stays on the connection, whatever is refused. */
export function standInFor(
  protocol: Rewording,
  tellsOfLasting: boolean,
  isWaiting: () => boolean,
): StandIn | undefined {
  if (protocol.canReword === false) return undefined
  return (replies, error) => {
    const reworded = protocol.reword(replies, error)
    if (reworded === undefined || (tellsOfLasting && !reworded.isInBlock)) return undefined
    if (!reworded.failsBlock) return reworded.bytes
    if (protocol.hasOpenBlock && isWaiting()) return undefined
    protocol.failBlock()
    return reworded.bytes
  }
}
