/**
 * Which protocol a connection speaks, by its first bytes (no protocol here lets the server speak first).
 *
 * All gateways are asked. Bytes are gathered as long as more than one may mean them, and the one is chosen who is sure
 * when nobody else hopes any more. Who fits none is closed; so is what two claim, which `sniffing.test.ts` shows not to
 * happen to any opening of any pair.
 *
 * What a connection takes is charged from its first moment on, before anybody knows what it speaks: itself, and what has
 * gathered. Where there is no memory for it, it is sniffed all the same, so that its protocol can tell it; but of those only
 * a few wait at a time.
 */
import type { MemoryAccount } from '../base/memory-account.ts'
import type { Gateway } from '../gateway/gateway.ts'
import type { Socket } from '../host/host.ts'

/** No protocol needs more to be told; what is longer and still unclear is nobody's. */
const maxSniffBytes = 16 * 1024

/**
 * What a connection has beside what it is charged for: its objects, of the socket, the gateway, the session, and the
 * system's. Measured with 4,000 of them: 6 to 16 KiB each, and a byte of work counts twice.
 */
export const connectionBytes: number = 8 * 1024

/** What the first bytes mostly are: charged with the connection. */
const freeBytes = 1024

/** `place`: what it is charged to, "full" where nothing is to be had. `onTold` is called when the socket is a gateway's or gone. */
export function sniffProtocol(
  socket: Socket,
  gateways: readonly Gateway[],
  place: MemoryAccount | 'full',
  onTold: () => void,
): void {
  let first: Uint8Array = new Uint8Array(0)
  socket.onEnd = () => socket.end()
  const leave = (): void => {
    if (place !== 'full') place.close()
    onTold()
  }
  socket.onClose = leave
  socket.onData = (chunk) => {
    first = first.length === 0 ? chunk : Buffer.concat([first, chunk])
    const told = choose(gateways, first)
    if (told === 'more' && first.length <= maxSniffBytes && mayKeep(place, first.length)) return
    if (typeof told === 'string') {
      leave()
      socket.destroy()
      return
    }
    onTold()
    if (place !== 'full') place.force(connectionBytes)
    told.accept(socket, first, place)
  }
}

function mayKeep(place: MemoryAccount | 'full', bytes: number): boolean {
  if (place === 'full') return true
  const more = connectionBytes + Math.max(0, bytes - freeBytes) - place.usedBytes
  return more <= 0 || place.tryCharge(more)
}

/** The gateway whose the bytes are; `more` as long as that is open, `no` where they are nobody's. */
export function choose(gateways: readonly Gateway[], bytes: Uint8Array): Gateway | 'more' | 'no' {
  const verdicts = gateways.map((gateway) => gateway.sniff(bytes))
  if (verdicts.includes('more')) return 'more'
  const sure = verdicts.indexOf('yes')
  return sure < 0 || sure !== verdicts.lastIndexOf('yes') ? 'no' : gateways[sure]!
}
