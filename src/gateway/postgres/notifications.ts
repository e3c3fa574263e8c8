/**
 * What one client listens to (LISTEN), and what has come for it: NotificationResponses.
 *
 * To listen, and to stop, take effect when their transaction is committed, before its own messages leave, so that a client
 * hears what it says behind its own LISTEN. What comes while the client is being answered, or has a block open, waits until it
 * is told that it is ready, outside of a block; what comes while it rests leaves at once. Who does not take what is sent, or
 * leaves a block open while too much gathers, is cut.
 */
import type { MemoryAccount } from '../../base/memory-account.ts'
import { ByteWriter } from '../../base/bytes.ts'
import type { Transaction } from '../../database/contract.ts'
import type { Subscriber } from '../../database/messages/channels.ts'
import type { Message } from '../../database/messages/effects.ts'
import type { Hub } from '../../database/messages/hub.ts'
import type { SessionMessages } from '../../language/sql/contract.ts'
import { channelName, decodeNotification, notificationScope } from '../../language/sql/notification.ts'
import { sqlError } from './errors.ts'
import { notificationResponse } from './wire.ts'

/** While its block is open. */
const mostWaitingBytes = 8 * 1024 * 1024
const mostChannels = 16_384
/** Of one that is listened to, here and in the hub; of one that waits, beside its bytes. */
const channelBytes = 400
const frameBytes = 64

/** The connection of the client. */
export interface Messenger {
  /** It is not being answered, and has no block open. */
  readonly isResting: boolean
  /** Leaves at the end of the turn. */
  push(frame: Uint8Array): void
  cut(): void
}

export class Notifications implements Subscriber, SessionMessages {
  readonly #messenger: Messenger
  readonly #hub: Hub
  readonly #memory: MemoryAccount
  readonly #channels = new Set<string>()
  #waiting: Uint8Array[] = []
  #waitingBytes = 0

  constructor(messenger: Messenger, hub: Hub, memory: MemoryAccount) {
    this.#messenger = messenger
    this.#hub = hub
    this.#memory = memory.child('what a client listens to')
  }

  listen(transaction: Transaction, channel: string): void {
    if (this.#channels.size >= mostChannels) {
      throw sqlError('out_of_memory', '53200', `a session may listen to ${mostChannels} channels at most`)
    }
    const name = channelName(channel)
    transaction.effects.apply(() => {
      if (this.#channels.has(channel)) return
      this.#channels.add(channel)
      this.#charge()
      this.#hub.channels(notificationScope).listen(name, this)
    })
  }

  /** Without a channel: to none. */
  unlisten(transaction: Transaction, channel: string | undefined): void {
    transaction.effects.apply(() => {
      if (channel === undefined) this.clear()
      else this.#leave(channel)
    })
  }

  get channels(): Iterable<string> {
    return this.#channels
  }

  #leave(channel: string): void {
    if (!this.#channels.delete(channel)) return
    this.#charge()
    this.#hub.channels(notificationScope).leave(channelName(channel), this)
  }

  clear(): void {
    for (const channel of this.#channels) this.#leave(channel)
  }

  #charge(): void {
    this.#memory.force(this.#channels.size * channelBytes + this.#waitingBytes)
  }

  deliver(message: Message): void {
    const frame = frameOf(message)
    if (this.#messenger.isResting) {
      this.#messenger.push(frame)
      return
    }
    this.#waiting.push(frame)
    this.#waitingBytes += frame.length + frameBytes
    this.#charge()
    if (this.#waitingBytes > mostWaitingBytes) this.#messenger.cut()
  }

  /** The client is about to be told that it is ready, outside of a block. */
  flush(write: (frame: Uint8Array) => void): void {
    if (this.#waiting.length === 0) return
    for (const frame of this.#waiting) write(frame)
    this.#waiting = []
    this.#waitingBytes = 0
    this.#charge()
  }

  close(): void {
    this.clear()
    this.#waiting = []
    this.#memory.close()
  }
}

/** The same bytes for all who hear of it. */
function frameOf(message: Message): Uint8Array {
  const forms = (message.forms ??= new Map<string, Uint8Array>())
  let frame = forms.get('postgres')
  if (frame === undefined) {
    const writer = new ByteWriter(64)
    notificationResponse(writer, decodeNotification(message))
    forms.set('postgres', (frame = writer.bytes.slice(0, writer.end)))
  }
  return frame
}
