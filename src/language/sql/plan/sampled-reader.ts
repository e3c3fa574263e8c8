/** Opens relations for plans; of one that is sampled, a reader that passes over the rows that are not in the sample. */
import { sliceOf, sliceToLatin1 } from '../../../base/slice.ts'
import { hashOf } from '../../../query/row-format.ts'
import type { Relation, RelationReader, RowSourceHandle } from '../../../query/relation.ts'
import { canWait, suspended } from '../../../database/transaction/wait.ts'
import { SampledRelation, type Sampling } from '../bind/sampled-relation.ts'
import type { SqlValue } from '../contract.ts'
import { compile, type Compiler } from '../expression/compile.ts'
import { failure } from '../failure.ts'
import { chanceOf } from '../functions/math-functions.ts'
import { noRow, type SqlRun } from './run.ts'
import { openSecured } from './secured-reader.ts'

export function openReader(relation: Relation, columns: ReadonlySet<number>, compiler: Compiler): RelationReader {
  if (!(relation instanceof SampledRelation)) return openSecured(relation, columns, compiler)
  const rows = openSecured(relation.inner, columns, compiler)
  const sampleOf = compileSampling(relation.sampling, compiler)
  return {
    open: (run, access) => {
      const sample = sampleOf(run as SqlRun)
      return new SampledRows(rows.open(run, access), sample, run as SqlRun)
    },
    findByKey: (run, key) => rows.findByKey?.(run, key),
  }
}

interface Sample {
  /** Of 2^32. */
  readonly below: number
  readonly seed: number
}

/** One for each run, however often the relation is read in it. */
function compileSampling({ percent, seed }: Sampling, compiler: Compiler): (run: SqlRun) => Sample {
  const percentOf = compile(percent, compiler)
  const seedOf = seed && compile(seed, compiler)
  const known = new WeakMap<SqlRun, Sample>()
  return (run) => {
    let sample = known.get(run)
    if (sample === undefined) {
      const below = shareOf(percentOf(noRow, run))
      sample = { below, seed: seedOf === undefined ? chanceOf(run) : spread(seedOf(noRow, run)) }
      known.set(run, sample)
    }
    return sample
  }
}

function shareOf(percent: SqlValue): number {
  if (percent === null) throw failure('2202H', 'TABLESAMPLE parameter cannot be null')
  const value = Number(percent)
  if (!(value >= 0 && value <= 100)) throw failure('2202H', 'sample percentage must be between 0 and 100')
  return Math.round((2 ** 32 * value) / 100)
}

function spread(seed: SqlValue): number {
  if (seed === null) throw failure('2202G', 'TABLESAMPLE REPEATABLE parameter cannot be null')
  return hashOf(Number(seed), 0)
}

class SampledRows implements RowSourceHandle {
  readonly #rows: RowSourceHandle
  readonly #sample: Sample
  readonly #run: SqlRun
  #key: Uint8Array | undefined

  constructor(rows: RowSourceHandle, sample: Sample, run: SqlRun) {
    this.#rows = rows
    this.#sample = sample
    this.#run = run
  }

  next(): SqlValue[] | undefined {
    const { below, seed } = this.#sample
    for (;;) {
      const row = this.#rows.next()
      if (row === undefined) return undefined
      const key = (this.#key = this.#rows.rowKey())
      const text = sliceToLatin1(sliceOf(key))
      // Keys of neighbours differ in their last bytes alone: spread twice.
      if (hashOf(hashOf(text, seed), seed) < below) return row
      if (this.#run.transaction.slice.spend(1) && canWait()) throw suspended
    }
  }

  rowKey(): Uint8Array {
    return this.#key!
  }
}
