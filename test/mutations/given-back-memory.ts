/** Memory that goes back to the system. */
import { type Mutation, mutationsOf } from './mutation.ts'

export const givenBackMemoryMutations: readonly Mutation[] = [
  ...mutationsOf(
    'src/storage/memory/chunk-source.ts',
    ['src/storage/memory/chunk-source.test.ts'],
    [
      ['empty regions stay', 'if (isSpare) this.#regions.splice(at, 1)', ''],
      [
        'no region stays for the next chunk',
        ' && this.#regions.some((other) => other !== region && other.free !== 0)',
        '',
      ],
      [
        'a region is as small as an allocator keeps',
        'chunksPerRegion * chunkBytes + 64 * 1024',
        'chunksPerRegion * chunkBytes',
      ],
      ['two chunks have one place', 'region.free ^= lowest', 'region.free ^= 0'],
    ],
  ),
  ...mutationsOf(
    'src/database/reclaimer.ts',
    ['src/database/reclaimer.test.ts'],
    [
      [
        'nobody is told what a store has let go of',
        'if (reservedBytes < this.#mostBytes) this',
        'if (reservedBytes < 0) this',
      ],
      ['what was let go of is told again and again', '    this.#mostBytes = reservedBytes\n', ''],
      ['what a snapshot needs is looked at once', 'retiredObjects + undoEntries > 0', 'undoEntries > 0'],
      ['what a transaction needs is looked at once', 'retiredObjects + undoEntries > 0', 'retiredObjects > 0'],
      [
        'a store that is closed is looked at again',
        '    this.#isStopped = true\n    this.#endLooks()\n',
        '    this.#isStopped = true\n',
      ],
      [
        'who writes waits for the next look',
        '    this.#endLooks()\n    this.#isScheduled = true\n',
        '    this.#isScheduled = true\n',
      ],
    ],
  ),
  ...mutationsOf(
    'src/storage/memory/page-allocator.ts',
    ['src/storage/memory/memory.test.ts'],
    [['chunks of pages are lost', '    this.#source.release(chunkOf(this.#space.pages[chunk]!))\n', '']],
  ),
  ...mutationsOf(
    'src/storage/memory/record-arena.ts',
    ['src/storage/memory/memory.test.ts'],
    [
      ['chunks of records are lost', '    this.#source.release(chunkOf(this.#space.ints[chunk]!))\n', ''],
      [
        'a slab that is empty stays',
        'this.#touched[slab]! < leastReleased * granules) return',
        'this.#touched[slab]! > 0) return',
      ],
    ],
  ),
  ...mutationsOf(
    'src/database/memory-pressure.ts',
    ['src/database/memory-pressure.test.ts'],
    [
      [
        'what somebody has read lately is collected never',
        '    // Whoever has just read something of it may refer to it still.\n    this.#lookAgain(host)\n',
        '',
      ],
      [
        'large limits leave much lying about',
        'Math.min(this.#limitBytes * stepShare, mostGivenBackBytes)',
        'this.#limitBytes * stepShare',
      ],
    ],
  ),
  ...mutationsOf(
    'src/host/real/real-host.ts',
    ['src/host/real/real-host.test.ts'],
    [['all garbage is the young', "if (which === 'all') collect()", '']],
  ),
]
