/**
 * One who replicates from here: what it has said of itself, how far it has come, and what leaves for it.
 *
 *   joined ──a step ends──▶ sending ──the whole file has left──▶ online
 *   joined ──the backlog has what it lacks──────────────────────▶ online
 */
import type { Host } from '../../../host/host.ts'
import type { Client } from '../client.ts'
import type { Backlog } from './backlog.ts'
import type { StateAt } from './state-at.ts'
import { wholeFile } from './whole-file.ts'

/** That wait for its side to take them. */
const mostPendingBytes = 1024 * 1024
const bytesAtOnce = 256 * 1024

export class Replica {
  readonly client: Client
  state: 'joined' | 'sending' | 'online' = 'joined'
  /** REPLCONF. */
  port = 0
  address: string | undefined
  takesMark = false
  wantsFileAlone = false
  /** PSYNC or SYNC. */
  isJoined = false
  /** SYNC, as before PSYNC. */
  isOld = false
  /** Up to where the stream has left for it. */
  offset = 0
  acknowledged = 0
  lastSeenMs: number
  /** Above the soft limit, since when. */
  slowSinceMs: number | undefined
  #isPumping = false
  readonly #host: Host

  constructor(client: Client, host: Host) {
    this.client = client
    this.#host = host
    this.lastSeenMs = host.now()
  }

  get host(): string {
    return this.address ?? this.client.remote.replace(/:\d+$/, '')
  }

  get hasEnded(): boolean {
    return this.client.hasEnded
  }

  async #send(bytes: Uint8Array): Promise<void> {
    const { unasked } = this.client
    unasked.send(bytes)
    await unasked.room(mostPendingBytes)
    if (this.hasEnded) throw new Error('the replica has gone')
  }

  /** All that there was in a state, and where the stream goes on. */
  async sendAll(state: StateAt, id: string, offset: number): Promise<void> {
    this.state = 'sending'
    this.offset = offset
    if (!this.isOld) await this.#send(Buffer.from(`+FULLRESYNC ${id} ${offset}\r\n`))
    const mark = this.#newMark()
    let size = 0
    // Who does not know of marks must know the size before.
    if (!this.takesMark) for await (const piece of wholeFile(state)) size += piece.length
    await this.#send(Buffer.from(this.takesMark ? `$EOF:${mark}\r\n` : `$${size}\r\n`))
    for await (const piece of wholeFile(state)) await this.#send(piece)
    if (this.takesMark) await this.#send(Buffer.from(mark))
  }

  #newMark(): string {
    const bytes = new Uint8Array(20)
    this.#host.random(bytes)
    return Buffer.from(bytes).toString('hex')
  }

  /** It has all up to there. */
  goOnline(id: string | undefined, offset: number): void {
    this.offset = offset
    this.state = 'online'
    if (id !== undefined) this.client.unasked.send(Buffer.from(`+CONTINUE ${id}\r\n`))
  }

  /** Sends what is there for it, as fast as it takes it. */
  async pump(backlog: Backlog): Promise<void> {
    if (this.#isPumping || this.state !== 'online') return
    this.#isPumping = true
    try {
      while (this.offset < backlog.end && !this.hasEnded) {
        const bytes = backlog.read(this.offset, bytesAtOnce)
        this.offset += bytes.length
        await this.#send(bytes)
      }
    } catch {
      this.client.kill()
    } finally {
      this.#isPumping = false
    }
  }
}
