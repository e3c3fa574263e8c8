/**
 * Stages that must see all documents before the first comes out: what they hold is charged, and what they make comes in
 * turns.
 */
import { charge, isTurnOver } from '../../base/work.ts'
import type { BsonValue } from '../../model/document/bson.ts'
import { type Batch, batchRows, InputCursor, paused, type Run } from '../../query/operator.ts'
import { OperatorMemory } from '../../query/operator-memory.ts'
import { type Documents, keptBytes } from './documents.ts'

/** Of a document that is kept, beside its bytes. */
const unitsPerDocument = 300

export class Gathered implements Documents {
  readonly #input: InputCursor<BsonValue, Run>
  readonly #make: (documents: BsonValue[]) => Iterator<BsonValue>
  readonly #memory: OperatorMemory
  #documents: BsonValue[] = []
  #made: Iterator<BsonValue> | undefined
  /** The step at hand was interrupted: its generator cannot be asked again, so that what makes a document never waits. */
  #isDone = false

  /** `make` waits for nothing; between two documents it may be left for a turn. */
  constructor(name: string, input: Documents, make: (documents: BsonValue[]) => Iterator<BsonValue>) {
    this.#memory = new OperatorMemory(name)
    this.#input = new InputCursor(input)
    this.#make = make
  }

  next(run: Run): Batch<BsonValue> {
    while (this.#made === undefined) {
      const document = this.#input.current(run)
      if (document === paused) return paused
      if (document === undefined) {
        this.#made = this.#make(this.#documents)
        break
      }
      this.#memory.hold(run, keptBytes(document))
      charge(unitsPerDocument + document.end - document.start)
      this.#documents.push(document.copy())
      this.#input.advance()
    }
    if (this.#isDone) return undefined
    const batch: BsonValue[] = []
    while (batch.length < batchRows) {
      if (isTurnOver()) return batch.length > 0 ? batch : paused
      const step = this.#made.next()
      if (step.done === true) {
        this.#isDone = true
        break
      }
      charge(unitsPerDocument + step.value.end - step.value.start)
      batch.push(step.value)
    }
    return batch.length > 0 ? batch : undefined
  }

  reset(): void {
    this.#documents = []
    this.#made = undefined
    this.#isDone = false
    this.#memory.releaseAll()
    this.#input.reset()
  }
}
