/** What every commit log does, whatever it is made of: a suite that each implementation runs. */
import { describe, expect, it } from 'vitest'
import { sliceOf } from '../base/slice.ts'
import type { CommitLog, Durability, Leader, LogBatch, ReadOptions, Sequence, StagedGroup } from './commit-log.ts'
import { decodeRecord } from './record.ts'
import { RecordWriter } from './record-writer.ts'

export interface OpenedLog {
  readonly log: CommitLog
  /** Closes and opens again; undefined where nothing outlives the log. */
  readonly reopen?: () => Promise<CommitLog>
}

/** A batch whose records each put one key: the text. */
export function batchOf(texts: readonly string[], clock = 1n): RecordWriter & { clock: bigint } {
  const writer = new RecordWriter(64)
  for (const text of texts) {
    writer.begin(0, 0)
    writer.put(1, sliceOf(new TextEncoder().encode(text)), sliceOf(new Uint8Array(3)))
    writer.end()
  }
  return Object.assign(writer, { clock })
}

/** The texts of a batch of `batchOf`. */
export function textsOf(batch: LogBatch): string[] {
  return [...batch.offsets].map((start, i) => {
    const end = batch.offsets[i + 1] ?? batch.bytes.length
    return new TextDecoder().decode(decodeRecord(batch.bytes, start, end).operations[0]!.key)
  })
}

/** All texts from `from`, those of one transaction's pieces joined, having checked that the sequences are dense. */
export async function readTexts(log: CommitLog, from: Sequence, options?: ReadOptions): Promise<string[]> {
  const texts: string[] = []
  let next: Sequence | undefined
  let before = ''
  for await (const batch of log.read(from, options)) {
    if (next !== undefined) expect(batch.first).toBe(next)
    const all = textsOf(batch)
    expect(all.length).toBe(batch.last - batch.first + 1)
    next = batch.last + 1
    all[0] = before + all[0]!
    before = ''
    if (batch.continues === true) {
      next = batch.first
      before = all.pop()!
    }
    texts.push(...all.slice(Math.max(0, from - batch.first)))
  }
  expect(before).toBe('')
  return texts
}

const numbered = (from: number, count: number): string[] => Array.from({ length: count }, (_, i) => `t${from + i}`)

async function appendAll(
  leader: Leader,
  texts: readonly string[],
  each: number,
  durability: Durability,
): Promise<void> {
  for (let i = 0; i < texts.length; i += each) {
    const end = leader.writtenThrough
    const expected = durability === 'memory' ? i : end
    await leader.append(expected, batchOf(texts.slice(i, i + each)), durability)
  }
}

type Open = () => Promise<OpenedLog>

export function commitLogContract(name: string, open: Open): void {
  describe(`${name}: commit log contract`, () => {
    appends(open)
    stages(open)
    reads(open)
    leads(open)
  })
}

function appends(open: Open): void {
  it('is empty at first', async () => {
    const { log } = await open()
    expect(await log.end()).toMatchObject({ end: 0, oldest: 1 })
    expect(await readTexts(log, 1)).toEqual([])
    await log.close()
  })

  it.each(['synced', 'written', 'memory'] as const)('gives back what was appended as %s', async (durability) => {
    const { log } = await open()
    const leader = await log.acquire('a', 1000)
    const texts = numbered(1, 60)
    await appendAll(leader, texts, 7, durability)
    await leader.flush('synced')
    expect([leader.writtenThrough, leader.syncedThrough]).toEqual([60, 60])
    for (const from of [1, 8, 30, 60]) expect(await readTexts(log, from)).toEqual(texts.slice(from - 1))
    expect(await readTexts(log, 61)).toEqual([])
    expect((await log.end()).end).toBe(60)
    await log.close()
  })

  it('answers an append with its sequences, and keeps the clock', async () => {
    const { log } = await open()
    const leader = await log.acquire('a', 1000)
    expect(await leader.append(0, batchOf(['a', 'b'], 77n << 16n), 'synced')).toEqual({ first: 1, last: 2 })
    expect(await leader.append(2, batchOf(['c']), 'memory')).toEqual({ first: 3, last: 3 })
    for await (const batch of log.read(1, { to: 2 })) expect(batch.clock).toBe(77n << 16n)
    await log.close()
  })

  it('does not keep the bytes of the batch', async () => {
    const { log } = await open()
    const leader = await log.acquire('a', 1000)
    for (const durability of ['memory', 'written', 'synced'] as const) {
      const batch = batchOf(['kept'])
      await leader.append((await log.end()).end, batch, durability)
      batch.bytes.fill(0)
    }
    await leader.flush('synced')
    expect(await readTexts(log, 1)).toEqual(['kept', 'kept', 'kept'])
    await log.close()
  })

  it('is there again after it was closed', async () => {
    const { log, reopen } = await open()
    if (reopen === undefined) return log.close()
    const leader = await log.acquire('a', 1000)
    await appendAll(leader, numbered(1, 50), 5, 'memory')
    await log.close()
    const again = await reopen()
    expect((await again.end()).end).toBe(50)
    const next = await again.acquire('b', 1000)
    expect(next.epoch).toBeGreaterThan(leader.epoch)
    await next.append(50, batchOf(['t51']), 'synced')
    expect(await readTexts(again, 1)).toEqual(numbered(1, 51))
    await again.close()
    return undefined
  })
}

/** A text in pieces, the last of which is not staged. */
export async function stageTexts(leader: Leader, pieces: readonly string[], clock = 1n): Promise<StagedGroup> {
  const group = leader.beginStaging()
  for (const piece of pieces) await leader.stage(group, batchOf([piece], clock))
  return group
}

const lastOf = (group: StagedGroup, text: string) => Object.assign(batchOf([text]), { stagedAs: group.number })

function stages(open: Open): void {
  it('takes a transaction in pieces, among others', async () => {
    const { log, reopen } = await open()
    const leader = await log.acquire('a', 1000)
    await leader.append(0, batchOf(['t1']), 'synced')
    const group = await stageTexts(leader, ['a'.repeat(3000), 'b'])
    await leader.append(1, batchOf(['t2', 't3']), 'synced')
    await leader.stage(group, batchOf(['c'.repeat(5000)]))
    await leader.append(3, batchOf(['t4']), 'memory')
    expect(await leader.append(4, lastOf(group, 'd'), 'synced')).toEqual({ first: 5, last: 5 })
    await leader.append(5, batchOf(['t6']), 'synced')
    const texts = ['t1', 't2', 't3', 't4', `${'a'.repeat(3000)}b${'c'.repeat(5000)}d`, 't6']
    for (let from = 1; from <= 6; from++) expect(await readTexts(log, from)).toEqual(texts.slice(from - 1))
    expect(await readTexts(log, 2, { to: 5 })).toEqual(texts.slice(1, 5))
    await log.trim(5)
    expect(await readTexts(log, 5)).toEqual(texts.slice(4))
    await log.close()
    if (reopen === undefined) return
    const again = await reopen()
    expect(await readTexts(again, 5)).toEqual(texts.slice(4))
    await again.trim(6)
    expect(await readTexts(again, 6)).toEqual(['t6'])
    await again.close()
  })

  it('shows nothing of what was staged and given up, or left behind by an earlier leader', async () => {
    const { log, reopen } = await open()
    const first = await log.acquire('a', 1000)
    first.abandon(await stageTexts(first, ['x'.repeat(4000), 'y']), 1n)
    first.abandon(first.beginStaging(), 1n)
    await first.append(0, batchOf(['t1']), 'synced')
    const left = await stageTexts(first, ['left'])
    const second = await log.acquire('b', 1000)
    await expect(first.stage(left, batchOf(['more']))).rejects.toMatchObject({ code: 'fenced' })
    await expect(second.append(1, lastOf(left, 'more'), 'synced')).rejects.toMatchObject({ code: 'fenced' })
    const group = await stageTexts(second, ['a', 'b'])
    const unfinished = await stageTexts(second, ['never'])
    await second.append(1, lastOf(group, 'c'), 'synced')
    await second.append(2, batchOf(numbered(3, 40)), 'synced')
    expect(unfinished.pieces).toBe(1)
    const texts = ['t1', 'abc', ...numbered(3, 40)]
    expect(await readTexts(log, 1)).toEqual(texts)
    if (reopen !== undefined) await log.close()
    const again = reopen === undefined ? log : await reopen()
    expect(await readTexts(again, 1)).toEqual(texts)
    // What an earlier leader has left behind holds nothing back.
    const third = await again.acquire('c', 1000)
    for (let end = 42; end < 142; end++) await third.append(end, batchOf(['x'.repeat(500)]), 'synced')
    await again.trim(140)
    expect((await again.end()).oldest).toBeGreaterThan(42)
    await again.close()
  })

  it('holds nothing back for what was given up', async () => {
    const { log } = await open()
    const leader = await log.acquire('a', 1000)
    leader.abandon(await stageTexts(leader, ['x'.repeat(4000), 'y']), 1n)
    for (let end = 0; end < 100; end++) await leader.append(end, batchOf(['x'.repeat(500)]), 'synced')
    await log.trim(90)
    expect((await log.end()).oldest).toBeGreaterThan(1)
    await log.close()
  })

  it('keeps what is staged while it is trimmed, and forgets all of it together', async () => {
    const { log, reopen } = await open()
    const leader = await log.acquire('a', 1000)
    const group = await stageTexts(leader, ['a'.repeat(2000)])
    for (let i = 0; i < 60; i += 2) await leader.append(i, batchOf([`t${i}`, 'x'.repeat(500)]), 'synced')
    await log.trim(60)
    await leader.append(60, lastOf(group, 'b'), 'synced')
    expect(await readTexts(log, 61)).toEqual([`${'a'.repeat(2000)}b`])
    await log.trim(61)
    expect(await readTexts(log, 61)).toEqual([`${'a'.repeat(2000)}b`])
    await leader.append(61, batchOf(['last']), 'synced')
    await log.trim(62)
    if (reopen !== undefined) await log.close()
    const again = reopen === undefined ? log : await reopen()
    const { oldest } = await again.end()
    expect(await readTexts(again, oldest)).toEqual([`${'a'.repeat(2000)}b`, 'last'].slice(oldest - 61))
    await again.close()
  })
}

function reads(open: Open): void {
  it('stops at `to`', async () => {
    const { log } = await open()
    const leader = await log.acquire('a', 1000)
    await appendAll(leader, numbered(1, 9), 3, 'synced')
    expect(await readTexts(log, 2, { to: 6 })).toEqual(numbered(2, 5))
    await log.close()
  })

  it('lets readers follow, until they are aborted', async () => {
    const { log } = await open()
    const leader = await log.acquire('a', 1000)
    const abort = new AbortController()
    const following = readTexts(log, 1, { follow: true, signal: abort.signal })
    const until = readTexts(log, 1, { follow: true, to: 5 })
    await appendAll(leader, numbered(1, 6), 2, 'synced')
    expect((await until).slice(0, 5)).toEqual(numbered(1, 5))
    abort.abort()
    expect(numbered(1, 6)).toEqual(expect.arrayContaining(await following))
    await log.close()
  })

  it('ends a following reader when it closes', async () => {
    const { log } = await open()
    const leader = await log.acquire('a', 1000)
    await leader.append(0, batchOf(['a']), 'synced')
    const iterator = log.read(1, { follow: true })[Symbol.asyncIterator]()
    expect((await iterator.next()).done).toBe(false)
    const last = iterator.next()
    await log.close()
    expect((await last).done).toBe(true)
  })

  it('trims no more than asked for, and says what is gone', async () => {
    const { log } = await open()
    const leader = await log.acquire('a', 1000)
    const texts = numbered(1, 200)
    await appendAll(leader, texts, 2, 'synced')
    await log.trim(101)
    const { oldest } = await log.end()
    expect(oldest).toBeGreaterThan(1)
    expect(oldest).toBeLessThanOrEqual(101)
    await expect(readTexts(log, oldest - 1)).rejects.toMatchObject({ code: 'trimmed' })
    expect(await readTexts(log, oldest)).toEqual(texts.slice(oldest - 1))
    expect(log.describe()[0]!.first).toBeLessThanOrEqual(oldest)
    expect(log.describe().at(-1)!.last).toBe(200)
    await log.close()
  })
}

function leads(open: Open): void {
  it('refuses an append at another end', async () => {
    const { log } = await open()
    const leader = await log.acquire('a', 1000)
    await leader.append(0, batchOf(['a']), 'synced')
    await expect(leader.append(0, batchOf(['b']), 'synced')).rejects.toMatchObject({ code: 'wrong-end' })
    await expect(leader.append(2, batchOf(['b']), 'synced')).rejects.toMatchObject({ code: 'wrong-end' })
    expect(await leader.resolve(0)).toBe('committed')
    expect(await leader.resolve(1)).toBe('absent')
    expect(await readTexts(log, 1)).toEqual(['a'])
    await log.close()
  })

  it('fences an earlier leader', async () => {
    const { log } = await open()
    const first = await log.acquire('a', 1000)
    await first.append(0, batchOf(['a']), 'synced')
    const second = await log.acquire('b', 1000)
    expect(second.epoch).toBeGreaterThan(first.epoch)
    expect(first.lost.aborted).toBe(true)
    await expect(first.append(1, batchOf(['x']), 'synced')).rejects.toMatchObject({ code: 'fenced' })
    await expect(first.renew()).rejects.toMatchObject({ code: 'fenced' })
    await second.append(1, batchOf(['b']), 'synced')
    expect(await readTexts(log, 1)).toEqual(['a', 'b'])
    expect([first.writtenThrough, first.syncedThrough, second.syncedThrough]).toEqual([1, 1, 2])
    const epochs: [Sequence, number][] = []
    for await (const batch of log.read(1)) epochs.push([batch.last, batch.epoch])
    expect(epochs).toEqual([
      [1, first.epoch],
      [2, second.epoch],
    ])
    expect(await log.end()).toMatchObject({ end: 2, epoch: second.epoch })
    await second.release()
    await expect(second.append(2, batchOf(['x']), 'synced')).rejects.toMatchObject({ code: 'fenced' })
    await log.close()
  })

  it('says when more is durable', async () => {
    const { log } = await open()
    const leader = await log.acquire('a', 1000)
    const seen: Sequence[] = []
    leader.onDurable = () => seen.push(leader.syncedThrough)
    await leader.append(0, batchOf(['a']), 'synced')
    await leader.append(1, batchOf(['b', 'c']), 'memory')
    await leader.flush('synced')
    expect(seen.at(-1)).toBe(3)
    expect(seen).toContain(1)
    await log.close()
  })
}
