/**
 * Documents in the operators of `query/`: what they hold, their bytes in temporary files, and how a statement pulls them.
 *
 * A document that an operator hands out may lie in memory that is used again at the next pull; who keeps it copies it,
 * which is what the format's `keep` does.
 */
import { charge } from '../../base/work.ts'
import type { MemoryAccount } from '../../base/memory-account.ts'
import { sliceOf, sliceToLatin1 } from '../../base/slice.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import { BsonValue } from '../../model/document/bson.ts'
import { type Batch, InputCursor, type Operator, paused, type Run, takeWait } from '../../query/operator.ts'
import { type RowFormat, textBytes } from '../../query/row-format.ts'

export interface Documents extends Operator<BsonValue> {
  /** How many there are, where that is known without looking at them. */
  count?(run: Run): number | undefined
  /** From here on nobody looks into what comes: any values will do, as many as there are documents. */
  showNothing?(): void
}

/** Of a kept document beside its bytes: the value and its buffer. */
const valueHeadBytes = 160

export function documentBytes(document: BsonValue): number {
  return document.end - document.start
}

export function keptBytes(document: BsonValue): number {
  return documentBytes(document) + valueHeadBytes
}

/** Of one in memory of its own, beside its bytes. */
const unitsPerCopy = 300

export const documentFormat: RowFormat<BsonValue> = {
  sizeOf: keptBytes,
  keep: (document) => {
    charge(unitsPerCopy + documentBytes(document))
    return document.copy()
  },
  encode: (document, into) => {
    into.u8(document.type)
    into.slice(document)
  },
  decode: (from) => new BsonValue(from.u8(), from.take(from.remaining)),
}

/** Sort keys: latin1 texts. */
export const keyFormat: RowFormat<string> = {
  sizeOf: textBytes,
  keep: (key) => key,
  encode: (key, into) => into.latin1(key),
  decode: (from) => sliceToLatin1(sliceOf(from.take(from.remaining))),
}

export function runOf(transaction: Transaction): Run {
  return { transaction }
}

/** The next batch, or the end; yields what the operators wait for. */
export function* pull(documents: Documents, run: Run): StatementSteps<readonly BsonValue[] | undefined> {
  for (;;) {
    let batch: Batch<BsonValue>
    try {
      batch = documents.next(run)
      run.transaction.batchDone()
    } catch (error) {
      yield run.transaction.waitOf(error)
      continue
    }
    if (batch !== paused) return batch
    yield takeWait(run)
  }
}

/** What steps make, as an operator. */
export class Stepped implements Documents {
  readonly #make: (transaction: Transaction) => StatementSteps<BsonValue[]>
  #steps: StatementSteps<BsonValue[]> | undefined
  #isOut = false

  constructor(make: (transaction: Transaction) => StatementSteps<BsonValue[]>) {
    this.#make = make
  }

  next(run: Run): Batch<BsonValue> {
    if (this.#isOut) return undefined
    this.#steps ??= this.#make(run.transaction)
    const step = this.#steps.next()
    if (step.done !== true) {
      if (step.value !== undefined) run.waitFor = step.value
      return paused
    }
    this.#isOut = true
    return step.value.length > 0 ? step.value : undefined
  }

  reset(): void {
    this.#steps = undefined
    this.#isOut = false
  }
}

/** All of them, charged to `account`: copies, where they do not come in memory of their own. */
export function* collect(
  documents: Documents,
  run: Run,
  account: MemoryAccount,
  copies = true,
): StatementSteps<BsonValue[]> {
  const collected: BsonValue[] = []
  for (;;) {
    const batch = yield* pull(documents, run)
    if (batch === undefined) return collected
    for (const document of batch) {
      account.charge(keptBytes(document), 'the result of a query')
      collected.push(copies ? document.copy() : document)
    }
  }
}

/** Counts documents; how many is what `made` makes one document of. None comes where it makes none. */
export class CountDocuments implements Documents {
  readonly #documents: Documents
  readonly #input: InputCursor<BsonValue, Run>
  readonly #made: (count: number) => BsonValue | undefined
  #count = 0
  #begun = false
  #ended = false

  constructor(input: Documents, made: (count: number) => BsonValue | undefined) {
    this.#documents = input
    this.#input = new InputCursor(input)
    this.#made = made
    input.showNothing?.()
  }

  next(run: Run): Batch<BsonValue> {
    if (this.#ended) return undefined
    const known = this.#begun ? undefined : this.#documents.count?.(run)
    this.#begun = true
    if (known === undefined) {
      for (;;) {
        const document = this.#input.current(run)
        if (document === paused) return paused
        if (document === undefined) break
        this.#count++
        this.#input.advance()
      }
    } else this.#count = known
    this.#ended = true
    const made = this.#made(this.#count)
    return made === undefined ? undefined : [made]
  }

  reset(): void {
    this.#count = 0
    this.#begun = false
    this.#ended = false
    this.#input.reset()
  }
}
