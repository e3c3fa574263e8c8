/**
 * One connection of any protocol: bytes in, requests one after another, replies out.
 *
 *            ┌────────────────────────── socket ◀── outbox ◀──────────┐
 *            ▼                                                        │
 *     receive ──▶ input ──▶ next() ──▶ done ──▶ next() … more ──▶ flush
 *                             │
 *                             └──▶ a promise: wait; meanwhile bytes gather, up to a limit at which nobody reads
 *
 * What has arrived is carried out in one go and without a promise, as far as its share of a turn goes (`turns.ts`); at its end the outbox is flushed, unless a request waits
 * whose protocol lets the replies before it wait, too. It holds them until what any of them has seen is durable. A request that must wait stops the loop, and so does a client that does not
 * read: its replies wait for room.
 *
 *   open ──the client's half ends, QUIT, a bad message, the server stops──▶ ending ──▶ ended ──▶ closed
 *
 * `ending`: nothing more is begun. What runs gets a moment, for who has sent its last request and ended its half wants
 * the answer; then it is canceled, for so does who has gone. `ended`: all is freed, and the last replies leave. The other
 * side must take them and end its half, or the connection is cut.
 *
 * Invariants: replies leave in the order of requests; one request runs at a time; nothing of a request is seen by the
 * client before what the request has seen is durable; after `closed` nothing of the conversation is called.
 */
import { PolylogError } from '../base/errors.ts'
import type { MemoryAccount } from '../base/memory-account.ts'
import type { Cancel, ClientCertificate, Socket, SocketListener } from '../host/host.ts'
import type { DoorCounts } from '../session/activity.ts'
import { answerTo } from '../session/faults.ts'
import type { SessionLimits } from '../session/limits.ts'
import type { Sequence } from '../database/contract.ts'
import { type DurabilityWatch, nothingSeen, Outbox, type OutboxOwner, type StandIn } from '../session/outbox.ts'
import { step, type Conversation, type DoorParts, type Entry, type ProtocolState } from './gateway.ts'
import { standInFor } from './refused-replies.ts'
import type { Place } from './turns.ts'

/** Bytes that may gather behind a request that waits. */
const readAheadBytes = 256 * 1024
/** Bytes that may gather while it waits for its turn. */
const waitingTurnBytes = 16 * 1024
/** For what runs when its client's half ends, and again for what has been canceled then. */
const graceMs = 50
/** Who takes none of the last replies in this time, or does not end its half after them, is cut. */
const lingerMs = 1000
/** Copied by a turn that neither receives nor sends much, by a guess. */
const turnBytes = 4 * 1024
/** For proving who it is, where users have passwords. */
export const loginMs = 10_000
/** Of any, whatever others have. */
const assuredBytes = 8 * 1024
/** Of one that has not shown yet that it speaks the protocol: 64 KiB with what it is charged for being there. */
const strangerBytes = 56 * 1024

/** What a connection needs of its door. */
export interface ConnectionDoor extends DoorParts {
  readonly counts: DoorCounts
  /** Told once, when the connection is no more. */
  closed(connection: Connection): void
}

export class Connection implements OutboxOwner, SocketListener {
  readonly id: number
  readonly openedMs: number
  lastActiveMs: number
  readonly outbox: Outbox
  /** Of what it holds itself: what arrives, what leaves. Made for who holds much. */
  #account: MemoryAccount | undefined
  /** It has shown that it speaks the protocol. */
  #isGreeted = false
  /** Of its session, where it has one. */
  #limits: SessionLimits | undefined
  readonly #door: ConnectionDoor
  /** That its client has shown within TLS, and that was found good. */
  readonly certificate: ClientCertificate | undefined
  /** As the client has called the server: the database that it uses where it names none. */
  readonly database: string | undefined
  readonly #isInTheOpen: boolean
  readonly #counted: Entry['place']
  readonly #socket: Socket
  readonly #conversation: Conversation
  readonly #place: Place
  /** Requests that wait; two where one takes further messages. */
  #waiting = 0
  #waitsForRoom = false
  #working = false
  #paused = false
  #countedBytes = 0
  /** Above it the client is not served until it has read. */
  #queuedBytes: number
  #state: 'open' | 'ending' | 'ended' | 'closed' = 'open'
  /** The client sends nothing more; what it has sent is still carried out. */
  #inputEnded = false
  /** Why it ends, to be told when what runs has been answered. */
  #farewell: PolylogError | undefined
  #timer: Cancel | undefined
  #replyTimer: Cancel | undefined
  #loginTimer: Cancel | undefined

  constructor(door: ConnectionDoor, id: number, socket: Socket, entry: Entry, state: ProtocolState) {
    const { sessions } = door
    this.#door = door
    this.certificate = entry.certificate
    this.database = entry.database
    this.#isInTheOpen = entry.isExposed === true
    this.#counted = entry.place
    this.#socket = socket
    this.#queuedBytes = door.limits.maxPendingOutputBytes
    this.#place = door.turns.place(this)
    this.id = id
    this.openedMs = sessions.host.now()
    this.lastActiveMs = this.openedMs
    this.outbox = new Outbox(socket, nothingSeen, this)
    this.#conversation = state.converse(this)
    this.#conversation.input.chargeTo(this)
    if (sessions.principals.areProved) this.mustLogIn(entry.loginMs ?? loginMs)
    socket.listener = this
  }

  get remote(): string {
    return this.#socket.remote
  }

  get local(): string {
    return this.#socket.local ?? ''
  }

  /** From this machine. */
  get isLocal(): boolean {
    return this.#socket.isLocal
  }

  /** It has shown that it speaks the protocol, and may hold as much as a session: as its session, where it has one. */
  greet(limits?: SessionLimits): void {
    this.#isGreeted = true
    this.#limits = limits
    if (this.#account !== undefined) this.#limit(this.#account)
    this.#queuedBytes = Math.min(this.#door.limits.maxPendingOutputBytes, limits?.queuedBytes ?? Infinity)
  }

  #limit(account: MemoryAccount): void {
    const { sessionBytes } = this.#door.sessions.memory
    const limits = this.#limits
    account.limitBytes = this.#isGreeted ? Math.min(sessionBytes, limits?.sessionBytes ?? Infinity) : strangerBytes
    account.countBeside(limits?.principalMemory)
  }

  get account(): MemoryAccount {
    if (this.#account !== undefined) return this.#account
    const { work } = this.#door.sessions.memory
    const account = work.child('the connection', { quantumBytes: 4096, assuredBytes, id: this.id })
    this.#account = account
    this.#limit(account)
    if (this.#state === 'closed') account.close()
    return account
  }

  /** By what it holds itself. */
  get chargedBytes(): number {
    return this.#account?.usedBytes ?? 0
  }

  /** Until it is known who it is, it may stay for so long. */
  mustLogIn(limitMs: number): void {
    this.identified()
    this.#loginTimer = this.#door.sessions.host.at(limitMs, () => this.fail(loginTooLate()))
  }

  /** Others may read what passes: a proof of who it is would be theirs, too. Says so. */
  get isExposed(): boolean {
    return this.#isInTheOpen && this.#door.sessions.principals.areProved
  }

  /** It is known who it is, or nobody asks. */
  identified(): void {
    this.#loginTimer?.()
    this.#loginTimer = undefined
  }

  /** A request waits for something else than room. */
  get isWaiting(): boolean {
    return this.#waiting > (this.#waitsForRoom ? 1 : 0)
  }

  /** Nothing runs that must be waited for. */
  get #isAtRest(): boolean {
    return this.#waiting === 0 || this.#conversation.isParked === true
  }

  /** Nothing is answered any more. */
  get hasEnded(): boolean {
    return this.#state === 'ended' || this.#state === 'closed'
  }

  // ---- requests

  onData(chunk: Uint8Array): void {
    if (this.hasEnded) return
    this.lastActiveMs = this.#door.sessions.host.now()
    this.#door.counts.bytesReceived += chunk.length
    this.#door.sessions.memory.pressure.moved(chunk.length)
    this.#place.received(chunk.length)
    try {
      this.#conversation.input.push(chunk)
    } catch (error) {
      this.#refuse(error)
      return
    }
    if (this.#mayBegin && !this.#place.isWaiting) this.proceed()
    else this.#regulate()
  }

  get #mayBegin(): boolean {
    if (this.#waiting > 0 && this.#conversation.takesMore !== true) return false
    return this.#state === 'open' || (this.#state === 'ending' && this.#waiting > 0)
  }

  /** Carries out what has been received, until a request must wait or others have their turn. */
  proceed(): void {
    if (this.#working || this.hasEnded || this.#place.isWaiting) return
    this.#working = true
    if (!this.#place.mayBegin) this.#waitForTurn()
    else {
      this.#place.begin()
      try {
        this.#carryOut()
      } catch (error) {
        this.#refuse(error)
      }
      this.#place.end()
    }
    this.#working = false
    if (this.hasEnded) return
    if (this.#waiting === 0 || this.#conversation.keepsOutput !== true) this.outbox.flush()
    this.#limitWait()
    this.#countSent()
    if (this.#waiting === 0) this.#rest()
    const isDone = this.#isAtRest && !this.#place.isWaiting
    if (isDone && (this.#state === 'ending' || this.#inputEnded)) this.#end()
    else {
      this.#limitGrace()
      this.#regulate()
    }
  }

  /** Nothing runs: what only an answer needs is there for others. */
  #rest(): void {
    this.outbox.rest()
    this.#conversation.rest?.()
  }

  /**
   * Who has ended its half wants the answer to what runs, but not for long. Of a COPY one request waits for what follows
   * while those of its parts end, so that the timer is set anew wherever one of them has stopped it.
   */
  #limitGrace(): void {
    const isLimited = this.#timer !== undefined || this.#state !== 'open'
    if (this.#inputEnded && this.isWaiting && !isLimited) this.#after(graceMs, () => this.giveUp())
  }

  #waitForTurn(): void {
    if (this.#mayBegin && this.#conversation.input.bufferedBytes > 0) this.#place.wait()
  }

  #countSent(): void {
    const { flushedBytes } = this.outbox
    this.#door.sessions.memory.pressure.moved(flushedBytes - this.#countedBytes + turnBytes)
    this.#door.counts.bytesSent += flushedBytes - this.#countedBytes
    this.#countedBytes = flushedBytes
  }

  #carryOut(): void {
    const conversation = this.#conversation
    const { counts } = this.#door
    this.outbox.askSocket()
    while (this.#mayBegin) {
      const result = conversation.next()
      if (result === step.more) {
        conversation.input.rest()
        return
      }
      counts.requests++
      if (result !== step.done) this.#await(result)
      else if (this.outbox.mayReach(this.#queuedBytes)) this.#awaitRoom()
      if (this.#place.isOver && conversation.input.bufferedBytes > 0) {
        this.#waitForTurn()
        return
      }
    }
  }

  #await(request: Promise<void>): void {
    this.#waiting++
    this.#place.goesOn()
    request.then(
      () => this.#goOn(),
      (error: unknown) => {
        if (!this.hasEnded) this.#refuse(error)
        this.#goOn()
      },
    )
  }

  /** A log that cannot be reached keeps replies for as long as it is waited for, or as the client wants to wait. */
  #limitWait(): void {
    const { waitingBytes } = this.outbox
    if (waitingBytes === undefined || this.#replyTimer !== undefined) return
    const limitMs = this.#conversation.replyLimitMs ?? 0
    if (limitMs === 0) return
    this.#replyTimer = this.#door.sessions.host.at(limitMs, () => {
      this.#replyTimer = undefined
      if (this.outbox.waitingBytes === waitingBytes) this.stopWaitingForLog('the end of its time limit')
      else this.#limitWait()
    })
  }

  /** What was committed may be there or not: only the log could tell. */
  stopWaitingForLog(why: string): void {
    if (this.outbox.waitingBytes === undefined) return
    const message = `${why} came while the log was waited for: whether what was done survives is unknown`
    this.outbox.giveUp(new PolylogError('outcome_unknown', message))
  }

  /** A client that does not read its replies is not served until it does. */
  #awaitRoom(): void {
    const room = this.outbox.roomBelow(this.#queuedBytes)
    if (room === undefined) return
    this.#waiting++
    this.#waitsForRoom = true
    void room.then(() => {
      this.#waitsForRoom = false
      this.#goOn()
    })
  }

  #goOn(): void {
    this.#waiting--
    if (this.hasEnded) return
    if (this.#state === 'open' && !this.#waitsForRoom) {
      this.#stopTimer()
      this.#awaitRoom()
    }
    this.proceed()
  }

  /** Reads on while there is little to do, so that a client that goes away is noticed; stops it while there is much. */
  #regulate(): void {
    const isFull = this.#isFull
    if (isFull === this.#paused) return
    this.#paused = isFull
    if (isFull) this.#socket.pause()
    else this.#socket.resume()
  }

  get #isFull(): boolean {
    const waitsForTurn = this.#place.isWaiting
    const mayBegin = this.#mayBegin
    if (mayBegin && !waitsForTurn) return false
    const { bufferedBytes } = this.#conversation.input
    return (waitsForTurn && bufferedBytes > waitingTurnBytes) || (!mayBegin && bufferedBytes > readAheadBytes)
  }

  // ---- what nobody has asked for

  /** Behind the replies so far. It leaves with `flushPushed`, or with the next reply. */
  push(bytes: Uint8Array): void {
    if (!this.hasEnded) this.outbox.push(bytes)
  }

  flushPushed(): void {
    if (this.hasEnded || this.#working) return
    this.outbox.flush()
    this.#countSent()
    if (this.#waiting === 0) this.outbox.rest()
  }

  /** When it was committed is looked up for those alone who tell it. */
  leaves(bytes: Uint8Array, watch: DurabilityWatch, sequence: Sequence): void {
    const conversation = this.#conversation
    if (conversation.leaves === undefined) return
    const committedMs = watch.commitTimeMs?.(sequence)
    if (committedMs !== undefined) conversation.leaves(bytes, committedMs)
  }

  standInFor(isLasting: boolean): StandIn | undefined {
    return standInFor(this.#conversation, isLasting, () => this.isWaiting)
  }

  // ---- the end

  onEnd(): void {
    if (this.hasEnded) return
    this.#inputEnded = true
    if (this.#isAtRest && !this.#place.isWaiting) this.#end()
    else this.#limitGrace()
  }

  /** Nothing more is begun, and what runs is canceled; what does not heed that is not answered. */
  giveUp(): void {
    if (this.hasEnded) return
    this.#state = 'ending'
    this.#conversation.cancel()
    this.#after(graceMs, () => this.#end())
  }

  /** Ends once what runs is answered; `farewell` is told behind that. */
  endAfterReplies(farewell?: PolylogError): void {
    if (this.#state !== 'open') return
    this.#state = 'ending'
    this.#farewell = farewell
    if (!this.#working && this.#isAtRest) this.#end()
  }

  /** Ends now, with the reason; what runs is canceled and not answered. */
  fail(error: PolylogError): void {
    if (this.hasEnded) return
    this.#farewell = error
    this.#end()
  }

  #refuse(error: unknown): void {
    this.fail(answerTo(this.#door.sessions.host, this.#door.counts.door, error))
  }

  /** Nobody knows what stayed of what the replies told of, nothing can be said in their place, or nobody can keep them. */
  repliesLost(error: PolylogError): void {
    if (this.hasEnded || error.code === 'out_of_memory') this.cut()
    else this.fail(error)
  }

  #end(): void {
    if (this.hasEnded) return
    this.#stopTimer()
    if (this.#farewell !== undefined) this.#conversation.refuse(this.#farewell)
    this.#state = 'ended'
    this.outbox.flush()
    this.#conversation.close()
    // Its last words may have had no room.
    if (this.#state !== 'ended') return
    this.#conversation.input.drop()
    // Nobody listens any more, but that the other side ends its half must be heard.
    if (this.#paused) this.#socket.resume()
    this.outbox.afterwards(() => {
      this.#socket.end()
      this.#linger(Infinity)
    })
  }

  #linger(untakenBytes: number): void {
    if (this.#state === 'closed') return
    this.#after(lingerMs, () => {
      const { pendingBytes } = this.#socket
      if (pendingBytes === 0 || pendingBytes >= untakenBytes) this.cut()
      else this.#linger(pendingBytes)
    })
  }

  #after(delayMs: number, run: () => void): void {
    this.#stopTimer()
    this.#timer = this.#door.sessions.host.at(delayMs, run)
  }

  #stopTimer(): void {
    this.#timer?.()
    this.#timer = undefined
  }

  cut(): void {
    this.#socket.destroy()
    this.onClose()
  }

  onDrain(): void {
    this.outbox.drained()
  }

  onClose(): void {
    if (this.#state === 'closed') return
    const wasEnded = this.#state === 'ended'
    this.#state = 'closed'
    this.#stopTimer()
    this.#replyTimer?.()
    this.identified()
    this.outbox.close()
    this.#countSent()
    if (!wasEnded) this.#conversation.close()
    this.#conversation.input.drop()
    this.#account?.close()
    this.#counted?.close()
    this.#door.closed(this)
  }
}

/** To who would prove over the network, in the open, who it is. */
export const noEncryption: string = 'no encryption: logins from other machines are taken over TLS only'

/** As PostgreSQL says it. */
function loginTooLate(): PolylogError {
  return new PolylogError('canceled', 'canceling authentication due to timeout')
}
