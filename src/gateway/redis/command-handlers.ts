/** Joins the command table with the families of commands. */
import { CommandTable } from './command-table.ts'
import { aclCommands } from './commands/acl.ts'
import { clientCommands } from './commands/client.ts'
import { commandCommands } from './commands/command.ts'
import { connectionCommands } from './commands/connection.ts'
import { counterCommands } from './commands/counters.ts'
import { expiryCommands } from './commands/expiry.ts'
import { hashCommands } from './commands/hashes.ts'
import { configCommands } from './commands/config.ts'
import { infoDataCommands, serverCommands } from './commands/info.ts'
import { slowlogCommands } from './commands/slowlog.ts'
import { keyCommands } from './commands/keys.ts'
import { listCommands } from './commands/lists.ts'
import { polylogCommands } from './commands/polylog.ts'
import { scanCommands } from './commands/scan.ts'
import { scriptCommands, scriptServerCommands } from './commands/scripting.ts'
import { setAlgebraCommands } from './commands/set-algebra.ts'
import { setCommands } from './commands/sets.ts'
import { sortedSetAlgebraCommands } from './commands/sorted-set-algebra.ts'
import { sortedSetRangeCommands } from './commands/sorted-set-ranges.ts'
import { sortedSetCommands } from './commands/sorted-sets.ts'
import { stringCommands } from './commands/strings.ts'
import { transactionCommands } from './commands/transactions.ts'

export function createCommandTable(): CommandTable {
  return new CommandTable({
    data: {
      ...stringCommands,
      ...counterCommands,
      ...expiryCommands,
      ...keyCommands,
      ...scanCommands,
      ...hashCommands,
      ...listCommands,
      ...setCommands,
      ...setAlgebraCommands,
      ...sortedSetCommands,
      ...sortedSetRangeCommands,
      ...sortedSetAlgebraCommands,
      ...infoDataCommands,
      ...scriptCommands,
    },
    connection: {
      ...connectionCommands,
      ...aclCommands,
      ...clientCommands,
      ...commandCommands,
      ...serverCommands,
      ...configCommands,
      ...slowlogCommands,
      ...scriptServerCommands,
      ...transactionCommands,
      ...polylogCommands,
    },
  })
}
