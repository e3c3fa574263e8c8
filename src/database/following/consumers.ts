/**
 * Named consumers of a log: whoever reads it at a pace of its own (a feed, a learner, a backup) and must find what it has
 * not read yet, also after it was away, and after a restart of the database.
 *
 *   register ──▶ active ──advance──▶ active … ──the log holds more than `maxLagBytes` for it──▶ lost ──goOn──▶ active
 *                                                                                  drop: from either, for good
 *
 * Before a trim each active consumer is asked: the log from its position on stays. One for which it would hold more than
 * `maxLagBytes` is *lost*: the log is trimmed all the same, for a consumer that never comes back must not fill the disk.
 * It is told when it asks next (`trimmed`, with the sequence at which it may go on), and goes on there, knowing that it
 * has missed something, or begins anew from a snapshot.
 *
 * They are kept in the file `consumers` of the database's folder, written whole, and not in the log: a feed that reports
 * how far it has come must not make the next thing that it has to read.
 *
 *   polylog consumers 1
 *   <position> <max lag bytes> <active | lost> <feed | learner | backup | slot> <name as a JSON string>
 *   crc32 <8 hexadecimal digits, of all before>
 *
 * What registers, drops and loses one is durable before it counts. An advance is written with the next of those, before
 * the next trim, or at the end: after a crash a consumer may be given again what it has had.
 *
 * Invariants: the log is never trimmed beyond what the file says that an active consumer needs; a position never goes back.
 */
import { crc32 } from 'node:zlib'
import { PolylogError } from '../../base/errors.ts'
import type { Disk } from '../../host/host.ts'
import { readSmallFile } from '../../host/small-file.ts'
import type { LogSegment } from '../../log/commit-log.ts'
import type { Sequence } from '../contract.ts'
import { writeSmallFile } from '../directory/small-files.ts'

/** `slot`: of PostgreSQL's logical replication. */
export type ConsumerKind = 'feed' | 'learner' | 'backup' | 'slot'

/** Of which anybody may register one by name. */
export const consumerKinds: readonly ConsumerKind[] = ['feed', 'learner', 'backup']

/** Goes with the session that made it. */
export const temporarySlotPrefix = 'temporary slot '

export interface Consumer {
  readonly name: string
  readonly kind: ConsumerKind
  /** The first sequence that it needs. */
  readonly position: Sequence
  readonly maxLagBytes: number
  readonly state: 'active' | 'lost'
}

export const defaultMaxLagBytes: number = 1024 * 1024 * 1024
const fileName = 'consumers'
const fileBytesMax = 16 * 1024 * 1024
const firstLine = 'polylog consumers 1'
const linePattern = /^(\d{1,16}) (\d{1,16}) (active|lost) (feed|learner|backup|slot) (".*")$/

/** Where they are kept; left out for a database in memory, whose consumers end with it. */
export interface ConsumersPlace {
  readonly disk: Disk
  readonly folder: string
}

export class Consumers {
  readonly #place: ConsumersPlace | undefined
  readonly #byName = new Map<string, Consumer>()
  #slots = 0
  /** Some positions are newer than those in the file. */
  #isDirty = false
  #writing: Promise<void> = Promise.resolve()

  private constructor(place: ConsumersPlace | undefined) {
    this.#place = place
  }

  /** Errors: `data_corrupted`, `DiskError`. */
  static async open(place: ConsumersPlace | undefined): Promise<Consumers> {
    const consumers = new Consumers(place)
    await consumers.read()
    return consumers
  }

  /** As the file says: another process may have written it. */
  async read(): Promise<void> {
    if (this.#place === undefined) return
    const { disk, folder } = this.#place
    const bytes = await readSmallFile(disk, `${folder}/${fileName}`, fileBytesMax)
    this.#byName.clear()
    for (const one of bytes === undefined ? [] : decode(bytes, `${folder}/${fileName}`)) {
      if (one.kind !== 'slot' || !one.name.startsWith(temporarySlotPrefix)) this.#byName.set(one.name, one)
    }
    this.#countSlots()
  }

  has(name: string): boolean {
    return this.#byName.has(name)
  }

  /** How many of that kind there are: asked for each row that is written. */
  get slots(): number {
    return this.#slots
  }

  get all(): readonly Consumer[] {
    return [...this.#byName.values()]
  }

  /** Errors: `undefined_object`. */
  get(name: string): Consumer {
    const found = this.#byName.get(name)
    if (found === undefined) throw new PolylogError('undefined_object', `there is no consumer "${name}"`)
    return found
  }

  /** Durable when this resolves. Errors: `duplicate_object`, those of the disk. */
  async register(consumer: Omit<Consumer, 'state'>): Promise<void> {
    const { name } = consumer
    if (this.#byName.has(name)) throw new PolylogError('duplicate_object', `there is a consumer "${name}" already`)
    this.#byName.set(name, { ...consumer, state: 'active' })
    this.#countSlots()
    try {
      await this.#write()
    } catch (error) {
      this.#byName.delete(name)
      this.#countSlots()
      throw error
    }
  }

  /** It needs nothing before `position` any more; a position that it has left behind changes nothing. */
  advance(name: string, position: Sequence): void {
    const consumer = this.get(name)
    if (consumer.state === 'lost') throw lostError(consumer)
    if (position <= consumer.position) return
    this.#byName.set(name, { ...consumer, position })
    this.#isDirty = true
  }

  /** One that was lost goes on there. Durable when this resolves. */
  async goOn(name: string, position: Sequence): Promise<void> {
    const consumer = this.get(name)
    this.#byName.set(name, { ...consumer, position: Math.max(position, consumer.position), state: 'active' })
    await this.#write()
  }

  /** Holds nothing back any more. Durable when this resolves. */
  async drop(name: string): Promise<void> {
    this.get(name)
    this.#byName.delete(name)
    this.#countSlots()
    await this.#write()
  }

  #countSlots(): void {
    this.#slots = this.all.filter(({ kind }) => kind === 'slot').length
  }

  /**
   * How far the log may be trimmed, at most to `before`. Who would hold back more than its limit is lost by that, and said
   * so, durably, before this resolves.
   */
  async trimLimit(before: Sequence, segments: readonly LogSegment[]): Promise<Sequence> {
    if (this.#byName.size === 0) return before
    let isLost = false
    for (const consumer of this.#byName.values()) {
      if (consumer.state === 'lost' || consumer.position >= before) continue
      if (heldBytes(consumer.position, segments) <= consumer.maxLagBytes) continue
      this.#byName.set(consumer.name, { ...consumer, state: 'lost' })
      isLost = true
    }
    if (isLost || this.#isDirty) await this.#write()
    let limit = before
    for (const { state, position } of this.#byName.values()) if (state === 'active') limit = Math.min(limit, position)
    return limit
  }

  /** What has advanced is written. */
  async save(): Promise<void> {
    if (this.#isDirty) await this.#write()
  }

  /** One after the other, each with what is true then. */
  #write(): Promise<void> {
    const writing = this.#writing.then(async () => {
      if (this.#place === undefined) return
      this.#isDirty = false
      try {
        await writeSmallFile(this.#place.disk, this.#place.folder, fileName, encode(this.all))
      } catch (error) {
        this.#isDirty = true
        throw error
      }
    })
    this.#writing = writing.catch(() => undefined)
    return writing
  }
}

/** Of the log, from `position` on. */
export function heldBytes(position: Sequence, segments: readonly LogSegment[]): number {
  let bytes = 0
  for (const { last, usedBytes } of segments) if (last >= position) bytes += usedBytes
  return bytes
}

/** `oldest`: where it may go on. */
export function lostError({ name, position, maxLagBytes }: Consumer, oldest?: Sequence): PolylogError {
  const message =
    `the consumer "${name}" needs sequence ${position}, and the log was trimmed beyond it, ` +
    `because more than ${maxLagBytes} bytes would have been kept`
  return new PolylogError('trimmed', message, { ...(oldest !== undefined && { detail: { oldest } }) })
}

function encode(consumers: readonly Consumer[]): string {
  const lines = consumers.map(({ name, kind, position, maxLagBytes, state }) => {
    return `${position} ${maxLagBytes} ${state} ${kind} ${JSON.stringify(name)}\n`
  })
  const body = `${firstLine}\n${lines.join('')}`
  return `${body}crc32 ${crc32(body).toString(16).padStart(8, '0')}\n`
}

function decode(bytes: Uint8Array, path: string): Consumer[] {
  const consumers: Consumer[] = []
  for (const line of Buffer.from(bytes).toString().split('\n').slice(1, -2)) {
    const [, position, maxLagBytes, state, kind, name] = linePattern.exec(line) ?? []
    if (position === undefined) continue
    consumers.push({
      name: textOf(name!),
      kind: kind as ConsumerKind,
      position: Number(position),
      maxLagBytes: Number(maxLagBytes),
      state: state as Consumer['state'],
    })
  }
  // Whatever was passed over is missing here.
  if (Buffer.compare(bytes, Buffer.from(encode(consumers))) === 0) return consumers
  throw new PolylogError('data_corrupted', `${path} is damaged: its checksum does not match`)
}

function textOf(json: string): string {
  try {
    return JSON.parse(json) as string
  } catch {
    return ''
  }
}
