/**
 * Which databases nobody uses, and since when: those are closed, and opened again when they are used the next time.
 *
 *   openDatabase ──▶ open ──openSession──▶ used ──its last session closes──▶ idle ──closeIdle──▶ closing ──▶ closed
 *                     ▲                                                                          │          │
 *                     └───────────────── openDatabase waits for what is closing ─────────────────┴──────────┘
 *
 * A database is used by its sessions, and by workspaces that belong to no session (cursors). Everything else hangs on one of
 * those: transactions and the parties that have joined them, watches, locks, portals, the replies of a connection.
 * Housekeeping uses nothing. The default database is never closed, nor one in memory: feeds, consumers and forks of the
 * library are of the default one.
 *
 * Invariants:
 *   - From the look at who uses a database to where nobody finds it any more there is no wait, so no session can begin in
 *     between; from there on `openDatabase` waits for the closing and opens anew.
 *   - Who has waited for `openDatabase` opens its session before the next turn, or asks again: closing begins in turns of
 *     its own.
 *   - Closed is only what is all in the log, and on which no transaction is open (`Database.isIdle`): nobody can hear
 *     later that something of it was lost. Its sequences go on at the next opening.
 */
import type { Workspace } from '../database/transaction/workspace.ts'

export interface IdleLimits {
  /** Nobody has used it for so long. */
  readonly idleDatabaseMs: number
  /** So many that nobody uses stay open at most. */
  readonly mostIdleDatabases: number
}

export class IdleDatabases {
  readonly #lastUsedMs = new Map<string, number>()
  readonly #workspaces = new Map<string, Set<Workspace>>()
  readonly #limits: IdleLimits

  constructor(limits: IdleLimits) {
    this.#limits = limits
  }

  used(name: string, nowMs: number): void {
    this.#lastUsedMs.set(name, nowMs)
  }

  workspace(name: string, workspace: Workspace): void {
    const known = this.#workspaces.get(name) ?? new Set()
    for (const one of known) if (one.isClosed) known.delete(one)
    this.#workspaces.set(name, known.add(workspace))
  }

  hasWorkspace(name: string): boolean {
    for (const one of this.#workspaces.get(name) ?? []) if (!one.isClosed) return true
    return false
  }

  closed(name: string): void {
    this.#lastUsedMs.delete(name)
    this.#workspaces.delete(name)
  }

  /** Of `names`, which nobody uses, those to close: the ones that were used longest ago first. */
  toClose(names: readonly string[], nowMs: number): string[] {
    const { idleDatabaseMs, mostIdleDatabases } = this.#limits
    const since = (name: string): number => this.#lastUsedMs.get(name) ?? nowMs
    const oldestFirst = [...names].sort((a, b) => since(a) - since(b))
    const tooMany = names.length - mostIdleDatabases
    return oldestFirst.filter((name, i) => i < tooMany || nowMs - since(name) >= idleDatabaseMs)
  }
}
