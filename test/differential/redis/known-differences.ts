/**
 * Where Polylog answers differently on purpose. The list is short, and each entry says why. What programs do not try for the
 * same reason:
 * - limits of size: a request of more than 1,048,576 arguments, a string of more than 64 MB, a pattern of more than 4 KB
 * - DBSIZE before anybody has looked at a key whose time is over: Redis still counts it
 * - zero bytes in an inline command or in a line that holds a length: Redis finds no end of the line behind them
 * - ranges by member over members of different scores, whose result Redis leaves open
 */
import { renderReply, type Reply } from './reply.ts'

interface KnownDifference {
  readonly reason: string
  readonly matches: (name: string, args: readonly Buffer[], expected: Reply, actual: Reply) => boolean
}

export const knownDifferences: readonly KnownDifference[] = [
  {
    reason: 'without credentials, any name and password are right, and no user of Redis is known',
    matches: (name, _args, expected) => name === 'auth' && expected.text?.startsWith('WRONGPASS') === true,
  },
  {
    reason: 'a rank of -2^63 has no positive counterpart, and Redis takes it for one that is found at once',
    matches: (name, args) => name === 'lpos' && args.some((arg) => arg.toString('latin1') === '-9223372036854775808'),
  },
  {
    reason: 'a rank with its score is of Redis 7.2',
    matches: (name, args) => (name === 'zrank' || name === 'zrevrank') && args.length === 4,
  },
  {
    reason: 'a score of -0 is 0, as in Redis for sorted sets that are small',
    matches: (name, _args, expected, actual) => name.startsWith('z') && withoutSign(expected) === withoutSign(actual),
  },
]

function withoutSign(reply: Reply): string {
  return renderReply(reply).replace(/(?<=[$,]")-0(?=")/g, '0')
}

export function isKnownDifference(args: readonly Buffer[], expected: Reply, actual: Reply): boolean {
  const name = args[0]?.toString('latin1').toLowerCase() ?? ''
  return knownDifferences.some((known) => known.matches(name, args, expected, actual))
}
