/** docs/tutorial.md, done as it stands: each block is run against a server that has just been started, in order. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { runInThisContext } from 'node:vm'
import type { Redis } from 'ioredis'
import type { Db, MongoClient } from 'mongodb'
import type pg from 'pg'
import { describe, expect, test } from 'vitest'
import { Clients, numberIn } from './clients.ts'
import { repositoryRoot, runScript, ServerProcess, withFolder } from './server-process.ts'
import { cellsOf, readBlocks, readExchanges, type Block } from './tutorial-blocks.ts'

const startScript = join(repositoryRoot, '.cache', 'tools', 'samples', 'start.js')
const document = readFileSync(join(repositoryRoot, 'docs', 'tutorial.md'), 'utf8')
const blocks = readBlocks(document)

/** What a shell is asked to do. The test does it by other means, so a new line here needs a new means there. */
const shellLines = [
  'npm start',
  'psql postgresql://127.0.0.1:7654/polylog',
  'redis-cli -p 7654',
  'mongosh mongodb://127.0.0.1:7654/shop',
  'kill -9 PID',
  'node buy.mjs',
]

async function runSql(client: pg.Client, block: Block): Promise<void> {
  const { rows } = await client.query<(string | null)[]>({ text: block.text, rowMode: 'array', types: asText })
  if (block.shown !== undefined) expect(rows.map((row) => row.map((cell) => cell ?? ''))).toEqual(cellsOf(block.shown))
}

/** Values as the server writes them. */
const asText = { getTypeParser: () => String } as unknown as pg.CustomTypesConfig

async function runRedis(client: Redis, block: Block): Promise<void> {
  for (const { command, reply } of readExchanges(block.text)) {
    const [name = '', ...args] = command
    const received = await client.call(name, ...args)
    expect({ command, reply: [received].flat(2).map(String) }).toEqual({ command, reply })
  }
}

/** Lines of mongosh: expressions over `db`, whose cursors it shows. */
async function runMongosh(client: MongoClient, block: Block): Promise<void> {
  const db = shellDatabase(client, 'shop')
  for (const line of block.text.trimEnd().split('\n')) {
    const value = await (runInThisContext(`(db) => ${line}`) as (db: unknown) => unknown)(db)
    const shown: unknown = hasToArray(value) ? await value.toArray() : value
    expect({ line, isEmpty: isDeepStrictEqual(shown, []) || shown == null }).toEqual({ line, isEmpty: false })
  }
}

function hasToArray(value: unknown): value is { toArray(): Promise<unknown[]> } {
  return typeof value === 'object' && value !== null && 'toArray' in value
}

/** `db.orders` is a collection, as in the shell. */
function shellDatabase(client: MongoClient, name: string): unknown {
  const db: Db = client.db(name)
  return new Proxy(db, {
    get: (_, property) =>
      property === 'getSiblingDB'
        ? (sibling: string) => shellDatabase(client, sibling)
        : db.collection(String(property)),
  })
}

/** Saved in the repository, so that it finds the drivers. */
function saveScript(name: string, text: string, port: number): string {
  const folder = join(repositoryRoot, '.cache', 'tutorial')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${name}-${port}.mjs`)
  writeFileSync(path, text.replaceAll('7654', String(port)))
  return path
}

describe('docs/tutorial.md', () => {
  test('works as it is written', () =>
    withFolder(async (folder) => {
      const serve = (port: string) => ServerProcess.run([startScript, '--port', port, '--data', folder])
      const server = await serve('0')
      const clients = new Clients(server.port)
      const [postgres, redis, mongo] = [await clients.postgres(), clients.redis(), clients.mongo()]
      const scripts: string[] = []
      for (const block of blocks) {
        if (block.language === 'sql') await runSql(postgres, block)
        else if (block.language === 'redis') await runRedis(redis, block)
        else if (block.language === 'js' && !block.text.includes('import ')) await runMongosh(mongo, block)
        else if (block.language === 'js') {
          const script = saveScript(scripts.length === 0 ? 'buy' : 'library', block.text, server.port)
          scripts.push(script)
          const { status, stdout, stderr } = await runScript(script)
          expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: block.shown, stderr: '' })
        } else expect({ language: block.language, text: block.text }).toEqual({ language: 'sh', text: block.text })
      }
      const balance = (client: pg.Client) => numberIn(client, 'SELECT balance AS n FROM account WHERE id = 1')
      const before = await balance(postgres)
      await clients.close()
      await server.kill()

      const again = await serve(String(server.port))
      const { status, stderr } = await runScript(scripts[0]!)
      expect(status).toBe(1)
      expect(stderr).toContain('E11000')
      const later = new Clients(again.port)
      expect(await balance(await later.postgres())).toBe(before)
      await later.close()
      expect(await again.stop()).toMatchObject({ status: 0 })
    }))

  test('asks a shell for what is tested above, and for nothing else', () => {
    const lines = blocks.filter(({ language }) => language === 'sh').flatMap(({ text }) => text.trimEnd().split('\n'))
    expect([...new Set(lines)].sort()).toEqual([...shellLines].sort())
  })

  test('shows what each query and script answers', () => {
    const silent = blocks.filter(({ language, text, shown }) => {
      const isShownElsewhere =
        language === 'sh' || language === 'redis' || (language === 'js' && !text.includes('import '))
      return !isShownElsewhere && shown === undefined
    })
    expect(silent).toEqual([])
  })
})
