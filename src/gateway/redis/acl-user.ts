/**
 * A role as Redis describes a user, and the words of ACL SETUSER that change it.
 *
 * A word changes a description (`AclUser`) that nobody sees yet, so that one that is wrong leaves nothing behind. Of passwords
 * in the clear the description keeps those of this command: one of them becomes the role's own, by which it comes in at every
 * door, where it has none; further ones are right at this door alone, as hashes.
 */
import type { KeyRule, RedisRules } from '../../principal/redis-rules.ts'
import { sha256 } from '../../principal/secret.ts'
import type { CommandTable } from './command-table.ts'
import { allCommands, noCommands, parseCommandRule, withRule } from './command-rules.ts'
import { CommandError } from './errors.ts'
import { allKeys, isAllKeys } from './key-rules.ts'

export interface AclUser {
  isOn: boolean
  /** The role has a password of its own, which is right at every door. */
  hasSecret: boolean
  isOpen: boolean
  hashes: readonly string[]
  commands: readonly string[]
  keys: readonly KeyRule[]
  channels: readonly string[]
}

/** As Redis makes one: it may do nothing. */
export function newUser(): AclUser {
  return { isOn: false, hasSecret: false, isOpen: false, hashes: [], commands: noCommands, keys: [], channels: [] }
}

const syntax = 'Syntax error'
const unknownCommand = 'Unknown command or category name in ACL'
const unknownPassword = 'The password you are trying to remove from the user does not exist'
const badHash = 'The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters'
const mostHashes = 16
const mostRules = 1000
const longestPattern = 1024

function afterAll(what: string, list: string): string {
  return (
    `Adding a pattern after the * pattern (or the 'all${what}' flag) is not valid and does not have any effect. ` +
    `Try 'reset${what}' to start with an empty list of ${list}`
  )
}

function refused(word: string, why: string): CommandError {
  return new CommandError(`ERR Error in ACL SETUSER modifier '${word}': ${why}`)
}

/** What an edit needs to know of the server. */
export interface EditParts {
  readonly table: CommandTable
  /** Whether it is the role's own password. */
  readonly isOwnPassword: (password: string) => Promise<boolean>
}

export class AclEdit {
  readonly user: AclUser
  /** In the clear, of this command. */
  passwords: readonly string[] = []
  /** What it may do with keys is to be written anew. */
  changesKeys = false
  /** Its own password is to go. */
  dropsSecret = false
  readonly #parts: EditParts

  constructor(user: AclUser, parts: EditParts) {
    this.user = user
    this.#parts = parts
  }

  /** Errors: `CommandError`. */
  async apply(word: string): Promise<void> {
    const change = this.#words.get(word.toLowerCase())
    if (change !== undefined) {
      change()
      return
    }
    const first = word.slice(0, 1)
    if (first === '+' || first === '-') this.#command(word)
    else if (first === '~' || first === '%') this.#key(word)
    else if (first === '&') this.#channel(word)
    else if (first === '>') this.#addPassword(word)
    else if (first === '<') await this.#removePassword(word)
    else if (first === '#') this.#addHash(word)
    else if (first === '!') this.#removeHash(word)
    else if (first === '(') throw refused(word, 'selectors are not supported: give the role of another user, by GRANT')
    else throw refused(word, syntax)
  }

  readonly #words: ReadonlyMap<string, () => void> = new Map<string, () => void>([
    ['on', () => (this.user.isOn = true)],
    ['off', () => (this.user.isOn = false)],
    ['nopass', () => this.#resetPasswords(true)],
    ['resetpass', () => this.#resetPasswords(false)],
    ['allkeys', () => this.#setKeys([allKeys])],
    ['resetkeys', () => this.#setKeys([])],
    ['allchannels', () => (this.user.channels = ['*'])],
    ['resetchannels', () => (this.user.channels = [])],
    ['allcommands', () => this.#command('+@all')],
    ['nocommands', () => this.#command('-@all')],
    // There is no RESTORE, whose payload it is about, and there are no selectors: both are so.
    ['sanitize-payload', () => undefined],
    ['clearselectors', () => undefined],
    ['reset', () => this.#reset()],
  ])

  #reset(): void {
    this.user.isOn = false
    this.user.channels = []
    this.#resetPasswords(false)
    this.#setKeys([])
    this.#command('-@all')
  }

  #resetPasswords(isOpen: boolean): void {
    this.dropsSecret ||= this.user.hasSecret
    this.passwords = []
    Object.assign(this.user, { hasSecret: false, hashes: [], isOpen })
  }

  #command(word: string): void {
    const rule = parseCommandRule(this.#parts.table, word)
    if (rule === undefined) throw refused(word, unknownCommand)
    const commands = withRule(this.user.commands, rule)
    if (commands.length > mostRules) throw refused(word, `more than ${mostRules} rules`)
    this.user.commands = commands
    this.changesKeys = true
  }

  #setKeys(keys: readonly KeyRule[]): void {
    this.user.keys = keys
    this.changesKeys = true
  }

  #key(word: string): void {
    const [, flags = 'rw', pattern = ''] = /^(?:%(r|w|rw|wr))?~([^\s\0]*)$/i.exec(word) ?? []
    if (!/^(%[rw]{1,2})?~[^\s\0]*$/i.test(word) || word.includes('\ufffd')) throw refused(word, syntax)
    if (Buffer.byteLength(pattern) > longestPattern)
      throw refused(word, `a pattern is longer than ${longestPattern} bytes`)
    const rule = { reads: /r/i.test(flags), writes: /w/i.test(flags), pattern }
    const { keys } = this.user
    if (isAllKeys(rule)) {
      this.#setKeys([allKeys])
      return
    }
    if (keys.some(isAllKeys)) throw refused(word, afterAll('keys', 'patterns'))
    const before = keys.find((each) => each.pattern === pattern)
    const joined = {
      pattern,
      reads: rule.reads || before?.reads === true,
      writes: rule.writes || before?.writes === true,
    }
    if (keys.length >= mostRules) throw refused(word, `more than ${mostRules} patterns`)
    this.#setKeys(before === undefined ? [...keys, joined] : keys.map((each) => (each === before ? joined : each)))
  }

  #channel(word: string): void {
    const pattern = word.slice(1)
    const { channels } = this.user
    if (/[\s\0]/.test(pattern)) throw refused(word, syntax)
    if (pattern === '*') this.user.channels = ['*']
    else if (channels.includes('*')) throw refused(word, afterAll('channels', 'channels'))
    else if (channels.length >= mostRules) throw refused(word, `more than ${mostRules} channels`)
    else if (!channels.includes(pattern)) this.user.channels = [...channels, pattern]
  }

  #addPassword(word: string): void {
    const password = word.slice(1)
    if (password === '') throw refused(word, 'a password cannot be empty')
    this.user.isOpen = false
    this.passwords = [...this.passwords.filter((each) => each !== password), password]
    this.#checkCount(word)
  }

  async #removePassword(word: string): Promise<void> {
    const password = word.slice(1)
    const hash = hashOf(password)
    const isGiven = this.passwords.includes(password)
    if (isGiven) this.passwords = this.passwords.filter((each) => each !== password)
    else if (this.user.hashes.includes(hash)) this.user.hashes = this.user.hashes.filter((each) => each !== hash)
    else if (this.user.hasSecret && (await this.#parts.isOwnPassword(password))) {
      this.user.hasSecret = false
      this.dropsSecret = true
    } else throw refused(word, unknownPassword)
  }

  #addHash(word: string): void {
    const hash = this.#checkedHash(word)
    this.user.isOpen = false
    if (!this.user.hashes.includes(hash)) this.user.hashes = [...this.user.hashes, hash]
    this.#checkCount(word)
  }

  #removeHash(word: string): void {
    const hash = this.#checkedHash(word)
    if (!this.user.hashes.includes(hash)) throw refused(word, unknownPassword)
    this.user.hashes = this.user.hashes.filter((each) => each !== hash)
  }

  #checkedHash(word: string): string {
    if (!/^[0-9a-f]{64}$/.test(word.slice(1))) throw refused(word, badHash)
    return word.slice(1)
  }

  #checkCount(word: string): void {
    const count = this.user.hashes.length + this.passwords.length
    if (count > mostHashes) throw refused(word.slice(0, 1), `more than ${mostHashes} passwords`)
  }

  /** What becomes the role's own password; undefined: it keeps what it has. */
  get ownPassword(): string | null | undefined {
    if (!this.user.hasSecret && this.passwords.length > 0) return this.passwords.at(-1)!
    return this.dropsSecret ? null : undefined
  }

  /** What is kept with the role. */
  get rules(): RedisRules {
    const { commands, keys, channels, isOpen, hashes, hasSecret } = this.user
    const further = hasSecret ? this.passwords : this.passwords.slice(0, -1)
    const all = [...new Set([...hashes, ...further.map(hashOf)])]
    return {
      ...(commands.join() !== allCommands.join() && { commands }),
      keys,
      channels,
      ...(all.length > 0 && { hashes: all }),
      ...(isOpen && { isOpen }),
    }
  }
}

function hashOf(password: string): string {
  return sha256(Buffer.from(password)).toString('hex')
}
