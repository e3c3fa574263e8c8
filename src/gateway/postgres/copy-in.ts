/**
 * COPY … FROM STDIN: between CopyInResponse and CopyDone the client sends data, in pieces that need not end where lines
 * do. Each time enough has gathered it is inserted, by a piece of the one statement that the COPY is: what its rows put off
 * runs at the end of the last one.
 *
 * | from the client     | here                                                            |
 * |---------------------|-----------------------------------------------------------------|
 * | `d` CopyData        | fed to the load                                                 |
 * | `c` CopyDone        | the last lines, then the COPY is done                           |
 * | `f` CopyFail        | the COPY fails with 57014                                       |
 * | `H` Flush, `S` Sync | ignored, as the protocol says                                   |
 * | anything else       | the COPY fails with 08P01                                       |
 */
import type { CopyLoad, Execution, PreparedStatement } from '../../language/sql/contract.ts'
import { paused } from '../../language/sql/contract.ts'
import type { HeldStatement, StatementSteps, Transaction } from '../../database/contract.ts'
import { decodeUtf8 } from '../../base/bytes.ts'
import type { MemoryAccount } from '../../base/memory-account.ts'
import type { Client, CopyTarget } from './client.ts'
import { sqlError } from './errors.ts'
import { afterDone, beforeFailure } from './language.ts'
import { commandComplete, copyResponse } from './wire.ts'

export function runCopyIn(client: Client, prepared: PreparedStatement): Promise<void> {
  const { block } = client
  const isAlone = block.kind === 'none'
  if (isAlone) block.beginImplicit()
  block.isFresh = false
  const load = prepared.copy!.beginLoad!()
  const { columnCount, format } = prepared.copy!
  copyResponse(client.outbox.writer, 'in', columnCount, format === 'binary')
  client.outbox.flush()
  return new Promise<number>((resolve, reject) => {
    client.copy = new CopyIn(client, load, resolve, reject)
    client.onCopy()
  })
    .then(async (count) => {
      if (isAlone) await block.endImplicit()
      client.markOutput()
      commandComplete(client.outbox.writer, `COPY ${count}`)
    })
    .catch(async (error: unknown) => {
      if (isAlone) await block.abandon()
      throw error
    })
}

/** What a byte of data takes as text, which has two bytes a unit where one of them needs it. */
const weight = 2
/** Data that is looked through in one turn. */
const pieceBytes = 64 * 1024
/** Asked for at once: a COPY of a few rows needs little. */
const quantumBytes = 8 * 1024

const copyDataType = 0x64
const copyDoneType = 0x63
const copyFailType = 0x66
const flushType = 0x48
const syncType = 0x53

class CopyIn implements CopyTarget {
  readonly #client: Client
  readonly #load: CopyLoad
  readonly #resolve: (count: number) => void
  readonly #reject: (error: unknown) => void
  /** Of the rows that have not been inserted yet: one alone may have 64 MB. */
  readonly #memory: MemoryAccount
  /** Nobody waits for it any more: what still arrives is for nobody. */
  #isOver = false
  #count = 0
  /** Of the pieces before. */
  #held: HeldStatement | undefined

  constructor(client: Client, load: CopyLoad, resolve: (count: number) => void, reject: (error: unknown) => void) {
    this.#client = client
    this.#load = load
    this.#resolve = resolve
    this.#reject = reject
    this.#memory = client.session.account.child('rows of COPY', { weight, quantumBytes })
  }

  receive(type: number, bytes: Uint8Array, start: number, end: number): void | Promise<void> {
    try {
      const result = this.#take(type, bytes, start, end)
      if (!(result instanceof Promise)) return undefined
      return result.catch((error: unknown) => this.fail(error))
    } catch (error) {
      this.fail(error)
      return undefined
    }
  }

  fail(error: unknown): void {
    if (this.#client.copy === this) this.#client.copy = undefined
    this.#isOver = true
    this.#memory.close()
    this.#reject(error)
  }

  /** True where enough is there to be inserted. */
  #feed(bytes: Uint8Array): boolean {
    const isEnough = this.#load.feed(bytes)
    this.#hold()
    return isEnough
  }

  #hold(): void {
    if (!this.#isOver) this.#memory.resize(this.#memory.usedBytes, this.#load.heldBytes)
  }

  #take(type: number, bytes: Uint8Array, start: number, end: number): void | Promise<void> {
    if (type === copyDataType) {
      if (end - start > pieceBytes) return this.#takeInPieces(bytes.subarray(start, end))
      return this.#feed(bytes.subarray(start, end)) ? this.#insert() : undefined
    }
    if (type === flushType || type === syncType) return undefined
    if (type === copyDoneType) return this.#finish()
    if (type === copyFailType) {
      const reason = decodeUtf8(bytes, start, Math.max(start, end - 1))
      throw sqlError('canceled', '57014', `COPY from stdin failed: ${reason}`)
    }
    const shown = type.toString(16).toUpperCase().padStart(2, '0')
    throw sqlError('syntax', '08P01', `unexpected message type 0x${shown} during COPY from stdin`)
  }

  /** A message may be as long as a client likes. */
  async #takeInPieces(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#isOver; at += pieceBytes) {
      if (this.#feed(bytes.subarray(at, at + pieceBytes))) await this.#insert()
      else await this.#client.pause()
    }
  }

  #finish(): void | Promise<void> {
    this.#load.finish()
    return afterDone(this.#insert(true), () => {
      this.#client.copy = undefined
      this.#memory.close()
      this.#resolve(this.#count)
    })
  }

  #insert(isLast = false): void | Promise<void> {
    let execution: Execution | undefined
    const [load, before] = [this.#load, this.#held]
    let held: HeldStatement | undefined
    const client = this.#client
    const { context } = client
    function* insert(transaction: Transaction): StatementSteps<void> {
      if (before !== undefined) transaction.agenda.resume(before)
      if (!isLast) held = transaction.agenda.hold()
      if (execution === undefined) execution = load.load()
      else execution.reset()
      for (;;) {
        const batch = execution.next(transaction, context)
        if (batch === undefined) return
        if (batch === paused) yield execution.waitFor
      }
    }
    const tell = (): void => client.tellRaised(execution?.notices ?? [])
    return afterDone(
      beforeFailure(() => client.run(insert), tell),
      () => {
        tell()
        this.#count += execution?.rowCount ?? 0
        this.#held = held
        this.#hold()
      },
    )
  }
}
