/**
 * Whether two replies are the same, with regard to what Redis leaves open: the order of what has none, random choices, the
 * time that passes between two servers, and numbers of clients.
 */
import { isKnownDifference } from './known-differences.ts'
import { renderReply, type Reply } from './reply.ts'

/**
 * - `unordered`: the same items in any order
 * - `pairs`: the same pairs of items in any order
 * - `random`: as many items of the same types
 * - `type`: the same type
 * - `id`: the item after `id` is any integer
 * - `clock`: moments, how long ago they were, and the nodes in which Redis keeps a stream may differ
 * - a number: integers above 0 may differ by it
 */
type Rule = 'exact' | 'clock' | 'unordered' | 'pairs' | 'random' | 'type' | 'id' | number

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['keys', 'unordered'],
  ['smembers', 'unordered'],
  ['sunion', 'unordered'],
  ['sinter', 'unordered'],
  ['sdiff', 'unordered'],
  ['hkeys', 'unordered'],
  ['hvals', 'unordered'],
  ['hgetall', 'pairs'],
  ['randomkey', 'random'],
  ['srandmember', 'random'],
  ['hrandfield', 'random'],
  ['zrandmember', 'random'],
  ['spop', 'random'],
  ['scan', 'type'],
  ['hscan', 'type'],
  ['sscan', 'type'],
  ['zscan', 'type'],
  ['info', 'type'],
  ['time', 'random'],
  ['role', 'random'],
  ['object encoding', 'type'],
  ['object refcount', 'type'],
  ['lastsave', 'type'],
  ['slowlog len', 'type'],
  ['slowlog get', 'type'],
  ['hello', 'id'],
  ['client id', 'type'],
  ['client info', 'type'],
  ['client list', 'type'],
  ['xpending', 'clock'],
  ['xinfo consumers', 'clock'],
  ['xinfo stream', 'clock'],
  ['ttl', 1],
  ['expiretime', 1],
  ['pttl', 1000],
  ['pexpiretime', 1000],
])

export function ruleOf(args: readonly Buffer[]): Rule {
  const name = args[0]?.toString('latin1').toLowerCase() ?? ''
  const sub = args[1]?.toString('latin1').toLowerCase() ?? ''
  return rules.get(name) ?? rules.get(`${name} ${sub}`) ?? 'exact'
}

export function sameReply(a: Reply, b: Reply, rule: Rule): boolean {
  if (renderReply(a) === renderReply(b)) return true
  if (rule === 'exact' || a.type !== b.type || a.type === '-') return false
  if (rule === 'type') return true
  if (typeof rule === 'number') return isNear(a, b, rule)
  if (rule === 'random') return sameShape(a, b)
  if (rule === 'clock') return withoutClock(a) === withoutClock(b)
  if (a.items === undefined || b.items === undefined) return false
  if (rule === 'id') return sameItems(withoutId(a.items), withoutId(b.items))
  const size = rule === 'pairs' ? 2 : 1
  return sameItems(sortedItems(a.items, size), sortedItems(b.items, size))
}

/** Of what is pending, the third item is how long it was so. */
function withoutClock(reply: Reply): string {
  return renderReply(reply)
    .replace(/(\$"(?:idle|radix-tree-keys|radix-tree-nodes)") :"\d+"/g, '$1 :')
    .replace(/(\*\[\$"\d+-\d+" \$"(?:[^"\\]|\\.)*") :"\d+"/g, '$1 :')
    .replace(/:"\d{13}"/g, ':')
}

/** Both expire, at nearly the same time. */
function isNear(a: Reply, b: Reply, tolerance: number): boolean {
  const [one, other] = [Number(a.text), Number(b.text)]
  return one >= 0 && other >= 0 && Math.abs(one - other) <= tolerance
}

function sameShape(a: Reply, b: Reply): boolean {
  if (a.type !== b.type || (a.items === undefined) !== (b.items === undefined)) return false
  if (a.items === undefined || b.items === undefined) return (a.text === undefined) === (b.text === undefined)
  return a.items.length === b.items.length && a.items.every((item, at) => sameShape(item, b.items![at]!))
}

function sameItems(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, at) => item === b[at])
}

function withoutId(items: readonly Reply[]): string[] {
  return items.map((item, at) => (items[at - 1]?.text === 'id' && item.type === ':' ? 'id' : renderReply(item)))
}

export function sortedItems(items: readonly Reply[], size: number): string[] {
  const groups: string[] = []
  for (let at = 0; at < items.length; at += size) {
    groups.push(
      items
        .slice(at, at + size)
        .map(renderReply)
        .join(' '),
    )
  }
  return groups.sort()
}

/** Knows which commands a client has queued since MULTI, so that the replies of EXEC are compared by their rules. */
export class Block {
  #queued: (readonly Buffer[])[] = []

  /** `expected` is what Redis said to `args`. */
  same(args: readonly Buffer[], expected: Reply, actual: Reply): boolean {
    const name = args[0]?.toString('latin1').toLowerCase()
    if (expected.type === '+' && expected.text === 'QUEUED') this.#queued.push(args)
    else if (name === 'exec' && expected.items !== undefined) return this.#sameBlock(expected, actual)
    else if ((name === 'multi' && expected.type === '+') || name === 'discard' || name === 'exec' || name === 'reset')
      this.#queued = []
    return matches(args, expected, actual)
  }

  #sameBlock(expected: Reply, actual: Reply): boolean {
    const queued = this.#queued
    this.#queued = []
    if (expected.type !== actual.type || expected.items?.length !== actual.items?.length) return false
    return expected.items!.every((item, at) => matches(queued[at] ?? [], item, actual.items![at]!))
  }
}

/** A positive count asks for different elements. */
function repeats(args: readonly Buffer[], { items }: Reply): boolean {
  if (items === undefined || args.length !== 3 || !(Number(args[2]) > 0)) return false
  return new Set(items.map(renderReply)).size < items.length
}

function matches(args: readonly Buffer[], expected: Reply, actual: Reply): boolean {
  if (ruleOf(args) === 'random' && repeats(args, actual)) return false
  return sameReply(expected, actual, ruleOf(args)) || isKnownDifference(args, expected, actual)
}
