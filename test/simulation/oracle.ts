/**
 * What the clients know: what they asked for, what they were told, what they saw. After every crash, and while the server
 * runs, the shop is compared with it.
 *
 * A transfer is `asked`, then `acknowledged` (at a durability level), `refused` (it is certain that nothing of it is
 * there), or stays in the dark. What a crash leaves settles those in the dark: found once, they must be found for ever.
 *
 * Invariants that it checks: acknowledged implies durable; refused implies absent; what was read is not taken back.
 */
import type { CrashKind } from '../../src/host/simulated/faults.ts'
import type { Durability } from '../../src/log/commit-log.ts'
import type { Transfer } from './shop.ts'
import type { ShopState, Violation } from './verify.ts'

export type Fate = 'asked' | 'acknowledged' | 'refused' | 'present' | 'absent'

interface Asked {
  readonly transfer: Transfer
  readonly by: string
  fate: Fate
  level: Durability
}

/** A string that one client alone writes, with growing numbers. */
interface Register {
  sent: number
  /** The largest that was acknowledged at each level. */
  acknowledged: Record<Durability, number>
  /** The largest that a reply which waited for `synced` has shown. */
  observed: number
}

/** What a level's acknowledgement is worth now. */
export type Survivors = ReadonlySet<Durability>

export const survivorsOf: Record<CrashKind, Survivors> = {
  power: new Set<Durability>(['synced']),
  process: new Set<Durability>(['synced', 'written']),
}

export class Oracle {
  readonly transfers: Map<number, Asked> = new Map()
  readonly registers: Map<string, Register> = new Map()
  /** What clients on other machines have asked for, by name. */
  readonly #marks = new Map<string, { by: string; fate: Fate; level: Durability }>()
  /** How often the server has started: what belongs to an earlier life is settled. */
  epoch = 0
  #lastTransfer = 0
  #counterBase = 0
  #counterAsked = 0
  #counterAcknowledged: Record<Durability, number> = { memory: 0, written: 0, synced: 0 }
  #counterObserved = 0
  /** Told and seen things, for a report. */
  readonly history: string[] = []

  note(line: string): void {
    this.history.push(line)
  }

  newTransfer(by: string, details: Omit<Transfer, 'id'>, level: Durability): Transfer {
    const transfer = { id: ++this.#lastTransfer, ...details }
    this.transfers.set(transfer.id, { transfer, by, fate: 'asked', level })
    return transfer
  }

  acknowledged(id: number, level: Durability): void {
    const asked = this.transfers.get(id)!
    if (asked.fate !== 'present') asked.fate = 'acknowledged'
    asked.level = level
    this.note(`${asked.by}: transfer ${id} acknowledged (${level})`)
  }

  refused(id: number, why: string): void {
    const asked = this.transfers.get(id)!
    asked.fate = 'refused'
    this.note(`${asked.by}: transfer ${id} refused (${why})`)
  }

  markAsked(mark: string, by: string): void {
    this.#marks.set(mark, { by, fate: 'asked', level: 'synced' })
  }

  /** Also after a crash, of an answer that was on its way: then it must have been found. */
  markAcknowledged(mark: string): void {
    const asked = this.#marks.get(mark)!
    if (asked.fate !== 'present') asked.fate = 'acknowledged'
    this.note(`${asked.by}: ${mark} acknowledged`)
  }

  markRefused(mark: string, why: string): void {
    this.#marks.get(mark)!.fate = 'refused'
    this.note(`${mark} refused (${why})`)
  }

  incrementAsked(): void {
    this.#counterAsked++
  }

  incrementAcknowledged(level: Durability): void {
    this.#counterAcknowledged[level]++
  }

  incrementRefused(): void {
    this.#counterAsked--
  }

  counterSeen(value: number): void {
    this.#counterObserved = Math.max(this.#counterObserved, value)
  }

  register(name: string): Register {
    let register = this.registers.get(name)
    if (register === undefined) {
      register = { sent: 0, acknowledged: { memory: 0, written: 0, synced: 0 }, observed: 0 }
      this.registers.set(name, register)
    }
    return register
  }

  violations(state: ShopState, strings: ReadonlyMap<string, number>, survivors: Survivors): Violation[] {
    return [
      ...this.#transferViolations(state, survivors),
      ...this.#counterViolations(strings.get('counter') ?? 0, survivors),
      ...this.#registerViolations(strings, survivors),
    ]
  }

  #transferViolations({ ledger, marks }: ShopState, survivors: Survivors): Violation[] {
    const violations: Violation[] = []
    const judge = (what: string, { fate, level, by }: Omit<Asked, 'transfer'>, isThere: boolean): void => {
      const mustBe = fate === 'present' || (fate === 'acknowledged' && survivors.has(level))
      const mustNotBe = fate === 'refused' || fate === 'absent'
      if (mustBe && !isThere) {
        violations.push({ invariant: 'durable', message: `${what} of ${by} was ${fate} (${level}) and is gone` })
      }
      if (mustNotBe && isThere) {
        violations.push({ invariant: 'refused', message: `${what} of ${by} was ${fate} and is there` })
      }
    }
    for (const [id, asked] of this.transfers) judge(`transfer ${id}`, asked, ledger.has(id))
    for (const [mark, asked] of this.#marks) judge(mark, asked, marks.has(mark))
    for (const id of ledger.keys()) {
      if (!this.transfers.has(id)) violations.push({ invariant: 'refused', message: `nobody asked for transfer ${id}` })
    }
    for (const mark of marks) {
      if (!this.#marks.has(mark)) violations.push({ invariant: 'refused', message: `nobody asked for ${mark}` })
    }
    return violations
  }

  #counterViolations(found: number, survivors: Survivors): Violation[] {
    let acknowledged = 0
    for (const level of survivors) acknowledged += this.#counterAcknowledged[level]
    const least = Math.max(this.#counterBase + acknowledged, this.#counterObserved)
    const most = this.#counterBase + this.#counterAsked
    if (found >= least && found <= most) return []
    return [{ invariant: 'durable', message: `the counter is ${found}, and must be from ${least} to ${most}` }]
  }

  #registerViolations(strings: ReadonlyMap<string, number>, survivors: Survivors): Violation[] {
    const violations: Violation[] = []
    for (const [name, { sent, acknowledged, observed }] of this.registers) {
      const found = strings.get(name) ?? 0
      const least = Math.max(observed, ...Array.from(survivors, (level) => acknowledged[level]))
      if (found >= least && found <= sent) continue
      violations.push({ invariant: 'durable', message: `${name} is ${found}, and must be from ${least} to ${sent}` })
    }
    return violations
  }

  /** After a crash: what was found is so from now on. */
  settle(state: ShopState, strings: ReadonlyMap<string, number>): void {
    this.epoch++
    for (const [id, asked] of this.transfers) asked.fate = state.ledger.has(id) ? 'present' : 'absent'
    for (const [mark, asked] of this.#marks) asked.fate = state.marks.has(mark) ? 'present' : 'absent'
    this.#counterBase = strings.get('counter') ?? 0
    this.#counterAsked = 0
    this.#counterAcknowledged = { memory: 0, written: 0, synced: 0 }
    this.#counterObserved = this.#counterBase
    for (const [name, register] of this.registers) {
      const found = strings.get(name) ?? 0
      register.acknowledged = { memory: 0, written: 0, synced: found }
      register.observed = found
    }
    this.note(`settled: ${state.ledger.size} transfers, counter ${this.#counterBase}`)
  }
}
