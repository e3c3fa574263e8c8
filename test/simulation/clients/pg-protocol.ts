/** PostgreSQL's protocol of version 3, as far as a client needs it that sends simple queries. */

export interface PgReply {
  readonly rows: (string | null)[][]
  readonly tag: string
  /** How often a portal has stopped at its limit. */
  readonly suspended: number
  readonly error: { readonly code: string; readonly message: string } | undefined
}

export function encodeStartup(user: string, database: string): Buffer {
  const parameters = Buffer.from(`user\0${user}\0database\0${database}\0\0`)
  const message = Buffer.alloc(8 + parameters.length)
  message.writeInt32BE(message.length, 0)
  message.writeInt32BE(196_608, 4)
  message.set(parameters, 8)
  return message
}

export function encodeQuery(sql: string): Buffer {
  const text = Buffer.from(`${sql}\0`)
  const message = Buffer.alloc(5 + text.length)
  message[0] = 0x51
  message.writeInt32BE(4 + text.length, 1)
  message.set(text, 5)
  return message
}

/** A statement executed with a limit so many times, and Sync. */
export function encodePages(sql: string, limit: number, times: number): Buffer {
  const execute = Buffer.alloc(5)
  execute.writeInt32BE(limit, 1)
  return Buffer.concat([
    framed('P', Buffer.from(`\0${sql}\0\0\0`)),
    framed('B', Buffer.alloc(8)),
    ...Array.from({ length: times }, () => framed('E', execute)),
    framed('S', Buffer.alloc(0)),
  ])
}

function framed(type: string, body: Buffer): Buffer {
  const head = Buffer.from(`${type}\0\0\0\0`)
  head.writeInt32BE(4 + body.length, 1)
  return Buffer.concat([head, body])
}

/** Everything up to and with ReadyForQuery is one reply, the answer to the startup packet included. */
export function decodePgReply(bytes: Buffer): { reply: PgReply; length: number } | undefined {
  const rows: (string | null)[][] = []
  let tag = ''
  let suspended = 0
  let error: PgReply['error']
  for (let at = 0; at + 5 <= bytes.length;) {
    const end = at + 1 + bytes.readInt32BE(at + 1)
    if (end > bytes.length) return undefined
    const body = bytes.subarray(at + 5, end)
    const type = String.fromCharCode(bytes[at]!)
    if (type === 'D') rows.push(decodeRow(body))
    else if (type === 'C') tag = body.toString('utf8', 0, body.length - 1)
    else if (type === 's') suspended++
    else if (type === 'E') error ??= decodeError(body)
    else if (type === 'Z') return { reply: { rows, tag, suspended, error }, length: end }
    at = end
  }
  return undefined
}

function decodeRow(body: Buffer): (string | null)[] {
  const row: (string | null)[] = []
  let at = 2
  for (let left = body.readInt16BE(0); left > 0; left--) {
    const size = body.readInt32BE(at)
    at += 4
    row.push(size < 0 ? null : body.toString('utf8', at, at + size))
    at += Math.max(0, size)
  }
  return row
}

function decodeError(body: Buffer): { code: string; message: string } {
  const fields = new Map<string, string>()
  for (let at = 0; body[at] !== 0 && at < body.length;) {
    const end = body.indexOf(0, at + 1)
    fields.set(String.fromCharCode(body[at]!), body.toString('utf8', at + 1, end))
    at = end + 1
  }
  return { code: fields.get('C') ?? '', message: fields.get('M') ?? '' }
}
