/** The HELP subcommands, from the command table. */
import type { Call } from '../call.ts'
import { argumentsOf, usageOf } from '../command-arguments.ts'

export function writeHelp(call: Call, name: string): void {
  const command = call.server.table.commands.get(name)!
  const lines = [`${name.toUpperCase()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`]
  for (const [sub, { facts }] of command.subcommands) {
    const summary = facts.subcommands?.find((below) => below.name === `${name}|${sub}`)?.summary ?? ''
    lines.push(`${sub.toUpperCase()} ${usageOf(argumentsOf(`${name}|${sub}`))}`.trimEnd(), `    ${summary}.`)
  }
  call.reply.array(lines.length)
  for (const line of lines) call.reply.status(line)
}
