/** ACL LOG: what was refused, the last first. What is alike within a minute is one entry with a count, as in Redis. */
import type { Client } from './client.ts'
import { describeClient } from './commands/client.ts'
import type { DenialReason } from './permissions.ts'
import type { ServerState } from './server-state.ts'

export type DenialContext = 'toplevel' | 'multi'

export interface DenialEntry {
  readonly reason: DenialReason | 'auth'
  readonly context: DenialContext
  /** The command, the key, the channel. */
  readonly object: string
  readonly user: string
}

export interface CountedDenial extends DenialEntry {
  readonly count: number
  readonly atMs: number
  /** As CLIENT LIST describes it. */
  readonly client: string
}

export const mostDenials = 128
const togetherMs = 60_000

export class DenialLog {
  #entries: CountedDenial[] = []

  get entries(): readonly CountedDenial[] {
    return this.#entries
  }

  add(entry: DenialEntry, client: string, nowMs: number): void {
    const { reason, context, object, user } = entry
    const last = this.#entries.find(
      (each) =>
        each.reason === reason &&
        each.context === context &&
        each.object === object &&
        each.user === user &&
        nowMs - each.atMs <= togetherMs,
    )
    const rest = this.#entries.filter((each) => each !== last).slice(0, mostDenials - 1)
    this.#entries = [{ ...entry, client, atMs: nowMs, count: (last?.count ?? 0) + 1 }, ...rest]
  }

  clear(): void {
    this.#entries = []
  }
}

/** In the log, and in the audit, which has one for failed logins by itself. */
export function noteDenial(server: ServerState, client: Client, reason: DenialEntry['reason'], object: string): void {
  const context = client.queue === undefined ? 'toplevel' : 'multi'
  const { session } = client
  server.denials.add(
    { reason, context, object, user: session.user },
    describeClient(client, server.now()),
    server.now(),
  )
  server.sessions.principals.audit.record({
    event: 'access denied',
    by: session,
    object: reason === 'command' || reason === 'auth' ? object : client.lastCommand,
    detail: reason,
  })
}
