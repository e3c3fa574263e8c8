import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PolylogError } from '../../base/errors.ts'
import { latin1ToBytes, sliceOf, sliceToLatin1, type Slice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import { LockWait, type LockMode, type TableLockMode } from '../contract.ts'
import type { AnyLockMode } from './lock-modes.ts'
import { endOf } from './lock-texts.ts'
import { LockTable, type LockOwner } from './locks.ts'

const modes: readonly LockMode[] = ['key share', 'share', 'no key update', 'update']

/** PostgreSQL's documentation, 13.3.2, table 13.3: the modes that each conflicts with. */
const conflicting: Record<string, readonly string[]> = {
  'key share': ['update'],
  share: ['no key update', 'update'],
  'no key update': ['share', 'no key update', 'update'],
  update: ['key share', 'share', 'no key update', 'update'],
}

/** Table 13.2, by its crosses. */
const tableConflicts: Record<TableLockMode, string> = {
  'access share': '.......#',
  'row share': '......##',
  'row exclusive': '....####',
  'share update exclusive': '...#####',
  'table share': '..##.###',
  'share row exclusive': '..######',
  exclusive: '.#######',
  'access exclusive': '########',
}

describe('locks of tables', () => {
  const names = Object.keys(tableConflicts) as TableLockMode[]

  test.each(names)('%s conflicts as in PostgreSQL, one holder has several', (held) => {
    const table = new LockTable()
    const [a, b] = [owner(1), owner(2)]
    table.acquire(a, '\xfft', held, 'wait')
    const crosses = names.map((wanted) => (table.blocked(b, '\xfft', wanted) ? '#' : '.')).join('')
    expect(crosses).toBe(tableConflicts[held])
    for (const mode of names) table.acquire(a, '\xfft', mode, 'wait')
    expect(table.rows().map(({ mode }) => mode)).toEqual(names)
    table.release(a, '\xfft', 'access exclusive')
    expect(table.blocked(b, '\xfft', 'access share')).toBe(false)
    expect(table.blocked(b, '\xfft', 'row share')).toBe(true)
    table.releaseAll(a)
    expect(table.isEmpty).toBe(true)
  })

  test('a savepoint gives back what was added to a lock', () => {
    const table = new LockTable()
    const [a, b] = [owner(1), owner(2)]
    table.acquire(a, '\xfft', 'row exclusive', 'wait')
    const mark = table.mark(a)
    table.acquire(a, '\xfft', 'table share', 'wait')
    expect(table.blocked(b, '\xfft', 'row exclusive')).toBe(true)
    expect(table.releaseSince(a, mark)).toBe(true)
    expect(table.blocked(b, '\xfft', 'row exclusive')).toBe(false)
    expect(table.holds(a, '\xfft')).toBe('row exclusive')
  })

  test('a session and its transaction are one to those who wait for either', () => {
    const table = new LockTable()
    const session: LockOwner = { id: 0, isSession: true, principal: { sessionId: 7 } }
    const [a, other] = [
      { id: 1, principal: { sessionId: 7 } },
      { id: 2, principal: { sessionId: 8 } },
    ]
    table.acquire(session, '\xffa', 'exclusive', 'wait', a)
    expect(table.acquire(a, '\xffa', 'exclusive', 'wait')).toBe(true)
    expect(table.blocked(other, '\xffa', 'table share')).toBe(true)
    table.acquire(other, 'row', 'update', 'wait')
    expect(ask(table, a, 'row', 'update')).toBeInstanceOf(LockWait)
    // What it waits for is held by the session, whose transaction waits for it.
    table.releaseAll(a)
    const again = { id: 3, principal: { sessionId: 7 } }
    expect(ask(table, again, 'row', 'update')).toBeInstanceOf(LockWait)
    expect(ask(table, other, '\xffa', 'table share')).toBe('deadlock')
  })
})

const slice = (key: string): Slice => sliceOf(latin1ToBytes(key))
const owner = (id: number): LockOwner => ({ id })

/** `true` held, a `LockWait`, or the error's code. */
function ask(table: LockTable, who: LockOwner, key: string, mode: AnyLockMode): true | LockWait | string {
  try {
    expect(table.acquire(who, key, mode, 'wait')).toBe(true)
    return true
  } catch (error) {
    if (error instanceof LockWait) return error
    return (error as PolylogError).code
  }
}

/** With 1, whoever holds one key has all others in a set. */
describe.each([256, 1])('key locks (%i of an owner are objects)', (objectsMax) => {
  test('what was taken since a mark is given back, and what was strengthened is as it was', async () => {
    const table = new LockTable(objectsMax)
    const [a, b] = [owner(1), owner(2)]
    table.acquire(a, 'before', 'key share', 'wait')
    table.acquire(a, '\xffname', 'key share', 'wait')
    const outer = table.mark(a)
    table.acquire(a, 'outer', 'update', 'wait')
    const inner = table.mark(a)
    table.acquire(a, 'before', 'update', 'wait')
    table.acquire(a, 'inner', 'update', 'wait')
    const waits = ask(table, b, 'inner', 'update') as LockWait
    table.releaseSince(a, inner)
    await waits.granted
    expect(['before', 'outer', 'inner', '\xffname'].map((key) => table.holds(a, key))).toEqual([
      'key share',
      'update',
      undefined,
      'key share',
    ])
    expect(table.holds(b, 'inner')).toBe('update')
    expect(table.blocked(b, 'before', 'no key update')).toBe(false)
    table.releaseSince(a, outer)
    expect([table.holds(a, 'before'), table.holds(a, 'outer')]).toEqual(['key share', undefined])
    table.acquire(a, 'outer', 'share', 'wait')
    expect(table.rows().filter(({ transaction }) => transaction === 1)).toHaveLength(3)
    table.releaseAll(a)
    table.releaseAll(b)
    expect(table.size).toBe(0)
    expect(table.isEmpty).toBe(true)
  })

  test('too many to note are kept', () => {
    const table = new LockTable(objectsMax)
    const a = owner(1)
    const mark = table.mark(a)
    for (let i = 0; i < 20_000; i++) table.acquire(a, `k${i}`, 'update', 'wait')
    table.releaseSince(a, mark)
    expect(table.holds(a, 'k7')).toBe('update')
  })

  test('who is alone asks nobody, until somebody else asks for a key', () => {
    const table = new LockTable(objectsMax)
    const [a, b] = [owner(1), owner(2)]
    expect(table.acquireAlone(a, slice('k0'), 'update')).toBe(false)
    table.acquire(a, '\xffname', 'key share', 'wait')
    for (let i = 0; i < objectsMax + 2; i++) table.acquire(a, `k${i}`, 'no key update', 'wait')
    expect(table.acquireAlone(a, slice('k0'), 'update')).toBe(true)
    expect(table.acquireAlone(a, slice('k0'), 'key share')).toBe(true)
    expect(table.acquireAlone(a, slice('alone'), 'no key update')).toBe(true)
    expect(['k0', 'k1', 'alone'].map((key) => table.holds(a, key))).toEqual([
      'update',
      'no key update',
      'no key update',
    ])
    expect(table.acquireAlone(b, slice('free'), 'update')).toBe(false)
    expect(table.blocked(b, 'k0', 'key share')).toBe(true)
    // What was asked for is a lock of its own now, which a stronger mode has to reach.
    expect(table.acquireAlone(a, slice('alone'), 'update')).toBe(false)
    table.acquire(a, 'alone', 'update', 'wait')
    expect(table.blocked(b, 'alone', 'key share')).toBe(true)
    expect(table.isEmpty).toBe(false)
    table.releaseAll(a)
    expect([table.size, table.isEmpty, table.blocked(b, 'k0', 'update')]).toEqual([0, true, false])
  })

  test('who may go back to a mark notes what it takes', () => {
    const table = new LockTable(objectsMax)
    const a = owner(1)
    for (let i = 0; i < objectsMax + 2; i++) table.acquire(a, `k${i}`, 'update', 'wait')
    const mark = table.mark(a)
    expect(table.acquireAlone(a, slice('later'), 'update')).toBe(false)
    table.acquire(a, 'later', 'update', 'wait')
    table.releaseSince(a, mark)
    expect([table.holds(a, 'later'), table.holds(a, 'k0')]).toEqual([undefined, 'update'])
  })

  test.each(modes.flatMap((held) => modes.map((wanted): [LockMode, LockMode] => [held, wanted])))(
    '%s against %s is as in PostgreSQL',
    (held, wanted) => {
      const table = new LockTable(objectsMax)
      const [a, b] = [owner(1), owner(2)]
      table.acquire(a, 'k', held, 'wait')
      const conflicts = conflicting[held]!.includes(wanted)
      expect(table.blocked(b, 'k', wanted)).toBe(conflicts)
      expect(table.acquire(b, 'k', wanted, 'skip')).toBe(!conflicts)
      if (conflicts) expect(() => table.acquire(b, 'k', wanted, 'nowait')).toThrow('could not obtain lock on row')
      table.releaseAll(a)
      table.releaseAll(b)
      expect(table.size).toBe(0)
    },
  )

  test('are granted in the order in which they were asked for', async () => {
    const table = new LockTable(objectsMax)
    const [holder, ...owners] = [0, 1, 2, 3].map(owner)
    const order: number[] = []
    table.acquire(holder!, 'k', 'update', 'wait')
    const waits = owners.map((who) => {
      const wait = ask(table, who, 'k', 'update') as LockWait
      return wait.granted.then(() => {
        order.push(who.id)
        table.releaseAll(who)
      })
    })
    expect(table.rows().map((row) => [row.transaction, row.granted])).toEqual([
      [0, true],
      [1, false],
      [2, false],
      [3, false],
    ])
    table.releaseAll(holder!)
    await Promise.all(waits)
    expect(order).toEqual([1, 2, 3])
    expect(table.size).toBe(0)
  })

  test('FIFO: a weak request does not pass a strong one that waits', async () => {
    const table = new LockTable(objectsMax)
    const [a, b, c] = [owner(1), owner(2), owner(3)]
    table.acquire(a, 'k', 'share', 'wait')
    const strong = ask(table, b, 'k', 'update') as LockWait
    const weak = ask(table, c, 'k', 'share') as LockWait
    expect(weak).toBeInstanceOf(LockWait)
    const order: string[] = []
    void strong.granted.then(() => order.push('strong'))
    void weak.granted.then(() => order.push('weak'))
    table.releaseAll(a)
    await Promise.resolve()
    expect(order).toEqual(['strong'])
    table.releaseAll(b)
    await weak.granted
    expect(order).toEqual(['strong', 'weak'])
  })

  test('a request that nobody ahead conflicts with is granted though one ahead waits', async () => {
    const table = new LockTable(objectsMax)
    const [x, s, n, k] = [owner(1), owner(2), owner(3), owner(4)]
    table.acquire(x, 'k', 'update', 'wait')
    const share = ask(table, s, 'k', 'share') as LockWait
    const writer = ask(table, n, 'k', 'no key update') as LockWait
    const keyShare = ask(table, k, 'k', 'key share') as LockWait
    for (const wait of [share, writer, keyShare]) expect(wait).toBeInstanceOf(LockWait)
    table.releaseAll(x)
    await Promise.resolve()
    expect(table.holds(s, 'k')).toBe('share')
    expect(table.holds(n, 'k')).toBeUndefined()
    expect(table.holds(k, 'k')).toBe('key share')
  })

  test('when a request in the middle of the queue gives up, those behind it that can go on do', () => {
    const table = new LockTable(objectsMax)
    const [a, b, c, d] = [owner(1), owner(2), owner(3), owner(4)]
    table.acquire(a, 'k', 'share', 'wait')
    ask(table, b, 'k', 'no key update')
    ask(table, c, 'k', 'update')
    ask(table, d, 'k', 'key share')
    expect(table.holds(d, 'k')).toBeUndefined()
    table.stopWaiting(c, new PolylogError('canceled', 'canceled'))
    expect(table.holds(d, 'k')).toBe('key share')
    expect(table.holds(b, 'k')).toBeUndefined()
  })

  test('a holder strengthens its mode ahead of the queue', async () => {
    const table = new LockTable(objectsMax)
    const [a, b, c] = [owner(1), owner(2), owner(3)]
    table.acquire(a, 'k', 'share', 'wait')
    table.acquire(b, 'k', 'key share', 'wait')
    expect(ask(table, c, 'k', 'update')).toBeInstanceOf(LockWait)
    const stronger = ask(table, a, 'k', 'update') as LockWait
    expect(stronger).toBeInstanceOf(LockWait)
    table.releaseAll(b)
    await stronger.granted
    expect(table.holds(a, 'k')).toBe('update')
    expect(table.holds(c, 'k')).toBeUndefined()
  })

  test('two that share and both want more are a deadlock', () => {
    const table = new LockTable(objectsMax)
    const [a, b] = [owner(1), owner(2)]
    table.acquire(a, 'k', 'share', 'wait')
    table.acquire(b, 'k', 'share', 'wait')
    expect(ask(table, a, 'k', 'update')).toBeInstanceOf(LockWait)
    expect(ask(table, b, 'k', 'update')).toBe('deadlock')
  })

  test('a deadlock names who is in its circle, what each waits for, and nothing that lies in a key', () => {
    const table = new LockTable(objectsMax)
    const [a, b, c, outside] = [1, 2, 3, 4].map((id) => ({ id, principal: { sessionId: 10 * id } }))
    const key = (name: string): string => sliceToLatin1(new KeyWriter(32).begin(20, 1).string(name))
    table.acquire(a!, key('secret a'), 'update', 'wait')
    table.acquire(b!, key('secret b'), 'update', 'wait')
    table.acquire(c!, '\xffschema 21', 'access exclusive', 'wait')
    table.acquire(outside!, key('secret b'), 'key share', 'skip')
    expect(ask(table, a!, key('secret b'), 'no key update')).toBeInstanceOf(LockWait)
    expect(ask(table, outside!, key('secret a'), 'share')).toBeInstanceOf(LockWait)
    expect(ask(table, b!, '\xffschema 21', 'row exclusive')).toBeInstanceOf(LockWait)
    const closing = (): unknown => table.acquire(c!, key('secret a'), 'share', 'wait')
    expect(closing).toThrow(expect.objectContaining({ code: 'deadlock' }))
    let detail: unknown
    try {
      closing()
    } catch (error) {
      detail = (error as PolylogError).detail['detail']
    }
    expect(detail).toBe(
      [
        'session 30 (transaction 3) waits for share of a key of collection 20; blocked by session 10 (transaction 1).',
        'session 10 (transaction 1) waits for no key update of a key of collection 20; blocked by session 20 (transaction 2).',
        'session 20 (transaction 2) waits for row exclusive of collection 21; blocked by session 30 (transaction 3).',
      ].join('\n'),
    )
  })

  test.each([2, 3, 4, 5])('a circle of %i is found by the one that closes it', async (size) => {
    const table = new LockTable(objectsMax)
    const owners = Array.from({ length: size }, (_, i) => owner(i))
    for (const who of owners) table.acquire(who, `k${who.id}`, 'update', 'wait')
    const waits: LockWait[] = []
    for (const who of owners.slice(1)) waits.push(ask(table, who, `k${who.id - 1}`, 'update') as LockWait)
    for (const wait of waits) expect(wait).toBeInstanceOf(LockWait)
    expect(ask(table, owners[0]!, `k${size - 1}`, 'update')).toBe('deadlock')
    expect(table.deadlocks).toBe(1)
    table.releaseAll(owners[0]!)
    for (let i = 1; i < size; i++) {
      await waits[i - 1]!.granted
      table.releaseAll(owners[i]!)
    }
    expect(table.size).toBe(0)
  })

  test('a circle that a strengthening request closes by passing the queue is found', () => {
    const table = new LockTable(objectsMax)
    const [u, k, h, w] = [owner(1), owner(2), owner(3), owner(4)]
    table.acquire(u, 'l', 'key share', 'wait')
    table.acquire(k, 'l', 'key share', 'wait')
    table.acquire(h, 'l', 'share', 'wait')
    table.acquire(w, 'm', 'update', 'wait')
    expect(ask(table, w, 'l', 'no key update')).toBeInstanceOf(LockWait)
    expect(ask(table, k, 'm', 'update')).toBeInstanceOf(LockWait)
    // u would wait for k, k waits for w, and w would wait for u, which went ahead of it.
    expect(ask(table, u, 'l', 'update')).toBe('deadlock')
    expect(table.rows().filter((row) => row.transaction === 1)).toHaveLength(1)
  })

  test('a stopped wait is told why, and the lock goes on', async () => {
    const table = new LockTable(objectsMax)
    const [a, b, c] = [owner(1), owner(2), owner(3)]
    table.acquire(a, 'k', 'update', 'wait')
    const stopped = ask(table, b, 'k', 'update') as LockWait
    const other = ask(table, c, 'k', 'update') as LockWait
    table.stopWaiting(b, new PolylogError('canceled', 'enough'))
    await expect(stopped.granted).rejects.toThrow('enough')
    table.releaseAll(a)
    await other.granted
    expect(table.holds(c, 'k')).toBe('update')
  })

  /** Owners take random locks, wait, and release. Nobody may wait without anybody that it waits for going on. */
  test('random programs: holders are compatible, and whoever waits has a way out', () => {
    const step = fc.record({
      who: fc.nat(5),
      key: fc.constantFrom(0, 0, 0, 1),
      mode: fc.constantFrom(...modes),
      end: fc.nat(7),
      alone: fc.boolean(),
    })
    const property = fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (program) => {
      const table = new LockTable(objectsMax)
      const owners = Array.from({ length: 6 }, (_, i) => owner(i))
      const waiting = new Set<LockOwner>()
      for (const { who, key, mode, end, alone } of program) {
        const asker = owners[who]!
        for (const row of table.rows())
          if (row.granted && !isWaiting(table, row.transaction)) waiting.delete(owners[row.transaction]!)
        if (end === 0) {
          table.releaseAll(asker)
          waiting.delete(asker)
        } else if (!waiting.has(asker) && !(alone && table.acquireAlone(asker, slice(`k${key}`), mode))) {
          const answer = ask(table, asker, `k${key}`, mode)
          if (answer instanceof LockWait) waiting.add(asker)
          else if (answer === 'deadlock') table.releaseAll(asker)
        }
        checkHolders(table)
        checkProgress(table, owners)
      }
      for (const who of owners) table.releaseAll(who)
      expect(table.size).toBe(0)
    })
    fc.assert(property, { numRuns: 120 })
  })
})

function isWaiting(table: LockTable, id: number): boolean {
  return table.rows().some((row) => row.transaction === id && !row.granted)
}

function checkHolders(table: LockTable): void {
  const granted = table.rows().filter((row) => row.granted)
  for (const a of granted) {
    for (const b of granted) {
      if (a.key !== b.key || a.transaction === b.transaction) continue
      expect(conflicting[a.mode]).not.toContain(b.mode)
    }
  }
}

/** Ending those who do not wait, again and again, must let everybody through: else there is a circle nobody was told of. */
function checkProgress(table: LockTable, owners: readonly LockOwner[]): void {
  const rows = table.rows()
  const waits = rows.filter((row) => !row.granted)
  if (waits.length === 0) return
  const done = new Set(owners.map(({ id }) => id).filter((id) => !waits.some((row) => row.transaction === id)))
  for (let changed = true; changed;) {
    changed = false
    for (const wait of waits) {
      if (done.has(wait.transaction)) continue
      const before = rows.filter((row) => row.key === wait.key)
      const ahead = before.slice(0, before.indexOf(wait))
      const blockers = ahead.filter(
        (row) => row.transaction !== wait.transaction && conflicting[wait.mode]!.includes(row.mode),
      )
      if (blockers.every((row) => done.has(row.transaction))) {
        done.add(wait.transaction)
        changed = true
      }
    }
  }
  expect(done.size).toBe(owners.length)
  // Whoever has nobody ahead that conflicts must not wait at all.
  for (const wait of waits) {
    const ahead = rows
      .filter((row) => row.key === wait.key)
      .slice(0, rows.filter((row) => row.key === wait.key).indexOf(wait))
    const free = ahead.every(
      (row) => row.transaction === wait.transaction || !conflicting[wait.mode]!.includes(row.mode),
    )
    expect(free).toBe(false)
  }
}

describe('who waits for the end of others', () => {
  const nobodys = '\xffschema 1'

  test('waits for those who use it in a way that conflicts, whatever they roll back, and for nobody who comes later', async () => {
    const table = new LockTable()
    const [user, reader, waiter, late] = [owner(1), owner(2), owner(3), owner(4)]
    const mark = table.mark(user)
    table.acquire(user, nobodys, 'row exclusive', 'wait')
    table.acquire(reader, nobodys, 'access share', 'wait')
    expect(table.usersOf(waiter, nobodys, 'table share')).toEqual([user])
    expect(table.usersOf(waiter, nobodys, 'access exclusive')).toEqual([user, reader])
    expect(table.holdEnd(user)).toBe(true)
    const wait = ask(table, waiter, endOf(user), 'access share') as LockWait
    expect(table.acquire(late, nobodys, 'share row exclusive', 'skip')).toBe(false)
    expect(table.acquire(late, nobodys, 'row exclusive', 'skip')).toBe(true)
    table.releaseSince(user, mark)
    expect(table.isWaiting(waiter)).toBe(true)
    table.releaseAll(user)
    await wait.granted
    expect(table.holdEnd(user)).toBe(false)
    for (const one of [reader, waiter, late]) table.releaseAll(one)
    expect(table.isEmpty).toBe(true)
  })

  test('finds the circle, and what is told of it names the end', () => {
    const table = new LockTable()
    const [user, waiter] = [owner(1), owner(2)]
    table.acquire(user, nobodys, 'row exclusive', 'wait')
    table.acquire(waiter, '\xffschema 2', 'exclusive', 'wait')
    table.holdEnd(user)
    expect(ask(table, waiter, endOf(user), 'access share')).toBeInstanceOf(LockWait)
    let told: unknown
    try {
      table.acquire(user, '\xffschema 2', 'exclusive', 'wait')
    } catch (error) {
      told = (error as PolylogError).detail?.['detail']
    }
    expect(told).toContain('transaction 2 waits for access share of the end of transaction 1')
  })

  test('is not written down with what a prepared transaction holds', () => {
    const table = new LockTable()
    const user = owner(1)
    table.acquire(user, nobodys, 'row exclusive', 'wait')
    table.holdEnd(user)
    expect([...table.heldBy(user)].map(({ key }) => key)).toEqual([nobodys])
  })
})
