/** Databases in memory for the tests of everything above the kernel. Nothing outside of tests imports this. */
import { assert } from '../base/errors.ts'
import type { Host } from '../host/host.ts'
import { createRealHost } from '../host/real/real-host.ts'
import type { CommitLog } from '../log/commit-log.ts'
import { openMemoryLog } from '../log/memory-log.ts'
import { openMemoryStore } from '../storage/memory/memory.ts'
import { isMiss, type OrderedStore } from '../storage/store.ts'
import { Database } from './database.ts'
import { Elsewhere, type Sequence, type StatementSteps } from './contract.ts'
import type { TemporaryFiles } from './directory/temporary-files.ts'
import type { ProcessMemory } from './process-memory.ts'
import type { KernelLimits } from './kernel.ts'
import type { KernelTransaction } from './transaction/transaction.ts'
import { beginInPlace, isSteps } from './transaction/wait.ts'

export interface TestDatabaseOptions {
  readonly host?: Host
  readonly name?: string
  readonly log?: CommitLog
  readonly limits?: Partial<KernelLimits>
  /** In place of a memory store. */
  readonly store?: OrderedStore
  /** Without a limit where it is left out. */
  readonly memory?: ProcessMemory
  /** Nothing is spilled where it is left out. */
  readonly temporary?: TemporaryFiles
}

export async function openTestDatabase(options: TestDatabaseOptions = {}): Promise<Database> {
  const host = options.host ?? createRealHost()
  return Database.open({
    host,
    name: options.name ?? 'polylog',
    log: options.log ?? openMemoryLog(),
    store: options.store ?? (await openMemoryStore(host, undefined)),
    ...(options.limits && { limits: options.limits }),
    ...(options.memory && { memory: options.memory }),
    ...(options.temporary && { temporary: options.temporary }),
  })
}

/** Of a transaction that is small enough to be committed in this turn. */
export function commitNow(transaction: KernelTransaction): Sequence {
  const committed = transaction.commit()
  assert(typeof committed === 'number', 'a transaction of a test is committed in slices')
  return committed
}

/** The result of steps that wait for nothing but their slices: where every page is resident and nobody else is there. */
export function finishNow<T>(result: T | StatementSteps<T>): T {
  if (!isSteps(result)) return result
  for (;;) {
    const step = result.next()
    if (step.done === true) return step.value
    assert(step.value === undefined, 'a statement of a test has to wait')
  }
}

/** One statement as a transaction of its own, which waits for nothing. */
export function runNow<T>(database: Database, statement: (transaction: KernelTransaction) => T | StatementSteps<T>): T {
  const transaction = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  transaction.beginStatement()
  try {
    const result = finishNow(statement(transaction))
    transaction.endStatement()
    commitNow(transaction)
    return result
  } catch (error) {
    transaction.rollback()
    throw error
  }
}

/** One statement as a transaction of its own: waits for pages and slices, and for nobody. */
export async function runSteps<T>(
  database: Database,
  statement: (transaction: KernelTransaction) => T | StatementSteps<T>,
  readOnly = false,
): Promise<T> {
  const isolation = readOnly ? 'repeatable read' : 'read committed'
  const transaction = database.begin({ isolation, readOnly, interactive: readOnly })
  transaction.beginStatement()
  try {
    const steps = beginInPlace(transaction, () => statement(transaction))
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done === true) {
        transaction.endStatement()
        await transaction.commit()
        return step.value
      }
      if (step.value !== undefined) {
        transaction.leaveTurn(true)
        if (isMiss(step.value)) await transaction.load(step.value)
        else if (step.value instanceof Elsewhere) await step.value.done
        else assert(false, 'a statement of a test waits for somebody else')
      }
      transaction.slice.renew()
    }
  } catch (error) {
    transaction.rollback()
    throw error
  }
}
