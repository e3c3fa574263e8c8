/**
 * TLS over accepted connections whose first bytes have been read: on one port they tell who speaks what.
 *
 * A `tls.Server` that never listens is given each connection by its event `connection`, as Node's documentation offers, with
 * what has been read put back before it. From there on OpenSSL reads the connection's handle by itself, not the buffer that
 * all plain connections share (`network.ts`), and what it makes of it arrives as a stream's chunks.
 *
 * Invariants: before the handshake has ended well nothing is told but the close; whatever ends it, the connection below
 * is closed; a handshake of which it is not known whose it was is cut.
 */
import { constants, createPrivateKey, X509Certificate } from 'node:crypto'
import type net from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import {
  type ClientCertificate,
  type Identity,
  type IdentityText,
  NetworkError,
  type Secured,
  type SecureSocket,
} from '../host.ts'
import { type Origin, RealSocket } from './real-socket.ts'

/** Below a TLS socket of Node's. */
interface Upper {
  readonly _parent?: net.Socket
}

/** Every handshake has one, whether it ends well or not. */
export class RealIdentity implements Identity {
  readonly fingerprint: string
  readonly validUntilMs: number
  readonly validUntil: string
  readonly #server: Server
  readonly #needsCertificate: boolean
  readonly #handshakes = new WeakMap<net.Socket, RealSecureSocket>()

  /** Errors: `NetworkError` `certificate`. */
  constructor(text: IdentityText) {
    const { certificate, key, clientAuthorities, protocols } = text
    this.#needsCertificate = clientAuthorities !== undefined && text.clientsMayShowNone !== true
    try {
      const shown = new X509Certificate(certificate)
      this.fingerprint = shown.fingerprint256.replaceAll(':', '').toLowerCase()
      this.validUntil = shown.validTo
      this.validUntilMs = Date.parse(shown.validTo)
      // Node takes a pair of two kinds of keys for two halves of something.
      if (!shown.checkPrivateKey(createPrivateKey(key))) throw new Error("the key is not the certificate's")
      // Node takes a text without any for a list of none.
      const authority = clientAuthorities === undefined ? undefined : new X509Certificate(clientAuthorities)
      this.#server = createServer({
        cert: certificate,
        key,
        minVersion: 'TLSv1.2',
        // Of TLS 1.2: a client could have the expensive part done again and again.
        secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
        ALPNProtocols: [...protocols],
        ...(authority !== undefined && { ca: clientAuthorities, requestCert: true }),
        // Else whoever shows one that is none is looked at here (`#secured`), and who shows none may come in.
        rejectUnauthorized: this.#needsCertificate,
        ...(text.revocations !== undefined && { crl: listsIn(text.revocations) }),
      })
    } catch (error) {
      throw new NetworkError('certificate', (error as Error).message, { cause: error })
    }
    // Of a handshake that fails Node closes the connection by itself.
    this.#server.on('secureConnection', (upper) => this.#secured(upper))
  }

  begin(accepted: RealSocket, first: Uint8Array): SecureSocket {
    const lower = accepted.release()
    const socket = new RealSecureSocket(lower, accepted)
    this.#handshakes.set(lower, socket)
    // Half a connection is of no use for a handshake: the TLS socket, which takes this over, ends with the client's half.
    lower.allowHalfOpen = false
    lower.unshift(first)
    this.#server.emit('connection', lower)
    return socket
  }

  #secured(upper: TLSSocket): void {
    const lower = (upper as unknown as Upper)._parent
    const socket = lower && this.#handshakes.get(lower)
    const shown = upper.getPeerX509Certificate()
    const isRefused = shown === undefined ? this.#needsCertificate : !upper.authorized
    if (socket === undefined || isRefused) upper.destroy()
    else socket.secured(upper, shown && clientCertificate(upper, shown))
  }
}

const listPattern = /-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----/g

/** Of several in one text Node would take the first alone. Errors: where there is none. */
function listsIn(text: string): string[] {
  const lists = text.match(listPattern)
  if (lists === null) throw new Error('there is no list of revoked certificates in PEM')
  return lists
}

function clientCertificate(upper: TLSSocket, shown: X509Certificate): ClientCertificate {
  const name: unknown = upper.getPeerCertificate().subject.CN
  const first: unknown = Array.isArray(name) ? name[0] : name
  // A NUL would be the end of the name to whoever has signed it, and not here.
  const commonName = typeof first === 'string' && first !== '' && !first.includes('\0') ? first : undefined
  // Node writes a part a line, the first one first; the values are escaped as they are to be.
  const subject = shown.subject.split('\n').toReversed().join(',').replaceAll(' + ', '+')
  return { commonName, subject }
}

class RealSecureSocket extends RealSocket implements SecureSocket {
  onSecured: (secured: Secured) => void = () => {}
  #isSecured = false

  constructor(lower: net.Socket, origin: Origin) {
    super(lower, origin)
    lower.on('close', () => {
      if (!this.#isSecured) this.listener.onClose()
    })
  }

  secured(upper: TLSSocket, certificate: ClientCertificate | undefined): void {
    this.#isSecured = true
    this.stream = upper
    upper.allowHalfOpen = true
    this.onSecured({
      certificate,
      serverName: typeof upper.servername === 'string' ? upper.servername : undefined,
      protocol: typeof upper.alpnProtocol === 'string' ? upper.alpnProtocol : undefined,
    })
    this.follow()
  }
}
