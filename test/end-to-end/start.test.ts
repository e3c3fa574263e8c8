/** `npm start`: sample data once, whole or not at all, and kept; the lines that it prints work. */
import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { constants, cp, mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { clientLines } from '../../samples/greeting.ts'
import { Clients, collectionOf, numberIn } from './clients.ts'
import { repositoryRoot, runScript, ServerProcess, withFolder } from './server-process.ts'

const script = join(repositoryRoot, '.cache', 'tools', 'samples', 'start.js')

let running: ServerProcess | undefined
let clients: Clients | undefined

afterEach(async () => {
  await clients?.close()
  if (running?.isRunning === true) await running.kill()
})

async function start(folder: string): Promise<Clients> {
  running = await ServerProcess.run([script, '--port', '0', '--data', folder])
  clients = new Clients(running.port)
  return clients
}

async function stop(): Promise<{ stdout: string; stderr: string }> {
  await clients?.close()
  const exit = await running!.stop('SIGINT')
  expect(exit.status).toBe(0)
  return exit
}

let loaded = ''

/** Loading takes seconds, so it is done once, and most tests start on a copy. */
beforeAll(async () => {
  loaded = await mkdtemp(join(tmpdir(), 'polylog-loaded-'))
  await start(loaded)
  await stop()
})

afterAll(() => rm(loaded, { recursive: true, force: true }))

function withLoadedFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  return withFolder(async (folder) => {
    await cp(loaded, folder, { recursive: true, mode: constants.COPYFILE_FICLONE })
    return use(folder)
  })
}

/** Records of each home, as the doors at home there count them. */
async function countAll(own: Clients): Promise<Record<string, number>> {
  const [postgres, redis, mongo] = [await own.postgres(), own.redis(), own.mongo()]
  const counts: Record<string, number> = {}
  for (const name of ['weather', 'flights', 'zipcodes', 'employment', 'gapminder', 'account']) {
    counts[name] = await numberIn(postgres, `SELECT count(*) AS n FROM ${name}`)
  }
  for (const name of ['shop.customers', 'shop.products']) {
    counts[name] = await numberIn(postgres, `SELECT count(*) AS n FROM ${name}`)
  }
  for (const [database, name] of [
    ['samples', 'countries'],
    ['samples', 'earthquakes'],
    ['shop', 'orders'],
  ] as const) {
    counts[`${database}.${name}`] = await collectionOf(mongo.db(database), name).countDocuments()
  }
  for (const name of ['leaderboard', 'bestsellers']) counts[name] = await redis.zcard(name)
  counts['cart:HANDLE'] = (await redis.keys('cart:*')).length
  return counts
}

/** The table of docs/sample-data.md. */
function documentedCounts(): Record<string, number> {
  const text = readFileSync(join(repositoryRoot, 'docs', 'sample-data.md'), 'utf8')
  const counts: Record<string, number> = {}
  for (const [, names = '', , numbers = ''] of text.matchAll(/^\| (`[^|]+) \| ([^|]+) \| ([\d, ]+) \|/gm)) {
    const found = numbers.replaceAll(/(\d),(\d)/g, '$1$2').split(', ')
    for (const [index, name] of names.split(', ').entries()) counts[name.replaceAll('`', '')] = Number(found[index])
  }
  return counts
}

describe('the first start', () => {
  test('loads what docs/sample-data.md says, through homes and doors, and tells how to connect', () =>
    withFolder(async (folder) => {
      const own = await start(folder)
      const counts = await countAll(own)
      expect(counts).toEqual(documentedCounts())
      const postgres = await own.postgres()
      const { rows } = await postgres.query<{ name: string }>('SELECT name FROM sample_data')
      expect(rows.map(({ name }) => name).sort()).toEqual(Object.keys(counts).sort())
      const { stdout, stderr } = await stop()
      expect(stderr).toContain('Loading')
      const port = running!.port
      expect(stdout.split('\n')[0]).toBe(`polylog ready host=127.0.0.1 port=${port} pid=${running!.pid} data=${folder}`)
      for (const line of clientLines({ host: '127.0.0.1', port, directory: folder, hasSamples: true })) {
        expect(stdout).toContain(`\n${line}\n`)
      }
    }))

  test('makes a shop that agrees with itself over all doors', () =>
    withLoadedFolder(async (folder) => {
      const own = await start(folder)
      const postgres = await own.postgres()
      const differing = `SELECT count(*) AS n FROM shop.customers c
        JOIN (SELECT customer, sum(total) AS spent FROM shop.orders WHERE status <> 'cancelled' GROUP BY customer) o
          ON o.customer = c.id
        LEFT JOIN redis.db0_zset z ON z.key = 'leaderboard' AND z.member = c.handle
        WHERE z.score IS NULL OR z.score <> floor(o.spent)`
      expect(await numberIn(postgres, differing)).toBe(0)
      expect(await numberIn(postgres, 'SELECT count(DISTINCT customer) AS n FROM shop.orders')).toBeGreaterThan(150)
      const orphans =
        'SELECT count(*) AS n FROM account a LEFT JOIN shop.customers c ON c.handle = a.name WHERE c.id IS NULL'
      expect(await numberIn(postgres, orphans)).toBe(0)
      await stop()
    }))

  test('killed or stopped while it loads leaves nothing, and the next one loads all', () =>
    withFolder(async (folder) => {
      const ends = [
        { signal: 'SIGKILL', afterMs: 300, status: null },
        { signal: 'SIGINT', afterMs: 500, status: 0 },
      ] as const
      for (const { signal, afterMs, status } of ends) {
        const child = spawn(process.execPath, [script, '--port', '0', '--data', folder], {
          stdio: ['ignore', 'pipe', 'pipe'],
        })
        const ended = once(child, 'close')
        await once(child.stderr, 'data')
        await sleep(afterMs)
        child.kill(signal)
        expect((await ended)[0]).toBe(status)
      }
      const own = await start(folder)
      expect(await countAll(own)).toEqual(documentedCounts())
      await stop()
    }))
})

describe('a later start', () => {
  test('keeps the data, changes included, and loads nothing', () =>
    withLoadedFolder(async (folder) => {
      const first = await start(folder)
      await (await first.postgres()).query('UPDATE account SET balance = 1234.56 WHERE id = 1')
      await first.redis().zadd('leaderboard', 1_000_000, 'ada')
      await collectionOf(first.mongo().db('shop')).deleteOne({ _id: 1 })
      await stop()

      const second = await start(folder)
      expect(await numberIn(await second.postgres(), 'SELECT balance AS n FROM account WHERE id = 1')).toBe(1234.56)
      expect(await second.redis().zscore('leaderboard', 'ada')).toBe('1000000')
      expect(await collectionOf(second.mongo().db('shop')).countDocuments()).toBe(1999)
      expect((await stop()).stderr).not.toContain('Loading')
    }))

  test('on a directory with other data leaves it alone and says so', () =>
    withFolder(async (folder) => {
      const server = await ServerProcess.start('--data', folder)
      const before = new Clients(server.port)
      await before.redis().set('mine', 'x')
      await before.close()
      await server.stop()

      const own = await start(folder)
      expect(await own.redis().keys('*')).toEqual(['mine'])
      expect((await stop()).stdout).toContain('no sample data has been loaded')
    }))

  test('with a port in use ends with a clear message and status 1, before it loads', () =>
    withFolder(async (folder) => {
      const other = createServer().listen(0, '127.0.0.1')
      await once(other, 'listening')
      const { port } = other.address() as AddressInfo
      const { status, stderr } = await runScript(script, '--port', String(port), '--data', folder)
      other.close()
      expect(status).toBe(1)
      expect(stderr).toContain('in use')
      expect(stderr).toContain(String(port))
      expect(stderr).not.toContain('Loading')
      expect(stderr).not.toContain('    at ')
    }))

  test('takes the options of serve, and refuses others with 2', async () => {
    const memory = await ServerProcess.run([script, '--memory', '--port', '0'])
    expect(memory.readyLine).toMatch(/ data=memory$/)
    expect(await memory.stop()).toMatchObject({ status: 0 })
    expect(await runScript(script, '--frobnicate')).toMatchObject({ status: 2 })
    expect(await runScript(script, '--help')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('npm start -- '),
    })
  })
})

describe('npm start itself', () => {
  test('passes options on, and Ctrl-C stops it', () =>
    withLoadedFolder(async (folder) => {
      const npm = spawn('npm', ['start', '--', '--port', '0', '--data', folder], {
        cwd: repositoryRoot,
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      })
      let output = ''
      npm.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
      npm.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
      await expect.poll(() => output, { timeout: 120_000 }).toContain('polylog ready')
      process.kill(-npm.pid!, 'SIGINT')
      await once(npm, 'close')
      expect(output).toContain('"stopping"')
      await start(folder)
      expect((await stop()).stderr).not.toContain('Loading')
    }))
})

describe('the lines for clients', () => {
  const isInstalled = (program: string): boolean => spawnSync(program, ['--version']).status === 0

  async function runLine(program: string, folder: string): Promise<string> {
    await start(folder)
    const lines = clientLines({ host: '127.0.0.1', port: running!.port, directory: folder, hasSamples: true })
    const line = lines.find((one) => one.startsWith(program))!
    const { stdout } = await promisify(execFile)('sh', ['-c', line], { cwd: repositoryRoot })
    await stop()
    return stdout
  }

  test('the Node snippet shows accounts', () =>
    withLoadedFolder(async (folder) => {
      expect(await runLine('node', folder)).toMatch(/name[\s\S]*balance[\s\S]*\d+\.\d\d/)
    }))

  test.runIf(isInstalled('psql'))('the line for psql shows accounts', () =>
    withLoadedFolder(async (folder) => {
      expect(await runLine('psql', folder)).toMatch(/name +\| balance[\s\S]*\d+\.\d\d[\s\S]*\(5 rows\)/)
    }),
  )

  test.runIf(isInstalled('redis-cli'))('the line for redis-cli shows the leaderboard', () =>
    withLoadedFolder(async (folder) => {
      expect((await runLine('redis-cli', folder)).trim().split('\n')).toHaveLength(10)
    }),
  )
})
