/**
 * What Redis calls that which a command does to a key, and the class of such events (`notify-keyspace-events`).
 *
 * Most events are called as their command. The tables have the others; what a command did to each of its keys is seen by what it
 * touched (`Outcome`), so that a command which changes nothing tells nothing.
 */
import type { KeyTouch } from '../../../database/messages/effects.ts'
import { sliceToLatin1 } from '../../../base/slice.ts'
import { kind } from '../../../model/keyvalue/codec.ts'
import type { Command } from '../command-table.ts'
import type { Arguments } from '../wire.ts'

/** `K` and `E` are no classes, but where events are told. */
export type EventClass = 'g' | '$' | 'l' | 's' | 'h' | 'z' | 't' | 'x' | 'e' | 'm' | 'n'

export interface KeyEvent {
  readonly name: string
  readonly of: EventClass
}

/** What one command has done to one key. */
export interface Outcome {
  readonly keyspace: number
  readonly key: Uint8Array
  /** It was there before. */
  existed: boolean
  exists: boolean
  /** Its value was changed. */
  isChanged: boolean
  hasExpired: boolean
  /** One of its groups has got a consumer. */
  hasConsumer: boolean
  kind: number
}

/** In the order in which the keys were touched first. */
export function outcomesOf(touches: readonly KeyTouch[]): Outcome[] {
  const found = new Map<string, Outcome>()
  for (const { keyspace, key, change, isNew, kind: of } of touches) {
    if (key === undefined) continue
    const id = `${keyspace} ${sliceToLatin1({ bytes: key, start: 0, end: key.length })}`
    let outcome = found.get(id)
    if (outcome === undefined) {
      const existed = change !== 'expired' && !isNew
      outcome = {
        keyspace,
        key,
        existed,
        exists: existed,
        isChanged: false,
        hasExpired: false,
        hasConsumer: false,
        kind: of,
      }
      found.set(id, outcome)
    }
    if (change === 'expired') outcome.hasExpired = true
    else if (change === 'consumer') outcome.hasConsumer = true
    else if (change !== 'expiry') outcome.isChanged = true
    outcome.exists = change !== 'removed' && change !== 'expired'
    outcome.kind = of
  }
  return [...found.values()]
}

const ofGroup: Readonly<Record<string, EventClass>> = {
  string: '$',
  bitmap: '$',
  hyperloglog: '$',
  list: 'l',
  set: 's',
  hash: 'h',
  'sorted-set': 'z',
  geo: 'z',
  stream: 't',
}

const generic: ReadonlySet<string> = new Set(
  'del expire persist rename_from rename_to move_from move_to copy_to restore'.split(' '),
)

const called: Readonly<Record<string, string>> = {
  setnx: 'set',
  setex: 'set',
  psetex: 'set',
  mset: 'set',
  msetnx: 'set',
  getset: 'set',
  bitop: 'set',
  bitfield: 'setbit',
  pfmerge: 'pfadd',
  incr: 'incrby',
  decr: 'incrby',
  decrby: 'incrby',
  hmset: 'hset',
  hsetnx: 'hset',
  hpexpire: 'hexpire',
  hexpireat: 'hexpire',
  hpexpireat: 'hexpire',
  lpushx: 'lpush',
  rpushx: 'rpush',
  blpop: 'lpop',
  brpop: 'rpop',
  geoadd: 'zadd',
  zincrby: 'zincr',
  bzpopmin: 'zpopmin',
  bzpopmax: 'zpopmax',
  georadius: 'georadiusstore',
  georadiusbymember: 'georadiusstore',
  sort: 'sortstore',
  copy: 'copy_to',
  rename: 'rename_to',
  renamenx: 'rename_to',
  move: 'move_to',
  pexpire: 'expire',
  expireat: 'expire',
  pexpireat: 'expire',
  getex: 'expire',
}

/** Of which the key goes, and nothing else is told. */
const removing: ReadonlySet<string> = new Set(
  'del unlink getdel expire pexpire expireat pexpireat getex bitop sort georadius georadiusbymember restore'.split(' '),
)

/** They change a stream's groups, of which nothing is told but a new consumer. */
const ofGroups: ReadonlySet<string> = new Set(['xreadgroup', 'xclaim', 'xautoclaim', 'xack'])

/** PERSIST. */
const longestWord = 7

function hasOption(args: Arguments, first: number, words: readonly string[]): boolean {
  for (let at = first; at < args.count; at++) {
    const { bytes, start, end } = args.at(at)
    if (end - start <= longestWord && words.includes(sliceToLatin1({ bytes, start, end }).toUpperCase())) return true
  }
  return false
}

export function isKey(args: Arguments, position: number, key: Uint8Array): boolean {
  const { bytes, start, end } = args.at(position)
  return Buffer.compare(bytes.subarray(start, end), key) === 0
}

type Told = (command: Command, args: Arguments, outcome: Outcome) => readonly string[]

/** What takes elements away: and with the last one the key. */
function taken(name: string, { exists }: Outcome): readonly string[] {
  return exists ? [name] : [name, 'del']
}

/** From one list to another, or within one. */
function moved(from: (args: Arguments) => boolean, to: (args: Arguments) => boolean): Told {
  return (_command, args, outcome) => {
    const events: string[] = []
    if (isKey(args, 2, outcome.key)) events.push(to(args) ? 'lpush' : 'rpush')
    if (isKey(args, 1, outcome.key)) events.push(...taken(from(args) ? 'lpop' : 'rpop', outcome))
    return events
  }
}

const isLeft = (position: number) => (args: Arguments) => hasOption(oneOf(args, position), 0, ['LEFT'])

function oneOf(args: Arguments, position: number): Arguments {
  const { bytes, start, end } = args.at(position)
  const one = args.copy(args.count)
  one.add(bytes, start, end)
  return one
}

const right = (): boolean => false
const left = (): boolean => true

const special: Readonly<Record<string, Told>> = {
  set: (_command, args) => (hasOption(args, 3, ['EX', 'PX', 'EXAT', 'PXAT']) ? ['set', 'expire'] : ['set']),
  setex: () => ['set', 'expire'],
  psetex: () => ['set', 'expire'],
  zadd: (_command, args) => [hasOption(args, 2, ['INCR']) ? 'zincr' : 'zadd'],
  getex: (_command, args, { exists }) => (exists ? [hasOption(args, 2, ['PERSIST']) ? 'persist' : 'expire'] : ['del']),
  rename: (_command, args, outcome) => [isKey(args, 2, outcome.key) ? 'rename_to' : 'rename_from'],
  renamenx: (_command, args, outcome) => [isKey(args, 2, outcome.key) ? 'rename_to' : 'rename_from'],
  move: (_command, _args, { exists }) => [exists ? 'move_to' : 'move_from'],
  smove: (_command, args, outcome) => (isKey(args, 1, outcome.key) ? taken('srem', outcome) : ['sadd']),
  lmove: moved(isLeft(3), isLeft(4)),
  blmove: moved(isLeft(3), isLeft(4)),
  rpoplpush: moved(right, left),
  brpoplpush: moved(right, left),
  lmpop: (_command, args, outcome) => taken(hasOption(args, 3, ['LEFT']) ? 'lpop' : 'rpop', outcome),
  blmpop: (_command, args, outcome) => taken(hasOption(args, 4, ['LEFT']) ? 'lpop' : 'rpop', outcome),
  zmpop: (_command, args, outcome) => taken(hasOption(args, 3, ['MIN']) ? 'zpopmin' : 'zpopmax', outcome),
  bzmpop: (_command, args, outcome) => taken(hasOption(args, 4, ['MIN']) ? 'zpopmin' : 'zpopmax', outcome),
  xadd: (_command, args) => (hasOption(args, 2, ['MAXLEN', 'MINID']) ? ['xadd', 'xtrim'] : ['xadd']),
}

function namesOf(command: Command, args: Arguments, outcome: Outcome): readonly string[] {
  const { name } = command
  if (ofGroups.has(name)) return outcome.hasConsumer ? ['xgroup-createconsumer'] : []
  const told = special[name]
  if (told !== undefined) return told(command, args, outcome)
  const own = called[name] ?? name.replace('|', '-')
  if (outcome.exists) return [own]
  return removing.has(name) || own.endsWith('store') ? ['del'] : [own, 'del']
}

function classOf(name: string, command: Command): EventClass {
  if (generic.has(name)) return 'g'
  if (name === 'sortstore') return 'l'
  return ofGroup[command.facts.group] ?? 'g'
}

const expired: KeyEvent = { name: 'expired', of: 'x' }
const made: KeyEvent = { name: 'new', of: 'n' }

/** What was there is taken away before. */
export const toldAsNew: ReadonlySet<string> = new Set(['rename', 'renamenx', 'move', 'copy'])

/** By a command of this door. */
export function eventsOfCommand(command: Command, args: Arguments, outcome: Outcome): readonly KeyEvent[] {
  const events: KeyEvent[] = outcome.hasExpired ? [expired] : []
  if (outcome.hasExpired && !outcome.exists && !outcome.isChanged) return events
  if (outcome.exists && (!outcome.existed || toldAsNew.has(command.name))) events.push(made)
  for (const name of namesOf(command, args, outcome)) events.push({ name, of: classOf(name, command) })
  return events
}

const written: ReadonlyMap<number, KeyEvent> = new Map<number, KeyEvent>([
  [kind.string, { name: 'set', of: '$' }],
  [kind.hash, { name: 'hset', of: 'h' }],
  [kind.list, { name: 'rpush', of: 'l' }],
  [kind.set, { name: 'sadd', of: 's' }],
  [kind.sortedSet, { name: 'zadd', of: 'z' }],
])

const shrunk: ReadonlyMap<number, KeyEvent> = new Map<number, KeyEvent>([
  [kind.hash, { name: 'hdel', of: 'h' }],
  [kind.list, { name: 'lrem', of: 'l' }],
  [kind.set, { name: 'srem', of: 's' }],
  [kind.sortedSet, { name: 'zrem', of: 'z' }],
])

/** By another door, or by the server itself: the nearest that there is. */
export function eventsOfTouch({ change, kind: of, isNew }: KeyTouch): readonly KeyEvent[] {
  if (change === 'expired') return [expired]
  if (change === 'evicted') return [{ name: 'evicted', of: 'e' }]
  if (change === 'removed') return [{ name: 'del', of: 'g' }]
  if (change === 'lapsed') return [{ name: 'hexpired', of: 'h' }]
  if (change === 'expiry') return [{ name: 'expire', of: 'g' }]
  if (change === 'consumer') return [{ name: 'xgroup-createconsumer', of: 't' }]
  const event = (change === 'shrunk' ? shrunk : written).get(of) ?? { name: 'xadd', of: 't' }
  return isNew ? [made, event] : [event]
}
