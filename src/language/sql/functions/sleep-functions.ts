/**
 * pg_sleep and its like: the statement waits in place, as for a lock, and others go on meanwhile.
 *
 * The call is a part of a batch, which is run again when the time is over: what it waits for is kept with what the batch has
 * drawn (`database/transaction/draws.ts`), so that it is found, and not begun anew.
 */
import { Elsewhere } from '../../../database/contract.ts'
import { keptForBatch } from '../../../database/transaction/draws.ts'
import { notBuilt } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { addToInstant } from './date-functions.ts'
import { oid } from '../types/oids.ts'
import type { Interval } from '../contract.ts'
import { defineFunction, type FunctionOptions } from './registry.ts'

/** A timer takes no more than 24 days: longer sleeps have several. */
const longestMs = 600_000

class Sleep {
  isOver = false
  readonly wait: Elsewhere
  #stop: () => void = () => {}

  constructor({ transaction: { services } }: SqlRun, sleepMs: number) {
    const done = new Promise<void>((resolve) => {
      const goOn = (leftMs: number): void => {
        const nextMs = Math.min(leftMs, longestMs)
        this.#stop = services.at(nextMs, () => {
          if (nextMs < leftMs) return goOn(leftMs - nextMs)
          this.isOver = true
          resolve()
        })
      }
      goOn(sleepMs)
    })
    this.wait = new Elsewhere(done, () => this.#stop())
  }
}

function sleep(run: SqlRun, sleepMs: number): string {
  if (!(sleepMs > 0)) return ''
  const begun = keptForBatch(() => new Sleep(run, sleepMs))
  if (begun === undefined) throw notBuilt('pg_sleep in this place')
  if (!begun.isOver) throw begun.wait
  return ''
}

const volatile: FunctionOptions = { needsRun: true, volatility: 'volatile' }

defineFunction(
  'pg_sleep',
  [oid.float8],
  oid.void,
  (run: SqlRun, seconds: number) => sleep(run, seconds * 1000),
  volatile,
)

function sleepUntil(run: SqlRun, timeUs: bigint): string {
  return sleep(run, Number(timeUs - run.transaction.services.nowUs()) / 1000)
}

defineFunction('pg_sleep_until', [oid.timestamptz], oid.void, sleepUntil, volatile)

function sleepFor(run: SqlRun, interval: Interval): string {
  const nowUs = run.transaction.services.nowUs()
  return sleep(run, Number(addToInstant(nowUs, interval) - nowUs) / 1000)
}

defineFunction('pg_sleep_for', [oid.interval], oid.void, sleepFor, volatile)
