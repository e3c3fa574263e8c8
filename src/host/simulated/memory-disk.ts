import type { Disk } from '../host.ts'
import { DiskImage } from './disk-image.ts'
import { ImageDisk, type DiskScheduler } from './image-disk.ts'

/** A disk in memory for plain unit tests: no faults, no world to run; each call completes by a microtask. */
export function createMemoryDisk(): Disk {
  const scheduler: DiskScheduler = {
    owner: { pid: 1 },
    run: async (operation) => {
      await Promise.resolve()
      return operation.apply()
    },
    runSync: (operation) => operation.apply(),
  }
  return new ImageDisk(new DiskImage({ tracksUnsynced: false }), scheduler)
}
