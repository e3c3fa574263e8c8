/** What every area of the benchmark has: rows, each measured when it is asked for. */
import type { Row } from './measure.ts'

export interface BenchOptions {
  /** Shorter measurements: figures to look at, not to publish. */
  readonly quick: boolean
  readonly pairs: number
}

export interface Area {
  readonly name: string
  /** Whether servers get a core that nothing loads them from (`cores.ts`). */
  readonly apart: boolean
  rows(options: BenchOptions): AsyncIterable<Row>
}
