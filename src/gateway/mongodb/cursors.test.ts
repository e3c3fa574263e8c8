/** Cursors that nobody asks for, where memory is short. */
import { beforeEach, describe, expect, it } from 'vitest'
import { ProcessMemory } from '../../database/process-memory.ts'
import type { Host } from '../../host/host.ts'
import type { QueryPosition, Query } from '../../language/mql/query.ts'
import { Cursors, type OpenCursor } from './cursors.ts'

const mebibyte = 1024 * 1024

let nowMs = 0
let ids = 0
let sweep = (): void => undefined
const host = {
  now: () => nowMs,
  random: (into: Uint8Array) => new DataView(into.buffer).setBigUint64(0, BigInt(++ids) << 1n),
  at: (_: number, run: () => void) => {
    sweep = run
    return () => undefined
  },
} as unknown as Host

let memory: ProcessMemory
let cursors: Cursors

beforeEach(() => {
  nowMs = 0
  memory = new ProcessMemory(512 * mebibyte, 0, Infinity)
  cursors = new Cursors(host, memory)
})

function open(transaction?: string, isKept = false): OpenCursor {
  return cursors.add({
    namespace: 'd.c',
    collection: 'c',
    mongoDatabase: 'd',
    database: 'd',
    owner: undefined,
    transaction,
    query: {} as Query,
    position: { kind: 'scan' } as QueryPosition,
    requestBytes: mebibyte,
    isKept,
  })
}

const anybody = { roleId: undefined, database: 'd', mayEndAll: true }

const ask = (cursor: OpenCursor): OpenCursor => cursors.take(cursor.id, 'd.c', anybody, cursor.transaction)

/** As many as there is room for. */
function fill(): OpenCursor[] {
  const opened: OpenCursor[] = []
  while (memory.cursors.availableBytes > 2 * mebibyte) opened.push(open())
  return opened
}

describe('cursors that nobody asks for', () => {
  it('make room for a statement, the oldest first, and no more than it needs', () => {
    const opened = fill()
    const [first, second, third] = opened
    ask(second!)
    cursors.done(second!, second!.position)
    const inTransaction = open('t')
    nowMs = 5000
    const statement = memory.work.child('a sort')
    statement.charge(memory.work.availableBytes)
    statement.charge(mebibyte / 2)
    expect(() => ask(first!)).toThrow(/cursor id \d+ not found: it was dropped when memory was short/)
    expect(cursors.count).toBe(opened.length)
    expect(ask(second!)).toBe(second)
    expect(ask(third!)).toBe(third)
    // Busy ones stay, those of a transaction too, whatever is asked for.
    expect(() => statement.charge(memory.work.limitBytes)).toThrow('out of memory')
    expect(cursors.count).toBe(3)
    expect(ask(inTransaction)).toBe(inTransaction)
    expect(memory.work.usedBytes).toBeLessThanOrEqual(memory.work.grantedBytes)
    cursors.close()
    statement.close()
    expect(memory.work.usedBytes).toBe(0)
    expect(memory.holders.size).toBe(0)
  })

  it('make room for other cursors', () => {
    const opened = fill()
    nowMs = 5000
    const more = Array.from({ length: 5 }, () => open())
    expect(cursors.count).toBeLessThanOrEqual(opened.length + 2)
    for (const one of more) expect(ask(one)).toBe(one)
  })

  it('stay for a second', () => {
    const opened = fill()
    nowMs = 900
    expect(() => {
      for (let i = 0; i < 5; i++) open()
    }).toThrow('out of memory')
    expect(ask(opened[0]!)).toBe(opened[0])
  })

  it('that never were are not found, and no more is said', () => {
    expect(() => cursors.take(77n, 'd.c', anybody, undefined)).toThrow(/cursor id 77 not found$/)
  })
})

it('goes after ten minutes, but one that asked to be kept', () => {
  open()
  const kept = open(undefined, true)
  nowMs = 11 * 60_000
  sweep()
  expect(cursors.count).toBe(1)
  expect(ask(kept).id).toBe(kept.id)
})
