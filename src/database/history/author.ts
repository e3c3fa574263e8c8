/**
 * Who made a transaction, as its record in the log says: each session that ran a statement of it, in the order in which they
 * came. `docs/log-format.md` has the bytes:
 *
 *   author   := form u8 (1) · session …        empty: nobody's session, as of the server's own work
 *   session  := door u8 · varint number of the session in its process · varint number of its role + 1, 0 where nobody is asked
 *
 * Records of earlier versions hold the key of a retried write there, which begins with another byte.
 */
import { type Slice, sliceOf } from '../../base/slice.ts'
import { readVarint, varintSize, writeVarint } from '../../log/varint.ts'

/** The numbers are on people's disks. */
const doors = new Map([
  ['library', 1],
  ['postgres', 2],
  ['redis', 3],
  ['mongodb', 4],
  ['replication', 5],
])
const otherDoor = 0
const form = 1
/** More take no part: whoever reads it sees the first ones. */
export const longestAuthor = 255

export interface AuthorSession {
  /** Undefined: none that this version knows by name. */
  readonly door: string | undefined
  readonly session: number
  readonly roleId: number | undefined
}

/** Of one session. */
export function encodeAuthor(door: string, session: number, roleId: number | undefined): Uint8Array {
  const role = roleId === undefined ? 0 : roleId + 1
  const bytes = new Uint8Array(2 + varintSize(session) + varintSize(role))
  bytes[0] = form
  bytes[1] = doors.get(door) ?? otherDoor
  writeVarint(bytes, writeVarint(bytes, 2, session), role)
  return bytes
}

/** `second` is of one session. Both, unless the second one is among the first ones already, or there is no room. */
export function joinAuthors(first: Uint8Array, second: Uint8Array): Uint8Array {
  const [added] = decodeAuthor(sliceOf(second))
  const isKnown = decodeAuthor(sliceOf(first)).some(
    ({ door, session }) => door === added?.door && session === added?.session,
  )
  if (isKnown || first.length + second.length - 1 > longestAuthor) return first
  const both = new Uint8Array(first.length + second.length - 1)
  both.set(first)
  both.set(second.subarray(1), first.length)
  return both
}

/** Nothing of what is not in this form. */
export function decodeAuthor({ bytes, start, end }: Slice): AuthorSession[] {
  const sessions: AuthorSession[] = []
  if (start === end || bytes[start] !== form) return sessions
  let at = start + 1
  const number = (): number => {
    const value = readVarint(bytes, at, end)
    at += value < 0 ? 0 : varintSize(value)
    return value
  }
  while (at < end) {
    const code = bytes[at++]!
    const session = number()
    const role = number()
    if (session < 0 || role < 0) return sessions
    const door = [...doors].find(([, one]) => one === code)?.[0]
    sessions.push({ door, session, roleId: role === 0 ? undefined : role - 1 })
  }
  return sessions
}
