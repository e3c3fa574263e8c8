/** The table of commands. */
import type { Command } from '../request.ts'
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
import { writeCommands } from './writes.ts'

export const commands: readonly Command[] = [
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
