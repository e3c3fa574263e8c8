/**
 * START_REPLICATION: both sides send CopyData, until one of them ends it.
 *
 *   to the subscriber    w  LSN u64 · end of the log u64 · time i64 · a message of the plug-in
 *                        k  end of what was looked at u64 · time i64 · wants an answer u8
 *   from it              r  written u64 · flushed u64 · applied u64 · time i64 · wants an answer u8
 *                        h  of physical replication: passed over
 *
 * What it has flushed is what its slot needs no more. What is sent waits for the subscriber to read; nobody else does.
 */
import type { Cancel } from '../../../host/host.ts'
import { lsnOf, sequenceAt } from '../../../database/following/lsn.ts'
import type { Slot, Slots } from '../../../database/following/slots.ts'
import { rowChannel } from '../../../model/table/publication/row-notes.ts'
import { LogError } from '../../../log/commit-log.ts'
import { activeSlot, lostSlot } from '../../../language/sql/replication-slots.ts'
import type { SessionHost } from '../../../session/contract.ts'
import type { Client, CopyTarget } from '../client.ts'
import { sqlError } from '../errors.ts'
import { commandComplete, copyBothResponse, copyDataOf, copyDone } from '../wire.ts'
import { epochUs, type OutputMessage, Pgoutput, type PgoutputOptions } from './pgoutput.ts'

const types = { data: 0x64, done: 0x63, fail: 0x66, flush: 0x48, sync: 0x53 } as const
const [dataKind, keepaliveKind, statusKind] = [0x77, 0x6b, 0x72]
const statusBytes = 34
/** A subscriber that hears nothing for so long would think that the connection is gone. */
const keepaliveMs = 5_000
/** Of one that has not been told how far the log is. */
const catchUpMs = 200
/** Gathered before it leaves. */
const flushBytes = 64 * 1024

export interface RowStreamParts {
  readonly client: Client
  readonly sessions: SessionHost
  readonly slots: Slots
  readonly slot: Slot
  /** The LSN that the subscriber asks for. */
  readonly from: bigint
  readonly options: PgoutputOptions
}

/** Resolves when both sides have ended it. Errors: those of the plug-in; 55000 where the log does not go back so far. */
export function streamRows(parts: RowStreamParts): Promise<void> {
  const { client, slots, slot } = parts
  if (!slots.hold(slot.name, client.session.id)) {
    throw activeSlot(slot.name, slots.find(slot.name)?.holder ?? 0)
  }
  copyBothResponse(client.outbox.writer)
  client.outbox.flush()
  return new Promise<void>((resolve, reject) => {
    const stream = new RowStream(parts, resolve, reject)
    client.copy = stream
    client.onCopy()
    stream.run()
  }).finally(() => slots.letGo(slot.name))
}

class RowStream implements CopyTarget {
  readonly #parts: RowStreamParts
  readonly #resolve: () => void
  readonly #reject: (error: unknown) => void
  readonly #abort = new AbortController()
  readonly #plugin: Pgoutput
  /** What comes next; the subscriber has all before. */
  #next: number
  /** The LSN that it was told last, of data or otherwise. */
  #toldLsn = 0n
  #toldAtMs = 0
  #timer: Cancel | undefined
  #isOver = false
  #isSending = false

  constructor(parts: RowStreamParts, resolve: () => void, reject: (error: unknown) => void) {
    this.#parts = parts
    this.#resolve = resolve
    this.#reject = reject
    this.#plugin = new Pgoutput(parts.options)
    this.#next = Math.max(parts.slot.position, sequenceAt(parts.from))
    this.#watch()
  }

  run(): void {
    this.#send().catch((error: unknown) => {
      if (!this.#abort.signal.aborted) this.fail(asTrimmed(error, this.#parts.slot))
    })
  }

  async #send(): Promise<void> {
    const { client, sessions } = this.#parts
    const { outbox, limits } = client
    const options = { from: this.#next, follow: true, signal: this.#abort.signal, channels: rowChannels }
    for await (const part of sessions.feedOf(client.session.database, options)) {
      this.#isSending = true
      for (const message of this.#plugin.messages(part)) {
        this.#data(message)
        if (outbox.writer.end < flushBytes) continue
        outbox.flush()
        const room = outbox.roomBelow(limits.maxPendingOutputBytes)
        if (room !== undefined) await room
        else await client.pause()
        if (this.#isOver) return
      }
      if (!part.continues) this.#next = part.sequence + 1
      this.#isSending = false
      outbox.flush()
      if (this.#isOver) return
    }
  }

  #data({ lsn, bytes }: OutputMessage): void {
    const { client, slots } = this.#parts
    const { writer } = client.outbox
    copyDataOf(writer, () => {
      writer.u8(dataKind)
      writer.u64be(lsn)
      writer.u64be(lsnOf(slots.end + 1))
      writer.u64be(this.#timeUs())
      writer.copy(bytes, 0, bytes.length)
    })
    this.#told(lsn)
  }

  #keepalive(): void {
    const { writer } = this.#parts.client.outbox
    const lsn = lsnOf(this.#next)
    copyDataOf(writer, () => {
      writer.u8(keepaliveKind)
      writer.u64be(lsn)
      writer.u64be(this.#timeUs())
      writer.u8(0)
    })
    this.#told(lsn)
    this.#parts.client.outbox.flush()
  }

  #told(lsn: bigint): void {
    this.#toldLsn = lsn
    this.#toldAtMs = this.#parts.client.host.now()
  }

  #timeUs(): bigint {
    return BigInt(Math.floor(this.#parts.client.host.now() * 1000)) - epochUs
  }

  /** Between transactions: nothing may come into the middle of one that is being sent. */
  #watch(): void {
    const { host } = this.#parts.client
    this.#timer = host.at(catchUpMs, () => {
      if (this.#isOver) return
      const isBehind = this.#toldLsn < lsnOf(this.#next)
      if (!this.#isSending && (isBehind || host.now() - this.#toldAtMs >= keepaliveMs)) this.#keepalive()
      this.#watch()
    })
  }

  receive(type: number, bytes: Uint8Array, start: number, end: number): void {
    try {
      this.#take(type, bytes, start, end)
    } catch (error) {
      this.fail(error)
    }
  }

  #take(type: number, bytes: Uint8Array, start: number, end: number): void {
    if (type === types.flush || type === types.sync) return
    if (type === types.done) {
      this.#end()
      return
    }
    if (type === types.fail) throw sqlError('canceled', '57014', 'the subscriber has ended the stream')
    if (type !== types.data) {
      throw sqlError('invalid_argument', '08P01', `unexpected message type 0x${type.toString(16)} during replication`)
    }
    const kind = start < end ? bytes[start] : undefined
    if (kind === 0x68) return
    if (kind !== statusKind || end - start !== statusBytes) {
      throw sqlError('invalid_argument', '08P01', 'unexpected standby message')
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset + start, statusBytes)
    const flushed = view.getBigUint64(9)
    const { slots, slot } = this.#parts
    // Nobody has flushed what was not sent.
    if (flushed > 0n) slots.advance(slot, Math.min(sequenceAt(flushed), this.#next))
    if (bytes[start + statusBytes - 1] === 1 && !this.#isSending) this.#keepalive()
  }

  /** As PostgreSQL's walsender ends a stream, with both tags. */
  #end(): void {
    const { client } = this.#parts
    this.#stop()
    const { writer } = client.outbox
    copyDone(writer)
    commandComplete(writer, 'COPY 0')
    commandComplete(writer, 'START_REPLICATION')
    this.#resolve()
  }

  fail(error: unknown): void {
    if (this.#isOver) return
    this.#stop()
    this.#reject(error)
  }

  #stop(): void {
    const { client } = this.#parts
    if (client.copy === this) client.copy = undefined
    this.#isOver = true
    this.#timer?.()
    this.#abort.abort()
  }
}

const rowChannels: ReadonlySet<string> = new Set([rowChannel])

function asTrimmed(error: unknown, { name }: Slot): unknown {
  if (!(error instanceof LogError) || error.code !== 'trimmed') return error
  return lostSlot(name)
}
