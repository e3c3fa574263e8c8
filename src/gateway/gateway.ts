/**
 * What the server asks of every gateway: to recognise its protocol by a connection's first bytes, and to serve it.
 *
 * Gateways live in folders beside this file, each with the same rooms: `wire.ts` (pure bytes), `connection.ts`,
 * `commands/`, `errors.ts`.
 */
import type { Socket } from '../host/host.ts'
import type { SessionHost } from '../session/contract.ts'

/** `more`: the bytes so far fit this protocol and others; `no` is final. */
export type Sniff = 'yes' | 'no' | 'more'

export interface Gateway {
  readonly name: string
  sniff(bytes: Uint8Array): Sniff
  /** Takes the socket over; `first` is what has been received already. */
  accept(socket: Socket, first: Uint8Array): void
  /** Connections finish what they do, then end; resolves when all have, or after they were cut at `deadlineMs`. */
  close(deadlineMs: number): Promise<void>
}

export type GatewayFactory = (sessions: SessionHost, limits: GatewayLimits) => Gateway

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
