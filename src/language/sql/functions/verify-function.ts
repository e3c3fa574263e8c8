/** SELECT * FROM polylog_verify(): each difference that the verifier finds, as a row; none is how it should be. */
import { verifyDatabaseOf } from '../../../query/verifiers.ts'
import { paused, type Paused, type SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { defineSetFunction } from './registry.ts'

function differences({ transaction }: SqlRun): Iterator<readonly SqlValue[] | Paused, void> {
  transaction.principal.rights.requireSuperuser('verify a database')
  const steps = verifyDatabaseOf(transaction)
  let rows: Iterator<readonly SqlValue[], void> | undefined
  const next = (): IteratorResult<readonly SqlValue[] | Paused, void> => {
    if (rows !== undefined) return rows.next()
    const step = steps.next()
    if (step.done !== true) {
      if (step.value === undefined) return { done: false, value: paused }
      throw step.value
    }
    const found = step.value.differences
    rows = found.map(({ kind, where, index, key, message }) => [kind, where, index, key, message]).values()
    return rows.next()
  }
  return { next }
}

defineSetFunction({
  name: 'polylog_verify',
  takes: [],
  variadic: false,
  columns: ['kind', 'place', 'index', 'key', 'message'].map((name) => ({ name, type: oid.text })),
  rows: () => {
    throw failure('0A000', 'polylog_verify() stands in FROM')
  },
  slowRows: differences,
})
