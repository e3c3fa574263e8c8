/**
 * What a transaction's private writes may take: the limit of one transaction, and the memory of whoever it belongs to.
 *
 * Small writes are not charged one by one: they come by quanta, of which the first is free.
 */
import { PolylogError } from '../../base/errors.ts'
import type { MemoryAccount, Payer } from '../../base/memory-account.ts'
import type { Slice } from '../../base/slice.ts'
import type { Kernel } from '../kernel.ts'

/** Of private writes that are charged at once. */
const chargedWritesBytes = 64 * 1024
/** Of one, beside its key and value: its places in the arrays and the index. */
const bytesPerWrite = 80

/** Of a whole key with its collection and index numbers: stores keep lengths in 16 bits. */
const maxKeyBytes = 0xffff
const longestShownBytes = 128 * 1024

/** Of new values, which a transaction that deletes something may write in any case. */
export const freeBesideDeletes: number = 16 * 1024 * 1024

export function noRoom(): PolylogError {
  return new PolylogError('out_of_memory', 'out of memory: the stored data have reached the memory limit', {
    detail: { hint: 'Delete something, write less in one transaction, or raise the memory limit of the server.' },
  })
}

export function checkKey({ start, end }: Slice): void {
  if (end - start <= maxKeyBytes) return
  // Who makes keys may cut those that are far too long.
  const size = end - start > longestShownBytes ? `more than ${longestShownBytes}` : end - start
  throw new PolylogError('too_large', `a key of ${size} bytes exceeds the limit of ${maxKeyBytes}`)
}

/** What the budget asks of its transaction. */
export interface WritingTransaction {
  readonly kernel: Kernel
  readonly writes: { readonly sizeBytes: number; readonly residentBytes: number; readonly count: number }
  /** Of what it has put off. */
  readonly putOffBytes: number
  readonly payer: Payer
  readonly lastingPayer: Payer | undefined
}

export class WriteBudget {
  readonly #transaction: WritingTransaction
  #account: MemoryAccount | undefined
  #hasDeleted = false
  /** Of the keys that were deleted. */
  #deletedBytes = 0
  #allowedBytes = 0

  constructor(transaction: WritingTransaction) {
    this.#transaction = transaction
  }

  /** After each write that adds something. */
  added(): void {
    if (this.#transaction.writes.sizeBytes > this.#allowedBytes) this.#allowMore()
  }

  deleted(keyBytes: number): void {
    this.#hasDeleted = true
    this.#deletedBytes += keyBytes
    this.checkSize()
  }

  /** What makes room is always written, and up to a bound what a transaction that has made some writes beside. */
  #allowMore(): void {
    this.checkSize()
    const { kernel, writes, lastingPayer, payer } = this.#transaction
    const { sizeBytes } = writes
    const putBytes = sizeBytes - this.#deletedBytes
    const isFree = this.#hasDeleted && putBytes <= freeBesideDeletes
    if (!isFree && !kernel.hasRoomFor(sizeBytes < chargedWritesBytes ? 0 : putBytes)) throw noRoom()
    this.#allowedBytes = (Math.floor(sizeBytes / chargedWritesBytes) + 1) * chargedWritesBytes
    if (sizeBytes < chargedWritesBytes) return
    this.#account ??= (lastingPayer ?? payer).account.child('the transaction')
    const spilledBytes = sizeBytes - writes.residentBytes
    const heldBytes = this.#allowedBytes - spilledBytes + writes.count * bytesPerWrite
    this.#account.resize(this.#account.usedBytes, heldBytes, 'the writes of a transaction')
  }

  checkSize(): void {
    const { kernel, writes, putOffBytes } = this.#transaction
    const limit = kernel.limits.maxTransactionBytes
    if (writes.sizeBytes + putOffBytes <= limit) return
    throw new PolylogError('too_large', `the transaction writes more than ${limit} bytes`, {
      detail: { hint: 'Divide it into smaller transactions.' },
    })
  }

  reset(): void {
    if (this.#allowedBytes === 0 && !this.#hasDeleted) return
    this.#account?.close()
    this.#account = undefined
    this.#allowedBytes = 0
    this.#hasDeleted = false
    this.#deletedBytes = 0
  }
}
