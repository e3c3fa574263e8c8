import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MemoryAccount } from './memory-account.ts'

describe('memory account', () => {
  it('counts in every account above, by quanta', () => {
    const root = new MemoryAccount('process', undefined, { limitBytes: 1000, quantumBytes: 1 })
    const session = root.child('session', { quantumBytes: 100 })
    const statement = session.child('statement', { quantumBytes: 10 })
    statement.charge(5)
    expect(statement.usedBytes).toBe(5)
    expect(session.usedBytes).toBe(10)
    expect(root.usedBytes).toBe(100)
    statement.charge(5)
    expect(session.usedBytes).toBe(10)
  })

  it('refuses at the limit of any level, exactly, and charges nothing then', () => {
    const root = new MemoryAccount('process', undefined, { limitBytes: 1000 })
    const session = root.child('the session', { limitBytes: 100, quantumBytes: 64 })
    const statement = session.child('statement', { quantumBytes: 64 })
    expect(statement.tryCharge(100)).toBe(true)
    expect(statement.tryCharge(1)).toBe(false)
    expect(statement.usedBytes).toBe(100)
    expect(() => statement.charge(1, 'Sort')).toThrow(/Sort needs 1 more bytes, and the session may use 100 bytes/)
    expect(session.refusals).toBeGreaterThan(0)
    statement.release(1)
    expect(statement.tryCharge(1)).toBe(true)
  })

  it('counts beside, in whichever tree it lies, and is refused there, too', () => {
    const root = new MemoryAccount('process', undefined, { limitBytes: 10_000 })
    const principal = new MemoryAccount('the principal', undefined, { limitBytes: 1000, quantumBytes: 1 })
    const accounts = ['a', 'b'].map((name) =>
      root.child(name, { quantumBytes: 1 }).child('principal', { quantumBytes: 64, beside: principal }),
    )
    const [first, second] = accounts.map((account) => account.child('session', { quantumBytes: 16 }))
    first!.charge(700)
    expect(principal.usedBytes).toBe(704)
    expect(() => second!.charge(400)).toThrow('the principal may use 1000 bytes')
    expect(principal.refusals).toBeGreaterThan(0)
    // A quantum is asked for no further than there is room.
    second!.charge(296)
    expect(principal.usedBytes).toBe(1000)
    first!.release(700)
    second!.charge(400)
    const other = new MemoryAccount('another', undefined, { limitBytes: 100, quantumBytes: 1 })
    accounts[1]!.countBeside(other)
    expect(other.usedBytes).toBe(accounts[1]!.grantedBytes)
    expect(second!.tryCharge(200)).toBe(false)
    for (const account of accounts) account.close()
    expect([root.usedBytes, principal.usedBytes, other.usedBytes]).toEqual([0, 0, 0])
  })

  it('is the error out_of_memory', () => {
    const account = new MemoryAccount('process', undefined, { limitBytes: 10 })
    expect(() => account.charge(11)).toThrow(expect.objectContaining({ code: 'out_of_memory' }))
  })

  it('gives everything back when it is closed, and takes nothing after', () => {
    const root = new MemoryAccount('process')
    const statement = root.child('statement')
    const operator = statement.child('operator')
    operator.charge(1_000_000)
    statement.close()
    statement.close()
    expect(root.usedBytes).toBe(0)
    operator.release(1_000_000)
    operator.close()
    expect(root.usedBytes).toBe(0)
    expect(statement.tryCharge(1)).toBe(false)
  })

  it('lists those that hold anything by their paths, and nobody else', () => {
    const paths = (): string[] => Array.from(root.holders(), ({ path }) => path.join('/'))
    const root = new MemoryAccount('process')
    const sessions = [1, 2, 3].map((id) => root.child('session', { id, quantumBytes: 10 }))
    const statements = sessions.map((session) => session.child('statement', { quantumBytes: 1 }))
    expect(paths()).toEqual(['process'])
    for (const statement of statements) statement.charge(1)
    const listed = [3, 2, 1].flatMap((id) => [`process/session ${id}`, `process/session ${id}/statement`])
    expect(paths()).toEqual(['process', ...listed])
    statements[1]!.close()
    sessions[1]!.close()
    expect(paths()).toEqual(['process', ...listed.filter((path) => !path.includes('2'))])
    sessions[0]!.close()
    sessions[2]!.close()
    expect(paths()).toEqual(['process'])
    statements[0]!.close()
    expect(paths()).toEqual(['process'])
  })

  it('notices who gives back more than it took', () => {
    const account = new MemoryAccount('process')
    account.charge(10)
    expect(() => account.release(11)).toThrow('invariant')
  })

  it('stands for more bytes above where it has a weight', () => {
    const root = new MemoryAccount('process', undefined, { limitBytes: 100, quantumBytes: 1 })
    const work = root.child('work', { weight: 2, quantumBytes: 1 })
    expect(work.tryCharge(50)).toBe(true)
    expect(root.usedBytes).toBe(100)
    expect(work.tryCharge(1)).toBe(false)
    work.release(50)
    expect(work.availableBytes).toBe(50)
  })

  it('shows what was forced past the limit as less than nothing', () => {
    const root = new MemoryAccount('process', undefined, { limitBytes: 100, quantumBytes: 1 })
    const stored = root.child('stored', { quantumBytes: 1 })
    const work = root.child('work', { quantumBytes: 1 })
    stored.force(130)
    expect(root.availableBytes).toBe(-30)
    expect(work.tryCharge(1)).toBe(false)
    stored.release(31)
    expect(work.tryCharge(1)).toBe(true)
  })

  it('never grants more than a limit, and ends at zero, whatever is charged and released', () => {
    const step = fc.record({ account: fc.integer({ min: 0, max: 3 }), bytes: fc.integer({ min: 0, max: 60 }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 40 }), (steps, quantumBytes) => {
        const root = new MemoryAccount('process', undefined, { limitBytes: 200, quantumBytes: 1 })
        const sessions = [1, 2].map((i) => root.child(`session ${i}`, { limitBytes: 150, quantumBytes }))
        const leaves = [0, 1, 2, 3].map((i) => sessions[i % 2]!.child(`statement ${i}`, { quantumBytes }))
        const held = [0, 0, 0, 0]
        for (const { account, bytes } of steps) {
          if (bytes % 3 === 0) {
            leaves[account]!.release(held[account]!)
            held[account] = 0
          } else if (leaves[account]!.tryCharge(bytes)) held[account]! += bytes
          expect(leaves.map((leaf) => leaf.usedBytes)).toEqual(held)
          expect(root.usedBytes).toBeLessThanOrEqual(200)
          for (const [i, session] of sessions.entries()) {
            expect(session.usedBytes).toBeLessThanOrEqual(150)
            expect(session.usedBytes).toBeGreaterThanOrEqual(held[i]! + held[i + 2]!)
          }
        }
        for (const leaf of leaves) leaf.close()
        for (const session of sessions) session.close()
        expect(root.usedBytes).toBe(0)
      }),
    )
  })

  it('assures a little to each, past every limit, and no more', () => {
    const root = new MemoryAccount('all', undefined, { limitBytes: 1000, quantumBytes: 100 })
    root.charge(1000)
    const small = root.child('small', { assuredBytes: 50, quantumBytes: 64 })
    const part = small.child('a part of it', { quantumBytes: 64 })
    part.charge(30)
    expect(part.tryCharge(20)).toBe(true)
    expect(part.tryCharge(1)).toBe(false)
    expect(root.usedBytes).toBe(1050)
    part.close()
    small.close()
    expect(root.usedBytes).toBe(1000)
  })
})

it('who is asked before a refusal may give back what the account itself holds and was granted', () => {
  const root = new MemoryAccount('root', undefined, { limitBytes: 1000 })
  const work = root.child('work', { quantumBytes: 10, weight: 2 })
  const idle = work.child('idle', { quantumBytes: 10 })
  const busy = work.child('busy', { quantumBytes: 10 })
  idle.charge(300)
  busy.charge(150)
  const asked: number[] = []
  root.onRefusal = (missing) => {
    asked.push(missing)
    idle.close()
  }
  busy.charge(200)
  expect(asked).toEqual([300])
  expect([busy.usedBytes, work.usedBytes, root.usedBytes]).toEqual([350, 350, 700])
  expect(work.grantedBytes).toBeGreaterThanOrEqual(work.usedBytes)
  expect(busy.tryCharge(200)).toBe(false)
  busy.close()
  expect([work.usedBytes, root.usedBytes]).toEqual([0, 0])
})
