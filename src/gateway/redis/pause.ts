/**
 * CLIENT PAUSE: commands of this door wait until its time is over or CLIENT UNPAUSE comes; all of them, or those that write and
 * those that reach others. What runs goes on, and so do other doors.
 */
import type { Cancel, Host } from '../../host/host.ts'
import { sliceToLatin1 } from '../../base/slice.ts'
import type { Call } from './call.ts'
import type { Client } from './client.ts'
import type { Command } from './command-table.ts'
import { findFunction } from './scripts/libraries.ts'
import { readScript } from './scripts/script.ts'
import type { ServerState } from './server-state.ts'
import type { Arguments } from './wire.ts'

export type PauseMode = 'write' | 'all'

/** Not writes by their flags, but what Redis's replicas may be told of. */
const mayReplicate: ReadonlySet<string> = new Set(['publish', 'spublish', 'pfcount'])

export class Pause {
  readonly #host: Host
  #mode: PauseMode | undefined
  #untilMs = 0
  #timer: Cancel | undefined
  #waiting: (() => void)[] = []
  /** Keys do not go by themselves either: neither by their time nor for room. */
  readonly #holdKeys: (hold: boolean) => void

  constructor(host: Host, holdKeys: (hold: boolean) => void) {
    this.#host = host
    this.#holdKeys = holdKeys
  }

  /** As in Redis, one that is stricter or longer than another one is taken from each. */
  begin(mode: PauseMode, forMs: number): void {
    this.#mode = this.#mode === 'all' ? 'all' : mode
    this.#holdKeys(true)
    this.#untilMs = Math.max(this.#untilMs, this.#host.now() + forMs)
    this.#timer?.()
    this.#timer = this.#host.at(Math.min(this.#untilMs - this.#host.now(), 2 ** 31 - 1), () => {
      if (this.#host.now() >= this.#untilMs) this.end()
      else this.begin(this.#mode!, 0)
    })
  }

  end(): void {
    this.#timer?.()
    this.#timer = undefined
    this.#mode = undefined
    this.#untilMs = 0
    this.#holdKeys(false)
    for (const run of this.#waiting.splice(0)) run()
  }

  get isOn(): boolean {
    return this.#mode !== undefined
  }

  /** For EXEC: what it would carry out. */
  concerns({ server, client, arguments: args }: Call, command: Command): boolean {
    if (this.#mode !== 'write') return this.#mode === 'all'
    if (command.name !== 'exec') return reachesOthers(server, client, command, args)
    return client.queue?.commands.some((one) => reachesOthers(server, client, one.command, one.arguments)) === true
  }

  /** Resolves at its end. */
  over(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}

function reachesOthers(server: ServerState, client: Client, command: Command, args: Arguments): boolean {
  const { name, flags } = command
  if (name === 'eval' || name === 'evalsha') return !writesNothing(server, name, args)
  if (name === 'fcall') {
    const found = findFunction(client.session.catalog, sliceToLatin1(args.at(1)))
    return found?.facts.flags.includes('no-writes') !== true
  }
  return flags.includes('write') || mayReplicate.has(name)
}

/** It says so of itself. */
function writesNothing({ scripts }: ServerState, name: string, args: Arguments): boolean {
  try {
    const text = args.at(1)
    const script = name === 'eval' ? readScript(text) : scripts.cache.find(sliceToLatin1(text).toLowerCase())
    return script?.flags?.includes('no-writes') === true
  } catch {
    return false
  }
}
