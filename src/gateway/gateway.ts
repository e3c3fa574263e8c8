/**
 * What a protocol is to the rest of the server, and what the server is to a protocol.
 *
 * A gateway lives in a folder beside this file and consists of its wire (bytes to requests and back), its commands, and
 * one `Protocol`, which `server/protocols.ts` lists. All else is here, once for all of them: `door.ts` keeps the
 * connections of one protocol, `connection.ts` is the loop of each, `receive-buffer.ts` holds what has arrived,
 * `refused-replies.ts` says what leaves in place of replies whose writes were refused.
 */
import type { PolylogError } from '../base/errors.ts'
import type { ClientCertificate, Socket } from '../host/host.ts'
import type { SessionHost } from '../session/contract.ts'
import type { Connection } from './connection.ts'
import type { Place } from './place.ts'
import type { ReceiveBuffer } from './receive-buffer.ts'
import type { Rewording } from './refused-replies.ts'
import type { Turns } from './turns.ts'

/** `more`: the bytes so far fit this protocol and may fit others; `no` is final, `yes` is where nobody else hopes. */
export type Sniff = 'yes' | 'no' | 'more'

/**
 * What a client asks for in the open, before anything else: whether the rest may be encrypted. The listener answers it where
 * it can encrypt, and the protocol itself, with "no", where it cannot.
 */
export interface EncryptionRequest {
  /** Of the request: behind it nothing may come before the answer, or who stands between could put words in. */
  readonly sizeBytes: number
  /** What is asked for is TLS; else it is refused. */
  readonly isTls: boolean
  readonly accepted: Uint8Array
  readonly refused: Uint8Array
  /** For who has said more already. */
  readonly tooEarly: Uint8Array
}

/** A protocol, as it is registered. */
export interface Protocol<Name extends string = string> {
  /** As in `--port-redis` and in `polylog.sessions`. */
  readonly name: Name
  /** As people call it. */
  readonly title: string
  sniff(bytes: Uint8Array): Sniff
  /** The request at the head of bytes that are sniffed as this protocol's, if it is one. */
  readonly findEncryptionRequest?: (bytes: Uint8Array) => EncryptionRequest | undefined
  /**
   * By which clients that begin with TLS must say that they will speak it (ALPN); a client that says so speaks nothing
   * else. Left out: it is spoken by who says nothing.
   */
  readonly alpn?: string | undefined
  /** For a door that opens: what its connections share. */
  open(parts: DoorParts): ProtocolState
}

/** What whoever starts the server chooses, beside its limits. */
export interface DoorChoices {
  /** Redis's door speaks as the one node of a cluster. */
  readonly clusterEnabled?: boolean
  /** MongoDB's door answers as the one member of a replica set of this name, found at this address where one is said. */
  readonly mongodbReplicaSet?: { readonly name: string; readonly address?: string | undefined } | undefined
  /** `configureFailPoint`, for tests of drivers. */
  readonly mongodbTestCommands?: boolean
  /** Who may send Redis's DEBUG: nobody, anybody, or who calls from this machine. */
  readonly debugCommand?: 'no' | 'yes' | 'local'
  /** Ends the server, as a signal does. Left out: no command can. */
  readonly shutDown?: () => void
}

export interface DoorParts {
  readonly sessions: SessionHost
  readonly limits: GatewayLimits
  /** Shared by all doors of a server. */
  readonly turns: Turns
  readonly choices?: DoorChoices
}

export interface ProtocolState {
  /** A connection begins. */
  converse(connection: Connection): Conversation
  /** The server listens. */
  started?(): void
  /** After the last connection's end. */
  close?(): void
}

/** `more`: no whole request is there. `done`: one was carried out and answered. */
export const step = { more: 0, done: 1 } as const
export type Step = (typeof step)[keyof typeof step]

/**
 * One connection as its protocol sees it.
 *
 * A request's error is its answer and is never thrown. What is thrown concerns the connection: bytes that are no message,
 * or a fault of ours; it is told by `refuse`, and the connection ends.
 */
export interface Conversation extends Rewording {
  /** What has arrived and is not carried out. */
  readonly input: ReceiveBuffer
  /** Carries out the next whole request of `input`. A promise where it waits: the next one is asked for behind it. */
  next(): Step | Promise<void>
  /** The request that waits takes what comes meanwhile: the data of a COPY. */
  readonly takesMore?: boolean
  /** While a request waits: what has been written so far need not leave before its answer. */
  readonly keepsOutput?: boolean
  /** The request that waits does nothing, and may never end: it ends with the connection. */
  readonly isParked?: boolean
  /** Nothing runs, and all that has come whole is answered: what only an answer needs may be given away. */
  rest?(): void
  /** Replies that have waited for the log leave, and what they have seen was committed then: they may be changed in their place. */
  leaves?(replies: Uint8Array, committedMs: number): void
  /** Writes why the connection ends, where the protocol has words for it. */
  refuse(error: PolylogError): void
  /** Ends what runs with `canceled`. */
  cancel(): void
  /** How long its replies may wait for the log; left out or 0, as long as that takes. */
  readonly replyLimitMs?: number
  /** Nothing more is asked or answered: rolls back what is open and frees everything. Called once. */
  close(): void
}

/** How a connection comes in. */
export interface Entry {
  /** Held as long as the connection is open; of one that has none the client is told why. */
  readonly place?: Place
  /** Others may read what passes, so that nobody proves here who it is. */
  readonly isExposed?: boolean
  /** What is left of the time in which it must be known who it is. */
  readonly loginMs?: number
  /** That it has shown, and that was found good. */
  readonly certificate?: ClientCertificate | undefined
  /** The one that it uses where it names none. */
  readonly database?: string | undefined
}

/** A protocol that is served. */
export interface Gateway extends Pick<Protocol, 'name' | 'sniff' | 'findEncryptionRequest' | 'alpn'> {
  /** Takes the socket over; `first` is what has been received already. */
  accept(socket: Socket, first: Uint8Array, entry?: Entry): void
  /** The server listens. */
  started?(): void
  /**
   * Idle connections end at once, others when what runs has ended. What still runs after `graceMs` is canceled; whose
   * client then does not take its replies is cut. Resolves when all have ended.
   */
  close(graceMs: number): Promise<void>
}

export interface GatewayLimits {
  /** The largest message that is accepted; a protocol's own smaller limit goes first. */
  readonly maxMessageBytes: number
  /** Above it, a connection's statements pause and its socket is not read. */
  readonly maxPendingOutputBytes: number
}

export const defaultGatewayLimits: GatewayLimits = {
  maxMessageBytes: 64 * 1024 * 1024,
  maxPendingOutputBytes: 1024 * 1024,
}
