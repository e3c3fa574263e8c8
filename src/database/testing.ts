/** Databases in memory for the tests of everything above the kernel. Nothing outside of tests imports this. */
import { assert } from '../base/errors.ts'
import type { Host } from '../host/host.ts'
import { createRealHost } from '../host/real/real-host.ts'
import type { CommitLog } from '../log/commit-log.ts'
import { openMemoryLog } from '../log/memory-log.ts'
import { openMemoryStore } from '../storage/memory/memory.ts'
import type { OrderedStore } from '../storage/store.ts'
import { Database } from './database.ts'
import type { Sequence } from './contract.ts'
import type { KernelLimits } from './kernel.ts'
import type { KernelTransaction } from './transaction.ts'

export interface TestDatabaseOptions {
  readonly host?: Host
  readonly name?: string
  readonly log?: CommitLog
  readonly limits?: Partial<KernelLimits>
  /** In place of a memory store. */
  readonly store?: OrderedStore
}

export async function openTestDatabase(options: TestDatabaseOptions = {}): Promise<Database> {
  const host = options.host ?? createRealHost()
  return Database.open({
    host,
    name: options.name ?? 'polylog',
    log: options.log ?? openMemoryLog(),
    store: options.store ?? (await openMemoryStore(host, undefined)),
    ...(options.limits && { limits: options.limits }),
  })
}

/** Of a transaction that is small enough to be committed in this turn. */
export function commitNow(transaction: KernelTransaction): Sequence {
  const committed = transaction.commit()
  assert(typeof committed === 'number', 'a transaction of a test is committed in slices')
  return committed
}
