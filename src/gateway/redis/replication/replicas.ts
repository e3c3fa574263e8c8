/**
 * All who replicate from here. While there is one, and for `repl-backlog-ttl` seconds after, what becomes of the keys is told to a
 * backlog (`change-stream.ts`), and from there to each at its own pace. Who does not keep up is cut, by Redis's limits, and begins anew
 * when it comes back. Where the stream itself fails all begin anew, as with another master.
 *
 * Invariant: whoever is told offset n of an id has the state that the step that ended at n has ended at.
 */
import type { MemoryAccount } from '../../../base/memory-account.ts'
import { PolylogError } from '../../../base/errors.ts'
import type { Sequence } from '../../../database/contract.ts'
import type { Cancel } from '../../../host/host.ts'
import type { Client } from '../client.ts'
import { CommandError } from '../errors.ts'
import type { OutputLimit } from '../../pushes.ts'
import type { ServerState } from '../server-state.ts'
import { Backlog, encodeCommand } from './backlog.ts'
import { ChangeStream } from './change-stream.ts'
import { Replica } from './replica.ts'
import type { StateAt } from './state-at.ts'

const lookMs = 1000
const retryMs = 1000
const longestPauseMs = 20
const ping = encodeCommand(['PING'])
const askForOffset = encodeCommand(['REPLCONF', 'GETACK', '*'])

interface Waiter {
  /** What it waits for has been told up to there; undefined: not yet. */
  offset: number | undefined
  readonly seen: Sequence
  readonly look: () => void
}

export class Replicas {
  /** Of what is told; another one where it does not go on from before. */
  id: string
  /** `min-replicas-to-write`. */
  wanted = 0
  /** What a replica may leave untaken before it is cut. */
  limit: OutputLimit = { hardBytes: 268_435_456, softBytes: 67_108_864, softSeconds: 60 }
  readonly counts = { whole: 0, rest: 0, refused: 0 }
  readonly #server: ServerState
  readonly #all = new Set<Replica>()
  readonly #waiters = new Set<Waiter>()
  #accounts: MemoryAccount[] = []
  #backlog: Backlog | undefined
  #stream: ChangeStream | undefined
  #isRunning = false
  #isTouched = false
  #isClosed = false
  #wake: (() => void) | undefined
  #timer: Cancel | undefined
  /** Up to there all is told: what a session may have seen. */
  #toldSeen: Sequence = 0
  #emptySinceMs = 0
  #pingedMs = 0

  constructor(server: ServerState) {
    this.#server = server
    this.id = server.runId
  }

  /** That have joined. */
  get online(): readonly Replica[] {
    return [...this.#all].filter(({ client }) => !client.hasEnded)
  }

  get backlog(): Backlog | undefined {
    return this.#backlog
  }

  /** `min-replicas-to-write` was set, and there are fewer good ones. */
  get areLacking(): boolean {
    return this.wanted > 0 && this.goodCount < this.wanted
  }

  get goodCount(): number {
    const leastMs = this.#server.now() - 1000 * this.#server.settings.number('min-replicas-max-lag')
    return this.online.filter(({ state, lastSeenMs }) => state === 'online' && lastSeenMs >= leastMs).length
  }

  // ---- who comes and goes

  /** What it has said of itself so far. */
  of(client: Client): Replica {
    return (client.unasked.replica ??= new Replica(client, this.#server.sessions.host))
  }

  /** `offset`: up to where it has what `id` had told; left out, nothing. */
  join(replica: Replica, id?: string, offset = 0): void {
    this.#all.add(replica)
    replica.lastSeenMs = this.#server.now()
    if (id !== undefined && id === this.id && this.#backlog?.has(offset) === true) {
      this.counts.rest++
      // The command is answered by nothing, and this must not be lost with it.
      this.#server.sessions.host.turn(() => this.#goOn(replica, id, offset))
      return
    }
    if (id !== undefined && id !== '?') this.counts.refused++
    replica.state = 'joined'
    this.#begin()
  }

  #goOn(replica: Replica, id: string, offset: number): void {
    if (this.id !== id || this.#backlog?.has(offset) !== true) return replica.client.kill()
    replica.goOnline(id, offset)
    void replica.pump(this.#backlog)
  }

  leave(replica: Replica): void {
    if (!this.#all.delete(replica)) return
    if (this.#all.size === 0) this.#emptySinceMs = this.#server.now()
    for (const waiter of this.#waiters) waiter.look()
  }

  acknowledged(replica: Replica, offset: number): void {
    replica.acknowledged = offset
    replica.lastSeenMs = this.#server.now()
    for (const waiter of this.#waiters) waiter.look()
  }

  // ---- WAIT

  countAt(offset: number): number {
    return this.online.filter(({ acknowledged, state }) => state === 'online' && acknowledged >= offset).length
  }

  /** How many have what the client has seen: at least `wanted` of them, or those of the end of the time; 0 ms: for ever. */
  wait(client: Client, wanted: number, timeoutMs: number): Promise<number> {
    const { seen } = client.session
    return new Promise((resolve) => {
      let timer: Cancel | undefined
      const end = (): void => {
        timer?.()
        this.#waiters.delete(waiter)
        resolve(waiter.offset === undefined ? 0 : this.countAt(waiter.offset))
      }
      const look = (): void => {
        const isReached = waiter.offset !== undefined && this.countAt(waiter.offset) >= wanted
        if (isReached || client.hasEnded || this.#all.size === 0) end()
      }
      const waiter: Waiter = { offset: undefined, seen, look }
      this.#waiters.add(waiter)
      if (timeoutMs > 0) timer = this.#server.sessions.host.at(timeoutMs, end)
      this.#isTouched = true
      this.#wake?.()
      look()
    })
  }

  #serveWaiters(): void {
    const backlog = this.#backlog!
    const told = [...this.#waiters].filter(({ offset, seen }) => offset === undefined && seen <= this.#toldSeen)
    if (told.length === 0) return
    for (const waiter of told) waiter.offset = backlog.end
    backlog.append(askForOffset)
    for (const waiter of told) waiter.look()
  }

  // ---- the stream

  #begin(): void {
    this.#isTouched = true
    this.#wake?.()
    if (this.#isRunning || this.#isClosed) return
    this.#isRunning = true
    void this.#run()
  }

  async #run(): Promise<void> {
    const { host } = this.#server.sessions
    try {
      this.#open()
      while (!this.#isClosed && !this.#isOver) {
        const startedUs = host.monotonic()
        await this.#step()
        if (!this.#isTouched) await this.#sleep()
        // What is told together costs less than what is told one by one.
        else if (this.#waiters.size === 0) await this.#pause((host.monotonic() - startedUs) / 500)
        await new Promise<void>((resolve) => host.turn(resolve))
      }
    } catch (error) {
      host.log('info', 'replicas begin anew', { error: error instanceof Error ? error.message : String(error) })
      for (const replica of this.#all) replica.client.kill()
      await new Promise<void>((resolve) => host.at(retryMs, resolve))
    }
    this.#shut()
    if (this.#all.size > 0) this.#begin()
  }

  #open(): void {
    const { sessions, settings } = this.#server
    const { work } = sessions.memory
    const account = (name: string): MemoryAccount => {
      const made = work.child(name, { quantumBytes: 64 * 1024 })
      this.#accounts.push(made)
      return made
    }
    const kept = account('what replicas are sent')
    const first = this.#stream === undefined && this.#pingedMs === 0
    if (!first) this.id = this.#newId()
    this.#pingedMs = this.#server.now()
    const step = account('what replicas are told')
    this.#stream = new ChangeStream(sessions, step, account('keys that replicas are told of'))
    const resize = (before: number, after: number): void => kept.resize(before, after)
    this.#backlog = new Backlog(this.#stream.position, settings.number('repl-backlog-size'), resize)
    this.#stream.onTouched = () => {
      this.#isTouched = true
      this.#wake?.()
    }
  }

  #newId(): string {
    const bytes = new Uint8Array(20)
    this.#server.sessions.host.random(bytes)
    return Buffer.from(bytes).toString('hex')
  }

  get #isOver(): boolean {
    if (this.#all.size > 0) return false
    const ttlMs = 1000 * this.#server.settings.number('repl-backlog-ttl')
    return ttlMs > 0 && this.#server.now() - this.#emptySinceMs > ttlMs
  }

  async #step(): Promise<void> {
    this.#isTouched = false
    const stream = this.#stream!
    const backlog = this.#backlog!
    if (!stream.leads) throw new PolylogError('not_leading', 'this server leads no longer')
    const joined = this.online.filter(({ state }) => state === 'joined')
    const { commands, states } = await stream.step(joined.length)
    backlog.append(commands)
    this.#toldSeen = stream.seen
    this.#look(backlog)
    this.#serveWaiters()
    for (const [at, replica] of joined.entries()) void this.#sendAll(replica, states[at]!, backlog)
    for (const replica of this.#all) void replica.pump(backlog)
  }

  async #sendAll(replica: Replica, state: StateAt, backlog: Backlog): Promise<void> {
    this.counts.whole++
    try {
      await replica.sendAll(state, this.id, backlog.end)
      if (replica.wantsFileAlone) replica.client.closeAfterReplies()
      else {
        replica.goOnline(undefined, replica.offset)
        await replica.pump(backlog)
      }
    } catch (error) {
      if (!replica.hasEnded) {
        this.#server.sessions.host.log('info', 'a replica could not be sent what there is', { error: String(error) })
      }
      replica.client.kill()
    } finally {
      state.close()
    }
  }

  /** Until something is touched, but not for long: a state that is held keeps what has gone since. */
  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined
        this.#timer?.()
        this.#timer = undefined
        resolve()
      }
      this.#timer = this.#server.sessions.host.at(lookMs, () => this.#wake?.())
    })
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#server.sessions.host.at(Math.min(longestPauseMs, delayMs), resolve))
  }

  /** Who is too slow, or silent, has to go; and nobody is left in silence. */
  #look(backlog: Backlog): void {
    const { settings } = this.#server
    const now = this.#server.now()
    const silentMs = now - 1000 * settings.number('repl-timeout')
    if (now - this.#pingedMs >= 1000 * settings.number('repl-ping-replica-period')) {
      this.#pingedMs = now
      if (this.#all.size > 0) backlog.append(ping)
    }
    backlog.keptBytes = settings.number('repl-backlog-size')
    let needed = backlog.end
    for (const replica of this.#all) {
      if (replica.state === 'joined') continue
      const isSilent = replica.state === 'online' && replica.lastSeenMs < silentMs
      if (isSilent || this.#isTooSlow(replica, backlog.end - replica.offset, now)) replica.client.kill()
      else needed = Math.min(needed, replica.offset)
    }
    backlog.trim(needed)
  }

  #isTooSlow(replica: Replica, behindBytes: number, now: number): boolean {
    const { hardBytes, softBytes, softSeconds } = this.limit
    if (hardBytes > 0 && behindBytes > hardBytes) return true
    if (softBytes === 0 || behindBytes < softBytes) {
      replica.slowSinceMs = undefined
      return false
    }
    replica.slowSinceMs ??= now
    return now - replica.slowSinceMs > 1000 * softSeconds
  }

  #shut(): void {
    this.#isRunning = false
    this.#stream?.close()
    this.#backlog?.drop()
    this.#stream = undefined
    this.#backlog = undefined
    for (const account of this.#accounts.splice(0)) account.close()
  }

  close(): void {
    this.#isClosed = true
    for (const waiter of this.#waiters) waiter.look()
    this.#wake?.()
  }
}

/** What PSYNC and SYNC refuse. */
export function checkMayReplicate(server: ServerState, client: Client): void {
  const { session } = client
  if (!session.databaseFacts.leads) {
    throw new CommandError("NOMASTERLINK Can't SYNC while not connected with my master")
  }
  if (session.database !== server.sessions.defaultDatabase) {
    throw new CommandError('ERR replicas get the default database: a master has no other')
  }
}
