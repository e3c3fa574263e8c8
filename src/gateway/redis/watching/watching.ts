/**
 * What clients of this door want to know of keys: by notifications (`key-events.ts`), or by invalidations of what they have cached
 * (`tracking.ts`). Both are made of what transactions touch; while nobody asks, commands run as if nothing of this were there.
 */
import { copySlice } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import type { Hub, Observer, Touched } from '../../../database/messages/hub.ts'
import { kind } from '../../../model/keyvalue/codec.ts'
import type { Call, Steps } from '../call.ts'
import type { Client } from '../client.ts'
import { type Command, keysOf } from '../command-table.ts'
import type { Arguments } from '../wire.ts'
import { KeyEvents } from './key-events.ts'
import type { TrackingTable } from './tracking.ts'

export class Watching implements Observer {
  readonly events: KeyEvents = new KeyEvents()
  readonly tracking: TrackingTable
  /** Commands have to be looked at. */
  isOn = false
  /** Of the databases in which anybody has listened. */
  readonly #hubs = new Set<Hub>()

  constructor(tracking: TrackingTable) {
    this.tracking = tracking
  }

  /** `notify-keyspace-events`. */
  setClasses(text: string): void {
    this.events.classes = text
    this.#look()
  }

  /** Somebody listens there. */
  attach(hub: Hub): void {
    if (this.#hubs.has(hub)) return
    this.#hubs.add(hub)
    this.#look()
  }

  /** A client begins to track, or goes on in another way. */
  track(client: Client): void {
    this.#hubs.add(client.session.hub)
    this.tracking.add(client)
    this.#look()
  }

  trackNoMore(client: Client): void {
    this.tracking.remove(client)
    this.#look()
  }

  #look(): void {
    this.isOn = this.events.areOn || this.tracking.clientCount > 0
    for (const hub of this.#hubs) {
      if (this.events.areOn || this.tracking.hasClientIn(hub)) hub.observe(this)
      else hub.ignore(this)
    }
  }

  /** A command within its statement. */
  carryOut(call: Call, command: Command): Steps {
    const { effects } = call.tx
    const from = effects.begin()
    const args = call.arguments
    this.events.tellMisses(call, command)
    if (call.client.tracking?.remembers === true) this.#remember(call, command)
    const steps = command.data!(call)
    if (steps !== undefined) return this.#carryOutLater(steps, () => this.#name(call, command, args, from))
    this.#name(call, command, args, from)
  }

  /** Those that a script has declared: once it reads anything, all of them count as read. */
  rememberKeys(client: Client, args: Arguments, first: number, count: number): void {
    if (client.tracking?.remembers !== true) return
    for (let at = first; at < first + count; at++) this.tracking.remember(client, args.at(at))
  }

  #remember({ client, arguments: args }: Call, command: Command): void {
    if (command.isScript || !command.flags.includes('readonly')) return
    for (const { specification } of command.keys) {
      for (const at of keysOf(specification, args, 0) ?? []) this.tracking.remember(client, args.at(at))
    }
  }

  *#carryOutLater(steps: StatementSteps<void>, name: () => void): StatementSteps<void> {
    yield* steps
    name()
  }

  #name(call: Call, command: Command, args: Call['arguments'], from: number): void {
    const { effects: all } = call.tx
    // Groups and consumers of a stream lie beside its header.
    if (all.size === from && all.hasWritten && command.facts.group === 'stream' && command.keys.length === 1) {
      const [at] = keysOf(command.keys[0]!.specification, args, 0) ?? []
      if (at !== undefined) all.touched(call.space.id, copySlice(args.at(at)), 'written', kind.stream, false)
    }
    const effects = all.since(from)
    // Those of a script are named by its commands.
    if (effects.length > 0 && !command.isScript) this.events.name(call, command, args, effects)
  }

  touched(touched: Touched): void {
    this.tracking.touched(touched.kernel.hub, touched.touches)
    this.events.told(touched)
  }
}
