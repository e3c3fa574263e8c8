/**
 * The followers of a data directory, as the leader of a database knows them: by the notes that they leave in its folder
 * (`follower-note.ts`). Those that have no name leave none, and hold nothing back.
 *
 *   a note ──▶ active ──the log holds more than `maxLagBytes` for it──▶ lost ──its position has changed──▶ active
 *                 │ ▲
 *                 ▼ └── the note has changed
 *              silent     the same note for a minute: its process was killed, or stands still
 *
 * Only an active one holds the log back. One that is lost is told (`.passed`) before the log is trimmed, and begins anew.
 * Whether a note is old is judged by the leader's own monotonic clock from when it first saw it, so that clocks which
 * differ or jump change nothing. What is silent for an hour is removed: who comes back writes it again.
 *
 * Invariants: what is wrong with a note never keeps the log from being trimmed, nor a checkpoint from being written.
 */
import type { Host } from '../../host/host.ts'
import type { LogSegment } from '../../log/commit-log.ts'
import type { Sequence } from '../contract.ts'
import { listFolder } from '../directory/small-files.ts'
import { heldBytes } from './consumers.ts'
import { decodeNote, followersFolder, type Note, readNote, removeIfThere, replaceNote } from './follower-note.ts'

export interface NotedFollower extends Pick<Note, 'position' | 'maxLagBytes'> {
  readonly name: string
  readonly kind: 'follower'
  readonly state: 'active' | 'lost' | 'silent'
}

/** What is known of a file. */
interface Found {
  readonly bytes: Uint8Array
  /** Undefined: it is no note. */
  readonly note: Note | undefined
  /** When these bytes were seen first. */
  readonly sinceUs: number
  isSilent: boolean
  /** Its position when it was passed. */
  lostAt: Sequence | undefined
}

const silentAfterUs = 60_000_000
const removedAfterUs = 3_600_000_000
const noteName = /^(?:[0-9a-f]{2})+$/

export class NotedFollowers {
  readonly #host: Host
  readonly #folder: string
  readonly #found = new Map<string, Found>()

  constructor(host: Host, databaseFolder: string) {
    this.#host = host
    this.#folder = followersFolder(databaseFolder)
  }

  /** As of the last look. */
  get all(): NotedFollower[] {
    const all: NotedFollower[] = []
    for (const [file, { note, isSilent, lostAt }] of this.#found) {
      if (note === undefined) continue
      const { position, maxLagBytes } = note
      const state = isSilent ? 'silent' : lostAt === position ? 'lost' : 'active'
      all.push({ name: nameOf(file), kind: 'follower', position, maxLagBytes, state })
    }
    return all
  }

  /** Reads the notes that there are. Where the disk does not let it, what was read last holds. */
  async look(): Promise<void> {
    const folder = this.#folder
    try {
      const files = ((await listFolder(this.#host.disk, folder)) ?? []).filter((name) => noteName.test(name))
      for (const file of files) await this.#lookAt(file)
      for (const file of this.#found.keys()) if (!files.includes(file)) this.#found.delete(file)
    } catch (error) {
      this.#warn(`the notes of followers in ${folder} cannot be read: ${(error as Error).message}`)
    }
  }

  async #lookAt(file: string): Promise<void> {
    const path = `${this.#folder}/${file}`
    const bytes = await readNote(this.#host.disk, path)
    if (bytes === undefined) return
    const known = this.#found.get(file)
    if (known === undefined || Buffer.compare(known.bytes, bytes) !== 0) this.#note(file, bytes, known)
    else await this.#age(file, known)
  }

  #note(file: string, bytes: Uint8Array, before: Found | undefined): void {
    const note = decodeNote(bytes)
    if (note === undefined) this.#warn(`${this.#folder}/${file} is no note of a follower, and holds nothing back`)
    const sinceUs = this.#host.monotonic()
    this.#found.set(file, { bytes, note, sinceUs, isSilent: false, lostAt: before?.lostAt })
  }

  async #age(file: string, found: Found): Promise<void> {
    const ageUs = this.#host.monotonic() - found.sinceUs
    if (ageUs > silentAfterUs && !found.isSilent && found.note !== undefined) {
      found.isSilent = true
      this.#warn(`the follower "${nameOf(file)}" has said nothing for a minute, and holds nothing back any more`)
    }
    if (ageUs > removedAfterUs) await removeIfThere(this.#host.disk, `${this.#folder}/${file}`)
  }

  /** How far the log may be trimmed, at most to `before`, by what the notes say now. */
  async trimLimit(before: Sequence, segments: readonly LogSegment[]): Promise<Sequence> {
    await this.look()
    let limit = before
    for (const follower of this.all) {
      const { state, position, maxLagBytes } = follower
      if (state !== 'active' || position >= before) continue
      if (heldBytes(position, segments) > maxLagBytes) await this.#pass(follower)
      else limit = Math.min(limit, position)
    }
    return limit
  }

  async #pass({ name, position, maxLagBytes }: NotedFollower): Promise<void> {
    const file = Buffer.from(name).toString('hex')
    this.#found.get(file)!.lostAt = position
    this.#warn(
      `the follower "${name}" needs sequence ${position}: the log is trimmed beyond it, ` +
        `because more than ${maxLagBytes} bytes would be kept`,
    )
    const passed = { position, maxLagBytes, writtenMs: this.#host.now() }
    await replaceNote(this.#host.disk, `${this.#folder}/${file}.passed`, passed).catch((error: unknown) => {
      this.#warn(`the follower "${name}" is not told of it: ${(error as Error).message}`)
    })
  }

  #warn(message: string): void {
    this.#host.log('warning', message)
  }
}

function nameOf(file: string): string {
  return Buffer.from(file, 'hex').toString()
}
