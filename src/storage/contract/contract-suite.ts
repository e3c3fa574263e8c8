/**
 * What every ordered store promises, as tests: each store's own test file calls `describeStore`.
 *
 * The heart is a comparison with the naive store: a random program runs against both, and every answer must be equal.
 * Programs are made of small commands, so that fast-check can shrink a failing one to its few lines.
 */
import fc from 'fast-check'
import { describe, it } from 'vitest'
import type { OrderedStore } from '../store.ts'
import { NaiveStore } from './naive-store.ts'
import { commands } from './program.ts'
import type { Command } from './program.ts'
import { Pair } from './pair.ts'

export interface StoreUnderTest {
  readonly name: string
  create(): OrderedStore
  /** The store's own assertions, of all stores that came from `create()` and its forks and are open. */
  check?(stores: readonly OrderedStore[]): void
  readonly runs?: number
}

export function describeStore(subject: StoreUnderTest): void {
  describe(`${subject.name}: the contract of ordered stores`, () => {
    it('answers random programs as the naive store does', () => {
      const runs = subject.runs ?? 150
      fc.assert(
        fc.property(commands(), program => runProgram(subject, program)),
        { numRuns: runs },
      )
    })
  })
}

function runProgram(subject: StoreUnderTest, program: readonly Command[]): void {
  const store = subject.create()
  const pair = new Pair(store, new NaiveStore(), subject.check?.bind(subject))
  try {
    for (const command of program) pair.run(command)
    pair.compareAll()
  } finally {
    pair.closeAll()
  }
}

