/** What a replica says to its master: REPLCONF, PSYNC, SYNC; and WAIT of others, for the replicas. */
import { privilege } from '../../../database/access/privileges.ts'
import type { Call, ConnectionHandler } from '../call.ts'
import { databaseCount } from '../databases.ts'
import { CommandError, syntaxError } from '../errors.ts'
import { Denial } from '../permissions.ts'
import { checkMayReplicate } from '../replication/replicas.ts'

function configure(call: Call): void {
  if (call.count % 2 === 0) throw syntaxError()
  const { replicas } = call.server
  for (let at = 1; at < call.count; at += 2) {
    const option = call.option(at)
    // None of these is answered.
    if (option === 'ACK') return acknowledge(call, at + 1)
    if (option === 'GETACK') return
    const replica = replicas.of(call.client)
    if (option === 'LISTENING-PORT') replica.port = portOf(call, at + 1)
    else if (option === 'IP-ADDRESS') replica.address = addressOf(call, at + 1)
    else if (option === 'CAPA') replica.takesMark ||= call.option(at + 1) === 'EOF'
    else if (option === 'RDB-ONLY') replica.wantsFileAlone = call.integer(at + 1) === 1
    else if (option === 'RDB-FILTER-ONLY') {
      if (call.text(at + 1) !== '') throw new CommandError('ERR RDB-FILTER-ONLY is not supported: a file has all')
    } else if (option !== 'VERSION') {
      throw new CommandError(`ERR Unrecognized REPLCONF option: ${call.shown(at)}`)
    }
  }
  call.reply.ok()
}

function acknowledge(call: Call, position: number): void {
  const { replica } = call.client.unasked
  if (replica === undefined) return
  const offset = call.integer(position)
  if (Number.isSafeInteger(offset) && offset >= replica.acknowledged) call.server.replicas.acknowledged(replica, offset)
}

function portOf(call: Call, position: number): number {
  const port = call.integer(position)
  if (!(port >= 0 && port <= 65_535)) throw new CommandError('ERR value is not an integer or out of range')
  return port
}

function addressOf(call: Call, position: number): string {
  const address = call.text(position)
  if (address.length > 255) throw new CommandError('ERR REPLCONF ip-address provided by replica instance is too long')
  return address
}

function join(call: Call, id: string | undefined, offset: number, isOld: boolean): void {
  const { client, server } = call
  const { unasked } = client
  if (unasked.replica?.isJoined === true) return
  const { catalog, rights } = client.session
  const permissions = server.permissionsOf(rights)
  for (let number = 0; number < databaseCount; number++) {
    if (!permissions.hasAll(catalog, number, privilege.read)) throw new Denial('command', call.command.name)
  }
  checkMayReplicate(server, client)
  const replica = server.replicas.of(client)
  replica.isOld = isOld
  replica.isJoined = true
  unasked.replies = 'off'
  client.isExemptFromEviction = true
  server.replicas.join(replica, id, offset)
}

function synchronize(call: Call): void {
  const offset = call.integer(2)
  join(call, call.text(1), Number.isSafeInteger(offset) ? offset - 1 : -1, false)
}

/** Of those who have what its client has seen. */
function wait(call: Call): void | Promise<void> {
  const wanted = Number(call.long(1))
  const timeoutMs = Number(readTimeout(call, 2))
  const { client, reply } = call
  const { replicas } = call.server
  if (
    call.isQueued ||
    !client.isAlone ||
    client.session.status !== 'none' ||
    wanted <= 0 ||
    replicas.online.length === 0
  ) {
    reply.integer(replicas.countAt(replicas.backlog?.end ?? 0))
    return
  }
  return replicas.wait(client, wanted, timeoutMs).then((count) => reply.integer(count))
}

/** Milliseconds. */
export function readTimeout(call: Call, position: number): bigint {
  const timeout = call.long(position, 'ERR timeout is not an integer or out of range')
  if (timeout < 0n) throw new CommandError('ERR timeout is negative')
  return timeout
}

export const replicatingCommands: Readonly<Record<string, ConnectionHandler>> = {
  replconf: configure,
  psync: synchronize,
  sync: (call) => join(call, undefined, 0, true),
  wait,
}
