import { describe, expect, it } from 'vitest'
import { createCommandTable } from './command-handlers.ts'
import type { Command } from './command-table.ts'

const table = createCommandTable()

function withSubcommands(command: Command): Command[] {
  return [command, ...command.subcommands.values()]
}

describe('the command table', () => {
  it('finds every command by its name in any case', () => {
    for (const [name, command] of table.commands) {
      for (const spelled of [name, name.toUpperCase()]) {
        const bytes = Buffer.from(spelled)
        expect(table.find({ bytes, start: 0, end: bytes.length }), spelled).toBe(command)
      }
    }
  })

  it('has one handler for every command, and a summary', () => {
    for (const command of [...table.commands.values()].flatMap(withSubcommands)) {
      const handlers = [command.data, command.connection].filter((handler) => handler !== undefined)
      const isOnlyContainer = command.subcommands.size > 0 && command.name !== 'command'
      expect(handlers.length, command.name).toBe(isOnlyContainer ? 0 : 1)
      expect(command.facts.summary, command.name).not.toBe('')
    }
  })

  it('lists in alphabetical order, once each', () => {
    const names = [...table.commands.keys()]
    expect(names).toEqual([...new Set(names)].sort())
  })
})
