/**
 * What every ordered store promises, as tests: each store's own test file calls `describeStore`.
 *
 * The heart is a comparison with the naive store: a random program runs against both, and every answer must be equal.
 * Programs are made of small commands, so that fast-check can shrink a failing one to its few lines.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvariantError } from '../../base/errors.ts'
import { copySlice, latin1ToBytes, sliceOf } from '../../base/slice.ts'
import type { KeyRange, Slice } from '../../base/slice.ts'
import type { Host } from '../../host/host.ts'
import { createMemoryDisk } from '../../host/simulated/memory-disk.ts'
import type { Miss, OrderedStore, PagePin, Reader, Snapshot } from '../store.ts'
import { MissingStore } from './missing-store.ts'
import { NaiveStore } from './naive-store.ts'
import { Pair, type Abilities } from './pair.ts'
import { commands } from './program.ts'
import type { Command } from './program.ts'

export interface StoreUnderTest extends Abilities {
  readonly name: string
  create(): OrderedStore
  /** Opens what a store of this kind wrote into the folder. Left out: it writes no checkpoints. */
  open?(host: Host, folder: string): Promise<OrderedStore>
  readonly runs?: number
}

export function describeStore(subject: StoreUnderTest): void {
  describe(`${subject.name}: the contract of ordered stores`, () => {
    it('answers random programs as the naive store does', async () => {
      await fc.assert(
        fc.asyncProperty(commands(), (program) => runProgram(subject, program)),
        { numRuns: subject.runs ?? 40 },
      )
    })
    it.skipIf(subject.open === undefined)(
      'opens a checkpoint as the state at its beginning, whatever was written meanwhile',
      async () => {
        await fc.assert(
          fc.asyncProperty(commands(), commands(), (before, during) => checkpointAndOpen(subject, before, during)),
          { numRuns: (subject.runs ?? 40) >> 2 },
        )
      },
    )
    it('goes on after a miss where it was', async () => {
      await fc.assert(
        fc.asyncProperty(commands(), fc.nat(), (program, seed) => readThroughMisses(subject, program, seed)),
        { numRuns: (subject.runs ?? 40) >> 2 },
      )
    })
    describeLargeValues(subject)
    describeMarks(subject)
    describeDrafts(subject)
    describeMisuse(subject)
  })
}

/** Whether a store with a fault planted would be found out: for the test of the test. */
export async function isFoundOut(subject: Pick<StoreUnderTest, 'create' | keyof Abilities>): Promise<boolean> {
  const property = fc.asyncProperty(commands(), (program) => runProgram(subject, program))
  return (await fc.check(property, { numRuns: 400, endOnFailure: true })).failed
}

async function runProgram(
  subject: Pick<StoreUnderTest, 'create' | keyof Abilities>,
  program: readonly Command[],
): Promise<void> {
  const pair = new Pair(subject.create(), new NaiveStore(), subject)
  try {
    for (const command of program) await pair.run(command)
    await pair.compareAll()
  } finally {
    pair.closeAll()
  }
}

async function checkpointAndOpen(
  subject: StoreUnderTest,
  before: readonly Command[],
  during: readonly Command[],
): Promise<void> {
  const host = diskHost()
  await host.disk.makeFolder('checkpoint')
  const pair = new Pair(subject.create(), new NaiveStore(), withoutCheck(subject))
  try {
    for (const command of before) await pair.run(command)
    const { store, sequence, expected } = pair.beginCheckpoint()
    const written = store.checkpoint(host, 'checkpoint')
    for (const command of during) {
      await pair.run(command)
      await Promise.resolve()
    }
    expect(await written).toBe(sequence)
    const opened = await subject.open!(host, 'checkpoint')
    expect(opened.persistedThrough).toBe(sequence)
    const reopened = new Pair(opened, expected, subject)
    await reopened.compareAll()
    for (const command of during) if (command.kind !== 'publish') await reopened.run(command)
    await reopened.compareAll()
    reopened.closeAll()
  } finally {
    pair.closeAll()
  }
}

async function readThroughMisses(subject: StoreUnderTest, program: readonly Command[], seed: number): Promise<void> {
  const plain = subject.create()
  const pair = new Pair(plain, new NaiveStore(), {})
  try {
    // Marks would keep a store from handing over, and what was handed over is what can miss.
    const used = program.filter(({ kind }) => kind !== 'close' && kind !== 'mark')
    for (const command of used) await pair.run(command)
    const { store, expected } = pair.beginCheckpoint()
    await subject.handOver?.(store)
    while (store.reclaim(0));
    const missing = subject.handOver === undefined ? new MissingStore(store, 2 + (seed % 3)) : undefined
    const snapshot = (missing ?? store).snapshot()
    const read = { misses: 0 }
    for (const reverse of [false, true]) {
      const found = await collect(snapshot, everything, reverse, read)
      const model = await collect(expected.snapshot(), everything, reverse)
      expect(found).toEqual(model)
      for (const [key, value] of model.slice(0, 50)) {
        const slice = sliceOf(latin1ToBytes(key))
        const bytes = await throughMisses(snapshot, () => copySlice(snapshot.get(slice)!))
        expect(Buffer.from(bytes).toString('latin1')).toBe(value)
      }
      if (model.length > 0) expect(missing?.pool.misses ?? read.misses).toBeGreaterThan(0)
    }
    snapshot.release()
  } finally {
    pair.closeAll()
  }
}

async function collect(
  snapshot: Snapshot,
  range: KeyRange,
  reverse: boolean,
  count: { misses: number } = { misses: 0 },
): Promise<[string, string][]> {
  const entries: [string, string][] = []
  const cursor = snapshot.scan(range, { reverse })
  const next = (): boolean => {
    try {
      return cursor.next()
    } catch (miss) {
      count.misses++
      if (entries.length > 0) expect([sliceText(cursor.key), sliceText(cursor.value)]).toEqual(entries.at(-1))
      throw miss
    }
  }
  while (await throughMisses(snapshot, next)) {
    entries.push([sliceText(cursor.key), sliceText(cursor.value)])
  }
  return entries
}

async function throughMisses<T>(snapshot: Snapshot, read: () => T): Promise<T> {
  const pins: PagePin[] = []
  for (;;) {
    try {
      const result = read()
      for (const pin of pins) pin.release()
      return result
    } catch (error) {
      if ((error as Partial<Miss>).miss !== true) throw error
      pins.push(await snapshot.load(error as Miss))
    }
  }
}

function describeLargeValues(subject: StoreUnderTest): void {
  it.skipIf(subject.open === undefined)('keeps, replaces and checkpoints values of up to 64 MiB', async () => {
    const store = subject.create()
    const sizes = [0, 1, 131_071, 131_073, 1 << 20, 64 << 20]
    for (const [i, size] of sizes.entries()) store.put(keyNumber(i), patterned(size, i))
    store.publish(1)
    const pinned = store.snapshot()
    for (const [i, size] of sizes.entries()) store.put(keyNumber(i), patterned(size >> 1, i + 100))
    store.publish(2)
    for (const [i, size] of sizes.entries()) {
      expectSame(pinned.get(keyNumber(i)), patterned(size, i))
      expectSame(store.current.get(keyNumber(i)), patterned(size >> 1, i + 100))
    }
    pinned.release()
    const host = diskHost()
    await host.disk.makeFolder('checkpoint')
    await store.checkpoint(host, 'checkpoint')
    const opened = await subject.open!(host, 'checkpoint')
    const reopened = opened.snapshot()
    for (const [i, size] of sizes.entries()) {
      await throughMisses(reopened, () => expectSame(reopened.get(keyNumber(i)), patterned(size >> 1, i + 100)))
    }
    reopened.release()
    store.close()
    opened.close()
  })

  it('takes as much space after many rounds as after few', () => {
    const store = subject.create()
    const round = (n: number): number => {
      for (let i = 0; i < 3000; i++) store.put(keyNumber(i), patterned((i * 37 + n * 11) % 900, n))
      store.put(keyNumber(5000), patterned(1 << 20, n))
      store.publish(2 * n + 1)
      const pinned = store.snapshot()
      if (n % 2 === 0) store.deleteRange({ start: keyNumber(0), end: keyNumber(9000) })
      else for (let i = 0; i < 3000; i++) store.delete(keyNumber(i))
      store.publish(2 * n + 2)
      pinned.release()
      while (store.reclaim(1000));
      return store.statistics().reservedBytes
    }
    for (let n = 0; n < 5; n++) round(n)
    const few = round(5)
    for (let n = 6; n < 25; n++) round(n)
    expect(round(25)).toBeLessThanOrEqual(few * 1.5)
    subject.check?.([store])
    store.close()
  })
}

function describeMarks(subject: StoreUnderTest): void {
  it('goes back to marks, the last one first or at once, and leaves snapshots and forks as they are', () => {
    const store = subject.create()
    const texts = (reader: Reader): (string | undefined)[] =>
      [1, 2, 3].map((n) => {
        const found = reader.get(keyNumber(n))
        return found && sliceText(found)
      })
    let sequence = 0
    const write = (n: number, text: string): void => {
      store.put(keyNumber(n), sliceOf(latin1ToBytes(text)))
      store.publish(++sequence)
    }
    write(1, 'a')
    const first = store.mark()
    write(1, 'b')
    write(2, 'b')
    const second = store.mark()
    const between = store.snapshot()
    write(1, 'c')
    store.delete(keyNumber(2))
    write(3, 'c')
    const third = store.mark()
    const fork = store.fork()
    store.deleteRange({ start: keyNumber(0), end: keyNumber(9) })
    store.publish(++sequence)
    third.rollback()
    expect([texts(store.current), store.current.sequence]).toEqual([['c', undefined, 'c'], 5])
    first.rollback()
    expect([texts(store.current), store.current.sequence]).toEqual([['a', undefined, undefined], 1])
    expect([first.sequence, second.sequence, third.sequence]).toEqual([1, 3, 5])
    expect(() => second.rollback()).toThrow(InvariantError)
    second.release()
    write(2, 'd')
    first.rollback()
    expect(texts(store.current)).toEqual(['a', undefined, undefined])
    expect([texts(between), between.sequence]).toEqual([['b', 'b', undefined], 3])
    expect(texts(fork.current)).toEqual(['c', undefined, 'c'])
    first.release()
    expect(() => first.rollback()).toThrow(InvariantError)
    between.release()
    fork.close()
    store.close()
  })
}

function describeDrafts(subject: StoreUnderTest): void {
  it('adopts a draft at once and goes back over it, with what was written before, meanwhile and after', () => {
    const store = subject.create()
    const put = (target: Pick<OrderedStore, 'put'>, from: number, to: number, text: string): void => {
      for (let n = from; n < to; n++) target.put(keyNumber(n), sliceOf(latin1ToBytes(text)))
    }
    const textsOf = (reader: Reader): string[] =>
      [1, 150, 350, 500].map((n) => {
        const found = reader.get(keyNumber(n))
        return found === undefined ? '-' : sliceText(found)
      })
    put(store, 0, 300, 'past')
    store.publish(1)
    const first = store.mark()
    put(store, 100, 200, 'before')
    store.publish(2)
    const draft = store.draft((key) => sliceText(key) < sliceText(keyNumber(100)))!
    expect(store.draft(() => false)).toBeUndefined()
    put(draft, 0, 100, 'draft')
    draft.deleteRange({ start: keyNumber(250), end: keyNumber(300) })
    put(store, 300, 400, 'meanwhile')
    put(store, 1, 2, 'overtaken')
    store.publish(3)
    const meanwhile = store.mark()
    expect([textsOf(store.current), keysIn(store.current)]).toEqual([['overtaken', 'before', 'meanwhile', '-'], 400])
    draft.adopt()
    store.publish(4)
    put(store, 100, 600, 'after')
    store.publish(5)
    const pinned = store.snapshot()
    expect([textsOf(pinned), keysIn(pinned)]).toEqual([['draft', 'after', 'after', 'after'], 600])
    meanwhile.rollback()
    expect([textsOf(store.current), keysIn(store.current), store.current.sequence]).toEqual([
      ['overtaken', 'before', 'meanwhile', '-'],
      400,
      3,
    ])
    first.rollback()
    expect([textsOf(store.current), keysIn(store.current)]).toEqual([['past', 'past', '-', '-'], 300])
    expect(textsOf(pinned)).toEqual(['draft', 'after', 'after', 'after'])
    const second = store.draft(() => false)!
    put(second, 0, 10, 'second')
    first.rollback()
    expect([second.isOpen, draft.isOpen, textsOf(store.current)[0]]).toEqual([false, false, 'past'])
    expect(() => second.adopt()).toThrow(InvariantError)
    pinned.release()
    while (store.reclaim(0));
    subject.check?.([store])
    store.close()
  })
}

function describeMisuse(subject: StoreUnderTest): void {
  it('refuses to pin between a mutation and its publish', () => {
    const store = subject.create()
    store.put(keyNumber(1), patterned(3, 0))
    expect(() => store.snapshot()).toThrow(InvariantError)
    expect(() => store.fork()).toThrow(InvariantError)
    expect(() => store.mark()).toThrow(InvariantError)
    store.publish(1)
    expect(() => store.publish(1)).toThrow(InvariantError)
    const pinned = store.snapshot()
    expect(pinned.sequence).toBe(1)
    pinned.release()
    expect(() => pinned.get(keyNumber(1))).toThrow(InvariantError)
    expect(() => pinned.release()).toThrow(InvariantError)
    store.close()
  })

  it('ends a cursor of the current state at a mutation, until it seeks', () => {
    const store = subject.create()
    for (let i = 0; i < 300; i++) store.put(keyNumber(i), patterned(3, i))
    const cursor = store.current.scan({ start: keyNumber(0), end: keyNumber(300) })
    expect(cursor.next()).toBe(true)
    store.delete(keyNumber(1))
    expect(() => cursor.next()).toThrow(InvariantError)
    cursor.seek(keyNumber(1))
    expect(cursor.next()).toBe(true)
    expect(sliceText(cursor.key)).toBe(sliceText(keyNumber(2)))
    store.close()
  })
}

const everything: KeyRange = { start: sliceOf(new Uint8Array(0)), end: sliceOf(new Uint8Array(400).fill(0xff)) }

const sliceText = (slice: Slice): string => Buffer.from(copySlice(slice)).toString('latin1')

const keyNumber = (n: number): Slice => sliceOf(new TextEncoder().encode(`key ${String(n).padStart(6, '0')}`))

function keysIn(reader: Reader): number {
  const cursor = reader.scan(everything)
  let keys = 0
  while (cursor.next()) keys++
  return keys
}

function patterned(size: number, seed: number): Slice {
  const bytes = new Uint8Array(size).fill(seed & 0xff)
  for (let i = 0; i < size; i += 4093) bytes[i] = (i ^ seed) & 0xff
  return sliceOf(bytes)
}

function expectSame(found: Slice | undefined, expected: Slice): void {
  expect(found !== undefined && Buffer.compare(viewOf(found), viewOf(expected)) === 0).toBe(true)
}

const viewOf = ({ bytes, start, end }: Slice): Uint8Array => bytes.subarray(start, end)

function withoutCheck({ handOver, mayNotCount }: Abilities): Abilities {
  return { ...(handOver && { handOver }), ...(mayNotCount && { mayNotCount }) }
}

/** A host of which stores need no more than the disk. */
export function diskHost(): Host {
  const disk = createMemoryDisk()
  return { disk, monotonic: () => 0 } as unknown as Host
}
