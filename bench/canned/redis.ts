/**
 * The ceiling that Node sets for RESP: a server that counts the commands in what it receives and answers each with the
 * same bytes. It does what no server can do without: reads chunks, finds where commands end, writes once per chunk.
 */
import { serveCanned } from './serve.ts'

const reply = Buffer.from(process.argv[2] === 'get' ? `$64\r\n${'x'.repeat(64)}\r\n` : '+OK\r\n')
const replies = new Map<number, Buffer>()

function repliesFor(count: number): Buffer | undefined {
  if (count === 0) return undefined
  let bytes = replies.get(count)
  if (bytes === undefined) {
    bytes = Buffer.concat(Array.from({ length: count }, () => reply))
    replies.set(count, bytes)
  }
  return bytes
}

/** Commands that begin in the chunk: `*` behind a line's end, or first. Good enough for redis-benchmark's values. */
function countCommands(bytes: Buffer, end: number): number {
  let count = 0
  for (let at = bytes.indexOf(42); at >= 0 && at < end; at = bytes.indexOf(42, at + 1)) {
    if (at === 0 || bytes[at - 1] === 10) count++
  }
  return count
}

serveCanned(() => (bytes, end) => ({ reply: repliesFor(countCommands(bytes, end)), rest: end }))
