/**
 * Which protocol a connection speaks, by its first bytes (no protocol here lets the server speak first).
 *
 * Bytes are gathered until one gateway is sure, and no longer than any gateway still hopes; who fits none is closed.
 */
import type { Gateway } from '../gateway/gateway.ts'
import type { Socket } from '../host/host.ts'

/** No protocol needs more to be told; what is longer and still unclear is nobody's. */
const maxSniffBytes = 16 * 1024

/** `told` is called when the socket is a gateway's or gone. */
export function sniffProtocol(socket: Socket, gateways: readonly Gateway[], told: () => void): void {
  let first: Uint8Array = new Uint8Array(0)
  socket.onEnd = () => socket.end()
  socket.onClose = told
  socket.onData = (chunk) => {
    first = first.length === 0 ? chunk : Buffer.concat([first, chunk])
    const verdicts = gateways.map((gateway) => gateway.sniff(first))
    const sure = verdicts.indexOf('yes')
    if (sure >= 0) {
      told()
      gateways[sure]!.accept(socket, first)
    } else if (!verdicts.includes('more') || first.length > maxSniffBytes) socket.destroy()
  }
}
