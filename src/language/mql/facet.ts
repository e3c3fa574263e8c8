/** `$facet`: every branch sees all documents; one document with the branches' results comes out. */
import { resumable } from '../../base/resumption.ts'
import { charge, isTurnOver } from '../../base/work.ts'
import type { BsonValue } from '../../model/document/bson.ts'
import { Materialize } from '../../query/materialize.ts'
import { type Batch, paused, type Run } from '../../query/operator.ts'
import { OperatorMemory } from '../../query/operator-memory.ts'
import { documentFormat, type Documents, keptBytes } from './documents.ts'
import { arrayOf, objectOf } from './expression-contract.ts'

export interface Branch {
  readonly name: string
  readonly over: (documents: Documents) => Documents
}

interface OpenBranch {
  readonly name: string
  readonly documents: Documents
  readonly collected: BsonValue[]
}

export class Facet implements Documents {
  readonly #input: Materialize<BsonValue, Run>
  readonly #branches: readonly OpenBranch[]
  readonly #memory = new OperatorMemory('$facet')
  readonly #written = resumable((branches: readonly OpenBranch[]) =>
    objectOf(branches.map(({ name, collected }) => [name, arrayOf(collected)] as const)),
  )
  #at = 0

  constructor(input: Documents, branches: readonly Branch[]) {
    this.#input = new Materialize(input, documentFormat)
    this.#branches = branches.map(({ name, over }) => {
      return { name, documents: over(this.#input.reader()), collected: [] }
    })
  }

  next(run: Run): Batch<BsonValue> {
    for (; this.#at < this.#branches.length; this.#at++) {
      const { documents, collected } = this.#branches[this.#at]!
      for (;;) {
        const batch = documents.next(run)
        if (batch === paused) return paused
        if (batch === undefined) break
        for (const one of batch) {
          // Once where it lies, once in the array.
          this.#memory.hold(run, 2 * keptBytes(one))
          charge(keptBytes(one))
          collected.push(one.copy())
        }
        if (isTurnOver()) return paused
      }
    }
    if (this.#at > this.#branches.length) return undefined
    const made = this.#written(this.#branches)
    this.#at++
    return [made]
  }

  reset(): void {
    this.#at = 0
    this.#memory.releaseAll()
    this.#input.reset()
    for (const { documents, collected } of this.#branches) {
      documents.reset()
      collected.length = 0
    }
  }
}
