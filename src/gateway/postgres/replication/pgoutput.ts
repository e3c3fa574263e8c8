/**
 * What a subscriber is told of the log: the messages of PostgreSQL's output plug-in `pgoutput`, version 1 of its protocol, made
 * of the notes that writes have left (`model/table/publication/row-notes.ts`).
 *
 *   B final LSN u64 · time i64 · transaction u32
 *   R relation u32 · schema · name · identity u8 · columns u16 · (is key u8 · name · type u32 · modifier i32)*
 *   Y type u32 · schema · name                                of a user's type, before the relation that has it
 *   I relation u32 · N row
 *   U relation u32 · [K or O · row] · N row                    K: what identifies it, O: all of it
 *   D relation u32 · K or O · row
 *   T relations u32 · options u8 (1 cascade, 2 restart) · (relation u32)*
 *   M flags u8 (1: of the transaction) · LSN u64 · prefix · bytes u32 · content
 *   C 0 u8 · commit LSN u64 · end LSN u64 · time i64
 *
 *   row := columns u16 · (n | t bytes u32 · text | b bytes u32 · binary form)*
 *
 * Times are microseconds since 2000, names end with a zero byte. A transaction of which nothing is told leaves out B and C, as
 * PostgreSQL 15 does.
 */
import { ByteWriter } from '../../../base/bytes.ts'
import type { FeedTransaction } from '../../../database/following/feed.ts'
import { commitLsnOf, lsnOf } from '../../../database/following/lsn.ts'
import { collectionOid } from '../../../language/sql/catalog/identity.ts'
import {
  type ColumnNote,
  decodeRowNote,
  type EmptyNote,
  type LevelNote,
  type MessageNote,
  type Note,
  type RowNote,
  type TableNote,
} from '../../../model/table/publication/row-notes.ts'
import { findType } from '../../../model/table/types/registry.ts'
import { sqlError } from '../errors.ts'
import { zeroEnded } from '../wire.ts'

/** Microseconds from 1970 to 2000. */
export const epochUs = 946_684_800_000_000n

export interface PgoutputOptions {
  readonly publications: ReadonlySet<string>
  readonly isBinary: boolean
  readonly tellsMessages: boolean
  /** Throws where the subscriber may not see the relation's rows. */
  checkAccess(relation: LevelNote): void
}

export interface OutputMessage {
  /** Where it stands in the log. */
  readonly lsn: bigint
  readonly bytes: Uint8Array
}

/** A table of the transaction, as the publications that are asked for tell of it. */
interface Told {
  readonly relation: LevelNote
  readonly columns: readonly ColumnNote[]
  /** By those: the place of each in a note's rows. */
  readonly places: readonly number[]
  readonly ways: readonly { readonly actions: readonly string[]; readonly verdict: number | undefined }[]
  /** It is a partition, and told of as the table above it. */
  readonly isPart: boolean
  /** In a note's row, of what identifies one. */
  readonly keys: readonly number[]
}

type Row = readonly (string | null)[]

const actionOf = { I: 'insert', U: 'update', D: 'delete', T: 'truncate' } as const

export class Pgoutput {
  readonly #options: PgoutputOptions
  readonly #writer = new ByteWriter(1024)
  /** What the subscriber knows of each relation. */
  readonly #known = new Map<number, string>()
  #sequence = -1
  #tables = new Map<number, Told | undefined>()
  #hasBegun = false

  constructor(options: PgoutputOptions) {
    this.#options = options
  }

  /** Errors: 42501 where the subscriber may not see what it has asked for; 0A000. */
  *messages(part: FeedTransaction): Generator<OutputMessage> {
    const { sequence } = part
    if (sequence !== this.#sequence) {
      this.#sequence = sequence
      this.#tables = new Map()
      this.#hasBegun = false
    }
    for (const change of part.changes) {
      if (change.kind === 'notify') yield* this.#note(decodeRowNote(change.payload), part)
    }
    if (part.continues || !this.#hasBegun) return
    yield {
      lsn: lsnOf(sequence + 1),
      bytes: this.#message('C', (writer) => {
        writer.u8(0)
        writer.u64be(commitLsnOf(sequence))
        writer.u64be(lsnOf(sequence + 1))
        writer.u64be(timeOf(part))
      }),
    }
  }

  *#note(note: Note, part: FeedTransaction): Generator<OutputMessage> {
    switch (note.o) {
      case 'R':
        this.#tables.set(note.i, this.#toldOf(note))
        return
      case 'T':
        yield* this.#truncate(note, part)
        return
      case 'M':
        yield* this.#tell(note, part)
        return
      default:
        yield* this.#row(note, part)
    }
  }

  #toldOf(note: TableNote): Told | undefined {
    let filters = 0
    const asked = note.ways
      .map((way) => ({ ...way, verdict: way.where === true ? filters++ : undefined }))
      .filter(({ name }) => this.#options.publications.has(name))
    if (asked.length === 0) return undefined
    const level = Math.max(...asked.map((way) => way.level))
    const ways = asked.filter((way) => way.level === level)
    const relation = note.levels[level]!
    const [own] = note.levels as readonly [LevelNote]
    const lists = ways.map((way) => way.columns ?? relation.columns.map(([name]) => name))
    const [first] = lists as [readonly string[]]
    if (lists.some((list) => list.join('\0') !== first.join('\0'))) {
      const what = `cannot use different column lists for table "${relation.schema}.${relation.name}" in different publications`
      throw sqlError('unsupported', '0A000', what)
    }
    const columns = relation.columns.filter(([name]) => first.includes(name))
    const places = columns.map(([name]) => own.columns.findIndex((one) => one[0] === name))
    const keys = own.columns.flatMap((column, place) => (column[3] ? [place] : []))
    return { relation, columns, places, ways, keys, isPart: level > 0 }
  }

  *#row(note: RowNote, part: FeedTransaction): Generator<OutputMessage> {
    const told = this.#tables.get(note.i)
    if (told === undefined) return
    const ways = told.ways.filter(({ actions }) => actions.includes(actionOf[note.o]))
    if (ways.length === 0) return
    const passes = (bit: number): boolean =>
      ways.some(({ verdict }) => verdict === undefined || (note.w![verdict]! & bit) !== 0)
    const [wasSeen, isSeen] = [note.o !== 'I' && passes(1), note.o !== 'D' && passes(2)]
    if (!wasSeen && !isSeen) return
    yield* this.#begin(part)
    yield* this.#describe(told, part)
    const relation = collectionOid(told.relation)
    // Where the condition makes the row come or go, it does so for the subscriber.
    const old = note.k ?? (isSeen ? undefined : keyOf(note.n!, told))
    const isWhole = told.relation.identity === 'f'
    const bytes = this.#message(!wasSeen ? 'I' : isSeen ? 'U' : 'D', (writer) => {
      writer.u32be(relation)
      if (wasSeen && old !== undefined) this.#writeRow(writer, isWhole ? 'O' : 'K', old, told)
      if (isSeen) this.#writeRow(writer, 'N', note.n!, told)
    })
    yield { lsn: lsnOf(part.sequence), bytes }
  }

  *#begin(part: FeedTransaction): Generator<OutputMessage> {
    if (this.#hasBegun) return
    this.#hasBegun = true
    const { sequence } = part
    yield {
      lsn: lsnOf(sequence),
      bytes: this.#message('B', (writer) => {
        writer.u64be(commitLsnOf(sequence))
        writer.u64be(timeOf(part))
        writer.u32be(sequence % 2 ** 32)
      }),
    }
  }

  /** What the relation is, where the subscriber has not heard it, or heard something else. */
  *#describe({ relation, columns }: Told, part: FeedTransaction): Generator<OutputMessage> {
    this.#options.checkAccess(relation)
    const number = collectionOid(relation)
    const text = JSON.stringify([relation.schema, relation.name, relation.identity, columns])
    if (this.#known.get(number) === text) return
    this.#known.set(number, text)
    const lsn = lsnOf(part.sequence)
    for (const [, type, , , made] of columns) {
      if (made === undefined) continue
      const [schema, name] = made
      yield {
        lsn,
        bytes: this.#message('Y', (writer) => {
          writer.u32be(type)
          zeroEnded(writer, schema)
          zeroEnded(writer, name)
        }),
      }
    }
    yield {
      lsn,
      bytes: this.#message('R', (writer) => {
        writer.u32be(number)
        zeroEnded(writer, relation.schema)
        zeroEnded(writer, relation.name)
        writer.u8(relation.identity.charCodeAt(0))
        writer.u16be(columns.length)
        for (const [name, type, modifier, isKey] of columns) {
          writer.u8(isKey ? 1 : 0)
          zeroEnded(writer, name)
          writer.u32be(type)
          writer.u32be(modifier >>> 0)
        }
      }),
    }
  }

  *#truncate({ tables, cascade, restart }: EmptyNote, part: FeedTransaction): Generator<OutputMessage> {
    const emptied: Told[] = []
    for (const number of tables) {
      const told = this.#tables.get(number)
      if (told === undefined || told.isPart) continue
      if (told.ways.some(({ actions }) => actions.includes('truncate'))) emptied.push(told)
    }
    if (emptied.length === 0) return
    yield* this.#begin(part)
    for (const told of emptied) yield* this.#describe(told, part)
    yield {
      lsn: lsnOf(part.sequence),
      bytes: this.#message('T', (writer) => {
        writer.u32be(emptied.length)
        writer.u8((cascade ? 1 : 0) + (restart ? 2 : 0))
        for (const { relation } of emptied) writer.u32be(collectionOid(relation))
      }),
    }
  }

  *#tell({ prefix, content }: MessageNote, part: FeedTransaction): Generator<OutputMessage> {
    if (!this.#options.tellsMessages) return
    yield* this.#begin(part)
    const lsn = lsnOf(part.sequence)
    yield {
      lsn,
      bytes: this.#message('M', (writer) => {
        const bytes = Buffer.from(content, 'base64')
        writer.u8(1)
        writer.u64be(lsn)
        zeroEnded(writer, prefix)
        writer.u32be(bytes.length)
        writer.copy(bytes, 0, bytes.length)
      }),
    }
  }

  #writeRow(writer: ByteWriter, kind: 'N' | 'K' | 'O', row: Row, { columns, places }: Told): void {
    writer.u8(kind.charCodeAt(0))
    writer.u16be(columns.length)
    for (const [i, place] of places.entries()) {
      const text = row[place] ?? null
      if (text === null) writer.u8(0x6e)
      else this.#writeValue(writer, text, columns[i]!)
    }
  }

  #writeValue(writer: ByteWriter, text: string, [, number, modifier]: ColumnNote): void {
    // What a type of a user's is made of may have changed since.
    const type = this.#options.isBinary ? findType(number) : undefined
    const value = type === undefined || type.made !== undefined ? undefined : type.parseText(text, modifier)
    writer.u8(value === undefined ? 0x74 : 0x62)
    const at = writer.end
    writer.u32be(0)
    if (value === undefined) writer.utf8(text)
    else type!.encodeBinary(value, writer)
    writer.setU32be(at, writer.end - at - 4)
  }

  #message(kind: string, write: (writer: ByteWriter) => void): Uint8Array {
    const writer = this.#writer
    writer.reset()
    writer.u8(kind.charCodeAt(0))
    write(writer)
    return writer.bytes.slice(0, writer.end)
  }
}

function keyOf(row: Row, { keys }: Told): Row {
  return row.map((text, place) => (keys.includes(place) ? text : null))
}

function timeOf({ timeMs }: FeedTransaction): bigint {
  return BigInt(timeMs) * 1000n - epochUs
}
