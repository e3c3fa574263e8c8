import { describeStore } from '../contract/contract-suite.ts'
import type { OrderedStore } from '../store.ts'
import { checkFamily } from './check.ts'
import { MemoryStore, openMemoryStore } from './memory.ts'

const monotonic = (): number => 0

describeStore({
  name: 'memory',
  create: () => new MemoryStore({ monotonic, poison: true }),
  open: (host, folder) => openMemoryStore(host, folder),
  check: (stores) => checkStores(stores),
})

function checkStores(stores: readonly OrderedStore[]): void {
  const memory = stores.filter((store) => store instanceof MemoryStore)
  checkFamily(memory[0]!.family, memory)
}
