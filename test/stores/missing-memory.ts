/**
 * The memory store's door, with pages that are not always resident, in a pool of 32: what databases open in place of the
 * memory store where `POLYLOG_TEST_STORE=missing` says so (`vitest.config.ts`).
 */
import type { Host } from '../../src/host/host.ts'
import { MissingStore } from '../../src/storage/contract/missing-store.ts'
import { openMemoryStore as openWithoutMisses } from '../../src/storage/memory/memory.ts'
import type { OrderedStore } from '../../src/storage/store.ts'

const poolPages = 32

export async function openMemoryStore(host: Host, folder: string | undefined): Promise<OrderedStore> {
  return new MissingStore(await openWithoutMisses(host, folder), poolPages)
}
