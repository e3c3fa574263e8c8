/**
 * NOTIFY: what a transaction tells those who LISTEN, once it is committed; the same message of one transaction once. A message
 * is one of the hub's (`database/messages/hub.ts`): its payload begins with the number of the session that has sent it.
 */
import type { Transaction } from '../../database/contract.ts'
import type { Message } from '../../database/messages/effects.ts'
import { notificationChannels } from '../../database/statistics/statistics.ts'
import { failure } from './failure.ts'

/** Of the hub's channels. */
export const notificationScope: string = notificationChannels

export interface Notification {
  readonly sessionId: number
  readonly channel: string
  readonly payload: string
}

/** NAMEDATALEN, and what PostgreSQL lets a payload have, each with its end. */
const longestChannelBytes = 63
const longestPayloadBytes = 7999
const headBytes = 4

/** As the hub has it. */
export function channelName(channel: string): string {
  return Buffer.from(channel).toString('latin1')
}

/** Errors: 22023. */
export function notify(transaction: Transaction, channel: string, payload: string): void {
  const name = channelName(channel)
  if (name.length === 0) throw failure('22023', 'channel name cannot be empty')
  if (name.length > longestChannelBytes) throw failure('22023', 'channel name too long')
  const text = Buffer.from(payload)
  if (text.length > longestPayloadBytes) throw failure('22023', 'payload string too long')
  const bytes = Buffer.alloc(headBytes + text.length)
  bytes.writeInt32BE(transaction.principal.sessionId | 0)
  text.copy(bytes, headBytes)
  transaction.effects.tell({ scope: notificationScope, channel: name, payload: bytes, isOnce: true })
}

export function decodeNotification({ channel, payload }: Message): Notification {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
  return {
    sessionId: bytes.readInt32BE(),
    channel: Buffer.from(channel, 'latin1').toString(),
    payload: bytes.toString('utf8', headBytes),
  }
}
