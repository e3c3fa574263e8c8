/** Commands about the connection itself. */
import { LoginError } from '../../../principal/proofs.ts'
import type { Call, ConnectionHandler } from '../call.ts'
import { CommandError, syntaxError, wrongArity } from '../errors.ts'
import { checkClientName, describeClient } from './client.ts'
import { refuseInCluster } from '../cluster/node.ts'
import { serverVersion } from '../version.ts'

function ping(call: Call): void {
  if (call.count > 2) throw wrongArity('ping')
  if (call.client.protocol === 2 && call.client.subscriptionCount > 0) {
    call.reply.array(2)
    call.reply.bulkText('pong')
    if (call.count === 2) call.reply.argument(call.arg(1))
    else call.reply.bulkText('')
    return
  }
  if (call.count === 2) call.reply.argument(call.arg(1))
  else call.reply.status('PONG')
}

function echo(call: Call): void {
  call.reply.argument(call.arg(1))
}

function select(call: Call): void {
  const number = call.databaseNumber(1, 'ERR value is not an integer or out of range')
  if (number !== 0) refuseInCluster(call, 'SELECT is')
  call.client.database = number
  call.reply.ok()
}

function quit(call: Call): void {
  call.reply.ok()
  call.client.closeAfterReplies()
}

function reset(call: Call): void {
  call.client.reset()
  call.reply.status('RESET')
}

/**
 * Where no user has a password, any name and any password are right, as with a `nopass` user of Redis; where there are guests,
 * only `default` is believed so. A password without a name would be the default user's, who has none.
 */
function authenticate(call: Call): void | Promise<void> {
  if (call.count > 3) throw syntaxError()
  const { areProved } = call.server.sessions.principals
  if (call.count === 2 && !areProved) {
    throw new CommandError(
      'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
    )
  }
  const [name, password] = call.count === 2 ? ['default', call.text(1)] : [call.text(1), call.text(2)]
  if (isProved(call, name)) return prove(call, name, password).then(() => call.reply.ok())
  becomeUser(call, name)
  call.reply.ok()
}

function isProved({ server: { sessions } }: Call, name: string): boolean {
  const { principals } = sessions
  return principals.areProved || (principals.haveGuests && name !== 'default')
}

async function prove(call: Call, name: string, password: string): Promise<void> {
  checkFree(call)
  try {
    const from = { door: 'redis', remote: call.client.remote }
    const role = await call.server.sessions.principals.proofs.checkPassword(name, password, from)
    const { homeDatabase: database } = call.client
    if (database !== undefined) await call.client.openDatabase(database)
    if (call.client.hasEnded) return
    becomeUser(call, role.name, role.id)
    call.client.identify()
  } catch (error) {
    if (error instanceof LoginError) {
      call.server.denials.add(
        { reason: 'auth', context: 'toplevel', object: call.client.lastCommand.toUpperCase(), user: name.slice(0, 63) },
        describeClient(call.client, call.server.now()),
        call.server.now(),
      )
      throw new CommandError('WRONGPASS invalid username-password pair or user is disabled.')
    }
    throw error
  }
}

/** `roleId`: that it has proved to be. */
function becomeUser(call: Call, user: string, roleId?: number): void {
  const { session } = call.client
  if (user === session.user && roleId === session.identity.ownRoleId && call.client.isIdentified) return
  checkFree(call)
  const { homeDatabase: database } = call.client
  call.client.changeSession({ user, roleId, ...(database !== undefined && { database }) })
}

function checkFree(call: Call): void {
  const { session, watches, queue } = call.client
  if (session.status !== 'none' || watches.count > 0 || queue !== undefined) {
    throw new CommandError('ERR AUTH inside a transaction is not allowed')
  }
}

interface Hello {
  protocol: number
  user: string | undefined
  password: string
}

/** A name is taken even where an option after it is wrong, as in Redis. */
function parseHello(call: Call): Hello {
  const hello: Hello = { protocol: call.client.protocol, user: undefined, password: '' }
  if (call.count > 1) {
    hello.protocol = call.integer(1, 'ERR Protocol version is not an integer or out of range')
    if (hello.protocol !== 2 && hello.protocol !== 3) throw new CommandError('NOPROTO unsupported protocol version')
  }
  for (let at = 2; at < call.count; at++) {
    const option = call.option(at)
    if (option === 'AUTH' && at + 2 < call.count) {
      hello.user = call.text(at + 1)
      hello.password = call.text(at + 2)
      at += 2
    } else if (option === 'SETNAME' && at + 1 < call.count) call.client.keepName('name', checkClientName(call, ++at))
    else throw new CommandError(`ERR Syntax error in HELLO option '${call.shown(at)}'`)
  }
  return hello
}

function hello(call: Call): void | Promise<void> {
  const wanted = parseHello(call)
  if (wanted.user !== undefined && isProved(call, wanted.user)) {
    return prove(call, wanted.user, wanted.password).then(() => welcome(call, wanted))
  }
  if (!call.client.isIdentified) {
    throw new CommandError(
      'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time',
    )
  }
  if (wanted.user !== undefined) becomeUser(call, wanted.user)
  welcome(call, wanted)
}

function welcome(call: Call, wanted: Hello): void {
  const { reply, client } = call
  client.protocol = wanted.protocol
  reply.map(7)
  reply.bulkText('server')
  reply.bulkText('redis')
  reply.bulkText('version')
  reply.bulkText(serverVersion)
  reply.bulkText('proto')
  reply.integer(wanted.protocol)
  reply.bulkText('id')
  reply.integer(client.id)
  reply.bulkText('mode')
  reply.bulkText(call.server.cluster === undefined ? 'standalone' : 'cluster')
  reply.bulkText('role')
  reply.bulkText(client.session.databaseFacts.leads ? 'master' : 'replica')
  reply.bulkText('modules')
  reply.array(0)
}

export const connectionCommands: Readonly<Record<string, ConnectionHandler>> = {
  ping,
  echo,
  select,
  quit,
  reset,
  auth: authenticate,
  hello,
}
