/**
 * Two overlays over one folder: a leader's, whose base writes it, and a follower's, whose base reads it. The follower does
 * what the leader has done, some steps later, and must show what a plain store shows that has done the same, whichever file
 * of the leader it has, and whatever it was when that one was taken.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PolylogError } from '../base/errors.ts'
import { sliceOf, sliceToLatin1, type KeyRange, type Slice } from '../base/slice.ts'
import { createMemoryDisk } from '../host/simulated/memory-disk.ts'
import { NaiveStore } from '../storage/contract/naive-store.ts'
import { MemoryStore } from '../storage/memory/memory.ts'
import { Overlay } from '../storage/overlay/overlay.ts'
import { SortedFileStore } from '../storage/sorted-file/sorted-file.ts'
import { isMiss, type OrderedStore } from '../storage/store.ts'

type Write =
  | { readonly kind: 'put'; readonly key: number }
  | { readonly kind: 'delete'; readonly key: number }
  | { readonly kind: 'range'; readonly key: number; readonly to: number }

type Step =
  /** A transaction of the leader; in a draft where it is large. */
  | { readonly kind: 'commit'; readonly writes: readonly Write[]; readonly isLarge: boolean }
  /** The follower does so many of the leader's transactions. */
  | { readonly kind: 'follow'; readonly count: number }
  | { readonly kind: 'leader hands over' | 'follower hands over' | 'sweep' | 'turns' }
  /** A snapshot of the follower is pinned, or let go of. */
  | { readonly kind: 'pin' }

const key = (n: number): Slice => sliceOf(Buffer.from(`key ${String(n).padStart(3, '0')}`))
const keys = fc.nat(60)
const writes: fc.Arbitrary<Write> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('put' as const), key: keys }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), key: keys }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('range' as const), key: keys, to: keys }) },
)
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      writes: fc.array(writes, { minLength: 1, maxLength: 12 }),
      isLarge: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('follow' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 9,
    arbitrary: fc
      .constantFrom('leader hands over', 'follower hands over', 'turns', 'sweep', 'pin')
      .map((kind) => ({ kind })),
  },
)

const newTree = (): OrderedStore => new MemoryStore({ monotonic: () => 0, poison: true })

function write(
  store: OrderedStore,
  { writes: all, isLarge }: Extract<Step, { kind: 'commit' }>,
  sequence: number,
): void {
  const draft = isLarge ? store.draft(() => true)! : undefined
  const target = draft ?? store
  for (const [i, each] of all.entries()) {
    if (each.kind === 'put') target.put(key(each.key), sliceOf(Buffer.from(`${sequence}.${i}`)))
    else if (each.kind === 'delete') target.delete(key(each.key))
    else if (each.key < each.to) target.deleteRange({ start: key(each.key), end: key(each.to) })
  }
  draft?.adopt()
  store.publish(sequence)
}

const everything: KeyRange = { start: sliceOf(new Uint8Array(0)), end: sliceOf(Uint8Array.of(0xff)) }

async function contentOf(store: OrderedStore, pinned = store.snapshot()): Promise<string> {
  const lines: string[] = []
  const cursor = pinned.scan(everything)
  for (;;) {
    try {
      if (!cursor.next()) return lines.join('\n')
      lines.push(`${sliceToLatin1(cursor.key)}=${sliceToLatin1(cursor.value)}`)
    } catch (error) {
      if (!isMiss(error)) throw error
      ;(await pinned.load(error)).release()
    }
  }
}

class Pair {
  readonly #disk = createMemoryDisk()
  readonly leader = new Overlay(newTree(), SortedFileStore.begin(this.#disk, 'base', { cacheBytes: 1 }))
  readonly plain = new NaiveStore()
  readonly #commits: Extract<Step, { kind: 'commit' }>[] = []
  readonly #pinned: { readonly content: string; readonly snapshot: ReturnType<Overlay['snapshot']> }[] = []
  #isOver = false
  follower!: Overlay
  taken = 0

  async open(): Promise<this> {
    const pair = this
    const followed = {
      get sequence() {
        return pair.follower.current.sequence
      },
      next: async () => {
        await new Promise((resolve) => setImmediate(resolve))
        if (pair.#isOver) throw new PolylogError('shutting_down', 'over')
      },
    }
    const base = await SortedFileStore.open(this.#disk, 'base', { followed, cacheBytes: 1 })
    this.follower = new Overlay(newTree(), base)
    return this
  }

  async run(step: Step): Promise<void> {
    switch (step.kind) {
      case 'commit':
        write(this.leader, step, this.#commits.push(step))
        break
      case 'follow':
        for (let i = 0; i < step.count; i++) this.#follow()
        break
      case 'leader hands over':
        await this.leader.handOver()
        break
      case 'follower hands over':
        void this.follower.handOver().catch((error: unknown) => {
          if (!this.#isOver) throw error
        })
        break
      case 'sweep':
        this.follower.reclaim(0)
        break
      case 'turns':
        for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
        break
      case 'pin':
        await this.#pin()
        break
    }
    await this.compare()
  }

  #follow(): void {
    const sequence = this.plain.current.sequence + 1
    const commit = this.#commits[sequence - 1]
    if (commit === undefined) return
    write(this.follower, commit, sequence)
    write(this.plain, commit, sequence)
  }

  async #pin(): Promise<void> {
    const first = this.#pinned.length > 2 ? this.#pinned.shift() : undefined
    if (first !== undefined) {
      expect(await contentOf(this.follower, first.snapshot)).toBe(first.content)
      first.snapshot.release()
    }
    const snapshot = this.follower.snapshot()
    this.#pinned.push({ content: await contentOf(this.plain), snapshot })
  }

  async compare(): Promise<void> {
    expect(await contentOf(this.follower)).toBe(await contentOf(this.plain))
    this.taken = this.follower.base.statistics()['taken']!
  }

  /** The leader is no more: the follower does the rest, and writes the folder itself. */
  async takeOver(): Promise<void> {
    while (this.plain.current.sequence < this.#commits.length) this.#follow()
    ;(await this.follower.base.lead())()
    await this.compare()
    await this.follower.handOver()
    await this.follower.handOver()
    while (this.follower.reclaim(0));
    await this.compare()
    expect(this.follower.base.persistedThrough).toBe(this.#commits.length)
    const opened = new Overlay(newTree(), await SortedFileStore.open(this.#disk, 'base'))
    expect(await contentOf(opened)).toBe(await contentOf(this.plain))
    this.#isOver = true
  }
}

test('a follower shows what a plain store shows, and writes the same once it leads', async () => {
  let taken = 0
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 30, maxLength: 120, size: 'max' }), async (program) => {
      const pair = await new Pair().open()
      for (const step of program) await pair.run(step)
      taken += pair.taken
      await pair.takeOver()
    }),
    { numRuns: 50 },
  )
  expect(taken).toBeGreaterThan(40)
})
