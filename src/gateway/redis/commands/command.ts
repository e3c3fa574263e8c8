/** COMMAND: the command table as clients read it. */
import type { Call, ConnectionHandler } from '../call.ts'
import {
  findKeys,
  type Command,
  type CommandFacts,
  type KeySpecification,
  type SubcommandFacts,
} from '../command-table.ts'
import { CommandError, syntaxError } from '../errors.ts'
import { writeHelp } from './help.ts'

function writeFlags(call: Call, flags: readonly string[]): void {
  call.reply.set(flags.length)
  for (const flag of flags) call.reply.status(flag)
}

function writeCommand(call: Call, facts: CommandFacts, sub?: SubcommandFacts): void {
  const { reply } = call
  const { name, arity, flags, categories } = sub ?? facts
  const [first, last, step] = sub === undefined ? [facts.first, facts.last, facts.step] : [0, 0, 0]
  reply.array(10)
  reply.bulkText(name)
  reply.integer(arity)
  writeFlags(call, flags)
  reply.integer(first)
  reply.integer(last)
  reply.integer(step)
  writeFlags(
    call,
    categories.map((name) => `@${name}`),
  )
  reply.array(0)
  writeKeySpecifications(call, sub === undefined ? (facts.keys ?? []) : [])
  const below = sub === undefined ? (facts.subcommands ?? []) : []
  reply.array(below.length)
  for (const each of below) writeCommand(call, facts, each)
}

function writeKeySpecifications(call: Call, keys: readonly KeySpecification[]): void {
  call.reply.set(keys.length)
  for (const { flags, at = 0, last = 0, step = 1, countAt } of keys) {
    if (countAt === undefined) {
      writeSpecification(call, flags, at, 'range', [
        ['lastkey', last],
        ['keystep', step],
        ['limit', 0],
      ])
    } else {
      writeSpecification(call, flags, countAt, 'keynum', [
        ['keynumidx', 0],
        ['firstkey', 1],
        ['keystep', 1],
      ])
    }
  }
}

function writeSpecification(
  call: Call,
  flags: readonly string[],
  begin: number,
  type: string,
  spec: readonly (readonly [string, number])[],
): void {
  const { reply } = call
  reply.map(3)
  reply.bulkText('flags')
  writeFlags(call, flags)
  reply.bulkText('begin_search')
  reply.map(2)
  reply.bulkText('type')
  reply.bulkText('index')
  reply.bulkText('spec')
  reply.map(1)
  reply.bulkText('index')
  reply.integer(begin)
  reply.bulkText('find_keys')
  reply.map(2)
  reply.bulkText('type')
  reply.bulkText(type)
  reply.bulkText('spec')
  reply.map(spec.length)
  for (const [name, value] of spec) {
    reply.bulkText(name)
    reply.integer(value)
  }
}

function all(call: Call): void {
  const { commands } = call.server.table
  call.reply.array(commands.size)
  for (const { facts } of commands.values()) writeCommand(call, facts)
}

function count(call: Call): void {
  call.reply.integer(call.server.table.commands.size)
}

function info(call: Call): void {
  if (call.count === 2) {
    all(call)
    return
  }
  call.reply.array(call.count - 2)
  for (let at = 2; at < call.count; at++) {
    const found = find(call, call.text(at))
    if (found === undefined) call.reply.null()
    else writeCommand(call, found.facts, subcommandOf(found))
  }
}

function find(call: Call, name: string): Command | undefined {
  const [container = '', sub] = name.toLowerCase().split('|')
  const command = call.server.table.commands.get(container)
  return sub === undefined ? command : command?.subcommands.get(sub)
}

function subcommandOf(command: Command): SubcommandFacts | undefined {
  return command.facts.subcommands?.find(({ name }) => name === command.name)
}

function docs(call: Call): void {
  const found: Command[] = []
  if (call.count === 2) found.push(...call.server.table.commands.values())
  for (let at = 2; at < call.count; at++) {
    const command = find(call, call.text(at))
    if (command !== undefined) found.push(command)
  }
  call.reply.map(found.length)
  for (const command of found) writeDocs(call, command.facts, subcommandOf(command))
}

function writeDocs(call: Call, facts: CommandFacts, sub?: SubcommandFacts): void {
  const { reply } = call
  const { name, summary, since } = sub ?? facts
  const below = sub === undefined ? (facts.subcommands ?? []) : []
  reply.bulkText(name)
  reply.map(below.length > 0 ? 4 : 3)
  reply.bulkText('summary')
  reply.bulkText(summary)
  reply.bulkText('since')
  reply.bulkText(since)
  reply.bulkText('group')
  reply.bulkText(facts.group)
  if (below.length === 0) return
  reply.bulkText('subcommands')
  reply.map(below.length)
  for (const each of below) writeDocs(call, facts, each)
}

function getKeys(call: Call): void {
  const command = call.server.table.find(call.arg(2))
  if (command === undefined) throw new CommandError('ERR Invalid command specified')
  if (command.facts.keys === undefined) {
    throw new CommandError('ERR The command has no key arguments')
  }
  if (!command.accepts(call.count - 2)) {
    throw new CommandError('ERR Invalid number of arguments specified for command')
  }
  const keys = findKeys(command.facts, call.arguments, 2)
  call.reply.array(keys.length)
  for (const position of keys) call.reply.bulk(call.arg(position))
}

function list(call: Call): void {
  if (call.count > 2) throw syntaxError()
  const { commands } = call.server.table
  call.reply.array(commands.size)
  for (const name of commands.keys()) call.reply.bulkText(name)
}

export const commandCommands: Readonly<Record<string, ConnectionHandler>> = {
  command: all,
  'command|count': count,
  'command|info': info,
  'command|docs': docs,
  'command|getkeys': getKeys,
  'command|list': list,
  'command|help': (call) => writeHelp(call, 'command'),
}
