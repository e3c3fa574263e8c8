/**
 * PostgreSQL's COPY … FROM STDIN through the unmodified `pg` driver, which leaves the copy's data to whoever hands it a
 * query object of their own.
 */
import pg from 'pg'

export type Cell = string | number | null

/** As far as it is used here; the driver's types leave it out. */
interface CopyConnection {
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
  sendCopyFail(reason: string): void
}

const chunkBytes = 64 * 1024

/** Copies `rows` into `table`, whose columns are named in the order of the cells. */
export function copyRows(
  client: pg.Client,
  table: string,
  columns: readonly string[],
  rows: Iterable<readonly Cell[]>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const command = `COPY ${table} (${columns.join(', ')}) FROM STDIN`
    client.query(new CopyIn(command, encodeRows(rows), (error) => (error == null ? resolve() : reject(error))))
  })
}

class CopyIn extends pg.Query {
  readonly #data: Buffer

  constructor(command: string, data: Buffer, ended: (error: Error | undefined) => void) {
    super(command, ended)
    this.#data = data
  }

  handleCopyInResponse(connection: CopyConnection): void {
    for (let at = 0; at < this.#data.length; at += chunkBytes) {
      connection.sendCopyFromChunk(this.#data.subarray(at, at + chunkBytes))
    }
    connection.endCopyFrom()
  }
}

/** The text format: tabs between cells, `\N` for null, backslashes before what would be mistaken. */
export function encodeRows(rows: Iterable<readonly Cell[]>): Buffer {
  const lines: string[] = []
  for (const row of rows) lines.push(`${row.map(encodeCell).join('\t')}\n`)
  return Buffer.from(lines.join(''))
}

const escapes: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' }

function encodeCell(cell: Cell): string {
  if (cell === null) return String.raw`\N`
  return typeof cell === 'number' ? String(cell) : cell.replace(/[\\\t\n\r]/g, (found) => escapes[found]!)
}
