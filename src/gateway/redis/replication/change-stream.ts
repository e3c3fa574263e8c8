/**
 * The stream of commands that replicas get: how the numbered databases came from each state that they were in to a later one, whichever
 * door has written.
 *
 *   state ──▶ next state ─ wait until it is durable ─▶ records of the log between, and touched keys ─▶ commands ─▶ backlog
 *     ▲            │
 *     └────────────┘            a whole synchronisation begins with a state that a step ended at, and the offset there
 *
 * A step takes all that was committed meanwhile, and tells what is different in the end, as one block. So a key that is written a
 * thousand times between two steps is told once, and replicas see states that were there, in their order. What was published meanwhile
 * follows, each message.
 */
import type { MemoryAccount } from '../../../base/memory-account.ts'
import { latin1ToBytes } from '../../../base/slice.ts'
import type { Sequence } from '../../../database/contract.ts'
import type { Message } from '../../../database/messages/effects.ts'
import type { Hub, Observer, Touched } from '../../../database/messages/hub.ts'
import { ChangedKeys, KnownStreams, nameGenerations } from '../../../model/keyvalue/changes/changed-keys.ts'
import { type KeyBefore, lookBefore } from '../../../model/keyvalue/changes/key-before.ts'
import { commandsOf } from '../../../model/keyvalue/changes/key-commands.ts'
import type { CommandArgument } from '../../../model/keyvalue/rdb/file-commands.ts'
import type { SessionHost } from '../../../session/contract.ts'
import { librariesOf } from '../scripts/libraries.ts'
import { scopes } from '../subscriptions.ts'
import { encodeCommand } from './backlog.ts'
import { StateAt } from './state-at.ts'

interface Touch {
  readonly sequence: Sequence
  readonly keyspace: number
  readonly key: Uint8Array
}

/** A message, and the commit behind which it was delivered. */
interface Heard {
  readonly sequence: Sequence
  readonly command: Uint8Array
}

const touchBytes = 120

const publishing: Readonly<Record<string, string>> = { [scopes.channels]: 'PUBLISH', [scopes.shards]: 'SPUBLISH' }

export class ChangeStream implements Observer {
  readonly #sessions: SessionHost
  readonly #hub: Hub
  /** Of a step. */
  readonly #memory: MemoryAccount
  readonly #touched: MemoryAccount
  readonly #streams = new KnownStreams()
  #touches: Touch[] = []
  /** What was published and is not told. */
  #heard: Heard[] = []
  #heardBytes = 0
  #state: StateAt
  /** The numbered database that all who have the stream so far have selected. */
  #selected: number | undefined
  /** Something was touched since the last step began. */
  onTouched: () => void = () => undefined

  /** From the newest state on. */
  constructor(sessions: SessionHost, memory: MemoryAccount, touched: MemoryAccount) {
    this.#sessions = sessions
    this.#memory = memory
    this.#touched = touched
    this.#state = new StateAt(sessions)
    this.#hub = this.#state.session.hub
    this.#hub.observe(this)
  }

  /** Up to where it is told. */
  get position(): Sequence {
    return this.#state.position
  }

  get leads(): boolean {
    return this.#state.session.databaseFacts.leads
  }

  touched({ touches, sequence }: Touched): void {
    // That all of a keyspace is gone is told by the log.
    for (const { keyspace, key } of touches) if (key !== undefined) this.#touches.push({ sequence, keyspace, key })
    this.#charge()
    this.onTouched()
  }

  heard({ scope, channel, payload }: Message, sequence: Sequence): void {
    const word = publishing[scope]
    if (word === undefined) return
    const command = encodeCommand([word, latin1ToBytes(channel), payload])
    this.#heard.push({ sequence, command })
    this.#heardBytes += command.length + touchBytes
    this.#charge()
    this.onTouched()
  }

  #charge(): void {
    this.#touched.force(this.#touches.length * touchBytes + this.#heardBytes)
  }

  /** What a session may have seen that is told. */
  get seen(): Sequence {
    return this.#state.session.seen
  }

  /** Tells what has become of the keys since the last step; `beside`: other holds of the state that it ends at. */
  async step(beside: number): Promise<{ readonly commands: Uint8Array; readonly states: StateAt[] }> {
    const next = new StateAt(this.#sessions)
    const states: StateAt[] = []
    let commands: Uint8Array
    try {
      for (let left = beside; left > 0; left--) states.push(new StateAt(this.#sessions))
      await next.durable()
      await this.#settle()
      const told = next.position === this.#state.position ? [] : await this.#tell(next)
      commands = Buffer.concat([...told, ...this.#takeHeard(next.sequence)])
    } catch (error) {
      for (const state of [next, ...states]) state.close()
      throw error
    }
    this.#state.close()
    this.#state = next
    // Who begins with a file has selected none.
    if (beside > 0) this.#selected = undefined
    return { commands, states }
  }

  /** What was published up to there: behind what was written by then. */
  #takeHeard(sequence: Sequence): Uint8Array[] {
    const later = this.#heard.findIndex((one) => one.sequence > sequence)
    const taken = this.#heard.splice(0, later < 0 ? this.#heard.length : later).map(({ command }) => command)
    for (const { length } of taken) this.#heardBytes -= length + touchBytes
    this.#charge()
    return taken
  }

  /** Until everybody has been told of the touches of commits so far. */
  async #settle(): Promise<void> {
    while (this.#hub.isBehind) await new Promise<void>((resolve) => this.#sessions.host.turn(resolve))
  }

  async #tell(next: StateAt): Promise<readonly Uint8Array[]> {
    const before = this.#state
    const held: number[] = []
    const keep = (bytes: number): void => {
      this.#memory.charge(bytes)
      held.push(bytes)
    }
    try {
      const changed = await this.#gather(before, next, keep)
      const block = new Block(this.#selected, keep)
      tellLibraries(before, next, block.emit)
      tellDatabases(before, next, block)
      for (const [number, id] of next.spaces.entries()) {
        if (id !== undefined) await this.#tellDatabase(before, next, { number, id }, changed, block)
      }
      this.#selected = block.selected
      return block.commands
    } finally {
      this.#memory.release(held.reduce((sum, bytes) => sum + bytes, 0))
    }
  }

  async #gather(before: StateAt, next: StateAt, keep: (bytes: number) => void): Promise<ChangedKeys> {
    const ids = next.spaces.filter((id) => id !== undefined)
    const changed = new ChangedKeys(ids, this.#streams, keep)
    const database = this.#sessions.defaultDatabase
    const feed = this.#sessions.feedOf(database, { from: before.position + 1, to: next.position })
    for await (const { changes } of feed) for (const change of changes) changed.note(change)
    const later = this.#touches.findIndex(({ sequence }) => sequence > next.sequence)
    const touches = this.#touches.splice(0, later < 0 ? this.#touches.length : later)
    this.#charge()
    for (const { keyspace, key } of touches) changed.touched(keyspace, key)
    return changed
  }

  async #tellDatabase(
    before: StateAt,
    next: StateAt,
    { number, id }: { readonly number: number; readonly id: number },
    all: ChangedKeys,
    block: Block,
  ): Promise<void> {
    const space = { id }
    const changed = all.spaces.get(id)!
    if (!changed.isCleared && changed.keys.size === 0 && changed.generations.size === 0) return
    await next.run((tx) => nameGenerations(tx, space, changed, this.#streams))
    const was = changed.isCleared
      ? new Map<string, KeyBefore>()
      : await before.run((tx) => lookBefore(tx, space, changed))
    const say = (...args: readonly CommandArgument[]): void => {
      block.select(number)
      block.emit(...args)
    }
    if (changed.isCleared) say('FLUSHDB')
    await next.run((tx) => commandsOf(tx, space, changed, was, say))
  }

  close(): void {
    this.#hub.ignore(this)
    this.#touches = []
    this.#heard = []
    this.#state.close()
  }
}

const multi = encodeCommand(['MULTI'])
const exec = encodeCommand(['EXEC'])

/** What a step tells. A database is selected where another one was before, and what is one command needs no MULTI around it. */
class Block {
  /** What is selected at the end; undefined: nobody can know. */
  selected: number | undefined
  readonly #keep: (bytes: number) => void
  readonly #ahead: Uint8Array[] = []
  readonly #commands: Uint8Array[] = []

  constructor(selected: number | undefined, keep: (bytes: number) => void) {
    this.selected = selected
    this.#keep = keep
  }

  readonly emit = (...args: readonly CommandArgument[]): void => this.#add(this.#commands, args)

  select(database: number): void {
    if (database === this.selected) return
    this.selected = database
    this.#add(this.#commands.length === 0 ? this.#ahead : this.#commands, ['SELECT', database])
  }

  #add(to: Uint8Array[], args: readonly CommandArgument[]): void {
    const bytes = encodeCommand(args)
    this.#keep(bytes.length)
    to.push(bytes)
  }

  get commands(): readonly Uint8Array[] {
    const commands = this.#commands
    return commands.length > 1 ? [...this.#ahead, multi, ...commands, exec] : [...this.#ahead, ...commands]
  }
}

/** What replicas have would be another state's: they begin anew. */
export class Untold extends Error {}

function tellLibraries(before: StateAt, next: StateAt, emit: (...args: readonly CommandArgument[]) => void): void {
  if (before.catalog === next.catalog) return
  const old = new Map(librariesOf(before.catalog).map((library) => [library.name, library.code]))
  for (const { name, code } of librariesOf(next.catalog)) {
    if (old.get(name) !== code) emit('FUNCTION', 'LOAD', 'REPLACE', latin1ToBytes(code))
    old.delete(name)
  }
  for (const name of old.keys()) emit('FUNCTION', 'DELETE', name)
}

/** Which collection has which number. */
function tellDatabases(before: StateAt, next: StateAt, block: Block): void {
  if (before.catalog === next.catalog) return
  const now = [...before.spaces]
  for (const [number, id] of next.spaces.entries()) {
    if (id === now[number] || id === undefined) continue
    const at = now.indexOf(id)
    if (at >= 0) {
      block.emit('SWAPDB', number, at)
      now[at] = now[number]
      now[number] = id
    } else if (before.catalog.collectionById(id) !== undefined) {
      throw new Untold('another collection has become a numbered database')
    }
  }
  for (const [number, id] of now.entries()) {
    if (id === next.spaces[number] || id === undefined) continue
    block.select(number)
    block.emit('FLUSHDB')
  }
}
