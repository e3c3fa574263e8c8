/** Whether a server may be reached from other machines: with a password for everybody, and nobody reading along. */
import { PolylogError } from '../base/errors.ts'
import type { Host } from '../host/host.ts'
import { isLoopback } from '../host/loopback.ts'
import type { ServerOptions } from './server.ts'

/** Errors: `denied`. */
export function checkMayLeave(host: Host, address: string, hasUsers: boolean, options: ServerOptions): void {
  if (isLoopback(address)) return
  if (!hasUsers) {
    throw new PolylogError(
      'denied',
      `other machines could connect to ${address}, and nobody would be asked for a password: there is no user. ` +
        'Make one with "polylog user add NAME --admin", or set POLYLOG_USER and POLYLOG_PASSWORD',
    )
  }
  if (options.insecureTransport === true) {
    host.log('warning', 'insecure transport: passwords and data may pass between machines in the open', { address })
  } else if (options.tls === undefined) {
    throw new PolylogError(
      'denied',
      `passwords would pass to ${address} in the open: give the files of a certificate (tls), or allow insecureTransport`,
    )
  }
}
