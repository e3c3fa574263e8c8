/** LISTEN, UNLISTEN and NOTIFY. */
import type { ListenStmt, NotifyStmt, UnlistenStmt } from 'libpg-query'
import type { StatementSteps } from '../../../database/contract.ts'
import type { SessionMessages } from '../contract.ts'
import { failure, notBuilt } from '../failure.ts'
import { notify } from '../notification.ts'
import type { SqlRun } from '../plan/run.ts'
import { nothing, type Outcome } from './execution.ts'
import { type Planned, planSteps } from './prepared.ts'

/** What is told is in no log: who listened on a follower would hear nothing, and not know. */
function messagesOf({ context }: SqlRun, command: string): SessionMessages {
  if (context.leads === false) throw failure('25006', `cannot execute ${command} during recovery`)
  if (context.messages === undefined) throw notBuilt(command)
  return context.messages
}

export function planListen({ conditionname = '' }: ListenStmt): Planned {
  return planSteps({ kind: 'session' }, 'LISTEN', (run) => {
    messagesOf(run, 'LISTEN').listen(run.transaction, conditionname)
    return nothing
  })
}

export function planUnlisten({ conditionname }: UnlistenStmt): Planned {
  const channel = conditionname === '' ? undefined : conditionname
  return planSteps({ kind: 'session' }, 'UNLISTEN', (run) => {
    messagesOf(run, 'UNLISTEN').unlisten(run.transaction, channel)
    return nothing
  })
}

export function planNotify({ conditionname = '', payload = '' }: NotifyStmt): Planned {
  return planSteps({ kind: 'session' }, 'NOTIFY', function* (run): StatementSteps<Outcome> {
    const { transaction, context } = run
    if (context.leads === false) throw failure('25006', 'cannot execute NOTIFY during recovery')
    // Who is on its own waits where too much is on its way; others would keep what they have locked.
    const room = transaction.isSingleStatement ? transaction.effects.hub.room : undefined
    if (room !== undefined) yield room
    notify(transaction, conditionname, payload)
    return nothing
  })
}
