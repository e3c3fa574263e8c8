/** A request as it may be shown to others: in the slow log, to monitors. Passwords are left out, and what is long is cut, as in Redis. */
import { sliceOf, type Slice } from '../../base/slice.ts'
import type { Arguments } from './wire.ts'

const mostShown = 32
const mostBytes = 128

const secretParameters: ReadonlySet<string> = new Set(['masterauth', 'masteruser', 'requirepass'])

function word(args: Arguments, at: number): string {
  const { bytes, start, end } = args.at(at)
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.min(end - start, 64))
    .toString('latin1')
    .toLowerCase()
}

/** Whether the argument there is nobody's to read but its sender's. `name`: of the command. */
export function isSecret(name: string, args: Arguments, at: number): boolean {
  switch (name) {
    case 'auth':
      return at > 0
    case 'acl|setuser':
    case 'acl|deluser':
    case 'acl|getuser':
      return at > 1
    case 'config|set':
      return at > 2 && at % 2 === 1 && secretParameters.has(word(args, at - 1))
    case 'hello':
      return at > 2 && (word(args, at - 1) === 'auth' || word(args, at - 2) === 'auth')
    case 'migrate':
      return at > 6 && (/^auth2?$/.test(word(args, at - 1)) || word(args, at - 2) === 'auth2')
    default:
      return false
  }
}

export function shownArguments(name: string, args: Arguments): Slice[] {
  const count = Math.min(args.count, mostShown)
  const isCut = args.count > mostShown
  const shown: Slice[] = []
  for (let at = 0; at < count; at++) {
    if (isCut && at === mostShown - 1) shown.push(text(`... (${args.count - mostShown + 1} more arguments)`))
    else shown.push(isSecret(name, args, at) ? text('(redacted)') : shortened(args.at(at)))
  }
  return shown
}

function text(words: string): Slice {
  return sliceOf(Buffer.from(words))
}

/** A copy. */
function shortened({ bytes, start, end }: Slice): Slice {
  const kept = Buffer.from(bytes.slice(start, Math.min(end, start + mostBytes)))
  if (end - start <= mostBytes) return sliceOf(kept)
  return sliceOf(Buffer.concat([kept, Buffer.from(`... (${end - start - mostBytes} more bytes)`)]))
}
