/**
 * The barrier of rule 4: a connection's replies leave when everything they have seen is durable.
 *
 * A door writes reply bytes into `writer` and calls `flush` at the end of a turn (or of a pipeline). It never says what
 * they must wait for: the outbox asks its *witness*, the session on whose behalf the bytes are, when bytes are about to be
 * written and again when they are flushed. Sequences only grow, so what the witness has seen at the flush covers every
 * byte before it; the level may change between, so the strictest of those in force holds for all of them.
 *
 *     writer ──flush──▶ held, until its witness's log is durable so far ──▶ socket
 *
 * A connection that goes on as another session sets `witness`. In another database, what was written before is flushed
 * first, since sequences of two databases do not compare: each part waits for the log of its own.
 *
 * Some bytes tell only that the client may go on: the tag of a statement of a transaction that is still open (`noteBare`). Where
 * a flush takes nothing else, they leave at once, in their place: whatever the transaction tells of later, above all how it
 * has ended, waits for all that it has seen (decision 027).
 *
 * What a full disk or a step down has refused was certainly not done, and the connection can go on: in place of held bytes that had seen
 * it leaves what the door puts there, its protocol's own error for each of their replies. A door that has nothing to put
 * there (half a reply has left already) loses the connection, and so does everybody whose outcome nobody knows: then
 * its owner is told, once, and nothing that was held leaves.
 *
 * What is held, and what the client's side does not take, is charged to the connection's account: many who do not read are
 * bounded in total. Where there is no memory for it the connection is lost, too.
 *
 * Invariants: bytes leave in the order in which they were written; no byte leaves before what its witness had seen is
 * durable, and none that had seen what was refused; after a failed sync nothing that had seen more than the last durable
 * sequence ever leaves.
 */
import { ByteWriter } from '../base/bytes.ts'
import type { MemoryAccount } from '../base/memory-account.ts'
import { PolylogError, type ErrorCode } from '../base/errors.ts'
import { lendMemory, takeMemoryBack } from '../base/spare-memory.ts'
import type { Socket } from '../host/host.ts'
import type { Durability, Sequence } from '../log/commit-log.ts'

/** What an outbox needs of the database that its connection talks to. */
export interface DurabilityWatch {
  durableThrough(level: Durability): Sequence
  /** Whether `whenDurable` would call at once, and without an error: never for what a full disk has refused. */
  isDurable(sequence: Sequence, level: Durability): boolean
  /** Calls once when it is durable, or with the error that makes that impossible. */
  whenDurable(sequence: Sequence, level: Durability, run: (error?: PolylogError) => void): void
  /** By the clock of the log, of what was committed lately; undefined of anything else. */
  commitTimeMs?(sequence: Sequence): number | undefined
}

/** Whom an outbox asks what its bytes must wait for: mostly a session. */
export interface Witness {
  /** The highest sequence that anything answered so far has seen. */
  readonly seen: Sequence
  readonly durability: Durability
  readonly durabilityWatch: DurabilityWatch
  /** The client has been told that what it had seen was refused: what it hears from now on tells of what is left. */
  forgetRefused?(): void
  /** Nothing more can be written for the client until `room` resolves. */
  waitsForClient?(client: SlowClient, room: Promise<void>): void
}

/** A client as one who waits for it to read sees it. */
export interface SlowClient {
  /** Bytes that could leave, and that the client's side has not taken. */
  readonly untakenBytes: number
}

/** Of what tells nothing of any database: a greeting, a refusal, an answer to a ping. */
export const nothingSeen: Witness = {
  seen: 0,
  durability: 'memory',
  durabilityWatch: {
    durableThrough: () => Infinity,
    isDurable: () => true,
    whenDurable: (_sequence, _level, run) => run(),
  },
}

/** Whose replies they are. */
export interface OutboxOwner {
  /** Nothing of what was held leaves. */
  repliesLost(error: PolylogError): void
  /** Asked for each chunk that must wait, at its flush; hears whether it tells of what stays on the connection. */
  standInFor?(isLasting: boolean): StandIn | undefined
  /** What has waited for the log leaves now, and may be changed in its place. `sequence`: the newest that it has seen, by `watch`. */
  leaves?(bytes: Uint8Array, watch: DurabilityWatch, sequence: Sequence): void
  /** Where is charged what is held, and what is not taken; left out: a test's, which nobody pays for. */
  readonly account?: MemoryAccount
}

/** What leaves in place of held bytes, for the error that they must tell of instead; undefined where nothing would do. */
export type StandIn = (bytes: Uint8Array, error: PolylogError) => Uint8Array | undefined

interface Held {
  bytes: Uint8Array
  readonly sequence: Sequence
  readonly level: Durability
  /** Of the database that the reply has seen: the connection may have changed to another since. */
  readonly watch: DurabilityWatch
  readonly witness: Witness
  readonly standIn: StandIn | undefined
  /** The log has reached `sequence`; asked for by each by itself: see `#hold`. */
  isDurable: boolean
}

const nothing = new Uint8Array(0)
/** Of who rests: nothing is ever written there. */
const resting = new ByteWriter(0)
/** Until something is held: never added to. */
const noneHeld: Held[] = []

/** Codes that say that what was told of was certainly not done. */
const refusals: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['disk_full', 'not_leading', 'too_large'])

/** Replies up to this size are copied into an exact buffer; a larger one gives its whole buffer to the socket. */
const copyLimitBytes = 64 * 1024
/** So little is not worth an account. */
const freeBytes = 8 * 1024

export class Outbox<W extends Witness = Witness> {
  #writer = resting
  readonly #socket: Socket
  readonly #owner: OutboxOwner
  #witness: W
  /** Flushed but not durable yet, in order. */
  #held = noneHeld
  #heldBytes = 0
  /** What the bytes in the writer wait for, as far as the witness was asked. */
  #needs: Sequence = 0
  #level: Durability = 'memory'
  /** Of the database that they have seen. */
  #watch: DurabilityWatch = nothingSeen.durabilityWatch
  #closed = false
  #drains: (() => void)[] | undefined
  #chargedBytes = 0
  /** Of the socket, when it was last asked. */
  #untakenBytes = 0
  /** Number of the chunk that is being written: all that one flush takes. */
  #chunk = 0
  /** The last one that tells of what stays on the connection. */
  #lastingIn = -1
  /** The writer's bytes up to there tell only that the client may go on. */
  #bareEnd = 0
  /** Bytes that flushes have taken since the connection began. */
  flushedBytes = 0

  constructor(socket: Socket, witness: W, owner: OutboxOwner) {
    this.#socket = socket
    this.#witness = witness
    this.#owner = owner
  }

  get witness(): W {
    return this.#witness
  }

  /** For the bytes from now on. */
  set witness(witness: W) {
    const last = this.#witness
    if (witness === last) return
    if (witness.durabilityWatch !== last.durabilityWatch) this.flush()
    else if (this.#writer.end > 0) this.#ask()
    this.#witness = witness
  }

  /** Where reply bytes go. Do not keep it beyond a command: a flush may replace it, and rest takes its memory. */
  get writer(): ByteWriter {
    // The witness has gone on to the successor of a database that has stepped down.
    if (this.#writer.end > 0 && this.#witness.durabilityWatch !== this.#watch) this.flush()
    if (this.#writer === resting) this.#writer = new ByteWriter(0)
    if (this.#writer.bytes.length === 0) lendMemory(this.#writer)
    this.#ask()
    return this.#writer
  }

  /** Nothing is being answered: what comes next begins with others' memory. */
  rest(): void {
    if (this.#writer.end > 0 || this.#writer === resting) return
    takeMemoryBack(this.#writer)
    this.#writer = resting
  }

  /** What was written elsewhere comes behind what is written here. It is taken over, and not copied where it is large. */
  append(written: ByteWriter): void {
    if (written.end <= copyLimitBytes) {
      this.writer.slice(written)
      return
    }
    const isLasting = this.#lastingIn === this.#chunk
    this.flush()
    if (isLasting) this.noteLasting()
    if (this.writer.end > 0) return
    this.#writer = written
    this.flush()
  }

  /** Bytes that others may be sent, too: they are copied only where they are few. */
  push(bytes: Uint8Array): void {
    if (bytes.length > copyLimitBytes) this.append(ByteWriter.holding(bytes))
    else this.writer.copy(bytes, 0, bytes.length)
  }

  /** Where the bytes of one reply go, at a door where each has a witness of its own. */
  writerFor(witness: W): ByteWriter {
    this.witness = witness
    return this.writer
  }

  #ask(): void {
    const { seen, durability, durabilityWatch } = this.#witness
    if (this.#writer.end === 0) {
      this.#needs = seen
      this.#level = durability
      this.#watch = durabilityWatch
      return
    }
    if (durabilityWatch !== this.#watch) return
    if (seen > this.#needs && !this.#isRefused) this.#needs = seen
    if (durability !== this.#level) this.#level = stricter(durability, this.#level)
  }

  /**
   * What has been written had seen what was refused since. A later sequence that is durable must not make up for that;
   * `memory` says whether a sequence is one that still counts.
   */
  get #isRefused(): boolean {
    return !this.#watch.isDurable(this.#needs, 'memory')
  }

  /** What is being written tells of what stays on the connection, whatever becomes of the rest. */
  noteLasting(): void {
    this.#lastingIn = this.#chunk
  }

  /** What was written from `start` on tells nothing of what it has seen but that the client may go on. */
  noteBare(start: number): void {
    if (start === this.#bareEnd) this.#bareEnd = this.#writer.end
  }

  /** Takes back what was written behind `end`. */
  truncate(end: number): void {
    this.#writer.truncate(end)
    if (this.#bareEnd > end) this.#bareEnd = end
  }

  /** Bytes written that the peer's kernel has not taken yet: what a budget bounds. */
  get pendingBytes(): number {
    return this.#writer.end + this.#heldBytes + this.#socket.pendingBytes
  }

  /** Whether what has been written, and `bytes` behind it, could be kept if nobody took it; what could not must not be flushed. */
  hasRoomFor(bytes: number): boolean {
    const written = this.#writer.end + bytes
    if (written <= copyLimitBytes || this.#closed) return true
    const { account } = this.#owner
    const bytesMore = written - this.#chargedBytes + this.#heldBytes + this.#socket.pendingBytes
    if (account?.tryCharge(bytesMore) === false) return false
    account?.release(bytesMore)
    return true
  }

  /** Before a run of requests: what the socket holds. */
  askSocket(): void {
    this.#untakenBytes = this.#socket.pendingBytes
  }

  /**
   * Whether `pendingBytes` may have reached the limit, by what the socket said when it was last asked or given bytes: to ask
   * it for each request takes as long as some requests do.
   */
  mayReach(limitBytes: number): boolean {
    return this.#writer.end + this.#heldBytes + this.#untakenBytes >= limitBytes
  }

  get untakenBytes(): number {
    return this.#socket.pendingBytes
  }

  flush(): void {
    if (this.#writer.end === 0 || this.#closed) return
    this.#ask()
    const isBare = this.#bareEnd === this.#writer.end
    const bytes = this.#takeWritten()
    const sequence = this.#needs
    const level = this.#level
    const witness = this.#witness
    const watch = this.#watch
    // Who is content with memory has been answered already when the log finds no space.
    const isDurable = isBare || level === 'memory' || watch.isDurable(sequence, level)
    if (isDurable && this.#held.length === 0) {
      this.#socket.write(bytes)
      this.#charge()
      return
    }
    const standIn = isDurable ? undefined : this.#owner.standInFor?.(this.#lastingIn === this.#chunk - 1)
    this.#hold({ bytes, sequence, level, watch, witness, standIn, isDurable })
  }

  /**
   * Waits from now on, also behind others: a full disk may refuse the records that this has seen, and of that the log's
   * progress, looked at later, does not tell.
   */
  #hold(held: Held): void {
    if (this.#held === noneHeld) this.#held = []
    this.#held.push(held)
    this.#heldBytes += held.bytes.length
    this.#charge()
    if (held.isDurable || this.#closed) return
    held.watch.whenDurable(held.sequence, held.level, (error) => {
      if (this.#closed || held.isDurable || !this.#held.includes(held)) return
      if (error !== undefined && !this.#replace(held, error)) {
        this.#fail(error)
        return
      }
      held.isDurable = true
      if (held === this.#held[0]) this.#release()
    })
  }

  /** The oldest bytes that wait for the log. */
  get waitingBytes(): Uint8Array | undefined {
    return this.#held.find(({ isDurable }) => !isDurable)?.bytes
  }

  /**
   * Nobody waits for the log any longer: in place of what waits leaves the error, which must not say that it was not done.
   * What was seen is still seen, and later replies wait for it.
   */
  giveUp(error: PolylogError): void {
    for (const held of this.#held.filter(({ isDurable }) => !isDurable)) {
      if (!this.#putInPlace(held, error)) {
        this.#fail(error)
        return
      }
      held.isDurable = true
    }
    this.#release()
  }

  /** False where nothing can stand in for the bytes, or nobody knows what has become of what they tell of. */
  #replace(held: Held, error: PolylogError): boolean {
    if (!refusals.has(error.code) || !this.#putInPlace(held, error)) return false
    held.witness.forgetRefused?.()
    return true
  }

  #putInPlace(held: Held, error: PolylogError): boolean {
    const bytes = held.standIn?.(held.bytes, error)
    if (bytes === undefined) return false
    this.#heldBytes += bytes.length - held.bytes.length
    held.bytes = bytes
    return true
  }

  #charge(): void {
    this.askSocket()
    const bytes = this.#heldBytes + this.#untakenBytes
    const before = this.#chargedBytes
    if (this.#closed || (bytes <= freeBytes && before === 0)) return
    const { account } = this.#owner
    if (bytes > before && account?.tryCharge(bytes - before) === false) {
      this.#fail(new PolylogError('out_of_memory', 'out of memory: the client does not take its replies'))
      return
    }
    if (bytes < before) account?.release(before - bytes)
    this.#chargedBytes = bytes
  }

  /** Resolves when less than `limitBytes` is pending; `undefined` where that holds already. */
  roomBelow(limitBytes: number): Promise<void> | undefined {
    if (this.pendingBytes < limitBytes || this.#closed) return undefined
    this.flush()
    if (this.pendingBytes < limitBytes) return undefined
    const room = new Promise<void>((resolve) => {
      const check = (): void => {
        if (this.#closed || this.pendingBytes < limitBytes) resolve()
        else this.#whenDrained(check)
      }
      this.#whenDrained(check)
    })
    this.#witness.waitsForClient?.(this, room)
    return room
  }

  /** Runs when everything that was written before has left (or never will). */
  afterwards(run: () => void): void {
    this.flush()
    if (this.#held.length === 0) run()
    else this.#whenDrained(() => this.afterwards(run))
  }

  /** Nothing more is sent; waiters for room go on. */
  close(): void {
    this.#closed = true
    // Whoever still waits for the log must not keep them.
    for (const held of this.#held) held.bytes = nothing
    this.#held = noneHeld
    this.#heldBytes = 0
    if (this.#chargedBytes > 0) this.#owner.account?.release(this.#chargedBytes)
    this.#chargedBytes = 0
    this.#writer.reset()
    this.rest()
    this.drained()
  }

  #takeWritten(): Uint8Array {
    const writer = this.#writer
    this.#chunk++
    this.#bareEnd = 0
    this.flushedBytes += writer.end
    if (writer.end > copyLimitBytes) {
      this.#writer = resting
      return writer.bytes.subarray(0, writer.end)
    }
    const bytes = Buffer.allocUnsafe(writer.end)
    bytes.set(writer.bytes.subarray(0, writer.end))
    writer.reset()
    return bytes
  }

  #release(): void {
    let count = 0
    for (const held of this.#held) {
      if (!held.isDurable) break
      this.#heldBytes -= held.bytes.length
      this.#owner.leaves?.(held.bytes, held.watch, held.sequence)
      this.#socket.write(held.bytes)
      count++
    }
    this.#held.splice(0, count)
    this.drained()
  }

  #fail(error: PolylogError): void {
    this.#held = noneHeld
    this.#heldBytes = 0
    this.#bareEnd = 0
    this.#writer.reset()
    this.#witness.forgetRefused?.()
    this.#owner.repliesLost(error)
    this.drained()
  }

  #whenDrained(run: () => void): void {
    this.#drains ??= []
    this.#drains.push(run)
  }

  /** Told by who listens to the socket. */
  drained(): void {
    if (this.#chargedBytes > 0) this.#charge()
    else this.askSocket()
    const waiting = this.#drains
    if (waiting === undefined) return
    this.#drains = undefined
    for (const run of waiting) run()
  }
}

function stricter(a: Durability, b: Durability): Durability {
  if (a === 'synced' || b === 'synced') return 'synced'
  return a === 'written' || b === 'written' ? 'written' : 'memory'
}
