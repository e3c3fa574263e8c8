/** What a server with users answers in SQL, as a line of text; and golden files of such lines. Nothing outside of tests imports this. */
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { Instance } from '../database/instance.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { createMemoryDisk } from '../host/simulated/memory-disk.ts'
import { Sessions } from '../session/sessions.ts'
import { Server } from './server.ts'

/** With the superuser `admin`. Everybody's password is the name. */
export class Answers {
  instance!: Instance
  sessions!: Sessions
  server!: Server
  readonly #host = { ...createRealHost(), log: (): void => undefined, disk: createMemoryDisk() }
  readonly #clients = new Map<string, pg.Client>()

  static async start(): Promise<Answers> {
    const answers = new Answers()
    await answers.#open()
    await answers.sessions.principals.create('admin', { login: true, superuser: true, password: 'admin' })
    return answers
  }

  async #open(): Promise<void> {
    const host = this.#host
    const instance = await Instance.open({ host, directory: 'data' }, 'polylog')
    this.instance = instance
    this.sessions = new Sessions(host, () => instance.databases, { catalog: instance })
    this.server = await Server.listen(host, this.sessions, { port: 0 })
  }

  async stop(): Promise<void> {
    for (const user of this.#clients.keys()) await this.leave(user)
    await this.server.close()
    this.sessions.close()
    await this.instance.close()
  }

  /** With what is on the disk. */
  async restart(): Promise<void> {
    await this.stop()
    await this.#open()
  }

  /** The next statement of the user comes by a connection of its own. */
  async leave(user: string): Promise<void> {
    await this.#clients.get(user)?.end()
    this.#clients.delete(user)
  }

  async as(user: string): Promise<pg.Client> {
    let client = this.#clients.get(user)
    if (client === undefined) {
      const { port } = this.server
      client = new pg.Client({ host: '127.0.0.1', port, user, password: user, database: 'polylog' })
      client.on('error', () => undefined)
      await client.connect()
      this.#clients.set(user, client)
    }
    return client
  }

  /** Command, count and rows, or code and message of the error; then the notices. */
  async to(user: string, text: string): Promise<string> {
    const notices: string[] = []
    const note = ({ message }: { message?: string | undefined }): void => void notices.push(message ?? '')
    let answer: string
    let client: pg.Client | undefined
    try {
      client = await this.as(user)
      client.on('notice', note)
      const { command, rowCount, rows } = await client.query({ text, rowMode: 'array' })
      answer = `${command} ${rowCount} ${JSON.stringify(text.startsWith('EXPLAIN') ? [] : rows)}`
    } catch (error) {
      const { code, message } = error as { code: string; message: string }
      answer = `E ${code} ${message}`
    }
    client?.off('notice', note)
    return notices.length === 0 ? answer : `${answer} N ${notices.join('|')}`
  }

  /** A golden file's statements, each with who says it and below it the answer, as they are answered and as they should be. */
  async toGolden(name: string): Promise<{ readonly found: readonly string[]; readonly lines: readonly string[] }> {
    const path = new URL(`../gateway/postgres/golden/${name}.txt`, import.meta.url)
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
    const found: string[] = []
    for (let at = 0; at < lines.length; at += 2) {
      const [, user, text] = /^(\w+)> (.*)$/.exec(lines[at]!)!
      found.push(lines[at]!, `  ${await this.to(user!, text!)}`)
    }
    return { found, lines }
  }
}
