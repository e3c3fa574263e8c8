/**
 * `maxmemory`: keys go where what is used has reached it, as `maxmemory-policy` says, or writes are refused.
 *
 *     a command that may need memory ──used ≤ maxmemory──────────────────────────────► runs
 *            └─ above ──noeviction──► -OOM
 *                  └─ waits for a round: draw keys, take away the worst ──► durable ──► given back ──► measure again
 *
 * Each policy is Redis's: of all keys or of those that expire, by LRU, LFU, at random; `volatile-ttl` takes the keys that
 * expire next exactly, since they lie in that order. By LRU and LFU `maxmemory-samples` keys of each database are drawn, by
 * rank, which is uniform, and the worst are kept in a pool of 16 over all draws, from which the worst goes.
 *
 * An eviction is a transaction as any other (`origin` eviction): it is in the log, followers and feeds hear of it, and a
 * start replays it. What it frees comes back only when the log has it and no snapshot needs it, so rounds are bounded
 * by what they are expected to free, and wait for it; while somebody's snapshot keeps it, it counts as freed.
 *
 * What is used: all that is charged to the process, of the stores what lies in them and not what they hold in reserve.
 */
import { sliceOf, sliceToLatin1 } from '../../../base/slice.ts'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { drawKey, evictableRange, evictKey, soonestKeys } from '../../../model/keyvalue/eviction.ts'
import type { Keyspace } from '../../../model/keyvalue/keys.ts'
import type { Session, SessionHost } from '../../../session/contract.ts'
import { housekeepingDoor } from '../../../session/sessions.ts'
import { databaseCount, findDatabase } from '../databases.ts'
import type { Command } from '../command-table.ts'
import { CommandError } from '../errors.ts'
import type { QueuedCommands } from '../queue.ts'
import { AccessTable, type AccessRules } from './access-table.ts'

export type EvictionPolicy = 'noeviction' | `${'allkeys' | 'volatile'}-${'lru' | 'lfu' | 'random'}` | 'volatile-ttl'

/** Of the worst that were drawn. */
const poolSize = 16
const mostInRound = 256
/** A round goes on to so far below the limit, or it would be for each write anew. */
const margin = 1 / 256
const mostMarginBytes = 256 * 1024

interface Candidate {
  readonly database: number
  readonly key: Uint8Array
  readonly name: string
  readonly score: number
}

/** A numbered database that has keys that may go. */
interface Evictable {
  readonly number: number
  readonly space: Keyspace
  readonly count: number | undefined
}

export function outOfMemory(): CommandError {
  return new CommandError("OOM command not allowed when used memory > 'maxmemory'.")
}

/** Of MULTI, all that is queued, as in Redis, and EXEC where something of that is such. */
export function mayNeedMemory({ name, mayGrow, isScript }: Command, queue: QueuedCommands | undefined): boolean {
  if (queue === undefined) return mayGrow || isScript
  if (name === 'exec') return queue.commands.some(({ command }) => command.mayGrow)
  return !endsBlock.has(name)
}

const endsBlock: ReadonlySet<string> = new Set(['discard', 'quit', 'reset'])

export class Eviction implements AccessRules {
  /** 0: the limit of the process alone holds. */
  limitBytes = 0
  samples = 5
  logFactor = 10
  decayMinutes = 1
  evictedKeys = 0
  /** CLIENT PAUSE: nothing goes. */
  isHeld = false
  /** While a policy asks for it. */
  accesses: AccessTable | undefined
  #policy: EvictionPolicy = 'noeviction'
  readonly #sessions: SessionHost
  readonly #own = new Map<string, Session>()
  readonly #rounds = new Map<string, Promise<boolean>>()
  /** By database: what rounds have taken away that a snapshot keeps. */
  readonly #keptBytes = new Map<string, number>()
  #pool: Candidate[] = []
  #next = 0

  constructor(sessions: SessionHost) {
    this.#sessions = sessions
  }

  get policy(): EvictionPolicy {
    return this.#policy
  }

  set policy(policy: EvictionPolicy) {
    const kind = policy.endsWith('lru') ? 'lru' : policy.endsWith('lfu') ? 'lfu' : undefined
    this.#policy = policy
    this.#pool = []
    if (this.accesses?.kind === kind) return
    const { host } = this.#sessions
    const bytes = new Uint32Array(1)
    const chance = (): number => {
      host.random(new Uint8Array(bytes.buffer))
      return bytes[0]! / 2 ** 32
    }
    this.accesses = kind === undefined ? undefined : new AccessTable(kind, this, host.now(), chance)
  }

  usedBytes(session: Session): number {
    const { usedBytes, reservedBytes } = session.storeFacts()
    const all = this.#sessions.memory.root.usedBytes + (this.accesses?.sizeBytes ?? 0)
    return Math.max(0, all - reservedBytes + usedBytes)
  }

  isOver(session: Session): boolean {
    return this.limitBytes > 0 && this.usedBytes(session) > this.limitBytes
  }

  /** Before a command that may need memory: why it is refused, once that is known. */
  room(session: Session): CommandError | undefined | Promise<CommandError | undefined> {
    if (this.isHeld || !this.isOver(session)) return undefined
    if (this.#policy === 'noeviction') return outOfMemory()
    return this.#round(session.database).then((isFreed) => {
      return !isFreed && this.isOver(session) ? outOfMemory() : undefined
    })
  }

  /** For what has been written by no command of this door: nobody waits for it. Of each database that anybody has open. */
  makeRoomForOthers(): void {
    if (this.#policy === 'noeviction' || this.isHeld) return
    for (const database of this.#sessions.openDatabaseNames()) {
      if (this.isOver(this.#sessionOf(database))) void this.#round(database)
    }
  }

  /** One at a time. False where nothing is left that may go. */
  #round(database: string): Promise<boolean> {
    let round = this.#rounds.get(database)
    if (round === undefined) {
      round = this.#makeRoom(database)
        .catch(() => false)
        .finally(() => this.#rounds.delete(database))
      this.#rounds.set(database, round)
    }
    return round
  }

  async #makeRoom(database: string): Promise<boolean> {
    const session = this.#sessionOf(database)
    const target = this.limitBytes - Math.min(this.limitBytes * margin, mostMarginBytes)
    await this.#forgetKept(database, session)
    for (;;) {
      const excess = this.usedBytes(session) - (this.#keptBytes.get(database) ?? 0) - target
      if (excess <= 0) return true
      const { usedBytes } = session.storeFacts()
      const evicted = await session.run((tx) => this.#evictSome(tx, excess, usedBytes))
      if (evicted.keys === 0) return false
      this.evictedKeys += evicted.keys
      await session.settleStore()
      const { pinnedSnapshots } = session.storeFacts()
      if (pinnedSnapshots === 0) this.#keptBytes.delete(database)
      else this.#keptBytes.set(database, (this.#keptBytes.get(database) ?? 0) + evicted.bytes)
    }
  }

  /** What nobody's snapshot keeps any more is given back, or is not among it. */
  async #forgetKept(database: string, session: Session): Promise<void> {
    if (!this.#keptBytes.has(database) || session.storeFacts().pinnedSnapshots > 0) return
    this.#keptBytes.delete(database)
    await session.settleStore()
  }

  #sessionOf(database: string): Session {
    let session = this.#own.get(database)
    if (session === undefined || this.#sessions.findSession(session.id) !== session) {
      session = this.#sessions.openSession({ user: 'polylog', door: housekeepingDoor, database, durability: 'memory' })
      this.#own.set(database, session)
    }
    return session
  }

  close(): void {
    for (const session of this.#own.values()) session.close()
  }

  // ---- a round

  *#evictSome(tx: Transaction, excess: number, usedBytes: number): StatementSteps<{ keys: number; bytes: number }> {
    tx.origin = 'eviction'
    const onlyExpiring = this.#policy.startsWith('volatile')
    const found = evictables(tx, onlyExpiring)
    const all = evictables(tx, false).reduce((sum, { count }) => sum + (count ?? 0), 0)
    const each = usedBytes / Math.max(1, all)
    this.accesses?.grow(all)
    const wanted = Math.min(mostInRound, Math.max(1, Math.ceil(excess / each)))
    const victims = yield* this.#choose(tx, found, wanted, onlyExpiring)
    let keys = 0
    for (const { database, key } of victims) {
      const { space } = found.find(({ number }) => number === database)!
      if (!(yield* evictKey(tx, space, key))) continue
      this.accesses?.forget(database, sliceOf(key))
      keys++
    }
    return { keys, bytes: keys * each }
  }

  *#choose(
    tx: Transaction,
    from: readonly Evictable[],
    wanted: number,
    onlyExpiring: boolean,
  ): StatementSteps<readonly Candidate[]> {
    if (from.length === 0) return []
    if (this.#policy === 'volatile-ttl') return yield* soonest(tx, from, wanted)
    const chosen = new Map<string, Candidate>()
    // Of few keys the same one is drawn again and again.
    for (let tries = 2 * wanted + poolSize; chosen.size < wanted && tries > 0; tries--) {
      const candidate =
        this.accesses === undefined
          ? yield* this.#draw(tx, from[this.#next++ % from.length]!, onlyExpiring)
          : yield* this.#worst(tx, from, onlyExpiring, chosen)
      if (candidate !== undefined) chosen.set(candidate.name, candidate)
      if (tx.slice.spend(1)) yield undefined
    }
    return [...chosen.values()]
  }

  *#draw(tx: Transaction, from: Evictable, onlyExpiring: boolean): StatementSteps<Candidate | undefined> {
    const key = yield* drawKey(tx, from.space, onlyExpiring, from.count)
    return key === undefined ? undefined : this.#candidate(from.number, key)
  }

  #candidate(database: number, key: Uint8Array): Candidate {
    const slice = sliceOf(key)
    const score = this.accesses?.score(database, slice, this.#sessions.host.now()) ?? 0
    return { database, key, name: `${database} ${sliceToLatin1(slice)}`, score }
  }

  /** The worst of the pool, after some more were drawn. */
  *#worst(
    tx: Transaction,
    from: readonly Evictable[],
    onlyExpiring: boolean,
    chosen: ReadonlyMap<string, Candidate>,
  ): StatementSteps<Candidate | undefined> {
    for (const each of from) {
      for (let drawn = 0; drawn < this.samples; drawn++) {
        const candidate = yield* this.#draw(tx, each, onlyExpiring)
        if (candidate !== undefined && !chosen.has(candidate.name)) this.#keep(candidate)
      }
    }
    return this.#pool.pop()
  }

  /** The worst last. */
  #keep(candidate: Candidate): void {
    const pool = this.#pool
    if (pool.some(({ name }) => name === candidate.name)) return
    const at = pool.findIndex(({ score }) => score >= candidate.score)
    pool.splice(at < 0 ? pool.length : at, 0, candidate)
    if (pool.length > poolSize) pool.shift()
  }
}

function evictables(tx: Transaction, onlyExpiring: boolean): Evictable[] {
  const found: Evictable[] = []
  for (let number = 0; number < databaseCount; number++) {
    const space = findDatabase(tx.catalog, number)
    if (space === undefined) continue
    const count = tx.count(evictableRange(space, onlyExpiring))
    if (count !== 0) found.push({ number, space, count })
  }
  return found
}

/** Of each database its share. */
function* soonest(tx: Transaction, from: readonly Evictable[], wanted: number): StatementSteps<readonly Candidate[]> {
  const found: Candidate[] = []
  for (const { number, space } of from) {
    const keys = yield* soonestKeys(tx, space, Math.ceil(wanted / from.length))
    for (const key of keys) found.push({ database: number, key, name: '', score: 0 })
  }
  return found
}
