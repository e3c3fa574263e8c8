/** What locks and those who hold them are called, in names and in what is told of them. */
import { latin1ToBytes, sliceOf } from '../../base/slice.ts'
import { keyspaceOf } from '../../base/tuple.ts'
import type { LockOwner } from './locks.ts'

const ends = '\xffend '

/** The name of a lock of its holder's end, made for the first who waits for that. */
export function endOf({ id }: LockOwner): string {
  return `${ends}${id}`
}

export function isEnd(name: string): boolean {
  return name.startsWith(ends)
}

/** Of a namespace, of a collection, of a schema: keys begin with less. */
export function isName(key: string): boolean {
  return key.startsWith('\xff')
}

export function sessionOf({ principal }: LockOwner): number {
  return principal?.sessionId ?? 0
}

/** From `waiter` on, each waiting for the next, and the last one for `waiter`, of which `end` is a part. */
export function wayTo(
  end: LockOwner,
  waiter: LockOwner,
  from: ReadonlyMap<LockOwner, LockOwner>,
): readonly LockOwner[] {
  const way: LockOwner[] = []
  for (let at = from.get(end)!; at !== waiter; at = from.get(at)!) way.unshift(at)
  return [waiter, ...way]
}

export function nameOf(owner: LockOwner): string {
  const session = sessionOf(owner)
  if (owner.isSession === true) return `session ${session}`
  return session === 0 ? `transaction ${owner.id}` : `session ${session} (transaction ${owner.id})`
}

export function shownKey(key: string): string {
  if (!isName(key)) return `a key of collection ${keyspaceOf(sliceOf(latin1ToBytes(key)))}`
  const [what = '', ...rest] = key.slice(1).split(' ')
  if (what === 'schema') return `collection ${rest.join(' ')}`
  if (what === 'end') return `the end of transaction ${rest.join(' ')}`
  return what === 'advisory' ? `the advisory lock ${rest.join(', ')}` : 'a name'
}
