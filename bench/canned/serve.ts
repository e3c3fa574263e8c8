/** What a canned server stands on: the sockets that Polylog itself stands on, so that it is the ceiling of what is above them. */
import { createRealNetwork } from '../../src/host/real/network.ts'

/** `accept` gets what writes to a new connection, and answers what takes a chunk that it has sent. */
export async function serveCanned(accept: (write: (bytes: Buffer) => void) => (chunk: Buffer) => void): Promise<void> {
  const listener = await createRealNetwork().listen({ host: '127.0.0.1', port: 0 }, (socket) => {
    const take = accept((bytes) => void socket.write(bytes))
    socket.onData = (chunk) => take(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    socket.onEnd = () => socket.end()
  })
  process.stdout.write(`ready ${listener.address.port}\n`)
  process.on('SIGTERM', () => process.exit(0))
}
