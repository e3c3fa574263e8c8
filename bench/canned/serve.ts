/**
 * What a canned server stands on: reads into one buffer that all connections share, whole frames answered from there, one
 * write for each read. No server on Node can do with less, so it is the ceiling of what is above the sockets.
 */
import { createServer, type Socket } from 'node:net'
import { readInto } from '../../src/host/real/network.ts'

/** Answers all frames that are whole in a part of a buffer: what to send, and where the rest begins. */
export type Answer = (bytes: Buffer, end: number) => { readonly reply: Buffer | undefined; readonly rest: number }

const shared = Buffer.allocUnsafeSlow(256 * 1024)

function reading(accepted: Socket, take: (count: number) => true): Socket {
  const socket = readInto(accepted, shared, take)
  if (socket === undefined) throw new Error('this Node cannot read into a buffer of its user')
  return socket
}

/** `accept` is asked for each new connection. */
export function serveCanned(accept: () => Answer): void {
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (accepted) => {
    const answer = accept()
    let pending: Buffer | undefined
    const take = (count: number): true => {
      const bytes = pending === undefined ? shared : Buffer.concat([pending, shared.subarray(0, count)])
      const end = pending === undefined ? count : bytes.length
      const { reply, rest } = answer(bytes, end)
      pending = rest === end ? undefined : Buffer.from(bytes.subarray(rest, end))
      if (reply !== undefined) socket.write(reply)
      return true
    }
    const socket = reading(accepted, take)
    socket.on('end', () => socket.end())
    socket.on('error', () => undefined)
  })
  server.listen(0, '127.0.0.1', () => process.stdout.write(`ready ${(server.address() as { port: number }).port}\n`))
  process.on('SIGTERM', () => process.exit(0))
}
