/** What a server does with the words of a master, one of these tests; `replicaof.ci.test.ts` has a real one. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Door } from '../../door.ts'
import { defaultGatewayLimits } from '../../gateway.ts'
import { redisProtocol } from '../gateway.ts'
import { encodeCommand, openTestServer, TestClient, type TestServer } from '../testing.ts'

const id = 'a'.repeat(40)

/** Answers the handshake, and says what it is told to. */
class TestMaster {
  readonly heard: string[] = []
  readonly #server: Server
  #socket: Socket | undefined
  /** To PSYNC. */
  answer: Buffer = Buffer.alloc(0)

  constructor() {
    this.#server = createServer((socket) => {
      this.#socket = socket
      socket.on('error', () => undefined)
      socket.on('data', (chunk) => this.#hear(socket, chunk.toString('latin1')))
    })
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Of one command a chunk but for acknowledgements, which nobody waits for. */
  #hear(socket: Socket, text: string): void {
    for (const command of text.split('*').slice(1)) {
      const words = command.split('\r\n').filter((_, i) => i > 0 && i % 2 === 0)
      this.heard.push(words.join(' '))
      if (words[0] === 'PSYNC') socket.write(this.answer)
      else if (words[1] !== 'ACK') socket.write('+OK\r\n')
    }
  }

  say(...lines: readonly string[]): number {
    const bytes = Buffer.concat(lines.map((line) => encodeCommand(line.split(' '))))
    this.#socket!.write(bytes)
    return bytes.length
  }

  hangUp(): void {
    this.#socket!.destroy()
  }

  async hears(wanted: string | RegExp): Promise<string> {
    for (;;) {
      const found = this.heard.find((line) => (typeof wanted === 'string' ? line === wanted : wanted.test(line)))
      if (found !== undefined) return found
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  close(): void {
    this.#socket?.destroy()
    this.#server.close()
  }
}

/** With the key `k`, at the offset 100. */
function wholeSynchronisation(): Buffer {
  const key = Buffer.from([0xfe, 0, 0, 1, 0x6b, 5, 0x66, 0x69, 0x72, 0x73, 0x74])
  const rdb = Buffer.concat([Buffer.from('REDIS0010'), key, Buffer.from([0xff]), Buffer.alloc(8)])
  return Buffer.concat([Buffer.from(`+FULLRESYNC ${id} 100\r\n\n\n$${rdb.length}\r\n`), rdb])
}

let server: TestServer
let client: TestClient
let master: TestMaster

beforeEach(async () => {
  server = await openTestServer()
  client = server.connect()
  master = new TestMaster()
  master.answer = wholeSynchronisation()
  await master.listen()
  expect(await client.sendLine('SET before 1')).toBe('+OK')
  expect(await client.sendLine(`REPLICAOF 127.0.0.1 ${master.port}`)).toBe('+OK')
  await until(async () => (await client.sendLine('GET k')) === '"first"')
})
afterEach(async () => {
  await client.sendLine('REPLICAOF NO ONE')
  master.close()
  await server.close()
})

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5))
}

async function replication(name: string): Promise<string | undefined> {
  const info = JSON.parse((await client.sendLine('INFO replication')).replace(/^=/, '')) as string
  return new RegExp(`${name}:(.*?)\r\n`).exec(info)?.[1]
}

it('what was there before is gone, and clients may only read', async () => {
  expect(await client.sendLine('KEYS *')).toBe('["k"]')
  expect(await client.sendLine('SET k mine')).toBe("-READONLY You can't write against a read only replica.")
  expect(await client.sendLine('CONFIG SET replica-read-only no')).toBe('+OK')
  expect(await client.sendLine('SET k mine')).toBe('+OK')
})

it('a block of the master is one transaction, and nothing of it is there before its end', async () => {
  master.say('SELECT 2', 'MULTI', 'SET a 1')
  master.say('SET b 1')
  await client.sendLine('SELECT 2')
  for (let i = 0; i < 20; i++) expect(await client.sendLine('EXISTS a b')).toBe(':0')
  const before = server.database.newestSequence
  master.say('EXEC')
  await until(async () => (await client.sendLine('EXISTS a b')) === ':2')
  expect(server.database.newestSequence).toBe(before + 1)
})

it('goes on behind what it has committed, where the connection was lost', async () => {
  const bytes = master.say('SELECT 0', 'SET k second')
  await until(async () => (await client.sendLine('GET k')) === '"second"')
  master.answer = Buffer.from(`+CONTINUE\r\n`)
  master.hangUp()
  await master.hears(`PSYNC ${id} ${100 + bytes + 1}`)
  await until(async () => (await replication('master_link_status')) === 'up')
  expect(await replication('slave_repl_offset')).toBe(`${100 + bytes}`)
  const more = master.say('APPEND k !', 'PING', 'REPLCONF GETACK *')
  await master.hears(`REPLCONF ACK ${100 + bytes + more}`)
  expect(await client.sendLine('GET k')).toBe('"second!"')
})

it('goes on in the database that was selected there, after a start, too', async () => {
  const bytes = master.say('SELECT 2', 'SET k second')
  await client.sendLine('SELECT 2')
  await until(async () => (await client.sendLine('GET k')) === '"second"')
  master.answer = Buffer.from(`+CONTINUE\r\n`)
  await server.gateway.close(0)
  const door = new Door(redisProtocol, server.sessions, defaultGatewayLimits)
  door.started()
  await master.hears(`PSYNC ${id} ${100 + bytes + 1}`)
  client = new TestClient(door, server.database.host)
  await until(async () => (await replication('master_link_status')) === 'up')
  master.say('APPEND k !')
  await client.sendLine('SELECT 2')
  await until(async () => (await client.sendLine('GET k')) === '"second!"')
  await client.sendLine('REPLICAOF NO ONE')
  await door.close(0)
})

it('a command that it cannot carry out ends the link, with all that came with it', async () => {
  master.say('MULTI', 'SET k second', 'LPUSH k x', 'EXEC', 'SET k third')
  await until(async () => (await replication('master_link_failure')) !== undefined)
  expect(await replication('master_link_failure')).toMatch(/^LPUSH of the master's: WRONGTYPE/)
  expect(await replication('master_link_status')).toBe('down')
  expect(await client.sendLine('GET k')).toBe('"first"')
})

it('a command that nobody knows does, too', async () => {
  master.say('SET k second')
  master.say('MODULE.COMMAND k')
  await until(async () => (await replication('master_link_failure')) !== undefined)
  expect(await replication('master_link_failure')).toMatch(/^a command of the master's is not known/)
})

it('is not begun within a block, and what is wrong with it is answered there', async () => {
  for (const line of ['MULTI', 'REPLICAOF m1 one', 'REPLICAOF 127.0.0.1 1']) await client.sendLine(line)
  const answers = await client.sendLine('EXEC')
  expect(answers).toContain('ERR Invalid master port')
  expect(answers).toContain('ERR REPLICAOF is not supported inside a transaction')
})
