/** MONITOR: this client is shown what others send. */
import type { ConnectionHandler } from '../call.ts'

export const monitorCommands: Readonly<Record<string, ConnectionHandler>> = {
  monitor: (call) => {
    call.client.unasked.monitor(true)
    call.reply.ok()
  },
}
