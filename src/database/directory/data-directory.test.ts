import { expect, test } from 'vitest'
import type { Disk } from '../../host/host.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import { DataDirectory } from './data-directory.ts'

/** How many syncs there were, and how often somebody had to wait for one before the next could begin. */
class SyncCounts {
  syncs = 0
  rounds = 0
  #running = 0

  async count(sync: Promise<void>): Promise<void> {
    this.syncs++
    if (this.#running++ === 0) this.rounds++
    try {
      await sync
    } finally {
      this.#running--
    }
  }
}

function counting(disk: Disk, counts: SyncCounts): Disk {
  const own: Partial<Disk> = {
    syncFolder: (path) => counts.count(disk.syncFolder(path)),
    async open(path, options) {
      const file = await disk.open(path, options)
      const { sync } = file
      return Object.assign(file, { sync: () => counts.count(sync.call(file)) })
    },
  }
  return new Proxy(disk, {
    get: (target, name: keyof Disk) => own[name] ?? (target[name] as (() => unknown) | undefined)?.bind(target),
  })
}

test('a database is made by three waits for the disk, and as many with others beside it', async () => {
  const world = new SimulatedWorld(7)
  const { disk } = world.startProcess('server', { machine: 'disk' })
  await world.complete(disk.makeFolder('data'))
  const counts = new SyncCounts()
  const directory = await world.complete(DataDirectory.open(counting(disk, counts), 'data'))
  for (let i = 0; i < 3; i++) {
    const [syncs, rounds] = [counts.syncs, counts.rounds]
    const uuid = `00000000-0000-4000-8000-00000000000${i}`
    await world.complete(directory.add({ uuid, name: `database ${i}` }))
    expect([counts.syncs - syncs, counts.rounds - rounds]).toEqual([6, 3])
  }
  expect(directory.listed).toHaveLength(3)
})
