/**
 * Which protocol a connection speaks, by its first bytes (no protocol here lets the server speak first).
 *
 * All gateways are asked. Bytes are gathered as long as more than one may mean them, and the one is chosen who is sure
 * when nobody else hopes any more. Who fits none is closed; so is what two claim, which `sniffing.test.ts` shows not to
 * happen to any opening of any pair.
 */
import type { Gateway } from '../gateway/gateway.ts'
import type { Socket } from '../host/host.ts'

/** No protocol needs more to be told; what is longer and still unclear is nobody's. */
const maxSniffBytes = 16 * 1024

/** `onTold` is called when the socket is a gateway's or gone. */
export function sniffProtocol(socket: Socket, gateways: readonly Gateway[], onTold: () => void): void {
  let first: Uint8Array = new Uint8Array(0)
  socket.onEnd = () => socket.end()
  socket.onClose = onTold
  socket.onData = (chunk) => {
    first = first.length === 0 ? chunk : Buffer.concat([first, chunk])
    const told = choose(gateways, first)
    if (told === 'more' && first.length <= maxSniffBytes) return
    onTold()
    if (typeof told === 'string') socket.destroy()
    else told.accept(socket, first)
  }
}

/** The gateway whose the bytes are; `more` as long as that is open, `no` where they are nobody's. */
export function choose(gateways: readonly Gateway[], bytes: Uint8Array): Gateway | 'more' | 'no' {
  const verdicts = gateways.map((gateway) => gateway.sniff(bytes))
  if (verdicts.includes('more')) return 'more'
  const sure = verdicts.indexOf('yes')
  return sure < 0 || sure !== verdicts.lastIndexOf('yes') ? 'no' : gateways[sure]!
}
