/**
 * The audit: what happens to who may come in and what they may do, as rows of the server's own database and as lines on stderr.
 *
 *   record ──▶ seldom (a role changed) ─────────────────────▶ line, row
 *         └──▶ frequent (logins, failures, denials): the first of its kind ──▶ line, row
 *                                                    the others ──▶ counted ──every minute──▶ line, row with the count
 *
 * A stranger who fails a million times must neither fill the disk nor slow the server. What is alike (event, name, door,
 * address, object) is therefore counted together; of what is not alike so many kinds are told apart in a minute, and all
 * others are one. So there are at most some seventy rows a minute, whatever is tried, and `record` is a look into a map.
 *
 * `record` waits for nothing: rows are written behind it, together, in transactions of the database `system`. What changes that
 * database itself writes its row in the same transaction (`within`). A row that cannot be written is tried again with the next
 * one; of too many the rest is counted as lost. Without that database there are no users, and nothing to tell; a follower, which
 * writes nothing, has the lines only. What was counted and not told goes with a process that is killed.
 */
import type { Catalog } from '../database/catalog/catalog.ts'
import type { Transaction } from '../database/contract.ts'
import type { Cancel, Host } from '../host/host.ts'
import type { Reader } from '../storage/store.ts'
import type { Member } from '../database/access/rights.ts'
import { type AuditEvent, type AuditRow, isFrequent, readAudit, writeAudit } from './audit-rows.ts'

/** Who does something, and from where. */
export interface Actor {
  readonly user: string
  readonly door: string
  readonly remote: string
  /** Left out, or without a member: it may do everything. */
  readonly rights?: { readonly member: Member | undefined }
}

/** The server, where nobody asked it. */
export const theServer: Actor = { user: 'polylog', door: 'server', remote: '' }

export interface AuditEntry {
  readonly event: AuditEvent
  readonly by: Actor
  /** What it was done to: a role, a table, a session. */
  readonly object?: string
  readonly detail?: string
}

/** What the audit needs of the database `system`. */
export interface AuditParts {
  readonly host: Host
  /** Its newest state; undefined where it is not open. */
  readonly current: () => { readonly reader: Reader; readonly catalog: Catalog } | undefined
  /** Whether it can be written here. */
  readonly writes: () => boolean
  readonly change: (run: (transaction: Transaction) => void) => Promise<void>
}

const tellEveryMs = 60_000
/** Kinds that are told apart in that time. */
const mostKinds = 64
const mostWaiting = 1000
const writtenAtOnce = 100
const mostNameLength = 63
const mostTextLength = 256

interface Counted {
  readonly row: AuditRow
  /** Since it was told. */
  count: number
}

export class Audit {
  readonly #parts: AuditParts
  readonly #counted = new Map<AuditEvent, Map<string, Counted>>()
  #timer: Cancel | undefined
  #waiting: AuditRow[] = []
  #lost = 0
  #writing: Promise<void> | undefined

  constructor(parts: AuditParts) {
    this.#parts = parts
  }

  /** Waits for nothing, and throws nothing. */
  record(entry: AuditEntry): void {
    if (this.#parts.current() === undefined) return
    if (isFrequent(entry.event)) this.#count(entry)
    else this.#tell(this.#rowOf(entry))
  }

  /** Of a change of the database `system`: in its transaction. The line comes once that has been committed. */
  within(transaction: Transaction, entry: AuditEntry): void {
    writeAudit(transaction, [this.#rowOf(entry)])
  }

  /** The line of what `within` has written. */
  committed(entry: AuditEntry): void {
    this.#log(this.#rowOf(entry))
  }

  /** In the order of their writing, as far as they are written. */
  *rows(): Generator<AuditRow> {
    const { current } = this.#parts
    const first = current()
    if (first !== undefined) yield* readAudit(() => current() ?? first)
  }

  /** Tells what was counted, and writes what waits. */
  async settle(): Promise<void> {
    this.#tellCounted()
    await this.#writing
    if (this.#waiting.length > 0) await (this.#writing ??= this.#write())
  }

  /** Counts no more. */
  stop(): void {
    this.#timer?.()
    this.#timer = undefined
  }

  #rowOf({ event, by, object = '', detail = '' }: AuditEntry): AuditRow {
    return {
      atMs: this.#parts.host.now(),
      event,
      principal: by.user.slice(0, mostNameLength),
      door: by.door,
      remote: by.remote.slice(0, mostNameLength),
      object: object.slice(0, mostTextLength),
      detail: detail.slice(0, mostTextLength),
      count: 1,
    }
  }

  #count(entry: AuditEntry): void {
    const row = this.#rowOf(entry)
    const { event, principal, door, object } = row
    let kinds = this.#counted.get(event)
    if (kinds === undefined) this.#counted.set(event, (kinds = new Map<string, Counted>()))
    const key = JSON.stringify([principal, door, machineOf(row.remote), object])
    const known = kinds.get(key) ?? this.#othersAmong(kinds, event)
    if (known !== undefined) {
      known.count++
      return
    }
    kinds.set(key, { row, count: 0 })
    this.#timer ??= this.#parts.host.at(tellEveryMs, () => this.#tellAgain())
    this.#tell(row)
  }

  /** What stands for all further kinds, where no more are told apart. */
  #othersAmong(kinds: Map<string, Counted>, event: AuditEvent): Counted | undefined {
    if (kinds.size < mostKinds) return undefined
    let others = kinds.get('')
    if (others === undefined) {
      const by = { user: '', door: '', remote: '' }
      others = { row: this.#rowOf({ event, by, detail: 'of further names, addresses or objects' }), count: 0 }
      kinds.set('', others)
    }
    return others
  }

  #tellAgain(): void {
    this.#timer = undefined
    this.#tellCounted()
    const isQuiet = [...this.#counted.values()].every((kinds) => kinds.size === 0)
    if (!isQuiet) this.#timer = this.#parts.host.at(tellEveryMs, () => this.#tellAgain())
  }

  /** What has happened again stays, so that it is told once in that time; the rest is new when it comes again. */
  #tellCounted(): void {
    for (const kinds of this.#counted.values()) {
      for (const [key, counted] of kinds) {
        const { row, count } = counted
        if (count === 0) kinds.delete(key)
        else this.#tell({ ...row, atMs: this.#parts.host.now(), remote: machineOf(row.remote), count })
        counted.count = 0
      }
    }
  }

  #tell(row: AuditRow): void {
    this.#log(row)
    if (!this.#parts.writes()) return
    if (this.#waiting.length < mostWaiting) this.#waiting.push(row)
    else this.#lost++
    this.#writing ??= this.#write()
  }

  #log({ event, principal, door, remote, object, detail, count }: AuditRow): void {
    const level = event === 'login failed' || event === 'access denied' ? 'warning' : 'info'
    const fields = {
      principal,
      door,
      remote,
      ...(object !== '' && { object }),
      ...(detail !== '' && { detail }),
      count,
    }
    this.#parts.host.log(level, event, fields)
  }

  async #write(): Promise<void> {
    // What comes in the same turn is written together.
    await new Promise<void>((resolve) => this.#parts.host.turn(resolve))
    let isWritten = true
    while (isWritten && this.#waiting.length > 0) isWritten = await this.#writeSome()
    this.#writing = undefined
  }

  /** False where they cannot be written: they wait for the next. */
  async #writeSome(): Promise<boolean> {
    const rows = this.#waiting.slice(0, writtenAtOnce)
    const lost = this.#lost
    const own = lost === 0 ? [] : [{ ...this.#rowOf({ event: 'audit rows lost', by: theServer }), count: lost }]
    try {
      await this.#parts.change((transaction) => writeAudit(transaction, [...rows, ...own]))
    } catch {
      return false
    }
    this.#waiting.splice(0, rows.length)
    this.#lost -= lost
    return true
  }
}

function machineOf(remote: string): string {
  return remote.replace(/:\d+$/, '')
}
