/** What every area of the benchmark has: rows, each measured when it is asked for. */
import type { Row } from './measure.ts'

export interface BenchOptions {
  /** Shorter measurements: figures to look at, not to publish. */
  readonly quick: boolean
  readonly pairs: number
}

export interface Area {
  readonly name: string
  rows(options: BenchOptions): AsyncIterable<Row>
}

/** `0.7` as `0.70×`. */
export function microseconds(seconds: number, operations: number): string {
  return `${((seconds * 1e6) / operations).toFixed(1)} µs`
}
