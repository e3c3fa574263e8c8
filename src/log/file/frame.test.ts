/** What a frame must be to be believed, one rule at a time: each frame here has the checksum of what it says. */
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { createMemoryDisk } from '../../host/simulated/memory-disk.ts'
import { batchOf, readTexts } from '../commit-log-contract.ts'
import { decodeFrame, frameHeaderBytes, partHeaderBytes, recordOffsets, sealFrame, writePartHeader } from './frame.ts'
import { openGolden } from './golden-logs.ts'
import { OpenGroups } from './parts.ts'
import { positionOf } from './position.ts'
import { segmentName } from './segment.ts'

const segment = 7
const offset = 1024
const head = { first: 5, transactions: 1, clock: 9n, syncedOffset: positionOf(segment, 512), term: 3 }
const record = Uint8Array.of(3, 1, 2, 3)

function decoded(
  change: { head?: Partial<typeof head>; payload?: Uint8Array; flags?: number },
  readAs = segment,
): ReturnType<typeof decodeFrame> {
  const payload = change.payload ?? record
  const bytes = new Uint8Array(1024)
  const view = new DataView(bytes.buffer)
  bytes.set(payload, frameHeaderBytes)
  sealFrame(
    bytes,
    view,
    0,
    payload.length,
    { number: segment, key: undefined },
    offset,
    { ...head, ...change.head },
    change.flags ?? 0,
  )
  return decodeFrame(bytes, view, 0, frameHeaderBytes + payload.length, { number: readAs, key: undefined }, offset)
}

function part(at: number, pieceLength: number, last: boolean, size = 4): ReturnType<typeof decodeFrame> {
  const payload = new Uint8Array(partHeaderBytes + size)
  const part = { group: 1n, offset: at, pieceLength, last, later: false, abandoned: false }
  const flags = writePartHeader(new DataView(payload.buffer), 0, part)
  return decoded({ payload, flags, head: { transactions: last ? 1 : 0 } })
}

describe('a frame', () => {
  test('is of its segment alone', () => {
    expect(decoded({})).toMatchObject({ first: 5, term: 3 })
    expect(decoded({}, segment + 1)).toBeUndefined()
    expect(decoded({}, segment - 1)).toBeUndefined()
  })

  test('knows of nothing behind itself that it is durable', () => {
    expect(decoded({ head: { syncedOffset: positionOf(segment, offset) } })).toBeDefined()
    expect(decoded({ head: { syncedOffset: positionOf(segment, offset) + 1 } })).toBeUndefined()
  })

  test('counts what it holds', () => {
    expect(decoded({ head: { transactions: 0 } })).toBeUndefined()
    for (const flags of [2, 4, 8, 16]) expect(decoded({ flags })).toBeUndefined()
    const two = Uint8Array.of(...record, ...record)
    expect([...recordOffsets(two, 2)!]).toEqual([0, 4])
    expect([recordOffsets(two, 1), recordOffsets(two, 3), recordOffsets(two.subarray(0, 7), 2)]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  test('that is a part stays within its piece, and ends it where it is the last', () => {
    expect(part(8, 12, true)).toBeDefined()
    expect([part(8, 13, true), part(8, 11, true)]).toEqual([undefined, undefined])
    expect([part(8, 13, false), part(8, 12, false)]).not.toContain(undefined)
    expect(part(8, 11, false)).toBeUndefined()
    expect(part(0, 0, false, 0)).toBeUndefined()
  })

  test('that gives a transaction up has nothing else to say', () => {
    const bare = { group: 1n, offset: 0, pieceLength: 0, last: false, later: false, abandoned: true }
    const frameOf = (change: Partial<typeof bare>, size = 0): ReturnType<typeof decodeFrame> => {
      const payload = new Uint8Array(partHeaderBytes + size)
      const flags = writePartHeader(new DataView(payload.buffer), 0, { ...bare, ...change })
      return decoded({ payload, flags, head: { transactions: 0 } })
    }
    expect(frameOf({})?.part).toEqual(bare)
    const wrong = [frameOf({ offset: 1 }), frameOf({ pieceLength: 1 }), frameOf({ last: true }), frameOf({}, 1)]
    expect(wrong).toEqual([undefined, undefined, undefined, undefined])
  })
})

test('the parts of a term are not finished in a later one', () => {
  const groups = new OpenGroups()
  const first = { group: 1n, offset: 0, pieceLength: 8, last: false, later: false, abandoned: false }
  expect(groups.add(1, { part: first, term: 2, offset: 512 }, 4)).toBeUndefined()
  groups.enterTerm(2)
  expect(groups.size).toBe(1)
  groups.enterTerm(3)
  expect(groups.size).toBe(0)
})

describe('the last frame of a log', () => {
  /** A log of three frames, the last of which says something else. */
  async function textsAfter(change: (view: DataView) => void): Promise<string[]> {
    const disk = createMemoryDisk()
    const log = await openGolden(disk)
    const leader = await log.acquire('a', 1000)
    for (const [i, text] of ['A', 'B', 'C'].entries()) await leader.append(i, batchOf([text]), 'synced')
    await log.close()
    const file = await disk.open(`/log/${segmentName(1)}`, { mode: 'write' })
    const frame = new Uint8Array(512)
    await file.readAt(1536, frame)
    expect(frame.includes('C'.charCodeAt(0))).toBe(true)
    const view = new DataView(frame.buffer)
    change(view)
    view.setUint32(0, crc32(frame.subarray(4, view.getUint32(4, true)), 1), true)
    await file.writeAt(1536, frame)
    await file.close()
    return readTexts(await openGolden(disk), 1)
  }

  test.each<[string, string[], (view: DataView) => void]>([
    ['nothing new', ['A', 'B', 'C'], () => {}],
    ['an earlier term', ['A', 'B'], (view) => view.setUint32(32, view.getUint32(32, true) - 1, true)],
    ['a later term', ['A', 'B', 'C'], (view) => view.setUint32(32, view.getUint32(32, true) + 1, true)],
    ['that less is synced', ['A', 'B'], (view) => view.setBigUint64(24, view.getBigUint64(24, true) - 513n, true)],
    ['another place in the order', ['A', 'B'], (view) => view.setBigUint64(8, 4n, true)],
    ['the place of the one before', ['A', 'B'], (view) => view.setBigUint64(8, 2n, true)],
  ])('says %s', async (_what, expected, change) => {
    expect(await textsAfter(change)).toEqual(expected)
  })
})
