/**
 * A cluster of one node, which has all slots: for clients that know clusters only. Where the server is one, commands must keep to
 * the keys of one slot, as in Redis, so that what works here works on more nodes.
 */
import type { Call } from '../call.ts'
import type { Client } from '../client.ts'
import { type Command, keysOf } from '../command-table.ts'
import { CommandError } from '../errors.ts'
import type { QueuedCommands } from '../queue.ts'
import type { ServerState } from '../server-state.ts'
import type { Arguments } from '../wire.ts'
import { slotOf } from './slots.ts'

export class ClusterNode {
  /** 40 hexadecimal digits, new with every start. */
  readonly id: string
  readonly #server: ServerState

  constructor(server: ServerState) {
    this.#server = server
    this.id = server.runId
  }

  /** Where clients are told to come: as they have come, or as `cluster-announce-…` says. */
  address(client: Client): { readonly host: string; readonly port: number; readonly name: string } {
    const { settings } = this.#server
    const [, host = '', port = '0'] = /^(.*):(\d+)$/.exec(client.local) ?? []
    return {
      host: settings.text('cluster-announce-ip') || host.replace(/^::ffff:(?=\d+\.)/, ''),
      port: settings.number('cluster-announce-port') || Number(port),
      name: settings.text('cluster-announce-hostname'),
    }
  }

  /** As `cluster-preferred-endpoint-type` says; null: where the client has asked. */
  endpoint(client: Client): string | null {
    const { host, name } = this.address(client)
    const type = this.#server.settings.text('cluster-preferred-endpoint-type')
    if (type === 'unknown-endpoint') return null
    return type === 'hostname' ? (name === '' ? '?' : name) : host
  }

  /** Errors: CROSSSLOT. `slot`: of the keys before, -1 where there were none; answers that of these. */
  checkSlot(command: Command, args: Arguments, slot = -1): number {
    let found = slot
    for (const { specification } of command.keys) {
      for (const at of keysOf(specification, args, 0) ?? []) {
        const next = slotOf(args.at(at))
        if (found >= 0 && next !== found) {
          throw new CommandError("CROSSSLOT Keys in request don't hash to the same slot")
        }
        found = next
      }
    }
    return found
  }

  /** Of EXEC: all its commands are one. */
  checkSlots({ commands }: QueuedCommands): void {
    let slot = -1
    for (const { command, arguments: args } of commands) slot = this.checkSlot(command, args, slot)
  }
}

/** Errors: what Redis says where it is no node of a cluster. */
export function requireCluster({ server }: Call): ClusterNode {
  if (server.cluster !== undefined) return server.cluster
  throw new CommandError('ERR This instance has cluster support disabled')
}

/** Of what is about a database other than 0. */
export function refuseInCluster({ server }: Call, what: string): void {
  if (server.cluster !== undefined) throw new CommandError(`ERR ${what} not allowed in cluster mode`)
}
