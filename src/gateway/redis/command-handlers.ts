/** Joins the command table with the families of commands. */
import { CommandTable } from './command-table.ts'
import { aclCommands } from './commands/acl.ts'
import { bitfieldCommands } from './commands/bitfields.ts'
import { bitCommands } from './commands/bits.ts'
import { blockingListCommands } from './commands/blocking-lists.ts'
import { clientCommands } from './commands/client.ts'
import { clientModeCommands } from './commands/client-modes.ts'
import { commandCommands } from './commands/command.ts'
import { latencyCommands } from './commands/latency.ts'
import { memoryCommands, memoryDataCommands } from './commands/memory.ts'
import { monitorCommands } from './commands/monitor.ts'
import { connectionCommands } from './commands/connection.ts'
import { counterCommands } from './commands/counters.ts'
import { dumpCommands } from './commands/dump.ts'
import { expiryCommands } from './commands/expiry.ts'
import { fieldExpiryCommands } from './commands/field-expiry.ts'
import { hashCommands } from './commands/hashes.ts'
import { configCommands } from './commands/config.ts'
import { geoSearchCommands } from './commands/geo-search.ts'
import { geoCommands } from './commands/geo.ts'
import { hyperLogLogCommands } from './commands/hyperloglogs.ts'
import { infoDataCommands, serverCommands } from './commands/info.ts'
import { slowlogCommands } from './commands/slowlog.ts'
import { debugCommands } from './commands/debug.ts'
import { clusterCommands, clusterDataCommands } from './commands/cluster.ts'
import { objectCommands } from './commands/object.ts'
import { replicatingCommands } from './commands/replicating.ts'
import { maintenanceCommands, serverDataCommands } from './commands/server.ts'
import { keyCommands } from './commands/keys.ts'
import { listCommands } from './commands/lists.ts'
import { longestCommonCommands } from './commands/longest-common.ts'
import { polylogCommands } from './commands/polylog.ts'
import { functionCommands, functionServerCommands } from './commands/functions.ts'
import { publishCommands, subscribeCommands } from './commands/pubsub.ts'
import { scanCommands } from './commands/scan.ts'
import { scriptCommands, scriptServerCommands } from './commands/scripting.ts'
import { setAlgebraCommands } from './commands/set-algebra.ts'
import { setCommands } from './commands/sets.ts'
import { sortCommands } from './commands/sort.ts'
import { sortedSetAlgebraCommands } from './commands/sorted-set-algebra.ts'
import { sortedSetRangeCommands } from './commands/sorted-set-ranges.ts'
import { sortedSetCommands } from './commands/sorted-sets.ts'
import { streamGroupCommands } from './commands/stream-groups.ts'
import { streamHelpCommands, streamInfoCommands } from './commands/stream-info.ts'
import { streamPendingCommands } from './commands/stream-pending.ts'
import { streamReadCommands } from './commands/stream-reads.ts'
import { streamCommands } from './commands/streams.ts'
import { stringCommands } from './commands/strings.ts'
import { transactionCommands } from './commands/transactions.ts'

export function createCommandTable(): CommandTable {
  return new CommandTable({
    data: {
      ...stringCommands,
      ...bitCommands,
      ...bitfieldCommands,
      ...counterCommands,
      ...expiryCommands,
      ...fieldExpiryCommands,
      ...keyCommands,
      ...dumpCommands,
      ...scanCommands,
      ...hashCommands,
      ...hyperLogLogCommands,
      ...longestCommonCommands,
      ...sortCommands,
      ...geoCommands,
      ...geoSearchCommands,
      ...listCommands,
      ...blockingListCommands,
      ...setCommands,
      ...setAlgebraCommands,
      ...sortedSetCommands,
      ...sortedSetRangeCommands,
      ...sortedSetAlgebraCommands,
      ...streamCommands,
      ...streamReadCommands,
      ...streamGroupCommands,
      ...streamPendingCommands,
      ...streamInfoCommands,
      ...infoDataCommands,
      ...scriptCommands,
      ...functionCommands,
      ...publishCommands,
      ...memoryDataCommands,
      ...objectCommands,
      ...serverDataCommands,
      ...clusterDataCommands,
    },
    connection: {
      ...connectionCommands,
      ...aclCommands,
      ...clientCommands,
      ...clientModeCommands,
      ...monitorCommands,
      ...latencyCommands,
      ...memoryCommands,
      ...commandCommands,
      ...serverCommands,
      ...configCommands,
      ...slowlogCommands,
      ...streamHelpCommands,
      ...scriptServerCommands,
      ...functionServerCommands,
      ...maintenanceCommands,
      ...replicatingCommands,
      ...debugCommands,
      ...clusterCommands,
      ...transactionCommands,
      ...subscribeCommands,
      ...polylogCommands,
    },
  })
}
