/**
 * One command being carried out: its arguments, where its reply goes, who sent it, and the transaction that it runs in.
 *
 * A connection moves one `Call` along from command to command, so that nothing is allocated per command, and gives it away
 * where it rests (`SpareCalls`).
 */
import type { Privileges } from '../../database/access/privileges.ts'
import { unlimited } from '../../database/access/rights.ts'
import { inPlace } from '../../database/transaction/wait.ts'
import { isTurnOver } from '../../base/work.ts'
import { decodeUtf8 } from '../../base/bytes.ts'
import { copySlice, type MutableSlice, type Slice } from '../../base/slice.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import { parseDouble } from '../../model/keyvalue/double-text.ts'
import { parseInt64, parseShortInteger } from '../../model/keyvalue/integer-text.ts'
import type { Keyspace } from '../../model/keyvalue/keys.ts'
import { countLookups } from '../../model/keyvalue/lookups.ts'
import { eachStep } from '../../model/keyvalue/walk.ts'
import { type BlockedKind, type BlockRequest, waitKey } from './blocked-command.ts'
import type { Client } from './client.ts'
import { type Command, keysOf } from './command-table.ts'
import type { AccessTable } from './eviction/access-table.ts'
import { databaseCount, DatabaseLookup, nowhere } from './databases.ts'
import { CommandError, notAFloat, notAnInteger } from './errors.ts'
import type { Permissions } from './permissions.ts'
import type { Reply } from './reply.ts'
import { decodeShown } from './shown-bytes.ts'
import type { ServerState } from './server-state.ts'
import type { Arguments } from './wire.ts'

/** What a command's handler answers: nothing where it is done, or steps that pause. */
export type Steps = StatementSteps<void> | void

/** Runs within a statement; may be run again from the beginning. */
export type DataHandler = (call: Call) => Steps
/** Concerns the connection: runs outside of any statement. */
export type ConnectionHandler = (call: Call) => void | Promise<void>

const plainSteps = 64
const mostShownBytes = 128

const longestNameBytes = 64 * 1024

function shortened(argument: Slice): Slice {
  const { bytes, start, end } = argument
  return end - start <= longestNameBytes ? argument : { bytes, start, end: start + longestNameBytes + 1 }
}

function* pause(): StatementSteps<void> {
  yield undefined
}

export class Call {
  tx!: Transaction
  arguments!: Arguments
  readonly reply: Reply
  client!: Client
  command!: Command
  /** Its client may wait until there is something for it: neither in a block nor in a script. */
  mayBlock = false
  /** Carried out by EXEC. */
  isQueued = false
  /** What it waits for. */
  blocked: BlockRequest | undefined
  readonly server: ServerState
  readonly #databases = new DatabaseLookup()

  constructor(server: ServerState, reply: Reply) {
    this.server = server
    this.reply = reply
  }

  /** Of the command, as a session runs it: perhaps again, when nothing of it stays in the reply. */
  readonly statement = (tx: Transaction): Steps => {
    this.tx = tx
    this.reply.restart()
    this.blocked = undefined
    this.checkMay(this.command)
    return this.carryOut(this.command)
  }

  /** Within the statement at hand; others may want to know what becomes of keys. */
  carryOut(command: Command): Steps {
    const { watching, lookups } = this.server
    countLookups(command.countsLookups ? lookups : undefined)
    return watching.isOn ? watching.carryOut(this, command) : command.data!(this)
  }

  get permissions(): Permissions {
    return this.server.permissionsOf(this.tx.principal.rights)
  }

  get count(): number {
    return this.arguments.count
  }

  arg(position: number): MutableSlice {
    return this.arguments.at(position)
  }

  /**
   * A copy of a key, for what must outlive the command or a pause in which other arguments are looked at. One that is longer
   * than any stored one is cut, and still is.
   */
  key(position: number): Uint8Array {
    return copySlice(shortened(this.arg(position)))
  }

  /** The name of something. One that is longer than any name is cut, and names nothing still: who keeps it asks for `name`. */
  text(position: number): string {
    const { bytes, start, end } = shortened(this.arg(position))
    return decodeUtf8(bytes, start, end)
  }

  /** A name that is kept. */
  name(position: number): string {
    const { start, end } = this.arg(position)
    if (end - start > longestNameBytes) {
      throw new CommandError(`ERR a name of ${end - start} bytes is longer than ${longestNameBytes}`)
    }
    return this.text(position)
  }

  /** The argument as Redis repeats it in an error: C's strings end at the first zero byte. */
  shown(position: number): string {
    const { bytes, start, end } = shortened(this.arg(position))
    return decodeShown(bytes, start, end).split('\0', 1)[0]!
  }

  /** The first argument for people to read, of a bounded length. */
  shownFirst(): string {
    const { bytes, start, end } = this.arg(1)
    return decodeUtf8(bytes, start, Math.min(end, start + mostShownBytes))
  }

  /** The argument in upper case, for comparing with options. */
  option(position: number): string {
    const { bytes, start, end } = this.arg(position)
    return end - start > 64 ? '' : decodeUtf8(bytes, start, end).toUpperCase()
  }

  /** The selected database, for reading. */
  get space(): Keyspace {
    return this.#databases.forReading(this.tx, this.client.database)
  }

  /** The selected database, made where it does not exist yet. */
  get writableSpace(): Keyspace {
    return this.#databases.forWriting(this.tx, this.client.database)
  }

  writableDatabase(number: number): Keyspace {
    return new DatabaseLookup().forWriting(this.tx, number)
  }

  readableDatabase(number: number): Keyspace {
    return new DatabaseLookup().forReading(this.tx, number)
  }

  // ---- waiting for data

  /** There is nothing yet: it waits, or is answered as one whose time is over. See `blocked-command.ts`. */
  block(request: BlockRequest): void {
    if (this.mayBlock) this.blocked = request
    else request.writeNull(this.reply)
  }

  /** Others have waited longer for what is there under the key, and are about to be served. */
  isBehindOthers(position: number, kind: BlockedKind): boolean {
    const { keyWaits } = this.client.session
    return this.mayBlock && keyWaits.areThere && keyWaits.isWaitedFor(waitKey(this.space, this.arg(position)), kind)
  }

  // ---- what the caller may, of this statement

  /** Errors: `Denial`. */
  checkMay(command: Command): void {
    const { accesses } = this.server.eviction
    if (accesses !== undefined && command.usesKeys) this.#noteUse(accesses, command)
    const { rights } = this.tx.principal
    if (rights === unlimited) return
    this.server.permissionsOf(rights).check(this.tx.catalog, this.client.database, command, this.arguments)
  }

  /** What a client with NO-TOUCH uses is not the younger for it, but by TOUCH. */
  #noteUse(accesses: AccessTable, { keys, name }: Command): void {
    if (this.client.touchesNothing && name !== 'touch') return
    const nowMs = this.server.now()
    for (const { specification } of keys) {
      for (const at of keysOf(specification, this.arguments, 0) ?? []) {
        accesses.used(this.client.database, this.arg(at), nowMs)
      }
    }
  }

  /** Which keys of the selected database may be told of; undefined: all. */
  get visibleKeys(): ((key: Slice) => boolean) | undefined {
    return this.permissions.visible(this.tx.catalog, this.client.database)
  }

  /** The selected database, for what looks through all that may be told of. */
  get visibleSpace(): Keyspace {
    return this.permissions.seesNothing(this.tx.catalog, this.client.database) ? nowhere : this.space
  }

  /** To make a key in another database, or overwrite it there. Errors: `Denial`. */
  checkMayWriteTo(database: number, key: Slice): void {
    this.permissions.requireWrite(this.tx.catalog, database, key)
  }

  mayAll(database: number, wanted: Privileges): boolean {
    return this.permissions.hasAll(this.tx.catalog, database, wanted)
  }

  /** A 64-bit integer. */
  long(position: number, message?: string): bigint {
    const value = parseInt64(this.arg(position))
    if (value === undefined) throw message === undefined ? notAnInteger() : new CommandError(message)
    return value
  }

  /** A 64-bit integer as a number: beyond 2^53 it is only nearly right, which is enough for counts and positions. */
  integer(position: number, message?: string): number {
    const short = parseShortInteger(this.arg(position))
    return Number.isNaN(short) ? Number(this.long(position, message)) : short
  }

  double(position: number, message?: string): number {
    const value = parseDouble(this.arg(position))
    if (value === undefined) throw message === undefined ? notAFloat() : new CommandError(message)
    return value
  }

  databaseNumber(position: number, message: string): number {
    const value = this.long(position, message)
    if (BigInt.asIntN(32, value) !== value) {
      throw new CommandError('ERR value is out of range, value must between -2147483648 and 2147483647')
    }
    if (value < 0 || value >= databaseCount) throw new CommandError('ERR DB index is out of range')
    return Number(value)
  }

  /** `step` for every `stride`-th argument from `first` on, then `finish`; pauses where there are many. Both may answer steps. */
  each(first: number, stride: number, step: (position: number) => Steps, finish: () => Steps): Steps {
    if (this.count - first > plainSteps * stride) return this.#eachSliced(first, stride, step, finish)
    for (let at = first; at < this.count; at += stride) {
      const longer = step(at)
      if (longer !== undefined) return this.#eachLater(longer, at + stride, stride, step, finish)
      if (isTurnOver() && at + stride < this.count) return this.#eachLater(pause(), at + stride, stride, step, finish)
    }
    return finish()
  }

  *#eachLater(
    before: StatementSteps<void>,
    first: number,
    stride: number,
    step: (position: number) => Steps,
    finish: () => Steps,
  ): StatementSteps<void> {
    yield* before
    yield* this.#eachSliced(first, stride, step, finish)
  }

  *#eachSliced(
    first: number,
    stride: number,
    step: (position: number) => Steps,
    finish: () => Steps,
  ): StatementSteps<void> {
    yield* eachStep(this.tx, first, this.count, stride, step)
    const more = yield* inPlace(this.tx, finish)
    if (more !== undefined) yield* more
  }
}
