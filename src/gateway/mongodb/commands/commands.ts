/** The table of commands. */
import type { Command, Reply } from '../request.ts'
import { collectionCommands } from './collections.ts'
import { cursorCommands } from './cursors.ts'
import { explainCommands } from './explain.ts'
import { handshakeCommands } from './handshake.ts'
import { indexCommands } from './indexes.ts'
import { loginCommands } from './login.ts'
import { modifyCommands } from './find-and-modify.ts'
import { readCommands } from './reads.ts'
import { roleCommands } from './roles.ts'
import { modifyCollectionCommands } from './modify-collection.ts'
import { parameterCommands } from './parameters.ts'
import { serverCommands } from './server.ts'
import { statisticsCommands } from './statistics.ts'
import { transactionCommands } from './transactions.ts'
import { userCommands } from './users.ts'
import { validateCommands } from './validate.ts'
import { writeCommands } from './writes.ts'

/** The names that there are, as `db.listCommands()` shows them. */
function listCommands(): Reply {
  return (writer) => {
    writer.beginObject('commands')
    for (const { name, aliases = [], access } of commands) {
      writer
        .beginObject(name)
        .string('help', '')
        .boolean('requiresAuth', access !== 'anybody')
      if (aliases.length > 0) {
        writer.beginArray('aliases')
        for (const [i, alias] of aliases.entries()) writer.string(String(i), alias)
        writer.end()
      }
      writer.end()
    }
    writer.end()
  }
}

export const commands: readonly Command[] = [
  { name: 'listCommands', fields: [], access: 'user', run: listCommands },
  ...handshakeCommands,
  ...loginCommands,
  ...parameterCommands,
  ...serverCommands,
  ...transactionCommands,
  ...readCommands,
  ...cursorCommands,
  ...writeCommands,
  ...modifyCommands,
  ...collectionCommands,
  ...modifyCollectionCommands,
  ...indexCommands,
  ...statisticsCommands,
  ...validateCommands,
  ...explainCommands,
  ...userCommands,
  ...roleCommands,
]

const byName = new Map<string, Command>()
for (const command of commands) {
  byName.set(command.name, command)
  for (const alias of command.aliases ?? []) byName.set(alias, command)
}

export function findCommand(name: string): Command | undefined {
  return byName.get(name)
}

/** May carry a `txnNumber` outside of a transaction. */
export const retryableCommands: ReadonlySet<string> = new Set(['insert', 'update', 'delete', 'findAndModify'])
