/** What a browser, a proxy or another protocol's client sends to a door: it closes, and nothing of it is carried out. */
import { createConnection } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { serverPair, TlsDoors } from './testing-tls.ts'

const doors = new TlsDoors()
const ports = { postgres: 22_321, redis: 22_322, mongodb: 22_323 }
const command = '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n'

beforeAll(() => doors.start({ tls: serverPair, protocolPorts: ports }))
afterAll(() => doors.end())

const requests: readonly (readonly [name: string, bytes: string])[] = [
  [
    'POST with commands in its body',
    `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${command.length}\r\n\r\n${command}`,
  ],
  ['POST of a form', `POST / HTTP/1.1\r\ncontent-type: text/plain\r\nhost: a\r\n\r\nSET a 1\r\n`],
  ['GET', `GET /a HTTP/1.1\r\nHost: a\r\n\r\n${command}`],
  ['GET of a key that looks like a command', `GET a HTTP/1.1\r\nHOST: a\r\n\r\nSET a 1\r\n`],
  ['OPTIONS', `OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: null\r\n\r\n${command}`],
  [
    'the upgrade to a WebSocket, with a frame behind it',
    `GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x07SET a 1\r\n`,
  ],
]

/** What it answers until it has closed the connection; the client keeps its half open. */
function answersOf(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: '127.0.0.1', port }, () => socket.write(Buffer.from(bytes, 'latin1')))
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(text))
    socket.setTimeout(30_000, () => reject(new Error('it stays open')))
  })
}

const isUnchanged = async (): Promise<boolean> => (await doors.redis(undefined).get('a')) === null

describe.each([...Object.keys(ports), 'all'])('the port of %s', (door) => {
  const port = (): number => ports[door as keyof typeof ports] ?? doors.server.port

  test.each(requests)('closes on %s', async (_name, bytes) => {
    expect(await answersOf(port(), bytes)).not.toMatch(/OK|PONG/)
    expect(await isUnchanged()).toBe(true)
  })
})

test('nothing of a PROXY header is believed: who sends one is who it was', async () => {
  // By redis-server, too, the first form is an unknown command, and the second one says QUIT to whoever does not know it.
  const text = answersOf(ports.redis, 'PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nCLIENT INFO\r\nQUIT\r\n')
  expect(await text).toMatch(/^-ERR unknown command 'PROXY'[^]* addr=127\.0\.0\.1:/)
  for (const port of [ports.postgres, ports.mongodb]) {
    expect(await answersOf(port, 'PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n')).toBe('')
  }
  for (const port of Object.values(ports)) {
    const binary = '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\0\0\x01\x0a\0\0\x02\0\x01\0\x02'
    expect(await answersOf(port, binary)).not.toMatch(/PONG/)
  }
})
