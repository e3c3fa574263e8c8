/**
 * What a client listens to: channels by name, patterns of names, channels of shards. And how what is said there leaves for it.
 *
 * A message is put into its protocol once for all who hear it in the same words. Where a command of the client's is being
 * answered in this turn, it leaves behind the answer.
 */
import type { MemoryAccount } from '../../base/memory-account.ts'
import { sliceOf } from '../../base/slice.ts'
import type { Channels, Subscriber } from '../../database/messages/channels.ts'
import type { Message } from '../../database/messages/effects.ts'
import type { Hub } from '../../database/messages/hub.ts'
import { Glob } from './glob.ts'

/** Redis's channels, and those of shards. */
export const scopes = { channels: 'redis', shards: 'redis shard' } as const

export type SubscriptionKind = 'channels' | 'patterns' | 'shards'

const kinds: readonly SubscriptionKind[] = ['channels', 'patterns', 'shards']

/** Of one, beside its name: here and where the database keeps it. */
const subscriptionBytes = 300

/** Whose they are. */
export interface Listener {
  readonly protocol: number
  /** Takes a message in its protocol. */
  push(frame: Uint8Array): void
}

export class Subscriptions implements Subscriber {
  readonly #listener: Listener
  readonly #memory: MemoryAccount
  #hub: Hub
  readonly #names: Readonly<Record<SubscriptionKind, Set<string>>> = {
    channels: new Set(),
    patterns: new Set(),
    shards: new Set(),
  }

  /** `memory`: what it listens to is charged there. */
  constructor(listener: Listener, hub: Hub, memory: MemoryAccount) {
    this.#listener = listener
    this.#hub = hub
    this.#memory = memory.child('what a client listens to', { quantumBytes: 4096 })
  }

  names(kind: SubscriptionKind): ReadonlySet<string> {
    return this.#names[kind]
  }

  /** Of channels and patterns, as SUBSCRIBE tells it, or of shards. */
  count(kind: SubscriptionKind): number {
    const { channels, patterns, shards } = this.#names
    return kind === 'shards' ? shards.size : channels.size + patterns.size
  }

  get total(): number {
    return this.count('channels') + this.count('shards')
  }

  #channels(kind: SubscriptionKind): Channels {
    return this.#hub.channels(kind === 'shards' ? scopes.shards : scopes.channels)
  }

  /** Throws `out_of_memory`, and for a pattern that is too long. */
  add(kind: SubscriptionKind, name: string): void {
    if (this.#names[kind].has(name)) return
    const matches = kind === 'patterns' ? matcher(name) : undefined
    this.#memory.charge(subscriptionBytes + name.length)
    this.#names[kind].add(name)
    this.#listen(kind, name, matches)
  }

  #listen(kind: SubscriptionKind, name: string, matches: ((channel: string) => boolean) | undefined): void {
    if (matches === undefined) this.#channels(kind).listen(name, this)
    else this.#channels(kind).listenTo(name, matches, this)
  }

  remove(kind: SubscriptionKind, name: string): void {
    if (!this.#names[kind].delete(name)) return
    this.#memory.release(subscriptionBytes + name.length)
    this.#leave(kind, name)
  }

  #leave(kind: SubscriptionKind, name: string): void {
    if (kind === 'patterns') this.#channels(kind).leavePattern(name, this)
    else this.#channels(kind).leave(name, this)
  }

  /** The client goes on in another database. */
  moveTo(hub: Hub): void {
    if (hub === this.#hub) return
    this.#forAll((kind, name) => this.#leave(kind, name))
    this.#hub = hub
    this.#forAll((kind, name) => this.#listen(kind, name, kind === 'patterns' ? matcher(name) : undefined))
  }

  #forAll(run: (kind: SubscriptionKind, name: string) => void): void {
    for (const kind of kinds) for (const name of this.#names[kind]) run(kind, name)
  }

  /** Listens to nothing any more. */
  clear(): void {
    this.#forAll((kind, name) => this.remove(kind, name))
  }

  close(): void {
    this.clear()
    this.#memory.close()
  }

  deliver(message: Message, pattern: string | undefined): void {
    const { protocol } = this.#listener
    const form = pattern === undefined ? `${protocol}` : `${protocol}:${pattern}`
    const forms = (message.forms ??= new Map<string, Uint8Array>())
    let frame = forms.get(form)
    if (frame === undefined) forms.set(form, (frame = encodeMessage(message, pattern, protocol)))
    this.#listener.push(frame)
  }
}

function matcher(pattern: string): (channel: string) => boolean {
  const glob = new Glob(sliceOf(Buffer.from(pattern, 'latin1')))
  return (channel) => {
    try {
      return glob.matches(sliceOf(Buffer.from(channel, 'latin1')))
    } catch {
      // It would take too long to find out: who publishes must not suffer from it.
      return false
    }
  }
}

function encodeMessage(message: Message, pattern: string | undefined, protocol: number): Uint8Array {
  const { scope, channel, payload } = message
  const head = pattern !== undefined ? ['pmessage', pattern] : [scope === scopes.shards ? 'smessage' : 'message']
  const words = [...head, channel].map((word) => `$${word.length}\r\n${word}\r\n`).join('')
  const text = `${protocol === 3 ? '>' : '*'}${head.length + 2}\r\n${words}$${payload.length}\r\n`
  const frame = Buffer.allocUnsafe(text.length + payload.length + 2)
  frame.write(text, 0, 'latin1')
  frame.set(payload, text.length)
  frame.write('\r\n', text.length + payload.length, 'latin1')
  return frame
}
