/**
 * A connection from its acceptance until a gateway has it: TLS first, where the client wants it, then the protocol.
 *
 *   accepted ──a ClientHello──▶ its record is whole ──▶ waits for its turn ──▶ handshake ──▶ secured ──▶ told
 *      │  ▲                         ▲                                                                     ▲
 *      │  └─ no ─┐                  │ yes                                                                 │
 *      ├─ asks for encryption ──────┘                                                                     │
 *      └─ any other first bytes ──────────────────────────────────────────────────────────────────────────┘
 *
 * The same first bytes are told alike inside of TLS and outside. Who has been told that it may begin with TLS does so, and goes on
 * with the protocol in which it asked. Nothing that came in the open is taken for what came in the handshake.
 *
 * What a connection takes is charged from its first moment on: itself, what has gathered, and what OpenSSL keeps for it.
 */
import { hear } from '../host/deaf.ts'
import { loginMs } from '../gateway/connection.ts'
import type { EncryptionRequest, Gateway } from '../gateway/gateway.ts'
import type { Place } from '../gateway/place.ts'
import type { Cancel, ClientCertificate, Identity, Secured, Socket } from '../host/host.ts'
import type { SessionHost } from '../session/contract.ts'
import { databaseOfName } from './server-names.ts'
import { handshakeRecord, sniffClientHello } from './client-hello.ts'
import type { Handshakes } from './handshakes.ts'
import { choose, maxSniffBytes } from './sniffing.ts'

/**
 * What a connection has beside what it is charged for: its objects, of the socket, the gateway, the session, and the
 * system's. Measured with 4,000 of them: 6 to 16 KiB each, and a byte of work counts twice.
 */
export const connectionBytes: number = 8 * 1024

/** What TLS has for a connection that is idle; it takes some more while it shakes hands. */
export const secureBytes: number = 24 * 1024

/** What the first bytes mostly are: charged with the connection. */
const freeBytes = 1024

const nothing = new Uint8Array(0)

/** What the newcomers of one port share. */
export interface Entrance {
  readonly sessions: Pick<SessionHost, 'host' | 'principals'>
  readonly gateways: readonly Gateway[]
  readonly handshakes: Handshakes
  /** Passwords may pass in the open, between machines. */
  readonly allowsInsecure: boolean
  /** Names of the server within it name a database (`server-names.ts`). */
  readonly domain: string | undefined
}

export class Newcomer {
  readonly #entrance: Entrance
  readonly #place: Place
  readonly #onTold: () => void
  readonly #sinceUs: number
  #socket: Socket
  #gateways: readonly Gateway[]
  #first: Uint8Array = nothing
  /** `asked`: it has been told that it may begin. `waiting`: its hello is here. `refused`: it has to go. */
  #tls: 'open' | 'asked' | 'waiting' | 'handshake' | 'secured' | 'refused' = 'open'
  /** Who has been asked for encryption. */
  #asked: Gateway | undefined
  /** Of the kinds of encryption that we do not have, it has asked for one. */
  #wasRefused = false
  #stopLimit: Cancel | undefined
  #certificate: ClientCertificate | undefined
  #database: string | undefined

  /** `onTold` is called when it is a gateway's or gone. */
  constructor(entrance: Entrance, socket: Socket, place: Place, onTold: () => void) {
    this.#entrance = entrance
    this.#gateways = entrance.gateways
    this.#socket = socket
    this.#place = place
    this.#onTold = onTold
    this.#sinceUs = entrance.sessions.host.monotonic()
    // Where everybody proves who it is, nobody may keep silent for longer than that takes.
    if (entrance.sessions.principals.areProved) this.#limit()
    this.#follow(socket)
  }

  /** It is not let in. */
  cut(): void {
    this.#leave()
    this.#socket.destroy()
  }

  #follow(socket: Socket): void {
    hear(socket, {
      onEnd: () => (this.#tls === 'waiting' ? this.cut() : socket.end()),
      onClose: () => this.#leave(),
      onData: (chunk) => this.#receive(chunk),
    })
  }

  #limit(): void {
    this.#stopLimit ??= this.#entrance.sessions.host.at(loginMs, () => this.cut())
  }

  #leave(): void {
    this.#place.close()
    this.#told()
  }

  #told(): void {
    this.#stopLimit?.()
    this.#entrance.handshakes.leave(this)
    this.#onTold()
  }

  #receive(chunk: Uint8Array): void {
    if (this.#tls === 'refused') return
    this.#first = this.#first.length === 0 ? chunk : Buffer.concat([this.#first, chunk])
    const { identity } = this.#entrance.handshakes
    const mayEncrypt = identity !== undefined && this.#tls !== 'secured' && this.#place.refusal === undefined
    if (mayEncrypt && (this.#tls === 'asked' || this.#first[0] === handshakeRecord)) this.#takeHello()
    else this.#sniff(mayEncrypt)
  }

  #gather(): void {
    if (this.#first.length > maxSniffBytes || !this.#mayKeep(this.#first.length)) this.cut()
  }

  #mayKeep(bytes: number): boolean {
    return this.#place.mayHold(this.#ownBytes + Math.max(0, bytes - freeBytes))
  }

  get #ownBytes(): number {
    return connectionBytes + (this.#tls === 'secured' ? secureBytes : 0)
  }

  // ---- the protocol

  #sniff(mayEncrypt: boolean): void {
    const found = choose(this.#gateways, this.#first)
    if (found === 'more') return this.#gather()
    if (found === 'no') return this.cut()
    const request = mayEncrypt ? found.findEncryptionRequest?.(this.#first) : undefined
    if (request === undefined) this.#enter(found)
    else if (request.isTls) this.#allowTls(request, found)
    else if (this.#wasRefused) this.cut()
    else this.#refuse(request)
  }

  #enter(gateway: Gateway): void {
    const { sessions, allowsInsecure } = this.#entrance
    const place = this.#place
    this.#told()
    place.force(connectionBytes)
    gateway.accept(this.#socket, this.#first, {
      place,
      isExposed: !this.#socket.isLocal && this.#tls !== 'secured' && !allowsInsecure,
      loginMs: Math.max(0, loginMs - (sessions.host.monotonic() - this.#sinceUs) / 1000),
      certificate: this.#certificate,
      database: this.#database,
    })
  }

  // ---- encryption

  #refuse({ refused, sizeBytes }: EncryptionRequest): void {
    this.#wasRefused = true
    this.#socket.write(refused)
    const rest = this.#first.subarray(sizeBytes)
    this.#first = nothing
    if (rest.length > 0) this.#receive(rest)
  }

  #allowTls({ accepted, tooEarly, sizeBytes }: EncryptionRequest, gateway: Gateway): void {
    const isEarly = this.#first.length > sizeBytes
    this.#limit()
    this.#first = nothing
    this.#tls = isEarly ? 'refused' : 'asked'
    this.#asked = gateway
    this.#socket.write(isEarly ? tooEarly : accepted)
    if (isEarly) this.#socket.end()
  }

  #takeHello(): void {
    this.#limit()
    const hello = sniffClientHello(this.#first)
    if (hello === 'more') return this.#gather()
    if (hello === 'no' || !this.#mayKeep(this.#first.length + secureBytes)) return this.cut()
    this.#tls = 'waiting'
    this.#socket.pause()
    this.#entrance.handshakes.enter(this)
  }

  /** Its turn has come. */
  begin(identity: Identity): void {
    const first = this.#first
    this.#first = nothing
    this.#tls = 'handshake'
    const secured = this.#entrance.handshakes.secure(this.#socket, identity, first)
    this.#socket = secured
    this.#follow(secured)
    secured.onSecured = (facts) => this.#secured(facts)
  }

  #secured({ protocol, certificate, serverName }: Secured): void {
    this.#tls = 'secured'
    this.#certificate = certificate
    this.#database = databaseOfName(serverName, this.#entrance.domain)
    const asked = this.#asked
    this.#gateways = this.#entrance.gateways.filter((one) =>
      asked === undefined ? one.alpn === protocol : one === asked,
    )
  }
}
