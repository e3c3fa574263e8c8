/** CLUSTER, READONLY, READWRITE, ASKING: of one node that has all slots, for good. */
import { sliceOf } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { walkKeys } from '../../../model/keyvalue/keyspace.ts'
import type { Call, ConnectionHandler, DataHandler } from '../call.ts'
import { requireCluster } from '../cluster/node.ts'
import { slotCount, slotOf } from '../cluster/slots.ts'
import { CommandError } from '../errors.ts'
import { writeHelp } from './help.ts'

const busPortDistance = 10_000

function info(call: Call): void {
  requireCluster(call)
  const lines = [
    'cluster_state:ok',
    `cluster_slots_assigned:${slotCount}`,
    `cluster_slots_ok:${slotCount}`,
    'cluster_slots_pfail:0',
    'cluster_slots_fail:0',
    'cluster_known_nodes:1',
    'cluster_size:1',
    'cluster_current_epoch:0',
    'cluster_my_epoch:0',
    'cluster_stats_messages_sent:0',
    'cluster_stats_messages_received:0',
    'total_cluster_links_buffer_limit_exceeded:0',
  ]
  call.reply.verbatim(lines.map((line) => `${line}\r\n`).join(''))
}

function nodes(call: Call): void {
  const node = requireCluster(call)
  const { host, port, name } = node.address(call.client)
  const busPort = call.server.settings.number('cluster-announce-bus-port') || port + busPortDistance
  const at = `${host}:${port}@${busPort}${name === '' ? '' : `,${name}`}`
  call.reply.verbatim(`${node.id} ${at} myself,master - 0 0 0 connected 0-${slotCount - 1}\n`)
}

function writeEndpoint(call: Call): void {
  const endpoint = requireCluster(call).endpoint(call.client)
  if (endpoint === null) call.reply.null()
  else call.reply.bulkText(endpoint)
}

function slots(call: Call): void {
  const node = requireCluster(call)
  const { reply } = call
  const { host, port, name } = node.address(call.client)
  const endpoint = node.endpoint(call.client)
  const more = [
    ...(endpoint === host ? [] : [['ip', host]]),
    ...(name === '' || endpoint === name ? [] : [['hostname', name]]),
  ]
  reply.array(1)
  reply.array(3)
  reply.integer(0)
  reply.integer(slotCount - 1)
  reply.array(4)
  writeEndpoint(call)
  reply.integer(port)
  reply.bulkText(node.id)
  reply.map(more.length)
  for (const word of more.flat()) reply.bulkText(word)
}

function shards(call: Call): void {
  const node = requireCluster(call)
  const { reply } = call
  const { host, port, name } = node.address(call.client)
  reply.array(1)
  reply.map(2)
  reply.bulkText('slots')
  reply.array(2)
  reply.integer(0)
  reply.integer(slotCount - 1)
  reply.bulkText('nodes')
  reply.array(1)
  reply.map(name === '' ? 7 : 8)
  reply.bulkText('id')
  reply.bulkText(node.id)
  reply.bulkText('port')
  reply.integer(port)
  reply.bulkText('ip')
  reply.bulkText(host)
  reply.bulkText('endpoint')
  writeEndpoint(call)
  if (name !== '') {
    reply.bulkText('hostname')
    reply.bulkText(name)
  }
  reply.bulkText('role')
  reply.bulkText('master')
  reply.bulkText('replication-offset')
  reply.integer(call.client.session.durabilityWatch.durableThrough('synced'))
  reply.bulkText('health')
  reply.bulkText('online')
}

function keySlot(call: Call): void {
  requireCluster(call)
  call.reply.integer(slotOf(call.arg(2)))
}

function slotAt(call: Call, message: string): number {
  const slot = call.long(2)
  if (slot < 0n || slot >= BigInt(slotCount)) throw new CommandError(message)
  return Number(slot)
}

/** By walking over all keys: nothing is kept by slots. */
function* countKeys(call: Call): StatementSteps<void> {
  requireCluster(call)
  const slot = slotAt(call, 'ERR Invalid slot')
  let count = 0
  yield* walkKeys(call.tx, call.visibleSpace, (key) => {
    if (slotOf(key) === slot && call.visibleKeys?.(key) !== false) count++
  })
  call.reply.integer(count)
}

function* getKeys(call: Call): StatementSteps<void> {
  requireCluster(call)
  const most = call.long(3)
  const slot = slotAt(call, 'ERR Invalid slot or number of keys')
  if (most < 0n) throw new CommandError('ERR Invalid slot or number of keys')
  const { reply, visibleKeys } = call
  yield* reply.counted(
    (count) => reply.array(count),
    function* () {
      let count = 0
      yield* walkKeys(call.tx, call.visibleSpace, (key) => {
        if (BigInt(count) >= most) return false
        if (slotOf(key) !== slot || visibleKeys?.(key) === false) return true
        reply.bulk(key)
        count++
        return true
      })
      return count
    },
  )
}

/** Of the node of that name: only this one is known. */
function ofNode(answer: (call: Call) => void): ConnectionHandler {
  return (call) => {
    const { id } = requireCluster(call)
    if (call.text(2) !== id) throw new CommandError(`ERR Unknown node ${call.shown(2)}`)
    answer(call)
  }
}

/** It would need other nodes, or give slots away. */
const refuse: ConnectionHandler = (call) => {
  requireCluster(call)
  const [, sub = ''] = call.command.name.split('|')
  throw new CommandError(`ERR CLUSTER ${sub.toUpperCase()} is not supported: there is one node, which has all slots`)
}

const acknowledge: ConnectionHandler = (call) => {
  requireCluster(call)
  call.reply.ok()
}

export const clusterDataCommands: Readonly<Record<string, DataHandler>> = {
  'cluster|countkeysinslot': countKeys,
  'cluster|getkeysinslot': getKeys,
}

export const clusterCommands: Readonly<Record<string, ConnectionHandler>> = {
  'cluster|info': info,
  'cluster|nodes': nodes,
  'cluster|slots': slots,
  'cluster|shards': shards,
  'cluster|keyslot': keySlot,
  'cluster|myid': (call) => call.reply.bulk(sliceOf(Buffer.from(requireCluster(call).id))),
  'cluster|links': (call) => {
    requireCluster(call)
    call.reply.array(0)
  },
  'cluster|replicas': ofNode((call) => call.reply.array(0)),
  'cluster|slaves': ofNode((call) => call.reply.array(0)),
  'cluster|count-failure-reports': ofNode((call) => call.reply.integer(0)),
  'cluster|saveconfig': acknowledge,
  'cluster|addslots': refuse,
  'cluster|addslotsrange': refuse,
  'cluster|bumpepoch': refuse,
  'cluster|delslots': refuse,
  'cluster|delslotsrange': refuse,
  'cluster|failover': refuse,
  'cluster|flushslots': refuse,
  'cluster|forget': refuse,
  'cluster|meet': refuse,
  'cluster|replicate': refuse,
  'cluster|reset': refuse,
  'cluster|set-config-epoch': refuse,
  'cluster|setslot': refuse,
  'cluster|help': (call) => writeHelp(call, 'cluster'),
  // Reads are served in any case, and no slot moves.
  readonly: acknowledge,
  readwrite: acknowledge,
  asking: acknowledge,
}
