/**
 * ACL: users in Redis's words.
 *
 * A user is a role, the same at every door. What Redis says of one lies in two databases: the role with its passwords and its
 * rules about commands in `system`, what it may do with keys in the access lists of the connection's database. They change
 * one after the other, so that a crash in between leaves a role with less than it had or was to have, never with more:
 *
 *   what goes from the lists ──▶ the role ──▶ what comes to the lists
 *
 * Rules about commands narrow, and give nothing: `+config` lets nobody change the server who has not the privilege for it.
 */
import { PolylogError } from '../../../base/errors.ts'
import { noOwner } from '../../../database/access/access-list.ts'
import { noPrivileges } from '../../../database/access/privileges.ts'
import { Rights } from '../../../database/access/rights.ts'
import type { Role } from '../../../principal/roles.ts'
import { AclEdit, type AclUser, newUser } from '../acl-user.ts'
import type { Call, ConnectionHandler } from '../call.ts'
import { allCommands, allowedBy, categoryNames, privilegesUnder } from '../command-rules.ts'
import { ChannelRules } from '../channel-rules.ts'
import { CommandError } from '../errors.ts'
import {
  allKeys,
  changeKeys,
  effectiveKeys,
  isAllKeys,
  keyPrivileges,
  keyRuleText,
  type KeyGrant,
  type KeyPrivileges,
  ownKeys,
  shownKeys,
} from '../key-rules.ts'
import { Permissions } from '../permissions.ts'
import { Arguments } from '../wire.ts'
import { writeHelp } from './help.ts'

/** Shown where Redis shows the hash of a password, which is not kept. */
const ownPassword = 'SCRAM-SHA-256'
const unknownUser = (name: string): CommandError => new CommandError(`ERR User '${name}' not found`)

function tooMany(subcommand: string): CommandError {
  return new CommandError(`ERR unknown subcommand or wrong number of arguments for '${subcommand}'. Try ACL HELP.`)
}

// ---- what there is

function rightsOf(call: Call, role: Role): Rights {
  const { sessions } = call.server
  const member = sessions.principals.member(role.id)
  return new Rights(member?.isSuperuser === true ? undefined : member, call.client.session.catalog.access)
}

/** `has`: what it may do with keys. */
function describe(call: Call, role: Role, has: KeyPrivileges): AclUser {
  const { redis } = role
  const commands = redis?.commands ?? allCommands
  const under = privilegesUnder(call.server.table, commands)
  return {
    isOn: role.login,
    hasSecret: role.secret !== null,
    isOpen: redis?.isOpen === true,
    hashes: redis?.hashes ?? [],
    commands,
    keys: shownKeys(has, redis?.keys ?? [], under),
    channels: redis?.channels ?? ['*'],
  }
}

/** Where nobody is asked who it is, whoever does not say so is this one. */
const everybody: AclUser = {
  ...newUser(),
  isOn: true,
  isOpen: true,
  commands: allCommands,
  keys: [allKeys],
  channels: ['*'],
}

function isEverybody({ server: { sessions } }: Call, name: string): boolean {
  return name === 'default' && !sessions.principals.areProved
}

type NamedUser = readonly [name: string, user: AclUser]

function usersOf(call: Call): readonly NamedUser[] {
  const { roles } = call.server.sessions.principals
  const { catalog } = call.client.session
  const own = isEverybody(call, 'default')
  const users = roles
    .filter(({ name }) => !isEverybody(call, name))
    .map((role): NamedUser => [role.name, describe(call, role, effectiveKeys(catalog, rightsOf(call, role)))])
  if (!own) return users
  const at = users.findIndex(([name]) => name > 'default')
  return users.toSpliced(at < 0 ? users.length : at, 0, ['default', everybody])
}

function channelText({ channels }: AclUser): string {
  return channels.map((pattern) => `&${pattern}`).join(' ')
}

function passwordsOf({ hasSecret, hashes }: AclUser): readonly string[] {
  return hasSecret ? [ownPassword, ...hashes] : hashes
}

function line(name: string, user: AclUser): string {
  const words = ['user', name, user.isOn ? 'on' : 'off']
  if (user.isOpen) words.push('nopass')
  words.push(...passwordsOf(user).map((hash) => `#${hash}`), ...user.keys.map(keyRuleText))
  if (!user.channels.includes('*')) words.push('resetchannels')
  if (user.channels.length > 0) words.push(channelText(user))
  return [...words, ...user.commands].join(' ')
}

function list(call: Call): void {
  const users = usersOf(call)
  call.reply.array(users.length)
  for (const [name, user] of users) call.reply.bulkText(line(name, user))
}

function names(call: Call): void {
  const users = usersOf(call)
  call.reply.array(users.length)
  for (const [name] of users) call.reply.bulkText(name)
}

function getUser(call: Call): void {
  const name = call.text(2)
  const [, user] = usersOf(call).find(([each]) => each === name) ?? []
  const { reply } = call
  if (user === undefined) {
    reply.null()
    return
  }
  const flags = user.isOpen ? [user.isOn ? 'on' : 'off', 'nopass'] : [user.isOn ? 'on' : 'off']
  const passwords = passwordsOf(user)
  reply.map(6)
  reply.bulkText('flags')
  reply.set(flags.length)
  for (const flag of flags) reply.bulkText(flag)
  reply.bulkText('passwords')
  reply.array(passwords.length)
  for (const hash of passwords) reply.bulkText(hash)
  reply.bulkText('commands')
  reply.bulkText(user.commands.join(' '))
  reply.bulkText('keys')
  reply.bulkText(user.keys.map(keyRuleText).join(' '))
  reply.bulkText('channels')
  reply.bulkText(channelText(user))
  reply.bulkText('selectors')
  reply.array(0)
}

function whoAmI(call: Call): void {
  call.reply.bulkText(call.client.session.user)
}

// ---- changes

function checkOutside({ client: { session } }: Call): void {
  if (session.status === 'none') return
  throw new PolylogError('active_transaction', 'users cannot be changed inside a transaction')
}

async function setUser(call: Call): Promise<void> {
  checkOutside(call)
  const { server, client } = call
  const { principals } = server.sessions
  const name = call.name(2)
  const words = Array.from({ length: call.count - 3 }, (_, i) => call.name(i + 3))
  if (/[\s\0]/.test(name)) throw new CommandError("ERR Usernames can't contain spaces or null characters")
  const role = isEverybody(call, name) ? undefined : principals.find(name)
  const edit = new AclEdit(userBefore(call, name, role), {
    table: server.table,
    isOwnPassword: (password) => principals.proofs.isOwnPassword(name, password),
  })
  for (const word of words) await edit.apply(word)
  if (isEverybody(call, name)) {
    checkStaysEverybody(edit)
    call.reply.ok()
    return
  }
  const { user, rules, ownPassword: password } = edit
  if (role?.superuser === true && !user.keys.some(isAllKeys)) {
    throw new CommandError(`ERR '${name}' is a superuser, and may do everything with every key`)
  }
  const privileges = keyPrivileges(user.keys, privilegesUnder(server.table, user.commands))
  const isGiven = edit.changesKeys && role?.superuser !== true
  const by = isGiven ? checkMayGive(call, privileges, role) : noOwner
  const change = { login: user.isOn, redis: rules, ...(password !== undefined && { password }) }
  const asGuest = { asGuest: true }
  if (!principals.areProved && !principals.haveGuests) tellOfGuests(call, name)
  if (role === undefined) await principals.create(name, change, client.session, asGuest)
  else {
    if (isGiven) await changeLists(call, { to: role.id, by, privileges }, true)
    await principals.alter(name, change, client.session, asGuest)
  }
  if (isGiven) await changeLists(call, { to: principals.find(name)!.id, by, privileges }, false)
  call.reply.ok()
  cutListeners(call, name, user.channels)
}

function tellOfGuests({ server: { sessions } }: Call, user: string): void {
  const message = 'the first guest: nobody must prove who it is before there is a superuser with a password'
  sessions.host.log('info', message, { user })
}

function userBefore(call: Call, name: string, role: Role | undefined): AclUser {
  if (isEverybody(call, name)) return { ...everybody }
  return role === undefined ? { ...newUser(), channels: call.server.channelsOfNewUsers } : userToChange(call, role)
}

/**
 * Nothing is kept of it: a user `default` without a password would let in whoever connects once others are asked, and the
 * other doors would know nothing of what it may not do.
 */
function checkStaysEverybody({ user, passwords }: AclEdit): void {
  const { isOn, isOpen, hashes, commands, keys, channels } = user
  const mayAll = commands.join() === allCommands.join() && keys.some(isAllKeys) && channels.includes('*')
  if (isOn && isOpen && hashes.length === 0 && passwords.length === 0 && mayAll) return
  throw new CommandError(
    "ERR The 'default' user is everybody, at every door, until there is a superuser with a password: make one by polylog user add NAME --admin, or CREATE ROLE",
  )
}

/** Who listens to what it may not hear any more has to go. */
function cutListeners({ server, client: own }: Call, name: string, channels: readonly string[]): void {
  const allowed = new ChannelRules(channels)
  for (const client of server.clients.values()) {
    if (client.session.user !== name || client.subscriptionCount === 0) continue
    if (allowed.areHeard(client.unasked.subscriptions)) continue
    if (client === own) client.closeAfterReplies()
    else client.kill()
  }
}

/** What others have given to roles that it belongs to stays theirs. */
function userToChange(call: Call, role: Role): AclUser {
  const { catalog } = call.client.session
  return describe(call, role, role.superuser ? effectiveKeys(catalog, rightsOf(call, role)) : ownKeys(catalog, role.id))
}

/** Who is no superuser gives what it has itself. Answers as whom it gives. */
function checkMayGive(call: Call, privileges: KeyPrivileges, role: Role | undefined): number {
  const { rights } = call.client.session
  if (rights.areUnlimited) return noOwner
  const before = role === undefined ? undefined : ownKeys(call.client.session.catalog, role.id)
  let wanted = noPrivileges
  for (const [pattern, each] of privileges) wanted |= each & ~(before?.get(pattern) ?? noPrivileges)
  if (wanted === noPrivileges) return rights.member!.roleId
  if (!call.server.permissionsOf(rights).hasAll(call.client.session.catalog, call.client.database, wanted)) {
    throw new CommandError('NOPERM this user has no permissions to give what it has not itself')
  }
  return rights.member!.roleId
}

async function changeLists(call: Call, grant: KeyGrant, takesOnly: boolean): Promise<void> {
  await call.client.session.run((tx) => changeKeys(tx, grant, takesOnly))
}

async function deleteUsers(call: Call): Promise<void> {
  checkOutside(call)
  const { server, client } = call
  const { principals } = server.sessions
  const asked = Array.from({ length: call.count - 2 }, (_, i) => call.text(i + 2))
  if (asked.includes('default')) throw new CommandError("ERR The 'default' user cannot be removed")
  const roles = [...new Set(asked)].flatMap((name) => principals.find(name) ?? [])
  for (const { name } of roles) principals.checkMayDrop(name, client.session)
  const nothing = { by: noOwner, privileges: new Map<string, number>() }
  for (const { id } of roles) await changeLists(call, { ...nothing, to: id }, true)
  const dropped = roles.map(({ name }) => name)
  if (dropped.length > 0) await principals.drop(dropped, client.session)
  call.reply.integer(dropped.length)
  for (const other of server.clients.values()) if (dropped.includes(other.session.user)) other.kill()
}

// ---- what would be

function dryRun(call: Call): void {
  const { server, client, reply } = call
  const name = call.text(2)
  const role = isEverybody(call, name) ? undefined : server.sessions.principals.find(name)
  if (role === undefined && !isEverybody(call, name)) throw unknownUser(name)
  if (server.table.find(call.arg(3)) === undefined) throw new CommandError(`ERR Command '${call.shown(3)}' not found`)
  const inner = new Arguments()
  for (let at = 3; at < call.count; at++) {
    const { bytes, start, end } = call.arg(at)
    inner.add(bytes, start, end)
  }
  const command = server.table.resolve(inner)
  const denial =
    role === undefined
      ? undefined
      : new Permissions(server.table, narrowedRights(call, role)).find(
          client.session.catalog,
          client.database,
          command,
          inner,
          0,
        )
  if (denial === undefined) reply.ok()
  else if (denial.reason === 'command') {
    reply.bulkText(`This user has no permissions to run the '${denial.object}' command`)
  } else reply.bulkText(`This user has no permissions to access the '${denial.object}' ${denial.reason}`)
}

function narrowedRights(call: Call, role: Role): Rights {
  const { member, access } = rightsOf(call, role)
  return new Rights(member, access, call.server.sessions.principals.member(role.id))
}

function categories(call: Call): void {
  const { reply } = call
  if (call.count > 3) throw tooMany('CAT')
  if (call.count === 2) {
    reply.array(categoryNames.length)
    for (const name of categoryNames) reply.bulkText(name)
    return
  }
  const wanted = call.text(2).toLowerCase()
  if (!categoryNames.includes(wanted)) throw new CommandError(`ERR Unknown category '${call.shown(2)}'`)
  const found = [...allowedBy(call.server.table, [`+@${wanted}`])]
  reply.array(found.length)
  for (const { name } of found) reply.bulkText(name)
}

const mostBits = 4096

function generatePassword(call: Call): void {
  if (call.count > 3) throw tooMany('GENPASS')
  const bits = call.count === 3 ? call.integer(2) : 256
  if (bits <= 0 || bits > mostBits) {
    throw new CommandError(
      `ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to ${mostBits}`,
    )
  }
  const digits = Math.ceil(bits / 4)
  const bytes = new Uint8Array(Math.ceil(digits / 2))
  call.server.sessions.host.random(bytes)
  call.reply.bulkText(Buffer.from(bytes).toString('hex').slice(0, digits))
}

const shownUnlessAsked = 10

function log(call: Call): void {
  const { server, reply } = call
  if (call.count > 3) throw tooMany('LOG')
  if (call.count === 3 && call.option(2) === 'RESET') {
    server.denials.clear()
    reply.ok()
    return
  }
  const count = call.count === 3 ? call.integer(2) : shownUnlessAsked
  const shown = server.denials.entries.slice(0, Math.max(0, count))
  reply.array(shown.length)
  for (const { count: times, reason, context, object, user, atMs, client } of shown) {
    reply.map(7)
    reply.bulkText('count')
    reply.integer(times)
    const texts = { reason, context, object, username: user }
    for (const [name, text] of Object.entries(texts)) {
      reply.bulkText(name)
      reply.bulkText(text)
    }
    reply.bulkText('age-seconds')
    reply.double(`${Math.max(0, Math.round(server.now() - atMs)) / 1000}`)
    reply.bulkText('client-info')
    reply.bulkText(client)
  }
}

/** Users lie in the database `system`, and are durable when they are answered. */
function noFile(): never {
  throw new CommandError(
    'ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration.',
  )
}

export const aclCommands: Readonly<Record<string, ConnectionHandler>> = {
  'acl|cat': categories,
  'acl|deluser': deleteUsers,
  'acl|dryrun': dryRun,
  'acl|genpass': generatePassword,
  'acl|getuser': getUser,
  'acl|help': (call) => writeHelp(call, 'acl'),
  'acl|list': list,
  'acl|load': noFile,
  'acl|log': log,
  'acl|save': noFile,
  'acl|setuser': setUser,
  'acl|users': names,
  'acl|whoami': whoAmI,
}
