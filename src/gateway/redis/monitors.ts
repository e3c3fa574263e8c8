/**
 * MONITOR: clients that are shown each command of this door when it is carried out, with its database, who has sent it and its
 * arguments, without passwords. What is long is cut. A command that waits for a lock, or is run again, may be shown more than once.
 */
import type { Slice } from '../../base/slice.ts'
import type { Client } from './client.ts'
import type { Command } from './command-table.ts'
import { isSecret } from './redaction.ts'
import type { Arguments } from './wire.ts'

const mostShown = 1024
const mostBytes = 4096

const escapes: Readonly<Record<number, string>> = {
  0x07: '\\a',
  0x08: '\\b',
  0x09: '\\t',
  0x0a: '\\n',
  0x0d: '\\r',
  0x22: '\\"',
  0x5c: '\\\\',
}

export class Monitors {
  readonly #clients = new Set<Client>()
  readonly #now: () => number

  /** `now`: milliseconds. */
  constructor(now: () => number) {
    this.#now = now
  }

  get areOn(): boolean {
    return this.#clients.size > 0
  }

  add(client: Client): void {
    this.#clients.add(client)
  }

  remove(client: Client): void {
    this.#clients.delete(client)
  }

  /** `from`: the sender's address, or `lua`. */
  show(command: Command, args: Arguments, database: number, from: string): void {
    // Redis's own flag is also that of EVAL and EXEC, which are shown.
    if (command.flags.includes('admin')) return
    const line = Buffer.from(`${this.#head(database, from)}${shown(command, args)}\r\n`, 'latin1')
    for (const client of this.#clients) client.unasked.push(line)
  }

  #head(database: number, from: string): string {
    const us = Math.floor(this.#now() * 1000)
    const fraction = String(us % 1_000_000).padStart(6, '0')
    return `+${Math.floor(us / 1_000_000)}.${fraction} [${database} ${from}]`
  }
}

function shown({ name }: Command, args: Arguments): string {
  let text = ''
  const count = Math.min(args.count, mostShown)
  for (let at = 0; at < count; at++) text += isSecret(name, args, at) ? ' "(redacted)"' : ` ${quoted(args.at(at))}`
  return count === args.count ? text : `${text} "... (${args.count - count} more arguments)"`
}

function quoted({ bytes, start, end }: Slice): string {
  let text = '"'
  const last = Math.min(end, start + mostBytes)
  for (let at = start; at < last; at++) {
    const byte = bytes[at]!
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c
    text += isPlain ? String.fromCharCode(byte) : (escapes[byte] ?? `\\x${byte.toString(16).padStart(2, '0')}`)
  }
  return last === end ? `${text}"` : `${text}... (${end - last} more bytes)"`
}
