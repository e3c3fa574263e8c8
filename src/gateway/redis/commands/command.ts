/** COMMAND: the command table as clients read it. */
import { sliceOf } from '../../../base/slice.ts'
import type { Call, ConnectionHandler } from '../call.ts'
import { type ArgumentFacts, argumentsOf } from '../command-arguments.ts'
import { everyCommand } from '../command-rules.ts'
import {
  findKeys,
  type Command,
  type CommandFacts,
  type KeySpecification,
  type KeyUse,
  type SubcommandFacts,
} from '../command-table.ts'
import { CommandError, syntaxError } from '../errors.ts'
import { Glob } from '../glob.ts'
import { asksForValue } from '../permissions.ts'
import { writeHelp } from './help.ts'

function writeFlags(call: Call, flags: readonly string[]): void {
  call.reply.set(flags.length)
  for (const flag of flags) call.reply.status(flag)
}

function writeCommand(call: Call, facts: CommandFacts, sub?: SubcommandFacts): void {
  const { reply } = call
  const { name, arity, flags, categories } = sub ?? facts
  const { first = 0, last = 0, step = 0, keys = [], tips = [] } = sub ?? facts
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
  reply.set(tips.length)
  for (const tip of tips) reply.bulkText(tip)
  writeKeySpecifications(call, keys)
  const below = sub === undefined ? (facts.subcommands ?? []) : []
  reply.array(below.length)
  for (const each of below) writeCommand(call, facts, each)
}

function writeKeySpecifications(call: Call, keys: readonly KeySpecification[]): void {
  call.reply.set(keys.length)
  for (const { flags, at = 0, last = 0, step = 1, countAt, keyword } of keys) {
    const isHalf = keyword === 'STREAMS'
    const range: SpecificationPairs = [
      ['lastkey', isHalf ? -1 : last],
      ['keystep', step],
      ['limit', isHalf ? 2 : 0],
    ]
    if (keyword !== undefined) {
      const begin: SpecificationPairs = [
        ['keyword', keyword],
        ['startfrom', at],
      ]
      writeSpecification(call, flags, begin, 'range', range)
    } else if (countAt === undefined) writeSpecification(call, flags, [['index', at]], 'range', range)
    else {
      writeSpecification(call, flags, [['index', countAt]], 'keynum', [
        ['keynumidx', 0],
        ['firstkey', 1],
        ['keystep', 1],
      ])
    }
  }
}

type SpecificationPairs = readonly (readonly [string, number | string])[]

function writePairs(call: Call, type: string, pairs: SpecificationPairs): void {
  const { reply } = call
  reply.map(2)
  reply.bulkText('type')
  reply.bulkText(type)
  reply.bulkText('spec')
  reply.map(pairs.length)
  for (const [name, value] of pairs) {
    reply.bulkText(name)
    if (typeof value === 'number') reply.integer(value)
    else reply.bulkText(value)
  }
}

/** How the first key is found, then how the others. */
function writeSpecification(
  call: Call,
  flags: readonly string[],
  begin: SpecificationPairs,
  type: string,
  spec: SpecificationPairs,
): void {
  const { reply } = call
  reply.map(3)
  reply.bulkText('flags')
  writeFlags(call, flags)
  reply.bulkText('begin_search')
  writePairs(call, begin[0]![0], begin)
  reply.bulkText('find_keys')
  writePairs(call, type, spec)
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
  const [container = '', sub, ...more] = name.toLowerCase().split('|')
  if (more.length > 0) return undefined
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
  const takes = argumentsOf(name)
  reply.map(3 + (takes.length > 0 ? 1 : 0) + (below.length > 0 ? 1 : 0))
  reply.bulkText('summary')
  reply.bulkText(summary)
  reply.bulkText('since')
  reply.bulkText(since)
  reply.bulkText('group')
  reply.bulkText(facts.group)
  if (takes.length > 0) {
    reply.bulkText('arguments')
    writeArguments(call, takes)
  }
  if (below.length === 0) return
  reply.bulkText('subcommands')
  reply.map(below.length)
  for (const each of below) writeDocs(call, facts, each)
}

function writeArguments(call: Call, list: readonly ArgumentFacts[]): void {
  const { reply } = call
  reply.array(list.length)
  for (const { name, type, key, token, since, deprecated, flags, arguments: parts } of list) {
    const texts = { name, type, key_spec_index: key, token, since, deprecated_since: deprecated }
    const told = Object.entries(texts).filter(([, value]) => value !== undefined)
    reply.map(told.length + (flags === undefined ? 0 : 1) + (parts === undefined ? 0 : 1))
    for (const [field, value] of told) {
      reply.bulkText(field)
      if (typeof value === 'number') reply.integer(value)
      else reply.bulkText(value!)
    }
    if (flags !== undefined) {
      reply.bulkText('flags')
      writeFlags(call, flags)
    }
    if (parts === undefined) continue
    reply.bulkText('arguments')
    writeArguments(call, parts)
  }
}

/** The command whose words begin at 2, of which keys are asked. Errors: `CommandError` where it cannot have any. */
function commandWithKeys(call: Call): Command {
  const container = call.server.table.find(call.arg(2))
  const command = container?.subcommands.get(call.count > 3 ? call.text(3).toLowerCase() : '') ?? container
  if (command === undefined || (command.data ?? command.connection) === undefined) {
    throw new CommandError('ERR Invalid command specified')
  }
  if (command.keys.length === 0) {
    throw new CommandError('ERR The command has no key arguments')
  }
  if (!command.accepts(call.count - 2)) {
    throw new CommandError('ERR Invalid number of arguments specified for command')
  }
  return command
}

function getKeys(call: Call): void {
  const keys = findKeys(commandWithKeys(call), call.arguments, 2)
  call.reply.array(keys.length)
  for (const position of keys) call.reply.bulk(call.arg(position))
}

/** What becomes of each key, as Redis says it of these arguments. */
function getKeysAndFlags(call: Call): void {
  const { reply } = call
  const found = commandWithKeys(call).keys.flatMap((use) => {
    const flags = flagsOf(use, call)
    return findKeys({ keys: [use] }, call.arguments, 2).map((position) => ({ position, flags }))
  })
  reply.array(found.length)
  for (const { position, flags } of found) {
    reply.array(2)
    reply.bulk(call.arg(position))
    writeFlags(call, flags)
  }
}

/** SET without GET reads nothing. */
function flagsOf({ specification: { flags }, answersIf }: KeyUse, call: Call): readonly string[] {
  if (!flags.includes('variable_flags')) return flags
  if (answersIf !== undefined && !asksForValue(answersIf, call.arguments, 2)) return ['OW', 'update']
  return flags.filter((flag) => flag !== 'variable_flags')
}

function list(call: Call): void {
  const names = everyCommand(call.server.table).filter(listFilter(call))
  call.reply.array(names.length)
  for (const { name } of names) call.reply.bulkText(name)
}

/** `FILTERBY MODULE name`, of which there are none, `FILTERBY ACLCAT name` or `FILTERBY PATTERN pattern`. */
function listFilter(call: Call): (command: Command) => boolean {
  if (call.count === 2) return () => true
  if (call.count !== 5 || call.option(2) !== 'FILTERBY') throw syntaxError()
  switch (call.option(3)) {
    case 'MODULE':
      return () => false
    case 'ACLCAT': {
      const category = call.text(4).toLowerCase()
      return ({ categories }) => categories.includes(category)
    }
    case 'PATTERN': {
      const glob = new Glob(sliceOf(Buffer.from(call.text(4).toLowerCase())))
      return ({ name }) => glob.matches(sliceOf(Buffer.from(name)))
    }
    default:
      throw syntaxError()
  }
}

export const commandCommands: Readonly<Record<string, ConnectionHandler>> = {
  command: all,
  'command|count': count,
  'command|info': info,
  'command|docs': docs,
  'command|getkeys': getKeys,
  'command|getkeysandflags': getKeysAndFlags,
  'command|list': list,
  'command|help': (call) => writeHelp(call, 'command'),
}
