/**
 * What several sessions see of each other: scripts of statements, each line `session> statement`, below it what arrives for
 * whom by then. Who is not answered waits: its answer stands below the statement that lets it go on. Those of
 * cursors were compared with PostgreSQL 15's.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { openTestSessions } from '../../session/testing.ts'
import { Door } from '../door.ts'
import { defaultGatewayLimits } from '../gateway.ts'
import { postgresProtocol } from './gateway.ts'
import { query, startup, TestClient } from './testing.ts'

const folder = new URL('golden/sessions/', import.meta.url)

interface Party {
  readonly client: TestClient
  readonly pid: string
  isBusy: boolean
}

class Script {
  readonly #parties = new Map<string, Party>()
  readonly #connect: () => TestClient

  constructor(connect: () => TestClient) {
    this.#connect = connect
  }

  async #party(name: string): Promise<Party> {
    const known = this.#parties.get(name)
    if (known !== undefined) return known
    const client = this.#connect()
    client.send(startup('user', 'me'))
    const greeting = await client.awaitAnswers()
    expect(greeting.at(-1)).toBe('Z I')
    client.send(query('select pg_backend_pid()'))
    const row = (await client.awaitAnswers()).find((line) => line.startsWith('D '))
    const party = { client, pid: row!.slice(2), isBusy: false }
    this.#parties.set(name, party)
    return party
  }

  /** All that arrives, until nobody gets anything any more. */
  async #settle(): Promise<string[]> {
    const lines: string[] = []
    for (let quiet = 0; quiet < 6; quiet++) {
      for (const [name, party] of this.#parties) {
        for (const line of await party.client.answers()) {
          quiet = 0
          if (line.startsWith('Z')) party.isBusy = false
          if (/^[CDENA]/.test(line)) lines.push(`  ${name}: ${this.#named(line)}`)
        }
      }
    }
    return lines
  }

  /** Notifications tell whose they are. */
  #named(line: string): string {
    const [, pid] = /^A (\d+) /.exec(line) ?? []
    const from = [...this.#parties].find(([, party]) => party.pid === pid)
    return from === undefined ? line : line.replace(/\d+/, `<${from[0]}>`)
  }

  async run(name: string, text: string): Promise<string[]> {
    const party = await this.#party(name)
    if (text === '\\close') {
      party.client.socket.listener.onClose()
      this.#parties.delete(name)
    } else {
      let sql = text
      for (const [other, { pid }] of this.#parties) sql = sql.replaceAll(`<${other}>`, pid)
      party.isBusy = true
      party.client.send(query(sql))
    }
    const lines = await this.#settle()
    if (party.isBusy) lines.push(`  ${name} waits`)
    return lines
  }
}

const scripts = readdirSync(folder).filter((name) => name.endsWith('.txt'))

it.each(scripts)('%s', async (name) => {
  const opened = await openTestSessions()
  const path = new URL(name, folder)
  const expected = readFileSync(path, 'utf8')
  try {
    const door = new Door(postgresProtocol, opened.sessions, defaultGatewayLimits)
    const script = new Script(() => new TestClient(door, opened.sessions.host))
    const lines: string[] = []
    for (const line of expected.split('\n').filter((one) => !one.startsWith('  '))) {
      lines.push(line)
      const [, session, text] = /^(\w+)> (.*)$/.exec(line) ?? []
      if (session !== undefined) lines.push(...(await script.run(session, text!)))
    }
    const answered = lines.join('\n')
    if (process.env['REWRITE'] === '1') writeFileSync(path, answered)
    else expect(answered).toBe(expected)
  } finally {
    await opened.close()
  }
})
