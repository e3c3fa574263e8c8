/**
 * `$setWindowFields`: fields computed of the documents around each, partition by partition in the order of a sort.
 *
 * A partition is held while its documents come out; the sort before may lie in files.
 */
import { suspended, Resumption } from '../../base/resumption.ts'
import { charge, isTurnOver } from '../../base/work.ts'
import { bsonType, BsonValue, fieldsOf } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { findPath, parsePath, type Path } from '../../model/document/path.ts'
import { nullValue } from '../../model/document/values.ts'
import { type Batch, batchRows, paused, type Paused, type Run } from '../../query/operator.ts'
import { OperatorMemory } from '../../query/operator-memory.ts'
import { keyBytes } from '../../query/row-format.ts'
import { type Documents, keptBytes } from './documents.ts'
import { compileExpression } from './expression.ts'
import { PartitionedInput, type Partitioning } from './partitions.ts'
import { replaceAtPath } from './replace-path.ts'
import { rootScope, type Variables } from './scope.ts'
import { parseSort, sortKey } from './sort-order.ts'
import type { Stage } from './stage.ts'
import { compileWindowFunction, type ValueAt, type WindowFunction } from './window-functions.ts'

interface Output extends WindowFunction {
  readonly path: Path
}

export function compileWindowFields(specification: BsonValue, variables: Variables): Stage {
  if (specification.type !== bsonType.object) {
    throw mongoError(mongoCode.failedToParse, 'the $setWindowFields stage specification must be an object')
  }
  const parts = new Map(fieldsOf(specification))
  for (const name of parts.keys()) {
    if (!['partitionBy', 'sortBy', 'output'].includes(name)) {
      throw mongoError(40_415, `BSON field '$setWindowFields.${name}' is an unknown field.`)
    }
  }
  const output = parts.get('output')
  if (output?.type !== bsonType.object) {
    throw mongoError(40_414, "BSON field '$setWindowFields.output' is missing but a required field")
  }
  const sortBy = parts.get('sortBy')
  const partitionBy = parts.get('partitionBy')
  const order = sortBy === undefined ? [] : parseSort(sortBy)
  const outputs = fieldsOf(output).map(([name, value]): Output => {
    if (name.startsWith('$')) throw mongoError(16_410, `FieldPath field names may not start with '$': ${name}`)
    return { path: parsePath(name), ...compileWindowFunction(value, { order, variables }) }
  })
  const by = partitionBy === undefined ? undefined : compileExpression(partitionBy)
  return (input) => new WindowFields(input, { by, order, variables }, outputs)
}

interface Held {
  readonly documents: BsonValue[]
  /** Of each output, in the order of the documents. */
  readonly inputs: BsonValue[][]
  readonly sortKeys: string[]
  readonly sortValues: BsonValue[]
}

class WindowFields implements Documents {
  readonly #input: PartitionedInput
  readonly #partitioning: Partitioning
  readonly #outputs: readonly Output[]
  readonly #memory = new OperatorMemory('$setWindowFields')
  #held: Held
  /** Once the partition is whole. */
  #values: readonly ValueAt[] | undefined
  /** The document that comes out next, and what has been made of it. */
  #at = 0
  #made: BsonValue[] = []
  #resumption = new Resumption()
  #out: BsonValue[] = []
  #ended = false

  constructor(input: Documents, partitioning: Partitioning, outputs: readonly Output[]) {
    this.#input = new PartitionedInput(input, partitioning)
    this.#partitioning = partitioning
    this.#outputs = outputs
    this.#held = this.#nothingHeld()
  }

  #nothingHeld(): Held {
    return { documents: [], inputs: this.#outputs.map(() => []), sortKeys: [], sortValues: [] }
  }

  next(run: Run): Batch<BsonValue> {
    while (this.#out.length < batchRows) {
      if (this.#values === undefined) {
        if (this.#ended) break
        const gathered = this.#gather(run)
        if (gathered === paused) return this.#handOut() ?? paused
        if (this.#held.documents.length === 0) break
        this.#values = this.#functionsOf(run)
      }
      if (isTurnOver()) return this.#handOut() ?? paused
      try {
        this.#out.push(this.#computed())
      } catch (error) {
        const out = error === suspended ? this.#handOut() : undefined
        if (out === undefined) throw error
        return out
      }
      if (++this.#at === this.#held.documents.length) this.#forget()
    }
    return this.#handOut()
  }

  #handOut(): BsonValue[] | undefined {
    if (this.#out.length === 0) return undefined
    const out = this.#out
    this.#out = []
    return out
  }

  /** All of the partition that begins with the document at hand. */
  #gather(run: Run): Paused | undefined {
    for (;;) {
      const found = this.#input.current(run)
      if (found === paused) return paused
      if (found === undefined) {
        this.#ended = true
        return undefined
      }
      if (found.begins && this.#held.documents.length > 0) return undefined
      this.#keep(found.document, run)
      this.#input.advance()
    }
  }

  #keep(shown: BsonValue, run: Run): void {
    const { order, variables } = this.#partitioning
    const scope = rootScope(shown, variables)
    const inputs = this.#outputs.map(({ input }) => input(scope))
    const key = order.length === 0 ? '' : sortKey(shown, order)
    const bytes = inputs.reduce((sum, value) => sum + keptBytes(value), keptBytes(shown) + keyBytes(key))
    this.#memory.hold(run, bytes)
    charge(unitsPerDocument + bytes)
    const document = shown.copy()
    const value = new BsonValue()
    if (order.length > 0) findPath(document.bytes, document.start, order[0]!.path, value)
    this.#held.documents.push(document)
    this.#held.sortKeys.push(key)
    this.#held.sortValues.push(value.isMissing ? nullValue : value)
    for (const [i, one] of inputs.entries()) this.#held.inputs[i]!.push(one.copy())
  }

  #functionsOf(run: Run): ValueAt[] {
    const { inputs, sortKeys, sortValues } = this.#held
    const hold = (bytes: number): void => {
      if (bytes > 0) this.#memory.hold(run, bytes)
    }
    return this.#outputs.map(({ over }, i) => over({ inputs: inputs[i]!, sortKeys, sortValues, hold }))
  }

  /** The document at hand with its fields; may be interrupted, and goes on with the field where it was. */
  #computed(): BsonValue {
    const values = this.#values!
    while (this.#made.length < values.length) {
      const value = this.#resumption.run(() => values[this.#made.length]!(this.#at))
      this.#resumption = new Resumption()
      this.#made.push(value)
    }
    let document = this.#held.documents[this.#at]!
    for (const [i, { path }] of this.#outputs.entries()) {
      const value = this.#made[i]!
      charge(unitsPerDocument + document.end - document.start)
      document = replaceAtPath(document, path, value.isMissing ? nullValue : value)
    }
    this.#made = []
    return document
  }

  #forget(): void {
    this.#memory.releaseAll()
    this.#held = this.#nothingHeld()
    this.#values = undefined
    this.#at = 0
  }

  reset(): void {
    this.#forget()
    this.#made = []
    this.#resumption = new Resumption()
    this.#out = []
    this.#ended = false
    this.#input.reset()
  }
}

const unitsPerDocument = 300
