/** The contract of stores over the sorted file, as databases put it together: a memory store over it, blocks that miss. */
import { createMemoryDisk } from '../host/simulated/memory-disk.ts'
import { describeStore } from '../storage/contract/contract-suite.ts'
import { MemoryStore } from '../storage/memory/memory.ts'
import { Overlay } from '../storage/overlay/overlay.ts'
import { SortedFileStore } from '../storage/sorted-file/sorted-file.ts'
import type { OrderedStore } from '../storage/store.ts'

const newTree = (): OrderedStore => new MemoryStore({ monotonic: () => 0, poison: true })
/** A few blocks: nearly every read of another place misses. */
const options = { cacheBytes: 16 << 10 }

describeStore({
  name: 'sorted file',
  create: () => new Overlay(newTree(), SortedFileStore.begin(createMemoryDisk(), 'base', options)),
  open: async (host, folder) => new Overlay(newTree(), await SortedFileStore.open(host.disk, folder, options)),
  handOver: (store) => (store as Overlay).handOver(),
  mayNotCount: true,
  runs: 16,
})
