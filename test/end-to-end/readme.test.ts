/** The README's code works as it stands: with the server's own port in place of the default one. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Clients } from './clients.ts'
import { repositoryRoot, ServerProcess } from './server-process.ts'
import { readBlocks } from './tutorial-blocks.ts'

const blocks = readBlocks(readFileSync(join(repositoryRoot, 'README.md'), 'utf8'))
const [threeDrivers, inProcess] = blocks.filter(({ language }) => language === 'js').map(({ text }) => text)
const [oneQuery] = blocks.filter(({ language }) => language === 'sql').map(({ text }) => text)

let server: ServerProcess
let clients: Clients
let folder: string

beforeAll(async () => {
  server = await ServerProcess.start('--memory')
  clients = new Clients(server.port)
  // Inside of the repository, so that the package finds itself by its name.
  mkdirSync(join(repositoryRoot, '.cache'), { recursive: true })
  folder = mkdtempSync(join(repositoryRoot, '.cache', 'readme-'))
})

afterAll(async () => {
  await clients.close()
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** In a folder of its own, which is empty. */
function runScript(text: string): { status: number | null; output: string } {
  const path = join(folder, 'script.mjs')
  writeFileSync(path, text.replaceAll('7654', String(server.port)))
  const { status, stdout, stderr } = spawnSync(process.execPath, [path], {
    cwd: mkdtempSync(join(folder, 'work-')),
    encoding: 'utf8',
    timeout: 120_000,
  })
  return { status, output: `${stdout}${stderr}` }
}

describe('the README', () => {
  test('one transaction through three drivers, and one query over what they wrote', async () => {
    const postgres = await clients.postgres()
    await postgres.query('CREATE TABLE account (id integer PRIMARY KEY, name text, balance numeric)')
    await postgres.query("INSERT INTO account VALUES (1, 'ada', 100)")
    expect(runScript(threeDrivers!)).toEqual({ status: 0, output: '' })
    const { rows } = await postgres.query(oneQuery!)
    expect(rows).toEqual([{ name: 'ada', total: 30, score: 30 }])
    expect((await postgres.query('SELECT balance FROM account')).rows).toEqual([{ balance: '70' }])
  })

  test('in the process', () => {
    expect(runScript(inProcess!)).toEqual({ status: 0, output: '1n\n' })
  })
})
