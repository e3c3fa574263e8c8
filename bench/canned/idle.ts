/** A bare server of Node's, by a stream for each connection, as its documentation shows: it answers each chunk with the same. */
import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'

const [certificate, key] = process.argv.slice(2)
const reply = Buffer.from('+PONG\r\n')

function serve(socket: Socket): void {
  socket.on('error', () => undefined)
  socket.on('data', () => socket.write(reply))
}

const server =
  certificate === undefined || key === undefined
    ? createServer({ noDelay: true }, serve)
    : createTlsServer({ cert: readFileSync(certificate), key: readFileSync(key) }, serve)
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  process.stdout.write(`ready ${(server.address() as AddressInfo).port}\n`)
})
