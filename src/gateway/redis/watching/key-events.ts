/**
 * Keyspace notifications: messages about what becomes of keys, on the channels `__keyspace@<n>__:<key>` and
 * `__keyevent@<n>__:<event>`.
 *
 * They are made of what transactions touch (`model/keyvalue/touches.ts`). A command of this door names what it has touched in Redis's
 * words, as messages of its own transaction; what comes by other doors, or is done by the server itself, is named when it is
 * committed. Nothing is noted in a database where nobody listens, or while `notify-keyspace-events` is empty.
 */
import { copySlice } from '../../../base/slice.ts'
import type { Catalog } from '../../../database/catalog/catalog.ts'
import type { Effect, KeyTouch, Message } from '../../../database/messages/effects.ts'
import type { Hub, Touched } from '../../../database/messages/hub.ts'
import { kind } from '../../../model/keyvalue/codec.ts'
import { findKind } from '../../../model/keyvalue/keyvalue.ts'
import type { Call } from '../call.ts'
import { type Command, keysOf } from '../command-table.ts'
import { databaseCount, findDatabase } from '../databases.ts'
import { scopes } from '../subscriptions.ts'
import type { Arguments } from '../wire.ts'
import {
  type EventClass,
  eventsOfCommand,
  eventsOfTouch,
  isKey,
  type KeyEvent,
  type Outcome,
  outcomesOf,
  toldAsNew,
} from './event-names.ts'

const classesOfAll = 'g$lshzxetd'

export class KeyEvents {
  #classes: ReadonlySet<string> = new Set()
  #ofKeys = false
  #ofEvents = false
  #catalog: Catalog | undefined
  /** Numbers of databases by the keyspaces of their collections. */
  readonly #numbers = new Map<number, number>()

  /** As CONFIG SET has it. */
  set classes(text: string) {
    this.#classes = new Set([...text].flatMap((letter) => (letter === 'A' ? [...classesOfAll] : [letter])))
    this.#ofKeys = this.#classes.has('K')
    this.#ofEvents = this.#classes.has('E')
  }

  get areOn(): boolean {
    return this.#ofKeys || this.#ofEvents
  }

  /** Of a command that is about to run: reads of keys that are not there. */
  tellMisses(call: Call, command: Command): void {
    if (!this.#classes.has('m') || command.isScript || command.name.startsWith('object')) return
    for (const { specification } of command.keys) {
      if (!specification.flags.includes('RO')) continue
      for (const at of keysOf(specification, call.arguments, 0) ?? []) {
        if (findKind(call.tx, call.space, call.arg(at)) !== kind.none) continue
        const key = copySlice(call.arg(at))
        for (const message of this.#messages(call.client.database, key, [{ name: 'keymiss', of: 'm' }])) {
          call.tx.effects.tell(message)
        }
      }
    }
  }

  /** What a command has touched, in Redis's words. */
  name(call: Call, command: Command, args: Arguments, effects: readonly Effect[]): void {
    const touches: KeyTouch[] = []
    for (const effect of effects) {
      if (!('touch' in effect) || effect.touch.isNamed) continue
      effect.touch.isNamed = true
      touches.push(effect.touch)
    }
    if (touches.length === 0 || !this.areOn || isUnheard(call.tx.effects.hub)) return
    const told: { readonly number: number; readonly key: Uint8Array; readonly events: readonly KeyEvent[] }[] = []
    for (const outcome of inOrder(command, args, outcomesOf(touches))) {
      const number = this.#numberOf(call.tx.catalog, outcome.keyspace)
      if (number === undefined) continue
      told.push({ number, key: outcome.key, events: eventsOfCommand(command, args, outcome) })
    }
    // Of what has moved, Redis tells first that it is new.
    const isMove = toldAsNew.has(command.name)
    const parts = isMove ? [told.map(onlyNew(true)), told.map(onlyNew(false))].flat() : told
    for (const { number, key, events } of parts) {
      for (const message of this.#messages(number, key, events)) call.tx.effects.tell(message)
    }
  }

  /** What was committed and nobody has named. */
  told({ touches, sequence, kernel }: Touched): void {
    if (!this.areOn || isUnheard(kernel.hub)) return
    const messages: Message[] = []
    for (const touch of touches) {
      if (touch.isNamed || touch.key === undefined) continue
      const number = this.#numberOf(kernel.catalog, touch.keyspace)
      if (number !== undefined) messages.push(...this.#messages(number, touch.key, eventsOfTouch(touch)))
    }
    if (messages.length > 0) kernel.hub.send(messages, sequence, kernel.pipeline)
  }

  #messages(database: number, key: Uint8Array, events: readonly KeyEvent[]): Message[] {
    const messages: Message[] = []
    const own = { scope: scopes.channels, isOwn: true }
    for (const { name, of } of events) {
      if (!this.#classes.has(of satisfies EventClass)) continue
      const keyText = Buffer.from(key).toString('latin1')
      if (this.#ofKeys) {
        messages.push({ ...own, channel: `__keyspace@${database}__:${keyText}`, payload: Buffer.from(name) })
      }
      if (this.#ofEvents) messages.push({ ...own, channel: `__keyevent@${database}__:${name}`, payload: key })
    }
    return messages
  }

  #numberOf(catalog: Catalog, keyspace: number): number | undefined {
    if (catalog !== this.#catalog) {
      this.#catalog = catalog
      this.#numbers.clear()
      for (let number = 0; number < databaseCount; number++) {
        const collection = findDatabase(catalog, number)
        if (collection !== undefined) this.#numbers.set(collection.id, number)
      }
    }
    return this.#numbers.get(keyspace)
  }
}

function isUnheard(hub: Hub): boolean {
  return hub.channels(scopes.channels).isEmpty
}

function onlyNew(isNew: boolean): <T extends { readonly events: readonly KeyEvent[] }>(told: T) => T {
  return (told) => ({ ...told, events: told.events.filter(({ of }) => (of === 'n') === isNew) })
}

/** Redis tells of what a list got before it tells of what another one lost; of a move, of what is there no more first. */
const givesFirst: ReadonlySet<string> = new Set(['lmove', 'rpoplpush', 'blmove', 'brpoplpush'])

function inOrder({ name }: Command, args: Arguments, outcomes: readonly Outcome[]): readonly Outcome[] {
  const [first, second] = outcomes
  if (second === undefined) return outcomes
  const isTurned = givesFirst.has(name) ? isKey(args, 2, second.key) : name === 'move' && !second.exists
  return isTurned ? [second, first!] : outcomes
}
