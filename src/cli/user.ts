/**
 * `polylog user`: who may log in. In a data directory that no server has open, or by a running server's PostgreSQL door.
 *
 * A password is asked for at the terminal, which does not show it, or read from the standard input: the command line would
 * show it to everybody on the machine.
 */
import { parseArgs } from 'node:util'
import { PolylogError } from '../base/errors.ts'
import { Instance, type InstanceOptions } from '../database/instance.ts'
import type { Host } from '../host/host.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { readSmallFile } from '../host/small-file.ts'
import { certificateProves, certificateSetting, proveByCertificate } from '../principal/certificates.ts'
import type { Principals, RoleChange } from '../principal/principals.ts'
import { Sessions } from '../session/sessions.ts'
import { UsageError } from './arguments.ts'
import { checkOfDirectory, keyOptions, type KeyValues, readEncryptionKey } from './encryption-key.ts'
import { readPassword } from './password.ts'
import { callerOf, queryOnce, type Caller } from './postgres-client.ts'

const options = {
  data: { type: 'string' },
  url: { type: 'string' },
  admin: { type: 'boolean' },
  certificate: { type: 'boolean' },
  ...keyOptions,
} as const

interface ListedUser {
  readonly name: string
  readonly isAdmin: boolean
  readonly hasCertificate: boolean
}

/** What is done to users, wherever they are. */
interface Users {
  create(name: string, change: RoleChange): Promise<void>
  alter(name: string, change: RoleChange): Promise<void>
  drop(name: string): Promise<void>
  /** A client's certificate of its name is its proof. */
  proveByCertificate(name: string): Promise<void>
  list(): Promise<readonly ListedUser[]>
}

export async function userCommand(args: readonly string[]): Promise<void> {
  const { values, positionals } = parse(args)
  const { data, url, admin = false, certificate = false } = values
  const key = await readEncryptionKey(values)
  checkOfDirectory(key, url)
  if (data !== undefined && url !== undefined) throw new UsageError('--data and --url exclude each other')
  const [action, name, ...more] = positionals
  const takesName = action !== 'list'
  if (!actions.has(action ?? '') || more.length > 0 || (name === undefined) === takesName) {
    throw new UsageError('polylog user takes: add NAME [--admin] [--certificate], password NAME, remove NAME, or list')
  }
  if ((admin || certificate) && action !== 'add') {
    throw new UsageError('--admin and --certificate are said to polylog user add')
  }
  // What is done is what was asked for: only what is wrong is said.
  const real = createRealHost()
  const log: Host['log'] = (level, ...rest) => (level === 'info' ? undefined : real.log(level, ...rest))
  const host: Host = { ...real, log }
  const work = (users: Users): Promise<void> => carryOut(users, action!, name ?? '', { admin, certificate })
  await (url === undefined
    ? inDirectory({ host, directory: data ?? 'polylog-data', ...key }, action === 'add', work)
    : work(ofServer(host, callerOf(url))))
}

const actions: ReadonlySet<string> = new Set(['add', 'password', 'remove', 'list'])

function parse(args: readonly string[]): {
  values: { data?: string; url?: string; admin?: boolean; certificate?: boolean } & KeyValues
  positionals: string[]
} {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: true })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

async function carryOut(
  users: Users,
  action: string,
  name: string,
  { admin: isAdmin, certificate }: { readonly admin: boolean; readonly certificate: boolean },
): Promise<void> {
  if (action === 'list') {
    for (const user of await users.list()) {
      const marks = [user.isAdmin ? ' (admin)' : '', user.hasCertificate ? ' (certificate)' : '']
      process.stdout.write(`${user.name}${marks.join('')}\n`)
    }
    return
  }
  if (action === 'remove') return await users.drop(name)
  if (certificate) {
    await users.create(name, { login: true, superuser: isAdmin })
    return await users.proveByCertificate(name)
  }
  const password = await readPassword(`Password for ${name}: `)
  if (action === 'password') await users.alter(name, { password })
  else await users.create(name, { login: true, superuser: isAdmin, password })
}

/** `makes`: the directory, where it is missing: who makes a user first has nothing to protect yet. */
async function inDirectory(
  options: InstanceOptions & { readonly directory: string },
  makes: boolean,
  work: (users: Users) => Promise<void>,
): Promise<void> {
  const { host, directory } = options
  if (directory === '' || directory.includes('\0')) throw new UsageError('--data takes the path of a folder')
  const isThere = (await readSmallFile(host.disk, `${directory}/FORMAT`, 64)) !== undefined
  if (!isThere && !makes)
    throw new PolylogError('undefined_object', `${directory} is no data directory: it has no FORMAT`)
  const instance = await open(options)
  const sessions = new Sessions(host, () => instance.databases, { catalog: instance })
  try {
    await work(ofPrincipals(sessions.principals))
  } finally {
    sessions.close()
    await instance.close()
  }
}

async function open(options: InstanceOptions): Promise<Instance> {
  try {
    return await Instance.open(options, 'polylog')
  } catch (error) {
    if (!(error instanceof PolylogError) || error.code !== 'directory_locked') throw error
    throw new PolylogError(
      'directory_locked',
      `${error.message}; of a running server, say --url postgres://HOST:PORT`,
      {
        cause: error,
        detail: error.detail,
      },
    )
  }
}

function ofPrincipals(principals: Principals): Users {
  return {
    create: (name, change) => principals.create(name, change),
    alter: (name, change) => principals.alter(name, change),
    drop: (name) => principals.drop([name]),
    proveByCertificate: (name) => proveByCertificate(principals, name),
    list: async () =>
      principals.roles
        .filter(({ login }) => login)
        .map(({ name, superuser: isAdmin }) => ({
          name,
          isAdmin,
          hasCertificate: certificateProves(principals, name),
        })),
  }
}

function ofServer(host: Host, caller: Caller): Users {
  const run = (sql: string): Promise<unknown> => queryOnce(host, caller, sql)
  return {
    create: async (name, { superuser, password }) => {
      const kind = superuser === true ? 'SUPERUSER' : 'NOSUPERUSER'
      const proof = password == null ? '' : ` PASSWORD ${quoted(password, "'")}`
      await run(`CREATE ROLE ${quoted(name, '"')} LOGIN ${kind}${proof}`)
    },
    alter: async (name, { password }) => {
      await run(`ALTER ROLE ${quoted(name, '"')} PASSWORD ${quoted(password!, "'")}`)
    },
    drop: async (name) => void (await run(`DROP ROLE ${quoted(name, '"')}`)),
    proveByCertificate: async (name) => {
      await run(`ALTER ROLE ${quoted(name, '"')} SET ${certificateSetting} = on`)
    },
    list: async () => {
      const sql = `SELECT r.rolname, r.rolsuper, '${certificateSetting}=on' = ANY (s.setconfig) FROM pg_roles r
        LEFT JOIN pg_db_role_setting s ON s.setrole = r.oid AND s.setdatabase = 0 WHERE r.rolcanlogin ORDER BY 1`
      const rows = await queryOnce(host, caller, sql)
      return rows.map(([name, isAdmin, has]) => ({
        name: name!,
        isAdmin: isAdmin === 't',
        hasCertificate: has === 't',
      }))
    },
  }
}

/** As an identifier, or as a text: standard_conforming_strings is on in a session that is new. */
function quoted(text: string, mark: '"' | "'"): string {
  if (text.includes('\0')) throw new UsageError('a name or password has a NUL character')
  return `${mark}${text.replaceAll(mark, mark + mark)}${mark}`
}
