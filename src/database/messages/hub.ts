/**
 * The messages of a database: who listens, and what leaves for them, for all doors.
 *
 *   tx.tell(message) ──commit──▶ queue ──durable──▶ subscribers, some each turn
 *
 * A transaction's messages come into the queue when it is committed, all at once and in their order, and not at all if it is
 * not. The first in the queue waits until what its transaction had written or seen is synced, so nobody hears of data that a
 * crash can take back (rule 4), and the others wait behind it: everybody hears of everything in one order. What the log has
 * refused is dropped. What need not wait, and has nothing before it, is delivered within the commit.
 *
 * A message to very many takes turns. Who publishes meanwhile waits (`room`) when too much is in the queue.
 *
 * Doors that want to know which keys commits have touched are observers; they hear of touches at once, in the turn of the commit,
 * or where there are many, soon after.
 *
 * Invariants: messages are delivered in the order of commits; each subscriber gets a message once for each channel or
 * pattern that it listened by when the message was written, and still listens by.
 */
import type { PolylogError } from '../../base/errors.ts'
import type { MemoryAccount } from '../../base/memory-account.ts'
import type { Sequence } from '../contract.ts'
import { Channels, type Receivers, type Subscriber } from './channels.ts'
import { type CommittingKernel, type Effect, type KeyTouch, type Message, sizeOfEffect } from './effects.ts'

/** Deliveries and bytes of them, in one turn. */
const deliveriesPerTurn = 1000
const bytesPerTurn = 1024 * 1024
const touchesPerTurn = 1000
/** In the queue; who publishes more waits. */
const mostQueuedBytes = 4 * 1024 * 1024

/** Some of what a commit has touched. */
export interface Touched {
  readonly touches: readonly KeyTouch[]
  readonly sequence: Sequence
  readonly kernel: CommittingKernel
}

export interface Observer {
  touched(touched: Touched): void
  /** Where it wants every message but the server's own: when it is delivered. */
  heard?: (message: Message, sequence: Sequence) => void
}

/** Where a sequence becomes durable. */
export interface MessageLog {
  whenDurable(sequence: Sequence, level: 'synced', run: (error?: PolylogError) => void): void
}

interface Outgoing {
  readonly messages: readonly Message[]
  readonly sizeBytes: number
  readonly moment: number
  /** What its transaction has written or seen. */
  readonly sequence: Sequence
  state: 'waiting' | 'ready' | 'dropped'
}

interface Sending extends Pick<Outgoing, 'sizeBytes' | 'sequence'> {
  readonly log: MessageLog
}

/** How far the first in the queue has been delivered. */
interface Progress {
  message: number
  receivers: Iterator<Receivers | undefined> | undefined
  pattern: string | undefined
  subscribers: Iterator<readonly [Subscriber, number]> | undefined
}

const atBeginning: Progress = { message: 0, receivers: undefined, pattern: undefined, subscribers: undefined }

export class Hub {
  readonly #turn: (run: () => void) => void
  readonly #account: MemoryAccount
  readonly #scopes = new Map<string, Channels>()
  readonly #observers = new Set<Observer>()
  #moment = 0
  readonly #queue: Outgoing[] = []
  #progress: Progress = { ...atBeginning }
  #queuedBytes = 0
  #isScheduled = false
  #isDelivering = false
  #touched: Touched[] = []
  #rooms: (() => void)[] = []
  /** Somebody wants to know which keys commits touch. */
  observes = false
  /** Somebody hears every message, whatever its channel. */
  isOverheard = false
  /** Delivered since the start. */
  delivered = 0
  /** By the kind of channels: what was committed since the start, channels' names among it. */
  readonly #sentBytes = new Map<string, number>()

  /** `turn` runs something in a turn of its own. */
  constructor(turn: (run: () => void) => void, account: MemoryAccount) {
    this.#turn = turn
    this.#account = account
  }

  /** Channels of one kind: those of another have names of their own. */
  channels(scope: string): Channels {
    let channels = this.#scopes.get(scope)
    if (channels === undefined) this.#scopes.set(scope, (channels = new Channels(() => ++this.#moment)))
    return channels
  }

  observe(observer: Observer): void {
    this.#observers.add(observer)
    this.#count()
  }

  ignore(observer: Observer): void {
    this.#observers.delete(observer)
    this.#count()
  }

  #count(): void {
    this.observes = this.#observers.size > 0
    this.isOverheard = [...this.#observers].some(({ heard }) => heard !== undefined)
  }

  /** Observers have not heard of all touches yet. */
  get isBehind(): boolean {
    return this.#touched.length > 0
  }

  /** Of the room for what is on its way; more than 1 where it has to be waited for. */
  get usage(): number {
    return this.#queuedBytes / mostQueuedBytes
  }

  /** To wait for before more is published; undefined where nobody need wait. */
  get room(): Promise<void> | undefined {
    if (this.#queuedBytes <= mostQueuedBytes) return undefined
    return new Promise((resolve) => this.#rooms.push(resolve))
  }

  /** A transaction was committed. `sequence`: what it has written or seen. */
  committed(effects: readonly Effect[], sequence: Sequence, kernel: CommittingKernel): void {
    const messages: Message[] = []
    const touches: KeyTouch[] = []
    let sizeBytes = 0
    const told = new Set<string>()
    for (const effect of effects) {
      if ('apply' in effect) effect.apply()
      else if ('touch' in effect) touches.push(effect.touch)
      else if (effect.message.isOnce !== true || isFirst(told, effect.message)) {
        messages.push(effect.message)
        sizeBytes += sizeOfEffect(effect)
        this.#countSent(effect.message)
      }
    }
    if (messages.length > 0) this.#send(messages, { sizeBytes, sequence, log: kernel.pipeline })
    for (let at = 0; at < touches.length; at += touchesPerTurn) {
      this.#touched.push({ touches: touches.slice(at, at + touchesPerTurn), sequence, kernel })
    }
    this.#observeTouches()
  }

  #countSent({ scope, channel, payload }: Message): void {
    this.#sentBytes.set(scope, this.sentBytes(scope) + channel.length + payload.length)
  }

  sentBytes(scope: string): number {
    return this.#sentBytes.get(scope) ?? 0
  }

  /** What an observer has to say of what was committed: behind all that is on its way. */
  send(messages: readonly Message[], sequence: Sequence, log: MessageLog): void {
    const sizeBytes = messages.reduce((sum, message) => sum + sizeOfEffect({ message }), 0)
    this.#send(messages, { sizeBytes, sequence, log })
  }

  #send(messages: readonly Message[], about: Sending): void {
    const { sizeBytes, sequence, log } = about
    const outgoing: Outgoing = { messages, sizeBytes, moment: ++this.#moment, sequence, state: 'waiting' }
    this.#queue.push(outgoing)
    this.#hold(sizeBytes)
    log.whenDurable(sequence, 'synced', (error) => {
      outgoing.state = error === undefined ? 'ready' : 'dropped'
      if (outgoing === this.#queue[0]) this.#deliver()
    })
  }

  #hold(bytes: number): void {
    this.#queuedBytes += bytes
    this.#account.force(this.#queuedBytes)
    if (bytes > 0 || this.#queuedBytes > mostQueuedBytes / 2) return
    for (const resolve of this.#rooms.splice(0)) resolve()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#turn(() => {
      this.#isScheduled = false
      this.#observeTouches()
      this.#deliver()
    })
  }

  #observeTouches(): void {
    const some = this.#touched.shift()
    if (some === undefined) return
    for (const observer of this.#observers) observer.touched(some)
    if (this.#touched.length > 0) this.#schedule()
  }

  /** From the head of the queue on, as far as it may go now. */
  #deliver(): void {
    // A subscriber may do something by which more is published.
    if (this.#isDelivering || this.#isScheduled) return
    this.#isDelivering = true
    let left = deliveriesPerTurn
    let leftBytes = bytesPerTurn
    for (;;) {
      const first = this.#queue[0]
      if (first === undefined || first.state === 'waiting') break
      while (first.state === 'ready' && this.#deliverNext(first)) {
        left--
        leftBytes -= first.messages[this.#progress.message]?.payload.length ?? 0
        if (left <= 0 || leftBytes <= 0) break
      }
      if (left <= 0 || leftBytes <= 0) {
        this.#schedule()
        break
      }
      this.#queue.shift()
      this.#progress = { ...atBeginning }
      this.#hold(-first.sizeBytes)
    }
    this.#isDelivering = false
  }

  #overhear(message: Message, sequence: Sequence): void {
    if (message.isOwn === true) return
    for (const observer of this.#observers) observer.heard?.(message, sequence)
  }

  /** A step: one delivery, or one look at a pattern; false where all have been made. */
  #deliverNext({ messages, moment, sequence }: Outgoing): boolean {
    const progress = this.#progress
    const message = messages[progress.message]
    if (message === undefined) return false
    if (progress.subscribers === undefined) {
      if (progress.receivers === undefined && this.isOverheard) this.#overhear(message, sequence)
      progress.receivers ??= this.channels(message.scope).receivers(message.channel)
      const receivers = progress.receivers.next()
      if (receivers.done === true) {
        progress.receivers = undefined
        progress.message++
        return true
      }
      if (receivers.value === undefined) return true
      progress.pattern = receivers.value.pattern
      progress.subscribers = receivers.value.subscribers.entries()
    }
    const next = progress.subscribers.next()
    if (next.done === true) progress.subscribers = undefined
    else {
      const [subscriber, since] = next.value
      if (since > moment) return true
      this.delivered++
      subscriber.deliver(message, progress.pattern)
    }
    return true
  }
}

function isFirst(told: Set<string>, { scope, channel, payload }: Message): boolean {
  const key = `${scope} ${channel.length} ${channel}${Buffer.from(payload).toString('latin1')}`
  if (told.has(key)) return false
  told.add(key)
  return true
}
