/** One who follows published rows by the unmodified driver, and reads PostgreSQL's `pgoutput` itself. Nothing outside of tests imports this. */
import pg from 'pg'

export type Row = Readonly<Record<string, string | null>>

interface Relation {
  readonly schema: string
  readonly name: string
  readonly columns: readonly { readonly name: string; readonly isKey: boolean; readonly type: string }[]
}

export type Change =
  | { readonly kind: 'begin' | 'commit' }
  | { readonly kind: 'relation'; readonly relation: Relation; readonly identity: string }
  | {
      readonly kind: 'insert' | 'update' | 'delete'
      readonly relation: Relation
      readonly old?: Row
      readonly row?: Row
    }
  | { readonly kind: 'truncate'; readonly relations: readonly Relation[]; readonly options: number }
  | { readonly kind: 'message'; readonly prefix: string; readonly content: string }

class Bytes {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  take(count: number): Buffer {
    const taken = this.#bytes.subarray(this.#at, (this.#at += count))
    if (taken.length < count) throw new Error('the message ends too early')
    return taken
  }

  u8 = (): number => this.take(1).readUInt8()
  u16 = (): number => this.take(2).readUInt16BE()
  u32 = (): number => this.take(4).readUInt32BE()
  letter = (): string => String.fromCharCode(this.u8())

  name(): string {
    const start = this.#at
    while (this.u8() !== 0);
    return this.#bytes.toString('utf8', start, this.#at - 1)
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new Error('bytes behind the message')
  }
}

/** What a subscriber remembers of one stream. */
export class PgoutputReader {
  readonly #relations = new Map<number, Relation>()
  readonly #types = new Map<number, string>()

  read(message: Buffer): Change | undefined {
    const bytes = new Bytes(message)
    const change = this.#change(bytes)
    bytes.end()
    return change
  }

  #change(bytes: Bytes): Change | undefined {
    const kind = bytes.letter()
    switch (kind) {
      case 'B':
        bytes.take(20)
        return { kind: 'begin' }
      case 'C':
        bytes.take(25)
        return { kind: 'commit' }
      case 'Y': {
        const number = bytes.u32()
        this.#types.set(number, `${bytes.name()}.${bytes.name()}`)
        return undefined
      }
      case 'R':
        return this.#relation(bytes)
      case 'T': {
        const count = bytes.u32()
        const options = bytes.u8()
        return { kind: 'truncate', relations: Array.from({ length: count }, () => this.#get(bytes.u32())), options }
      }
      case 'M': {
        bytes.take(9)
        const prefix = bytes.name()
        return { kind: 'message', prefix, content: bytes.take(bytes.u32()).toString() }
      }
      default:
        return this.#row(kind, bytes)
    }
  }

  #relation(bytes: Bytes): Change {
    const number = bytes.u32()
    const [schema, name, identity] = [bytes.name(), bytes.name(), bytes.letter()]
    const columns = Array.from({ length: bytes.u16() }, () => {
      const isKey = bytes.u8() === 1
      const column = bytes.name()
      const type = bytes.u32()
      bytes.u32()
      return { name: column, isKey, type: this.#types.get(type) ?? String(type) }
    })
    const relation = { schema, name, columns }
    this.#relations.set(number, relation)
    return { kind: 'relation', relation, identity }
  }

  #get(number: number): Relation {
    const found = this.#relations.get(number)
    if (found === undefined) throw new Error(`a relation ${number} that nobody has described`)
    return found
  }

  #row(kind: string, bytes: Bytes): Change {
    const relation = this.#get(bytes.u32())
    let letter = bytes.letter()
    let old: Row | undefined
    if (letter !== 'N') {
      old = this.#values(bytes, relation)
      letter = kind === 'U' ? bytes.letter() : ''
    }
    const row = letter === 'N' ? this.#values(bytes, relation) : undefined
    const word = kind === 'I' ? 'insert' : kind === 'U' ? 'update' : 'delete'
    return { kind: word, relation, ...(old && { old }), ...(row && { row }) }
  }

  #values(bytes: Bytes, { columns }: Relation): Row {
    const count = bytes.u16()
    if (count !== columns.length) throw new Error(`a row of ${count} columns of ${columns.length}`)
    return Object.fromEntries(
      columns.map(({ name }) => {
        const letter = bytes.letter()
        if (letter === 'n') return [name, null]
        const value = bytes.take(bytes.u32())
        return [name, letter === 'b' ? `\\x${value.toString('hex')}` : value.toString()]
      }),
    )
  }
}

/** As PostgreSQL's tests write it down. */
export function shownChange(change: Change): string {
  switch (change.kind) {
    case 'relation': {
      const { schema, name, columns } = change.relation
      const shown = columns.map((one) => `${one.isKey ? '*' : ''}${one.name}:${one.type}`)
      return `RELATION ${schema}.${name} ${change.identity} ${shown.join(' ')}`
    }
    case 'truncate':
      return `TRUNCATE ${change.options} ${change.relations.map(({ name }) => name).join(',')}`
    case 'message':
      return `MESSAGE ${change.prefix} ${change.content}`
    case 'begin':
    case 'commit':
      return change.kind.toUpperCase()
    default: {
      const { relation, old, row } = change
      const images = [old && `(${JSON.stringify(old)})`, row && JSON.stringify(row)].filter(Boolean)
      return `${change.kind.toUpperCase()} ${relation.name} ${images.join(' ')}`
    }
  }
}

interface Driver extends Omit<pg.Client, 'connection'> {
  readonly connection: { on(event: 'copyData', run: (message: { chunk: Buffer }) => void): void } & {
    readonly stream: { write(bytes: Buffer): void; destroy(): void }
    endCopyFrom(): void
  }
}

export class Subscriber {
  readonly client: Driver
  readonly #reader = new PgoutputReader()
  readonly changes: Change[] = []
  /** Of the last message: where a subscriber would go on. */
  endLsn = 0n
  #failure: Error | undefined
  #running: Promise<unknown> | undefined
  #onChange: () => void = () => undefined
  /** After each message. */
  onMessage: () => void = () => undefined

  private constructor(client: Driver) {
    this.client = client
    client.on('error', (error) => this.#failed(error))
    client.connection.on('copyData', ({ chunk }) => {
      try {
        this.#take(chunk)
      } catch (error) {
        this.#failed(error as Error)
      }
    })
  }

  static async connect(config: pg.ClientConfig): Promise<Subscriber> {
    const client = new pg.Client({ ...config, replication: 'database' } as pg.ClientConfig) as unknown as Driver
    const subscriber = new Subscriber(client)
    await client.connect()
    return subscriber
  }

  #take(chunk: Buffer): void {
    if (chunk[0] === 0x77) {
      this.endLsn = chunk.readBigUInt64BE(1)
      const change = this.#reader.read(chunk.subarray(25))
      if (change !== undefined) this.changes.push(change)
      this.onMessage()
    }
    this.#onChange()
  }

  #failed(error: Error): void {
    this.#failure = error
    this.#onChange()
  }

  start(slot: string, publications: string, options = '', lsn = '0/0'): void {
    const given = `proto_version '1', publication_names '${publications}'${options}`
    this.#running = this.client
      .query(`START_REPLICATION SLOT "${slot}" LOGICAL ${lsn} (${given})`)
      .catch((error: unknown) => this.#failed(error as Error))
  }

  /** Until what it has heard is enough. Errors: what has ended the stream. */
  async until(isEnough: (changes: readonly Change[]) => boolean): Promise<readonly Change[]> {
    while (!isEnough(this.changes)) {
      if (this.#failure !== undefined) throw this.#failure
      await new Promise<void>((resolve) => (this.#onChange = resolve))
    }
    return this.changes
  }

  /** Until a message of that prefix and content has come, and its transaction is over: needs the option `messages`. */
  async untilMark(content: string): Promise<readonly Change[]> {
    return this.until((changes) => {
      const at = changes.findIndex((one) => one.kind === 'message' && one.content === content)
      return at >= 0 && changes.slice(at).some(({ kind }) => kind === 'commit')
    })
  }

  /** All up to there need not be told again. */
  confirm(lsn: bigint = this.endLsn): void {
    const status = Buffer.alloc(34)
    status[0] = 0x72
    for (const at of [1, 9, 17]) status.writeBigUInt64BE(lsn, at)
    this.send(status)
  }

  /** CopyData. */
  send(bytes: Buffer): void {
    const head = Buffer.from([0x64, 0, 0, 0, 0])
    head.writeUInt32BE(bytes.length + 4, 1)
    this.client.connection.stream.write(Buffer.concat([head, bytes]))
  }

  /** Ends the stream; the connection goes on. */
  async stop(): Promise<void> {
    this.client.connection.endCopyFrom()
    await this.#running
  }

  close(): void {
    this.client.connection.stream.destroy()
  }
}
