/** pg_cancel_backend and pg_terminate_backend: what one session does to another one, and who may. */
import { AccessError } from '../../database/access/rights.ts'
import type { Rights } from '../../database/access/rights.ts'
import type { Session, SessionHost } from '../../session/contract.ts'
import { sqlError } from './errors.ts'

export type Signal = 'cancel' | 'terminate'

/** A session, and as whom it asks. */
export interface Asker {
  readonly session: Session
  readonly rights: Rights
}

/** A connection of this door. */
export interface Signaled {
  cancel(): void
  /** Ends it: what runs is canceled first. */
  terminate(): void
}

/** The connections of the same door. */
export interface Connections {
  ofSession(id: number): Signaled | undefined
}

/** False where there is no such session, or none that could be ended from here. Errors: 42501. */
export function signalSession(
  asker: Asker,
  sessions: SessionHost,
  id: number,
  signal: Signal,
  connection: Signaled | undefined,
): boolean {
  const target = sessions.findSession(id)
  // Other doors end their connections by commands of their own.
  if (target === undefined || (signal === 'terminate' && connection === undefined)) return false
  refuseSignal(asker.rights, target, signal)
  if (signal === 'cancel') {
    if (connection === undefined) target.cancel()
    else connection.cancel()
  } else {
    const object = `session ${target.id} of ${target.user}`
    sessions.principals.audit.record({ event: 'session terminated', by: asker.session, object, detail: target.remote })
    connection!.terminate()
  }
  // What asks would not notice before its end.
  if (target === asker.session) throw sqlError('canceled', '57014', 'canceling statement due to user request')
  return true
}

function refuseSignal(rights: Rights, target: Session, signal: Signal): void {
  if (rights.areUnlimited) return
  const [superuser, member] =
    signal === 'cancel'
      ? ['cancel superuser query', 'role whose query is being canceled']
      : ['terminate superuser process', 'role whose process is being terminated']
  const { ownRoleId } = target.identity
  if (ownRoleId === undefined || target.rightsOf(ownRoleId).areUnlimited) {
    throw new AccessError('', '', `must be a superuser to ${superuser}`)
  }
  const asking = rights.member
  if (asking?.signals === true || asking?.roles.has(ownRoleId) === true) return
  throw new AccessError('', '', `must be a member of the ${member} or member of pg_signal_backend`)
}
