/**
 * Redis's rules about commands: `+get`, `-@dangerous`, `+client|id`, each of which changes what the ones before it have said.
 *
 * They are kept as they were said, less those that a later one has made void, and begin with `+@all` or `-@all`. (Redis 7.0
 * tells rules that mean the same instead.) They narrow what a role may send, and give it nothing.
 */
import { noPrivileges, privilege, type Privileges } from '../../database/access/privileges.ts'
import { type Command, type CommandTable, needsOfAll, showsNames } from './command-table.ts'

/** All of Redis's, also those in which no command is here. */
export const categoryNames: readonly string[] = (
  'keyspace read write set sortedset list hash string bitmap hyperloglog geo stream pubsub admin fast slow blocking ' +
  'dangerous connection transaction scripting'
).split(' ')

export const noCommands: readonly string[] = ['-@all']
export const allCommands: readonly string[] = ['+@all']

/** Without the words that stand for rules: in lower case. Undefined: there is nothing of that name. */
export function parseCommandRule(table: CommandTable, word: string): string | undefined {
  const rule = word.toLowerCase()
  if (rule === 'allcommands') return '+@all'
  if (rule === 'nocommands') return '-@all'
  return commandsOf(table, rule.slice(1)) === undefined ? undefined : rule
}

/** What a rule is about; undefined where there is no such command or category. */
function commandsOf(table: CommandTable, name: string): readonly Command[] | undefined {
  if (name === '@all') return everyCommand(table)
  if (name.startsWith('@')) {
    const category = name.slice(1)
    if (!categoryNames.includes(category)) return undefined
    return everyCommand(table).filter(({ categories }) => categories.includes(category))
  }
  const [container = '', sub] = name.split('|')
  const command = table.commands.get(container)
  if (sub === undefined) return command && [command, ...command.subcommands.values()]
  const below = command?.subcommands.get(sub)
  return below && [below]
}

export function everyCommand(table: CommandTable): readonly Command[] {
  return [...table.commands.values()].flatMap((command) => [command, ...command.subcommands.values()])
}

/** With one more; what that makes void goes. */
export function withRule(rules: readonly string[], rule: string): readonly string[] {
  const name = rule.slice(1)
  if (name === '@all') return [rule]
  const left = rules.filter((each) => each.slice(1) !== name && !each.slice(1).startsWith(`${name}|`))
  return [...left, rule]
}

const compiled = new WeakMap<readonly string[], ReadonlySet<Command>>()

/** The same rules, as an object, are looked through once. */
export function allowedBy(table: CommandTable, rules: readonly string[]): ReadonlySet<Command> {
  let allowed = compiled.get(rules)
  if (allowed === undefined) compiled.set(rules, (allowed = compile(table, rules)))
  return allowed
}

function compile(table: CommandTable, rules: readonly string[]): ReadonlySet<Command> {
  const allowed = new Set<Command>()
  for (const rule of rules) {
    for (const command of commandsOf(table, rule.slice(1)) ?? []) {
      if (rule.startsWith('+')) allowed.add(command)
      else allowed.delete(command)
    }
  }
  return allowed
}

/** All that commands under these rules could do with a key: what is given for more would count at other doors only. */
export function privilegesUnder(table: CommandTable, rules: readonly string[]): Privileges {
  let needed = noPrivileges
  for (const command of allowedBy(table, rules)) {
    for (const { wanted } of command.keys) needed |= wanted
    needed |= needsOfAll.get(command.name) ?? noPrivileges
    if (showsNames.has(command.name)) needed |= privilege.read
  }
  return needed
}
