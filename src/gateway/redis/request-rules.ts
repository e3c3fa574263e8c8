/** Which commands are taken when: before a login, between MULTI and EXEC, by who listens. And what a browser sends. */
import { type ErrorCode, PolylogError } from '../../base/errors.ts'
import type { Role } from '../../principal/roles.ts'
import { CommandError } from './errors.ts'

/** Run at once also between MULTI and EXEC. */
export const immediate: ReadonlySet<string> = new Set(['multi', 'exec', 'discard', 'watch', 'quit', 'reset'])

/** What may be asked before it is known who asks. */
export const beforeLogin: ReadonlySet<string> = new Set(['auth', 'hello', 'quit', 'reset'])

/** What a browser sends when a page makes it talk to us; Redis closes such connections, too. */
export const httpWords: ReadonlySet<string> = new Set(['post', 'host:'])

/** What a client has brought about by what it sent last. */
export const tellsOfRequest: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'internal',
  'out_of_memory',
  'too_large',
  'too_many_connections',
])

/** As in Redis: who says nothing is the user `default`, where that needs no password. */
export function isOpenToAll(role: Role | undefined): boolean {
  return role?.login === true && role.redis?.isOpen === true
}

/** With RESP2, while it listens to anything. */
const whileListening: ReadonlySet<string> = new Set(
  'ping subscribe unsubscribe psubscribe punsubscribe ssubscribe sunsubscribe quit reset'.split(' '),
)

/** Why who listens may not send it; undefined: it may. */
export function refusalWhileListening(name: string): CommandError | undefined {
  if (whileListening.has(name)) return undefined
  const prefix = name === 'exec' ? 'EXECABORT Transaction discarded because of:' : 'ERR'
  return new CommandError(
    `${prefix} Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`,
  )
}

/** Of a command that took longer than `statement_timeout`. */
export function worded(error: unknown): unknown {
  if (!(error instanceof PolylogError) || error.code !== 'canceled') return error
  return new PolylogError('timeout', 'canceling statement due to statement timeout', { cause: error })
}
