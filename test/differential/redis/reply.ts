/** Replies of RESP2 and RESP3 as a client reads them. */
export interface Reply {
  /** The first byte: `+`, `-`, `:`, `$`, `*`, `_`, `,`, `#`, `(`, `!`, `=`, `%`, `~`, `>`. */
  readonly type: string
  /** Of everything that is no aggregate; undefined is null. */
  readonly text: string | undefined
  /** Of an aggregate; keys and values of a map in turn. */
  readonly items: readonly Reply[] | undefined
}

export interface ReadReply {
  readonly reply: Reply
  readonly end: number
}

const bulkTypes = '$=!'
const aggregateTypes = '*~%>'

/** The reply that begins at `at`; undefined where it is not complete. */
export function readReply(bytes: Buffer, at: number): ReadReply | undefined {
  const lineEnd = bytes.indexOf('\r\n', at, 'latin1')
  if (lineEnd < 0) return undefined
  const type = String.fromCharCode(bytes[at]!)
  const line = bytes.toString('latin1', at + 1, lineEnd)
  const next = lineEnd + 2
  if (bulkTypes.includes(type)) return readBulk(bytes, next, type, Number(line))
  if (aggregateTypes.includes(type)) return readItems(bytes, next, type, Number(line))
  return { reply: { type, text: type === '_' ? undefined : line, items: undefined }, end: next }
}

function readBulk(bytes: Buffer, start: number, type: string, length: number): ReadReply | undefined {
  if (length < 0) return { reply: { type, text: undefined, items: undefined }, end: start }
  const end = start + length
  if (bytes.length < end + 2) return undefined
  return { reply: { type, text: bytes.toString('latin1', start, end), items: undefined }, end: end + 2 }
}

function readItems(bytes: Buffer, start: number, type: string, length: number): ReadReply | undefined {
  if (length < 0) return { reply: { type, text: undefined, items: undefined }, end: start }
  const items: Reply[] = []
  let at = start
  for (let left = type === '%' ? 2 * length : length; left > 0; left--) {
    const item = readReply(bytes, at)
    if (item === undefined) return undefined
    items.push(item.reply)
    at = item.end
  }
  return { reply: { type, text: undefined, items }, end: at }
}

/** Different for different replies. */
export function renderReply({ type, text, items }: Reply): string {
  if (items !== undefined) return `${type}[${items.map(renderReply).join(' ')}]`
  return text === undefined ? `${type}null` : `${type}${JSON.stringify(text)}`
}
