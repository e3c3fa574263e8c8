/**
 * The memory store's door, with nearly everything in a sorted file below it, of which a few blocks are resident: what
 * databases open in place of the memory store where `POLYLOG_TEST_STORE=sorted` says so (`vitest.config.ts`).
 *
 * The file lies on a disk in memory of its own; a checkpoint is a copy of it where the database wants it.
 */
import type { Disk, Host } from '../../src/host/host.ts'
import { createMemoryDisk } from '../../src/host/simulated/memory-disk.ts'
import { MemoryStore } from '../../src/storage/memory/memory.ts'
import { Overlay } from '../../src/storage/overlay/overlay.ts'
import { SortedFileStore } from '../../src/storage/sorted-file/sorted-file.ts'
import type { OrderedStore, Sequence } from '../../src/storage/store.ts'

const options = { cacheBytes: 128 << 10 }
/** Entries that are handed over together: few, so that most reads meet the file. */
const handedOverEntries = 64

export async function openMemoryStore(host: Host, folder: string | undefined): Promise<OrderedStore> {
  const disk = createMemoryDisk()
  if (folder !== undefined) await copyFolder(host.disk, folder, disk)
  const base = await SortedFileStore.open(disk, 'base', options)
  return new HandingOver(host, new MemoryStore({ monotonic: () => host.monotonic() }), base)
}

/** Hands over by itself, once there is something. */
class HandingOver extends Overlay {
  readonly #host: Host
  #isScheduled = false

  constructor(host: Host, tree: OrderedStore, base: SortedFileStore) {
    super(tree, base)
    this.#host = host
  }

  override publish(sequence: Sequence): void {
    super.publish(sequence)
    if (this.#isScheduled || this.statistics()['overlayEntries']! < handedOverEntries) return
    this.#isScheduled = true
    this.#host.turn(() => {
      void this.handOver()
        .then(() => {
          while (this.reclaim(0));
        })
        .finally(() => (this.#isScheduled = false))
    })
  }
}

async function copyFolder(from: Disk, folder: string, to: Disk): Promise<void> {
  await to.makeFolder('base')
  for (const name of await from.list(folder)) {
    const source = await from.open(`${folder}/${name}`, { mode: 'read' })
    const bytes = new Uint8Array(await source.size())
    await source.readAt(0, bytes)
    await source.close()
    const target = await to.open(`base/${name}`, { mode: 'create' })
    await target.writeAt(0, bytes)
    await target.close()
  }
}
