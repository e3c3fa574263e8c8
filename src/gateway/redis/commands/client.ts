/** CLIENT and its subcommands. */
import type { Call, ConnectionHandler } from '../call.ts'
import type { Client } from '../client.ts'
import { CommandError, syntaxError } from '../errors.ts'
import type { SubscriptionKind } from '../subscriptions.ts'
import { writeHelp } from './help.ts'

/** Throws for names that would break CLIENT LIST apart. */
export function checkClientName(call: Call, position: number): string {
  const name = call.name(position)
  if (!/^[!-~]*$/.test(name)) {
    throw new CommandError('ERR Client names cannot contain spaces, newlines or special characters.')
  }
  return name
}

function setName(call: Call): void {
  call.client.keepName('name', checkClientName(call, 2))
  call.reply.ok()
}

function getName(call: Call): void {
  const { name } = call.client
  if (name === '') call.reply.null()
  else call.reply.bulkText(name)
}

function setInfo(call: Call): void {
  const attribute = call.text(2).toLowerCase()
  const value = call.name(3)
  if (attribute !== 'lib-name' && attribute !== 'lib-ver') {
    throw new CommandError(`ERR Unrecognized option '${call.shown(2)}'`)
  }
  if (!/^[!-~]*$/.test(value)) {
    throw new CommandError(`ERR ${attribute} cannot contain spaces, newlines or special characters.`)
  }
  call.client.keepName(attribute === 'lib-name' ? 'libraryName' : 'libraryVersion', value)
  call.reply.ok()
}

function flagsOf(client: Client): string {
  const { tracking } = client
  const flags = [
    client.role === 'replica' ? 'S' : client.role === 'monitor' ? 'O' : '',
    client.subscriptionCount > 0 ? 'P' : '',
    client.queue === undefined ? '' : 'x',
    client.isBlocked ? 'b' : '',
    tracking === undefined ? '' : 't',
    tracking?.isBroken === true ? 'R' : '',
    tracking?.isBroadcast === true ? 'B' : '',
    client.isExemptFromEviction ? 'e' : '',
    client.touchesNothing ? 'T' : '',
  ].join('')
  return flags === '' ? 'N' : flags
}

/** Of channels, patterns and channels of shards. */
function listened(client: Client): string {
  const count = (kind: SubscriptionKind): number =>
    client.subscriptionCount === 0 ? 0 : client.unasked.subscriptions.names(kind).size
  return `sub=${count('channels')} psub=${count('patterns')} ssub=${count('shards')}`
}

/** As CLIENT LIST and ACL LOG tell of it. */
export function describeClient(client: Client, nowMs: number, requestBytes = 0): string {
  const seconds = (since: number): number => Math.max(0, Math.floor((nowMs - since) / 1000))
  return [
    `id=${client.id}`,
    `addr=${client.remote}`,
    `laddr=${client.local}`,
    // Sockets are the system's, and have no numbers here.
    'fd=-1',
    `name=${client.name}`,
    `age=${seconds(client.openedMs)}`,
    `idle=${seconds(client.lastActiveMs)}`,
    `flags=${flagsOf(client)}`,
    `db=${client.database}`,
    listened(client),
    `multi=${client.queue === undefined ? -1 : client.queue.commands.length}`,
    `qbuf=${client.receivedBytes + requestBytes}`,
    'qbuf-free=0',
    `argv-mem=${client.receivedBytes}`,
    `multi-mem=${client.queue?.sizeBytes ?? 0}`,
    // It has no buffers of its own while it rests.
    'rbs=0 rbp=0 obl=0 oll=0',
    `omem=${client.pendingBytes}`,
    `tot-mem=${client.memoryBytes}`,
    'events=r',
    `cmd=${client.lastCommand === '' ? 'NULL' : client.lastCommand}`,
    `user=${client.session.user}`,
    `redir=${client.tracking?.redirect ?? -1}`,
    `resp=${client.protocol}`,
    `lib-name=${client.libraryName}`,
    `lib-ver=${client.libraryVersion}`,
    `watch=${client.watches.count}`,
  ].join(' ')
}

/** Of the command at hand, as it came: Redis has it in its buffer still. */
function requestBytes({ arguments: args }: Call): number {
  let bytes = `*${args.count}\r\n`.length
  for (let at = 0; at < args.count; at++) {
    const { start, end } = args.at(at)
    bytes += `$${end - start}\r\n\r\n`.length + end - start
  }
  return bytes
}

function info(call: Call): void {
  call.reply.verbatim(`${describeClient(call.client, call.server.now(), requestBytes(call))}\n`)
}

function list(call: Call): void {
  const chosen = chooseListed(call)
  const now = call.server.now()
  const lines = chosen.map((client) => {
    return `${describeClient(client, now, client === call.client ? requestBytes(call) : 0)}\n`
  })
  call.reply.verbatim(lines.join(''))
}

const clientTypes: ReadonlySet<string> = new Set(['NORMAL', 'MASTER', 'REPLICA', 'SLAVE', 'PUBSUB'])

function chooseListed(call: Call): Client[] {
  const all = [...call.server.clients.values()]
  if (call.count === 2) return all
  const option = call.option(2)
  if (option === 'TYPE' && call.count === 4) return all.filter(ofType(call, 3))
  if (option !== 'ID' || call.count < 4) throw syntaxError()
  const chosen: Client[] = []
  for (let at = 3; at < call.count; at++) {
    const client = call.server.clients.get(call.integer(at, 'ERR Invalid client ID'))
    if (client !== undefined) chosen.push(client)
  }
  return chosen
}

/** Who listens is of another type than who does not; there are no others. */
function ofType(call: Call, position: number): (client: Client) => boolean {
  const type = call.option(position)
  if (!clientTypes.has(type)) throw new CommandError(`ERR Unknown client type '${call.shown(position)}'`)
  if (type === 'REPLICA' || type === 'SLAVE') return ({ role }) => role !== 'client'
  if (type !== 'NORMAL' && type !== 'PUBSUB') return () => false
  return (client) => client.role === 'client' && client.subscriptionCount > 0 === (type === 'PUBSUB')
}

interface KillFilter {
  matches: ((client: Client) => boolean)[]
  skipSelf: boolean
}

function parseKill(call: Call): KillFilter {
  const filter: KillFilter = { matches: [], skipSelf: true }
  for (let at = 2; at < call.count; at += 2) {
    if (at + 1 >= call.count) throw syntaxError()
    const value = call.text(at + 1)
    const option = call.option(at)
    if (option === 'ID') {
      const id = call.integer(at + 1, 'ERR client-id should be greater than 0')
      if (id <= 0) throw new CommandError('ERR client-id should be greater than 0')
      filter.matches.push((client) => client.id === id)
    } else if (option === 'ADDR') filter.matches.push((client) => client.remote === value)
    else if (option === 'LADDR') filter.matches.push((client) => client.local === value)
    else if (option === 'USER') {
      const { principals } = call.server.sessions
      const isThere = principals.find(value) !== undefined || (!principals.areProved && value === 'default')
      if (!isThere) throw new CommandError(`ERR No such user '${call.shown(at + 1)}'`)
      filter.matches.push((client) => client.session.user === value)
    } else if (option === 'TYPE') {
      filter.matches.push(ofType(call, at + 1))
    } else if (option === 'SKIPME' && /^(yes|no)$/i.test(value)) filter.skipSelf = value.toLowerCase() === 'yes'
    else throw syntaxError()
  }
  return filter
}

function kill(call: Call): void {
  if (call.count === 3) {
    const address = call.text(2)
    const found = [...call.server.clients.values()].find((client) => client.remote === address)
    if (found === undefined) throw new CommandError('ERR No such client')
    call.reply.ok()
    end(call, found)
    return
  }
  const filter = parseKill(call)
  const chosen = [...call.server.clients.values()].filter(
    (client) => filter.matches.every((matches) => matches(client)) && !(filter.skipSelf && client === call.client),
  )
  call.reply.integer(chosen.length)
  for (const client of chosen) end(call, client)
}

function end(call: Call, client: Client): void {
  if (client === call.client) client.closeAfterReplies()
  else {
    const { session, remote } = client
    const object = `session ${session.id} of ${session.user}`
    call.server.sessions.principals.audit.record({
      event: 'session terminated',
      by: call.client.session,
      object,
      detail: remote,
    })
    client.kill()
  }
}

/** `CLIENT UNBLOCK id [TIMEOUT | ERROR]`: 0 where it does not wait for data. */
function unblock(call: Call): void {
  if (call.count > 4) {
    throw new CommandError("ERR unknown subcommand or wrong number of arguments for 'UNBLOCK'. Try CLIENT HELP.")
  }
  const how = call.count > 3 ? call.option(3) : 'TIMEOUT'
  if (how !== 'TIMEOUT' && how !== 'ERROR') {
    throw new CommandError('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR')
  }
  const client = call.server.clients.get(call.integer(2))
  const error = how === 'ERROR' ? new CommandError('UNBLOCKED client unblocked via CLIENT UNBLOCK') : undefined
  call.reply.integer(client?.unblock(error) === true ? 1 : 0)
}

/** Clients are never closed for the memory that they take, so this is remembered and shown, and changes nothing. */
function noEvict(call: Call): void {
  const value = call.option(2)
  if (value !== 'ON' && value !== 'OFF') throw syntaxError()
  call.client.isExemptFromEviction = value === 'ON'
  call.reply.ok()
}

export const clientCommands: Readonly<Record<string, ConnectionHandler>> = {
  'client|id': (call) => call.reply.integer(call.client.id),
  'client|setname': setName,
  'client|getname': getName,
  'client|setinfo': setInfo,
  'client|info': info,
  'client|list': list,
  'client|kill': kill,
  'client|no-evict': noEvict,
  'client|unblock': unblock,
  'client|help': (call) => writeHelp(call, 'client'),
}
