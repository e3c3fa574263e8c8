/**
 * What the container does, without one: the command of the Dockerfile, on a folder that is empty, in a network of its own, and
 * clients that come from another. Where the test may make no networks it uses this machine's own address, and where there
 * is none but loopback, that.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { access } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { repositoryRoot, runPolylog, runPolylogWith, ServerProcess, withFolder } from './server-process.ts'

const dockerfile = readFileSync(join(repositoryRoot, 'Dockerfile'), 'utf8')

function instructions(name: string): string[] {
  return [...dockerfile.matchAll(new RegExp(`^${name} (.*)$`, 'gm'))].map((match) => match[1]!)
}

/** Of ENTRYPOINT or CMD. */
function command(name: string): string[] {
  return JSON.parse(instructions(name)[0]!) as string[]
}

/** Another network, with its server's address as it is seen from here. */
interface Network {
  readonly address: string
  readonly under: readonly string[]
  close(): void
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: 'ignore' })
}

function makeNetwork(): Network {
  const name = `plg${process.pid}`
  const [near, far] = [`${name}a`, `${name}b`]
  const part = 2 + (process.pid % 250)
  const close = (): void => {
    // The pair of devices goes with it.
    ip('netns', 'del', name)
  }
  ip('netns', 'add', name)
  try {
    ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far)
    ip('link', 'set', far, 'netns', name)
    ip('addr', 'add', `10.231.${part}.1/30`, 'dev', near)
    ip('link', 'set', near, 'up')
    ip('-n', name, 'addr', 'add', `10.231.${part}.2/30`, 'dev', far)
    ip('-n', name, 'link', 'set', far, 'up')
    ip('-n', name, 'link', 'set', 'lo', 'up')
  } catch (error) {
    close()
    throw error
  }
  return { address: `10.231.${part}.2`, under: ['ip', 'netns', 'exec', name], close }
}

function otherwise(): Network {
  const own = Object.values(networkInterfaces()).flatMap((some) => some ?? [])
  const address = own.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '127.0.0.1'
  return { address, under: [], close: () => undefined }
}

let network: Network

beforeAll(() => {
  try {
    network = makeNetwork()
  } catch {
    process.stderr.write(
      'container.test.ts: no network of its own may be made here; it uses an address of this machine\n',
    )
    network = otherwise()
  }
})
afterAll(() => network.close())

const password = 'a long password'
const env = { POLYLOG_USER: 'ada', POLYLOG_PASSWORD: password }

/** As `docker run -v FOLDER:/data` does. */
function startContainer(folder: string, environment: NodeJS.ProcessEnv = env): Promise<ServerProcess> {
  const [node, ...rest] = [...command('ENTRYPOINT'), ...command('CMD'), '--port', '0']
  expect(node).toBe('node')
  const args = rest.map((arg) => arg.replace(/^\/polylog(?=\/)/, repositoryRoot).replace(/^\/data$/, folder))
  return ServerProcess.run(args, repositoryRoot, environment, network.under)
}

test('copies what is there, and only from folders that the build makes', async () => {
  const copied = instructions('COPY').filter((line) => line.startsWith('--from=build'))
  const paths = copied.flatMap((line) => line.split(' ').slice(1, -1))
  expect(paths).toContain('/polylog/dist')
  for (const path of paths) await access(join(repositoryRoot, path.replace('/polylog/', '')))
  expect(instructions('USER')).toEqual(['node'])
  expect(instructions('EXPOSE')).toEqual(['7654'])
  const { scripts } = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as { scripts: object }
  for (const [, script] of dockerfile.matchAll(/npm run (\S+)/g)) expect(scripts).toHaveProperty(script!)
})

describe('a container with a user', () => {
  test('is reached from another machine over TLS, with its password, by every door', () =>
    withFolder(async (outer) => {
      const folder = join(outer, 'data')
      const server = await startContainer(folder)
      const { address: host } = network
      const { port } = server
      const certificate = join(folder, 'tls', 'certificate.pem')
      const ca = readFileSync(certificate, 'utf8')
      // It was made before anybody knew by which address it is reached.
      const checkServerIdentity = (): undefined => undefined
      const login = { host, port, user: 'ada', password, database: 'polylog' }
      const client = new pg.Client({ ...login, ssl: { ca, checkServerIdentity } })
      await client.connect()
      expect((await client.query('SELECT current_user AS me')).rows).toEqual([{ me: 'ada' }])
      await client.end()
      const redis = new Redis({ host, port, username: 'ada', password, tls: { ca, checkServerIdentity } })
      expect(await redis.set('a', 1)).toBe('OK')
      redis.disconnect()
      const uri = `mongodb://ada:${encodeURIComponent(password)}@${host}:${port}/?tls=true`
      const mongo = new MongoClient(uri, { tlsCAFile: certificate, tlsAllowInvalidHostnames: true })
      await mongo.db('a').collection('c').insertOne({ n: 1 })
      await mongo.close()

      const open = new pg.Client(login)
      if (host === '127.0.0.1') await open.connect().then(() => open.end())
      else await expect(open.connect()).rejects.toMatchObject({ code: '28000' })
      const wrong = new pg.Client({ ...login, password: 'wrong', ssl: { ca, checkServerIdentity } })
      await expect(wrong.connect()).rejects.toMatchObject({ code: '28P01' })
      const { stderr } = await server.stop()
      expect(stderr).toContain('"message":"TLS is spoken","sha256":"')

      // Another start, without the environment: the same user, the same certificate.
      const again = await startContainer(folder, {})
      expect(readFileSync(certificate, 'utf8')).toBe(ca)
      const later = new pg.Client({ ...login, port: again.port, ssl: { ca, checkServerIdentity } })
      await later.connect()
      await later.end()
      expect((await again.stop()).status).toBe(0)
    }))

  test('lets nobody in, and nobody out, without one', () =>
    withFolder(async (outer) => {
      await expect(startContainer(join(outer, 'data'), {})).rejects.toThrow(/polylog user add NAME --admin/)
    }))
})

test('the two commands of a machine, as docs/deploy.md has them', () =>
  withFolder(async (outer) => {
    const folder = join(outer, 'data')
    const add = await runPolylogWith({ input: `${password}\n` }, 'user', 'add', 'ada', '--admin', '--data', folder)
    expect(add.status).toBe(0)
    const server = await ServerProcess.start('--data', folder, '--host', '0.0.0.0')
    // From this machine itself loopback may go on without TLS.
    const url = `postgres://ada:${encodeURIComponent(password)}@127.0.0.1:${server.port}`
    expect(await runPolylog('user', 'list', '--url', url)).toMatchObject({ stdout: 'ada (admin)\n' })
    expect((await server.stop()).status).toBe(0)
    const open = await ServerProcess.start('--data', folder, '--host', '0.0.0.0', '--insecure-transport')
    expect((await open.stop()).stderr).toContain('insecure transport')
  }))

test('sockets in a folder, as docs/deploy.md has them', () =>
  withFolder(async (folder) => {
    const server = await ServerProcess.start('--memory', '--socket', folder)
    const client = new pg.Client({ host: folder, port: server.port, user: 'me', database: 'polylog' })
    await client.connect()
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    await client.end()
    const path = join(folder, 'polylog.sock')
    const redis = new Redis({ path })
    expect(await redis.ping()).toBe('PONG')
    expect(await redis.client('LIST')).toContain(`addr=${path}:0`)
    redis.disconnect()
    const mongo = new MongoClient(`mongodb://${encodeURIComponent(path)}`)
    expect(await mongo.db('a').command({ ping: 1 })).toMatchObject({ ok: 1 })
    await mongo.close()
    expect((await server.stop()).status).toBe(0)
  }))

test('certificates are read again on SIGHUP, and one that is none is said to be', () =>
  withFolder(async (folder) => {
    const from = join(repositoryRoot, 'test', 'certificates')
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    const put = (name: string): void => {
      execFileSync('cp', [join(from, `${name}.pem`), cert])
      execFileSync('cp', [join(from, `${name}.key`), key])
    }
    put('server')
    const server = await ServerProcess.start('--memory', '--tls-cert', cert, '--tls-key', key)
    const ca = readFileSync(join(from, 'authority.pem'), 'utf8')
    const serial = async (): Promise<string> => {
      const { connect } = await import('node:tls')
      return new Promise((resolve, reject) => {
        const socket = connect({ host: 'localhost', port: server.port, ca }, () => {
          resolve(socket.getPeerCertificate().serialNumber)
          socket.destroy()
        })
        socket.on('error', reject)
      })
    }
    const before = await serial()
    put('renewed')
    process.kill(server.pid, 'SIGHUP')
    let now = before
    for (let tries = 0; tries < 500 && now === before; tries++) now = await serial()
    expect(now).not.toBe(before)
    execFileSync('cp', [join(from, 'server.pem'), cert])
    process.kill(server.pid, 'SIGHUP')
    for (let tries = 0; tries < 50; tries++) expect(await serial()).toBe(now)
    expect((await server.stop()).stderr).toContain('the certificate stays as it is')
  }))
