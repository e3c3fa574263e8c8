/**
 * The command table: what `commands.json` says of each command, joined with its handler. Arity checks, COMMAND and its
 * subcommands, and what may be queued or runs read-only, all come from here.
 */
import type { Slice } from '../../base/slice.ts'
import { noPrivileges, privilege, type Privileges } from '../../database/access/privileges.ts'
import { parseInt64 } from '../../model/keyvalue/integer-text.ts'
import type { ConnectionHandler, DataHandler } from './call.ts'
import facts from './commands.json' with { type: 'json' }
import { CommandError, wrongArity } from './errors.ts'
import { decodeShown } from './shown-bytes.ts'
import { CommandUsage } from './usage.ts'
import type { Arguments } from './wire.ts'

/** As Redis describes its commands: a negative arity is a minimum; `last` −1 is the last argument. */
export interface CommandFacts {
  readonly name: string
  readonly arity: number
  readonly flags: readonly string[]
  readonly first: number
  readonly last: number
  readonly step: number
  readonly group: string
  readonly since: string
  readonly summary: string
  /** Redis's ACL categories, without their `@`. */
  readonly categories: readonly string[]
  /** Where clients of a cluster send it, how they put the replies together, and what of a reply is by chance. */
  readonly tips?: readonly string[]
  readonly keys?: readonly KeySpecification[]
  readonly channels?: ChannelSpecification
  readonly subcommands?: readonly SubcommandFacts[]
}

/**
 * Which arguments are keys, and what becomes of them, in Redis's words: `access` reads the value, `insert`, `update` and
 * `delete` change it; `RM` takes the key away. Either from `at` on to the argument `last` places behind it (negative: counted
 * from the end), or as many behind `countAt` as stand there, or the argument behind the option `keyword`; behind STREAMS, the first
 * half of what stands there.
 */
export interface KeySpecification {
  readonly flags: readonly string[]
  readonly at?: number
  readonly last?: number
  readonly step?: number
  readonly countAt?: number
  /** With it, `at` is where Redis begins to look for it. */
  readonly keyword?: string
  /** The number may be zero. */
  readonly mayBeNone?: boolean
}

/** Which arguments are channels that the caller must be allowed, from `at` on as of keys, or patterns of such. */
export interface ChannelSpecification {
  readonly at: number
  readonly last: number
  readonly arePatterns?: boolean
}

export interface SubcommandFacts {
  /** `client|id` */
  readonly name: string
  readonly arity: number
  readonly flags: readonly string[]
  readonly since: string
  readonly summary: string
  readonly categories: readonly string[]
  readonly tips?: readonly string[]
  readonly first?: number
  readonly last?: number
  readonly step?: number
  readonly keys?: readonly KeySpecification[]
}

export interface Handlers {
  readonly data: Readonly<Record<string, DataHandler>>
  readonly connection: Readonly<Record<string, ConnectionHandler>>
}

/** What these have done to the connection stays, whatever the client is told of it; EXEC's does where one is among its. */
const lasting: ReadonlySet<string> = new Set([
  'select',
  'hello',
  'auth',
  'reset',
  'discard',
  'exec',
  'watch',
  'unwatch',
  'subscribe',
  'unsubscribe',
  'psubscribe',
  'punsubscribe',
  'ssubscribe',
  'sunsubscribe',
  'polylog.asof',
  'polylog.begin',
  'polylog.join',
  'polylog.rollback',
  'polylog.durability',
  'polylog.use',
])

/** Beside those that name keys up to the last argument, or say how many: what they are given is as long as one likes. */
const takeElements: ReadonlySet<string> = new Set(
  (
    'unsubscribe punsubscribe subscribe psubscribe ' +
    'bitfield bitfield_ro geoadd geohash geopos hdel hexpire hexpireat hexpiretime hmget hmset hpersist hpexpire hpexpireat hpexpiretime hpttl ' +
    'hset httl lpush lpushx pfadd rpush rpushx sadd smismember srem ' +
    'xack xadd xclaim xdel xread xreadgroup zadd zmscore zrem polylog.in'
  ).split(' '),
)

/** What commands that name no key need of all keys. */
export const needsOfAll: ReadonlyMap<string, Privileges> = new Map([
  ['dbsize', privilege.read],
  ['flushdb', privilege.delete],
  ['flushall', privilege.delete],
])

/** They look at keys without using them, as in Redis. */
const leavesUnused: ReadonlySet<string> = new Set(
  'exists ttl pttl expiretime pexpiretime type object object|freq object|idletime object|encoding object|refcount'.split(
    ' ',
  ),
)

/** They write, and answer what was there. */
const readsAndWrites: ReadonlySet<string> = new Set(['getdel', 'getex', 'getset', 'xreadgroup'])

/** They tell the names of keys that may be read. */
export const showsNames: ReadonlySet<string> = new Set(['keys', 'scan', 'randomkey'])

/** Of all others: their arguments are options, which are read in one turn. */
const mostOptions = 1024

/** An option by which a command that writes answers a value. */
export interface AnswersIf {
  readonly option: string
  /** Where options begin. */
  readonly from: number
  /** Where they end: before the first that is none of these. Left out: with the command. */
  readonly beside?: ReadonlySet<string>
}

export const longestOption = 4

/** Redis 7.0 knows the one of SET, and lets who may only write a key add 0 to what is in a sorted set, and hear the sum. */
const answering: ReadonlyMap<string, AnswersIf> = new Map([
  ['set', { option: 'get', from: 3 }],
  ['zadd', { option: 'incr', from: 2, beside: new Set(['nx', 'xx', 'gt', 'lt', 'ch']) }],
])

/**
 * What commands do that Redis's words do not say: XREADGROUP, which it calls a reader, notes what it has given out, and claiming
 * shows what is claimed.
 */
const beyondWords: ReadonlyMap<string, Privileges> = new Map([
  ['xreadgroup', privilege.insert | privilege.update],
  ['xclaim', privilege.read],
  ['xautoclaim', privilege.read],
])

const protectedCommands: ReadonlySet<string> = new Set(['debug', 'module|load', 'module|loadex', 'module|unload'])

/** What becomes of one or several of a command's arguments. */
export interface KeyUse {
  readonly specification: KeySpecification
  readonly wanted: Privileges
  /** It is read only where an option is there: SET's GET, ZADD's INCR. */
  readonly answersIf: AnswersIf | undefined
  /** It lies in a database that the command names: the command asks for it itself. */
  readonly isElsewhere: boolean
}

export class Command {
  readonly facts: CommandFacts
  readonly name: string
  readonly arity: number
  /** Runs in a statement. Exactly one of the two is there, none for a command that only has subcommands. */
  readonly data: DataHandler | undefined
  readonly connection: ConnectionHandler | undefined
  readonly flags: readonly string[]
  readonly categories: readonly string[]
  readonly keys: readonly KeyUse[]
  readonly channels: ChannelSpecification | undefined
  /** Redis lets anybody send it, known or not. */
  readonly isForStrangers: boolean
  /** It is asked of the commands in it what may become of its keys: by itself it gives nothing, and needs nothing. */
  readonly isScript: boolean
  /** It is for those who look after the server. */
  readonly administers: boolean
  /** Redis has it only where it was started so. */
  readonly isProtected: boolean
  readonly readOnly: boolean
  /** Must not stand between MULTI and EXEC. */
  readonly notInMulti: boolean
  /** It reads or writes the values of its keys, so that they count as used. */
  readonly usesKeys: boolean
  /** Whether its keys are there is counted: it reads their values. */
  readonly countsLookups: boolean
  /** It may need memory. */
  readonly mayGrow: boolean
  /** Its client may have to wait for data: `blocked-command.ts`. */
  readonly blocks: boolean
  /** Changes the connection itself, or may, which no error takes back. */
  readonly lasts: boolean
  /** As many arguments as a request may have. */
  readonly takesMany: boolean
  readonly subcommands: Map<string, Command> = new Map()
  readonly usage: CommandUsage = new CommandUsage()

  constructor(facts: CommandFacts, handlers: Handlers, sub?: SubcommandFacts) {
    const { name, arity, flags, categories } = sub ?? facts
    this.facts = facts
    this.name = name
    this.arity = arity
    this.data = handlers.data[name]
    this.connection = handlers.connection[name]
    this.flags = flags
    this.categories = categories
    this.channels = facts.channels
    this.isForStrangers = flags.includes('no_auth')
    this.administers = flags.includes('admin')
    this.isProtected = protectedCommands.has(name)
    const mayBeNone = flags.includes('no_mandatory_keys')
    this.isScript = mayBeNone
    this.keys = ((sub ?? facts).keys ?? []).map((specification, i) => ({
      specification: mayBeNone ? { ...specification, mayBeNone } : specification,
      wanted: this.isScript
        ? noPrivileges
        : privilegesFor(specification) |
          (answering.has(name) ? privilege.read : (beyondWords.get(name) ?? noPrivileges)),
      answersIf: answering.get(name),
      isElsewhere: name === 'copy' && i === 1,
    }))
    // EVAL is no write by its flags: it may become one.
    this.readOnly = !flags.includes('write') && !this.keys.some(({ specification }) => writes(specification))
    this.notInMulti = flags.includes('no_multi')
    this.countsLookups = flags.includes('readonly') || readsAndWrites.has(name)
    this.usesKeys = this.keys.length > 0 && !leavesUnused.has(name)
    this.mayGrow = flags.includes('denyoom')
    this.blocks = flags.includes('blocking')
    this.lasts = lasting.has(name)
    this.takesMany = facts.last < 0 || countsKeys(facts) || takeElements.has(name)
    if (sub !== undefined) return
    for (const below of facts.subcommands ?? []) {
      this.subcommands.set(below.name.slice(name.length + 1), new Command(facts, handlers, below))
    }
  }

  accepts(count: number): boolean {
    if (this.arity >= 0) return count === this.arity
    return count >= -this.arity && (this.takesMany || count <= mostOptions)
  }
}

const maxNameBytes = 128

/** FNV-1a over the name in lower case. */
function hashName(name: Slice): number {
  let hash = 0x811c9dc5
  for (let i = name.start; i < name.end; i++) {
    const byte = name.bytes[i]!
    hash = Math.imul(hash ^ (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte), 0x01000193)
  }
  return hash
}

function hasName(command: Command, name: Slice): boolean {
  const expected = command.name
  if (name.end - name.start !== expected.length) return false
  for (let i = 0; i < expected.length; i++) {
    const byte = name.bytes[name.start + i]!
    if ((byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) !== expected.charCodeAt(i)) return false
  }
  return true
}

export class CommandTable {
  readonly commands: ReadonlyMap<string, Command>
  readonly #byHash = new Map<number, Command>()

  constructor(handlers: Handlers) {
    const commands = new Map<string, Command>()
    for (const fact of facts as readonly CommandFacts[]) {
      const command = new Command(fact, handlers)
      commands.set(fact.name, command)
      const name = Buffer.from(fact.name)
      this.#byHash.set(hashName({ bytes: name, start: 0, end: name.length }), command)
    }
    this.commands = commands
  }

  /** Without a string for the name, whose hash no other command shares (the table's test proves it). */
  find(name: Slice): Command | undefined {
    if (name.end - name.start > maxNameBytes) return undefined
    const command = this.#byHash.get(hashName(name))
    return command !== undefined && hasName(command, name) ? command : undefined
  }

  /** The command or subcommand that the arguments from `first` on call. Throws Redis's errors. */
  resolve(args: Arguments, first = 0): Command {
    const command = this.find(args.at(first))
    if (command === undefined) throw unknownCommand(args, first)
    const count = args.count - first
    if (command.subcommands.size === 0 || (count === 1 && command.accepts(1))) return checked(command, count)
    if (count === 1) {
      command.usage.rejected++
      throw wrongArity(command.name)
    }
    const name = printed(args.at(first + 1))
    const below = command.subcommands.get(name.toLowerCase())
    if (below === undefined) {
      throw new CommandError(`ERR unknown subcommand '${name}'. Try ${command.name.toUpperCase()} HELP.`)
    }
    return checked(below, count)
  }
}

function checked(command: Command, count: number): Command {
  // EXEC refuses by itself: it ends its block even so.
  if (command.accepts(count) || command.name === 'exec') return command
  command.usage.rejected++
  throw wrongArity(command.name)
}

/** Where C's printing of an argument ends: at the first zero byte, or after `limit` bytes. */
function printedEnd({ bytes, start, end }: Slice, limit: number): number {
  const last = Math.min(end, start + limit)
  for (let at = start; at < last; at++) if (bytes[at] === 0) return at
  return last
}

function printed(argument: Slice): string {
  return decodeShown(argument.bytes, argument.start, printedEnd(argument, maxNameBytes))
}

function unknownCommand(args: Arguments, first: number): CommandError {
  let shown = ''
  for (let at = first + 1, left = maxNameBytes; at < args.count && left > 0; at++) {
    const argument = args.at(at)
    const end = printedEnd(argument, left)
    shown += `'${decodeShown(argument.bytes, argument.start, end)}' `
    left -= end - argument.start + 3
  }
  return new CommandError(`ERR unknown command '${printed(args.at(first))}', with args beginning with: ${shown}`)
}

/** PFCOUNT of Redis keeps its estimate in the value (`RW`), and says of none of these: here it writes nothing. */
function writes({ flags }: KeySpecification): boolean {
  const mayChange = flags.includes('RW') || flags.includes('OW')
  return mayChange && ['insert', 'update', 'delete'].some((change) => flags.includes(change))
}

/** What a role must have for it: `permissions.ts`. */
function privilegesFor(specification: KeySpecification): Privileges {
  const { flags } = specification
  const { read, insert, update, delete: remove } = privilege
  const reads = flags.includes('access') ? read : noPrivileges
  const changes = writes(specification) ? insert | update : noPrivileges
  return reads | changes | (flags.includes('delete') ? remove : noPrivileges)
}

function countsKeys({ keys = [] }: CommandFacts): boolean {
  return keys.some(({ countAt }) => countAt !== undefined)
}

/** The positions of the keys among the arguments; throws where the arguments do not fit. */
export function findKeys({ keys }: Pick<Command, 'keys'>, args: Arguments, first: number): number[] {
  return keys.flatMap(({ specification }) => {
    const found = keysOf(specification, args, first)
    if (found === undefined) throw new CommandError('ERR Invalid arguments specified for command')
    return found
  })
}

/** Undefined where a number of keys stands there that cannot be. */
export function keysOf(specification: KeySpecification, args: Arguments, first: number): number[] | undefined {
  const { at = 0, last = 0, step = 1, countAt, keyword, mayBeNone = false } = specification
  if (keyword === 'STREAMS') return streamKeys(args, first)
  if (keyword !== undefined) return optionKeys(args, first + at, keyword.toLowerCase())
  if (countAt !== undefined) return countedKeys(args, first + countAt, mayBeNone ? 0 : 1)
  const found: number[] = []
  const end = last < 0 ? args.count + last : first + at + last
  for (let position = first + at; position <= end; position += step) found.push(position)
  return found
}

/** Options of the same commands that have a value, which may be any word. */
const valuesOfOptions: ReadonlyMap<string, number> = new Map([
  ['by', 1],
  ['count', 1],
  ['get', 1],
  ['limit', 2],
  ['store', 1],
  ['storedist', 1],
])

/** What stands behind an option; the last one counts where it is said again. */
function optionKeys(args: Arguments, from: number, keyword: string): number[] {
  let found: number[] = []
  for (let at = from; at + 1 < args.count; at++) {
    const word = printed(args.at(at)).toLowerCase()
    if (word === keyword) found = [at + 1]
    at += valuesOfOptions.get(word) ?? 0
  }
  return found
}

/** Arguments behind each option of XREAD and XREADGROUP. */
const readOptions: ReadonlyMap<string, number> = new Map([
  ['block', 1],
  ['count', 1],
  ['group', 2],
  ['noack', 0],
])

/** As the commands themselves look for STREAMS: a group may have that name. */
function streamKeys(args: Arguments, first: number): number[] | undefined {
  for (let at = first + 1; at < args.count; at++) {
    const word = printed(args.at(at)).toLowerCase()
    if (word === 'streams') {
      const left = args.count - at - 1
      if (left === 0 || left % 2 !== 0) return undefined
      return Array.from({ length: left / 2 }, (_, i) => at + 1 + i)
    }
    const skipped = readOptions.get(word)
    if (skipped === undefined) return undefined
    at += skipped
  }
  return undefined
}

function countedKeys(args: Arguments, countAt: number, least: number): number[] | undefined {
  const number = countAt < args.count ? Number(parseInt64(args.at(countAt)) ?? -1) : -1
  if (number < least || countAt + number >= args.count) return undefined
  return Array.from({ length: number }, (_, i) => countAt + 1 + i)
}
