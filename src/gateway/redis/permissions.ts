/**
 * What a role may do at this door: which commands it may send, and which keys it may name.
 *
 * Every command says in `commands.json` which of its arguments are keys and what becomes of them, in Redis's words. They mean
 * privileges of the one list that all doors share:
 *
 *   a value is read (`access`)              read
 *   a value is written (`RW`, `OW`)         insert and update: a write makes a key, or changes it, and does not know which
 *   it may go with that (`delete`, `RM`)    delete
 *   nothing of it is told but that it is    any of these
 *
 * They may be there for all keys (on the collection of the numbered database, on the namespace `redis`, or on the database), or
 * for those that a pattern fits; as in Redis one pattern has to allow all that a command does with a key. What names no key
 * has a line of its own below. Commands that Redis calls `admin` need the privilege `administer`.
 *
 * Who may do everything is not asked. Of others what was found for these rights, this catalog and this database is kept.
 */
import type { Slice } from '../../base/slice.ts'
import { sliceOf, sliceToLatin1 } from '../../base/slice.ts'
import { noPrivileges, privilege, type Privileges, writing } from '../../database/access/privileges.ts'
import type { Rights } from '../../database/access/rights.ts'
import type { Catalog } from '../../database/catalog/catalog.ts'
import { allowedBy } from './command-rules.ts'
import { ChannelRules } from './channel-rules.ts'
import {
  type AnswersIf,
  type ChannelSpecification,
  type Command,
  type CommandTable,
  longestOption,
  keysOf,
  needsOfAll,
} from './command-table.ts'
import { DatabaseLookup, redisNamespace } from './databases.ts'
import { CommandError } from './errors.ts'
import { Glob } from './glob.ts'
import type { Arguments } from './wire.ts'

const { read, insert, update, administer, usage } = privilege
const reachable: Privileges = read | writing

/** Of these it is enough to belong to pg_monitor. */
const monitoring: ReadonlySet<string> = new Set(['client|list', 'config|get', 'slowlog|get', 'slowlog|len'])

export type DenialReason = 'command' | 'key' | 'channel'

/** Redis's words, of version 7.0. */
const lines: Readonly<Record<DenialReason, (object: string) => string>> = {
  command: (name) => `NOPERM this user has no permissions to run the '${name}' command`,
  key: () => 'NOPERM this user has no permissions to access one of the keys used as arguments',
  channel: () => 'NOPERM this user has no permissions to access one of the channels used as arguments',
}

const shownBytes = 128

export class Denial extends CommandError {
  readonly reason: DenialReason
  /** The command's name, or the key. */
  readonly object: string

  constructor(reason: DenialReason, object: string) {
    super(lines[reason](object))
    this.reason = reason
    this.object = object
  }
}

function denied(reason: DenialReason, { bytes, start, end }: Slice): Denial {
  return new Denial(reason, sliceToLatin1({ bytes, start, end: Math.min(end, start + shownBytes) }))
}

interface Pattern {
  readonly glob: Glob
  readonly may: Privileges
}

/** Of one role's rights. */
export class Permissions {
  readonly #databases = new DatabaseLookup()
  readonly #rights: Rights
  #catalog: Catalog | undefined
  #number = -1
  /** Of all keys. */
  #whole: Privileges = noPrivileges
  #patterns: readonly Pattern[] = []
  readonly #commands: ReadonlySet<Command> | undefined
  readonly #channels: ChannelRules | undefined

  constructor(table: CommandTable, rights: Rights) {
    const { redisCommands, redisChannels } = rights
    this.#rights = rights
    this.#commands = redisCommands && allowedBy(table, redisCommands)
    this.#channels = redisChannels && new ChannelRules(redisChannels)
  }

  /** Errors: `Denial`. `first`: where the command stands among the arguments. */
  check(catalog: Catalog, database: number, command: Command, args: Arguments, first = 0): void {
    const denial = this.find(catalog, database, command, args, first)
    if (denial !== undefined) throw denial
  }

  find(catalog: Catalog, database: number, command: Command, args: Arguments, first: number): Denial | undefined {
    this.#look(catalog, database)
    if (!this.#mayRun(command)) return new Denial('command', command.name)
    const { keys, channels } = command
    if (channels !== undefined) return this.#findChannel(channels, args, first)
    if (this.#rights.areUnlimited) return undefined
    if (command.isScript) return undefined
    if (keys.length > 0) return this.#whole === reachable ? undefined : this.#findKey(command, args, first)
    const wanted = needsOfAll.get(command.name)
    return wanted === undefined || (this.#whole & wanted) === wanted ? undefined : new Denial('command', command.name)
  }

  #mayRun(command: Command): boolean {
    if (command.isForStrangers) return true
    if (this.#commands?.has(command) === false) return false
    const rights = this.#rights
    if (!command.administers || rights.areUnlimited) return true
    if (command.facts.name === 'acl') return rights.member!.createsRoles
    if (monitoring.has(command.name) && rights.member!.monitors) return true
    return (rights.ofDatabase & administer) !== 0
  }

  /** Finds out once what the rights are here. */
  #look(catalog: Catalog, database: number): void {
    if (catalog === this.#catalog && database === this.#number) return
    const rights = this.#rights
    const namespace = catalog.namespaces.get(redisNamespace)
    const collection = this.#databases.find(catalog, database)
    const all = rights.ofNamespace(namespace)
    const whole = collection === undefined || (all & usage) === 0 ? all : rights.onCollection(collection)
    const patterns = namespace === undefined ? [] : rights.keysOf(namespace)
    this.#whole = whole & reachable
    this.#patterns = patterns.map(({ keys = '', may }) => ({ glob: new Glob(sliceOf(Buffer.from(keys))), may }))
    this.#catalog = catalog
    this.#number = database
  }

  #findKey({ keys, name }: Command, args: Arguments, first: number): Denial | undefined {
    for (const { specification, wanted, answersIf, isElsewhere } of keys) {
      if (isElsewhere) continue
      const asked = answersIf === undefined || asksForValue(answersIf, args, first) ? wanted : wanted & ~read
      if (this.#mayAll(asked)) continue
      // A number of keys that cannot be: the command will refuse it, and must not be the one to find out.
      const positions = keysOf(specification, args, first)
      if (positions === undefined) return new Denial('command', name)
      for (const at of positions) if (!this.#may(args.at(at), asked)) return denied('key', args.at(at))
    }
    return undefined
  }

  #findChannel({ at, last, arePatterns }: ChannelSpecification, args: Arguments, first: number): Denial | undefined {
    const rules = this.#channels
    if (rules === undefined) return undefined
    const end = last < 0 ? args.count + last : first + at + last
    for (let position = first + at; position <= end; position++) {
      const name = args.at(position)
      const may = arePatterns === true ? rules.mayListenTo(sliceToLatin1(name)) : rules.mayUse(name)
      if (!may) return denied('channel', name)
    }
    return undefined
  }

  #mayAll(wanted: Privileges): boolean {
    return wanted === noPrivileges ? this.#whole !== noPrivileges : (this.#whole & wanted) === wanted
  }

  #may(key: Slice, wanted: Privileges): boolean {
    return (
      this.#mayAll(wanted) ||
      this.#patterns.some(({ glob, may }) => ((may | this.#whole) & wanted) === wanted && glob.matches(key))
    )
  }

  /** What of a database may be read by its name; undefined: everything. */
  visible(catalog: Catalog, database: number): ((key: Slice) => boolean) | undefined {
    if (this.#rights.areUnlimited) return undefined
    this.#look(catalog, database)
    return this.#mayAll(read) ? undefined : (key) => this.#may(key, read)
  }

  /** Not even the name of a key. */
  seesNothing(catalog: Catalog, database: number): boolean {
    if (this.#rights.areUnlimited) return false
    this.#look(catalog, database)
    return this.#whole === noPrivileges && this.#patterns.length === 0
  }

  /** To make or overwrite a key there. Errors: `Denial`. */
  requireWrite(catalog: Catalog, database: number, key: Slice): void {
    if (this.#rights.areUnlimited) return
    this.#look(catalog, database)
    if (!this.#may(key, insert | update)) throw denied('key', key)
  }

  /** All of these on all keys. */
  hasAll(catalog: Catalog, database: number, wanted: Privileges): boolean {
    if (this.#rights.areUnlimited) return true
    this.#look(catalog, database)
    return this.#mayAll(wanted)
  }
}

/** SET … GET answers what was there, ZADD … INCR what it is now. */
export function asksForValue({ option, from, beside }: AnswersIf, args: Arguments, first: number): boolean {
  for (let at = first + from; at < args.count; at++) {
    const argument = args.at(at)
    const word = argument.end - argument.start <= longestOption ? sliceToLatin1(argument).toLowerCase() : ''
    if (word === option) return true
    if (beside?.has(word) === false) return false
  }
  return false
}
