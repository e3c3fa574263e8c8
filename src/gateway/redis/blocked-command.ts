/**
 * A command that waits until there is something for it: BLPOP, BZPOPMIN, XREAD BLOCK and their likes.
 *
 * How a command waits: it has the flag `blocking` in `commands.json`, and a handler that looks at its keys as if it were
 * not to wait. Where it finds something it answers; else it says `call.block(request)` and writes nothing. The rest is here:
 *
 *     handler ──found──────────────────────────────────────────────────► reply
 *        └─ block(request): in MULTI, in a script, in a transaction ───► request.writeNull
 *              └─ else it waits for its keys (`database/transaction/key-waits.ts`)
 *                    a commit has written one of them ─► request.serve, as a statement of its own ─► reply
 *                        └─ it answers `looked.nothing`, having written nothing: it waits on
 *                    its time is over, CLIENT UNBLOCK ─────────────────► request.writeNull, or an error
 *                    its connection ends: it leaves, and nothing is done for it
 *
 * `serve(call, at)` is asked for the one key that was written, as Redis does, whatever stands before it among the
 * arguments. It says `looked.served`, `looked.last` where it has left nothing for the next one of its kind, or throws the
 * command's error, which ends the wait. It must take a key of another type for `looked.nothing`. What it changes and what
 * it answers is one statement, one commit: an element is taken where its reply is written, and the reply leaves once that
 * is durable. A reply that cannot leave, because the client is gone without our knowing, has taken its element all the
 * same: Redis's promise is no other.
 *
 * Who comes to a key for which others wait already (they are about to be served, in their order) stands behind them:
 * `call.isBehindOthers` says so, and the handler blocks, with `isBehind`.
 *
 * A command is permitted anew whenever it looks: who loses a right while it waits hears NOPERM.
 */
import { sliceToLatin1, type Slice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import { PolylogError } from '../../base/errors.ts'
import type { Catalog } from '../../database/catalog/catalog.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import { looked, type Looked, type KeyWaiter, type KeyWaits } from '../../database/transaction/key-waits.ts'
import type { Cancel } from '../../host/host.ts'
import { type Keyspace, writeHeaderKey } from '../../model/keyvalue/keys.ts'
import type { RunOptions, Session } from '../../session/contract.ts'
import type { Call } from './call.ts'
import { findDatabase, nowhere } from './databases.ts'
import { CommandError } from './errors.ts'
import type { Reply } from './reply.ts'

export type BlockedKind = 'list' | 'sorted set' | 'stream'

export interface BlockRequest {
  /** Where one of a kind finds nothing in a key, those behind it find nothing. */
  readonly kind: BlockedKind
  /** Who is served takes nothing from the others: each is asked. */
  readonly isShared?: boolean
  /** Its keys are the arguments from `first` up to `end`, which is not among them. */
  readonly first: number
  readonly end: number
  /** 0: for ever. */
  readonly timeoutMs: number
  /** There may be something: others are to be served with it first. */
  readonly isBehind?: boolean
  serve(call: Call, position: number): Looked | StatementSteps<Looked>
  /** Where the time is over. */
  writeNull(reply: Reply): void
}

/** So many are put in one turn. */
const mostKeys = 4096
/** Of a key that is waited for, beside its bytes. */
const keyBytes = 256

const keyWriter = new KeyWriter(64)

/** By which waiters know the key. */
export function waitKey(space: Keyspace, key: Slice): string {
  return sliceToLatin1(writeHeaderKey(keyWriter, space, key))
}

export class BlockedCommand implements KeyWaiter {
  keys: readonly string[] = []
  readonly ticket: number
  readonly #call: Call
  readonly #session: Session
  readonly #options: RunOptions
  /** Charged to the session. */
  #chargedBytes = 0
  readonly #request: BlockRequest
  /** Where its keys stand among the arguments. */
  #positions = new Map<string, number>()
  #spaceId = -1
  #waits: KeyWaits | undefined
  /** A look goes on, and has not found out yet. */
  #isLooking = false
  /** What was written meanwhile. */
  #missed: string[] = []
  /** Its time is over, or somebody has ended its wait. */
  #stopped: { readonly error: CommandError | undefined } | undefined
  #hasEnded = false
  #timer: Cancel | undefined
  #resolve!: () => void
  #reject!: (error: unknown) => void
  readonly #ended = new Promise<void>((resolve, reject) => {
    this.#resolve = resolve
    this.#reject = reject
  })

  /** `options`: those that the command's statement runs with. */
  constructor(call: Call, session: Session, options: RunOptions) {
    this.#call = call
    this.#session = session
    this.#options = options
    this.#request = call.blocked!
    this.ticket = session.keyWaits.nextTicket()
  }

  get kind(): string {
    return this.#request.kind
  }

  get isShared(): boolean {
    return this.#request.isShared === true
  }

  /** Until it is answered. Rejects with the command's error. `hasPaused`: others have run since it has looked. */
  wait(hasPaused: boolean): Promise<void> {
    const { timeoutMs } = this.#request
    try {
      this.#takePlace()
    } catch (error) {
      this.#end(error)
      return this.#ended
    }
    if (timeoutMs > 0) this.#timer = this.#call.server.sessions.host.at(timeoutMs, () => this.stop())
    if (hasPaused || this.#request.isBehind === true) this.#signalAll()
    return this.#ended
  }

  /** As if its time were over, or with an error. False where that is decided already. */
  stop(error?: CommandError): boolean {
    if (this.#hasEnded || this.#stopped !== undefined) return false
    this.#stopped = { error }
    if (this.#isLooking) this.#session.cancel()
    else this.#endStopped()
    return true
  }

  /** Nobody hears what it is answered. */
  close(): void {
    this.#end()
  }

  // ---- its place

  #takePlace(): void {
    const { first, end } = this.#request
    if (end - first > mostKeys) throw new CommandError(`ERR more than ${mostKeys} keys cannot be waited for`)
    const waits = this.#session.keyWaits
    const space = this.#spaceIn(this.#session.catalog)
    this.#spaceId = space.id
    this.#positions = new Map()
    let bytes = 0
    for (let at = first; at < end; at++) {
      const key = waitKey(space, this.#call.arg(at))
      if (this.#positions.has(key)) continue
      this.#positions.set(key, at)
      bytes += keyBytes + key.length
    }
    this.#session.account.resize(this.#chargedBytes, bytes, 'the keys that are waited for')
    this.#chargedBytes = bytes
    this.keys = [...this.#positions.keys()]
    waits.wait(this)
    this.#waits = waits
  }

  #leavePlace(): void {
    this.#waits?.leave(this)
    this.#waits = undefined
  }

  #signalAll(): void {
    const waits = this.#waits!
    for (const key of this.keys) waits.signal(key)
    waits.deliver()
  }

  /** What is no Redis database any more holds nothing to wait for; it may become one again. */
  #spaceIn(catalog: Catalog): Keyspace {
    try {
      return findDatabase(catalog, this.#call.client.database) ?? nowhere
    } catch {
      return nowhere
    }
  }

  isPlaced(catalog: Catalog): boolean {
    return this.#spaceIn(catalog).id === this.#spaceId && this.#session.keyWaits === this.#waits
  }

  move(): void {
    const before = this.#waits
    this.#leavePlace()
    try {
      this.#takePlace()
    } catch (error) {
      this.#end(error)
      return
    }
    if (this.#waits !== before) this.#signalAll()
  }

  // ---- looking

  look(key: string): Looked | Promise<Looked> {
    if (this.#isLooking) {
      this.#missed.push(key)
      return looked.served
    }
    const position = this.#positions.get(key)!
    return this.#run((tx) => this.#serve(tx, position))
  }

  #serve(tx: Transaction, position: number): Looked | StatementSteps<Looked> {
    const call = this.#call
    call.tx = tx
    call.reply.restart()
    call.checkMay(call.command)
    return this.#request.serve(call, position)
  }

  #run(statement: (tx: Transaction) => Looked | StatementSteps<Looked>): Looked | Promise<Looked> {
    let found: Looked | Promise<Looked>
    try {
      found = this.#session.run(statement, this.#options)
    } catch (error) {
      return this.#failed(error)
    }
    if (!(found instanceof Promise)) return this.#found(found)
    this.#isLooking = true
    return found.then(
      (result) => this.#found(result),
      (error: unknown) => this.#failed(error),
    )
  }

  #found(result: Looked): Looked {
    this.#isLooking = false
    if (result !== looked.nothing) this.#end()
    else if (this.#stopped !== undefined) this.#endStopped()
    else if (!this.#hasEnded) this.#waitOn()
    return result
  }

  #waitOn(): void {
    const missed = this.#missed
    this.#missed = []
    for (const key of missed) this.#waits?.signal(key)
    if (missed.length > 0) this.#waits?.deliver()
  }

  #failed(error: unknown): Looked {
    this.#isLooking = false
    const isCanceled = error instanceof PolylogError && error.code === 'canceled'
    if (this.#stopped !== undefined && isCanceled) this.#endStopped()
    else this.#end(error)
    return looked.served
  }

  // ---- the end

  #endStopped(): void {
    const { error } = this.#stopped!
    const { reply } = this.#call
    reply.restart()
    if (error === undefined) this.#request.writeNull(reply)
    this.#end(error)
  }

  #end(error?: unknown): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#timer?.()
    this.#leavePlace()
    this.#session.account.release(this.#chargedBytes)
    this.#chargedBytes = 0
    if (error === undefined) this.#resolve()
    else this.#reject(error)
  }
}

/** Who hears of a command's wait, and of its end. */
interface Waiter {
  waitsAs(blocked: BlockedCommand | undefined): void
}

/**
 * Runs the command of a call: until there is something for it, where it may wait.
 */
export function runBlocking(call: Call, session: Session, options: RunOptions, waiter: Waiter): void | Promise<void> {
  const wait = (hasPaused: boolean): Promise<void> | undefined => {
    if (call.blocked === undefined || call.client.hasEnded) return undefined
    const blocked = new BlockedCommand(call, session, options)
    waiter.waitsAs(blocked)
    return blocked.wait(hasPaused)
  }
  const end = (): void => {
    call.mayBlock = false
    waiter.waitsAs(undefined)
  }
  call.mayBlock = session.status === 'none'
  let waiting: Promise<void> | undefined
  try {
    const tried = session.run(call.statement, options)
    waiting = tried instanceof Promise ? tried.then(() => wait(true)) : wait(false)
  } finally {
    if (waiting === undefined) end()
  }
  return waiting?.finally(end)
}
