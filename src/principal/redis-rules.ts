/**
 * What a role has that Redis's door alone knows, kept with the role.
 *
 *   commands    narrow what it may send there, in order: `-@all`, `+get`; left out: nothing does
 *   keys        as they were said; what they give lies in the access lists, and counts at every door
 *   channels    narrow which it may use there; left out: all
 *   hashes      SHA-256 of further passwords, right at that door beside the role's own
 *   isOpen      any password is right at that door
 */
import { timingSafeEqual } from 'node:crypto'
import { sha256 } from './secret.ts'

export interface RedisRules {
  readonly commands?: readonly string[]
  readonly keys?: readonly KeyRule[]
  readonly channels?: readonly string[]
  /** Hexadecimal digits, lower case. */
  readonly hashes?: readonly string[]
  readonly isOpen?: boolean
}

export interface KeyRule {
  readonly reads: boolean
  readonly writes: boolean
  readonly pattern: string
}

/** Somebody can come in by it. */
export function letsIn(rules: RedisRules | null): boolean {
  return rules?.isOpen === true || (rules?.hashes ?? []).length > 0
}

/** Takes as long whichever of them it is, or none. */
export function isRightAtRedis(rules: RedisRules | null, password: string): boolean {
  const digest = sha256(Buffer.from(password))
  let isRight = rules?.isOpen === true
  for (const hash of rules?.hashes ?? []) {
    const isThis = timingSafeEqual(digest, Buffer.from(hash, 'hex'))
    isRight ||= isThis
  }
  return isRight
}
