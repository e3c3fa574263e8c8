/**
 * Calls of connections that rest, for those that do something: a few serve thousands.
 *
 * Invariant: one that is spare is no connection's, and nothing of the one that it served last is read again.
 */
import type { Payer } from '../../base/memory-account.ts'
import { Call } from './call.ts'
import type { Client } from './client.ts'
import { Reply } from './reply.ts'
import type { ServerState } from './server-state.ts'

const mostKept = 64

export class SpareCalls {
  readonly #server: ServerState
  readonly #spare: Call[] = []

  constructor(server: ServerState) {
    this.#server = server
  }

  take(client: Client, payer: Payer): Call {
    const server = this.#server
    const call = this.#spare.pop() ?? new Call(server, new Reply(4 * server.limits.maxMessageBytes, server.tally))
    call.client = client
    call.reply.serve(payer, client.protocol)
    return call
  }

  /** Its command has been answered. */
  give(call: Call): void {
    if (this.#spare.length === mostKept) return
    call.reply.leave()
    this.#spare.push(call)
  }
}
