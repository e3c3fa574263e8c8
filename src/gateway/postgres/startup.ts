/**
 * The first packets of a connection, which have no type byte:
 *
 *   length i32 (itself included, 8 to 10,000) · code i32 · …
 *
 * | code                | packet                                                                                 |
 * |---------------------|----------------------------------------------------------------------------------------|
 * | 3 << 16 and minors  | start-up: (name zero value zero)* zero                                                 |
 * | 80877103, 80877104  | SSLRequest, GSSENCRequest: answered by the listener where it has TLS (`S` and `N`); here  |
 * |                     | both are answered `N`, and the client goes on in the open                              |
 * | 80877102            | CancelRequest: process i32, secret i32                                                 |
 */
import { decodeUtf8 } from '../../base/bytes.ts'
import type { EncryptionRequest, Sniff } from '../gateway.ts'
import { protocolViolation } from './errors.ts'
import { readLength } from './frames.ts'

const sslRequest = 80_877_103
const gssRequest = 80_877_104
const cancelRequest = 80_877_102
export const protocolVersion: number = 3 << 16
const maxStartupBytes = 10_000

export type StartupPacket =
  | { readonly kind: 'encryption'; readonly sizeBytes: number }
  | { readonly kind: 'cancel'; readonly sizeBytes: number; readonly process: number; readonly secret: number }
  | StartupMessage

export interface StartupMessage {
  readonly kind: 'startup'
  readonly sizeBytes: number
  readonly version: number
  readonly parameters: ReadonlyMap<string, string>
}

export function sniffPostgres(bytes: Uint8Array): Sniff {
  // The length is below 2^16, so that the first two bytes are zero: no other protocol begins so.
  for (let i = 0; i < Math.min(2, bytes.length); i++) if (bytes[i] !== 0) return 'no'
  if (bytes.length < 8) return 'more'
  const length = readLength(bytes, 0)
  if (length < 8 || length > maxStartupBytes) return 'no'
  const code = readLength(bytes, 4)
  if (code >>> 16 === 3 || code >>> 16 === 2) return 'yes'
  return code === sslRequest || code === gssRequest || code === cancelRequest ? 'yes' : 'no'
}

const accepted = Buffer.from('S')
const refused = Buffer.from('N')
/** What PostgreSQL says since CVE-2021-23214: before the handshake anybody on the way could have put it in. */
const tooEarly = fatalMessage('08P01', 'received unencrypted data after SSL request')

export function findEncryptionRequest(bytes: Uint8Array): EncryptionRequest | undefined {
  if (bytes.length < 8 || readLength(bytes, 0) !== 8) return undefined
  const code = readLength(bytes, 4)
  if (code !== sslRequest && code !== gssRequest) return undefined
  return { sizeBytes: 8, isTls: code === sslRequest, accepted, refused, tooEarly }
}

function fatalMessage(sqlState: string, message: string): Uint8Array {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${sqlState}\0M${message}\0\0`)
  const head = Buffer.from([0x45, 0, 0, 0, 4 + fields.length])
  return Buffer.concat([head, fields])
}

/** Undefined where more has to arrive. */
export function readStartupPacket(bytes: Uint8Array): StartupPacket | undefined {
  if (bytes.length < 4) return undefined
  const sizeBytes = readLength(bytes, 0)
  if (sizeBytes < 8 || sizeBytes > maxStartupBytes) throw protocolViolation('invalid length of startup packet')
  if (bytes.length < sizeBytes) return undefined
  const code = readLength(bytes, 4)
  if (code === sslRequest || code === gssRequest) return { kind: 'encryption', sizeBytes }
  if (code === cancelRequest) {
    if (sizeBytes < 16) throw protocolViolation('invalid length of startup packet')
    return { kind: 'cancel', sizeBytes, process: readLength(bytes, 8), secret: readLength(bytes, 12) }
  }
  return { kind: 'startup', sizeBytes, version: code, parameters: readParameters(bytes, sizeBytes) }
}

function readParameters(bytes: Uint8Array, end: number): Map<string, string> {
  const parameters = new Map<string, string>()
  let at = 8
  while (at < end && bytes[at] !== 0) {
    const nameEnd = bytes.indexOf(0, at)
    const valueEnd = nameEnd < 0 || nameEnd >= end ? -1 : bytes.indexOf(0, nameEnd + 1)
    if (valueEnd < 0 || valueEnd >= end) break
    parameters.set(decodeUtf8(bytes, at, nameEnd), decodeUtf8(bytes, nameEnd + 1, valueEnd))
    at = valueEnd + 1
  }
  if (at !== end - 1) throw protocolViolation('invalid startup packet layout: expected terminator as last byte')
  return parameters
}

/** The settings in the `options` parameter: `-c name=value`, `--name=value`; a backslash keeps the next character. */
export function readOptions(options: string): [name: string, value: string][] {
  const words = options.match(/(?:\\.|[^\s\\])+/gs)?.map((word) => word.replace(/\\(.)/gs, '$1')) ?? []
  const settings: [string, string][] = []
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    const text = word === '-c' ? (words[++i] ?? '') : word.replace(/^(?:-c|--)/, '')
    const equals = text.indexOf('=')
    if ((!word.startsWith('-c') && !word.startsWith('--')) || equals < 1) {
      throw protocolViolation(`invalid command-line argument for server process: ${word}`)
    }
    settings.push([text.slice(0, equals).replace(/-/g, '_'), text.slice(equals + 1)])
  }
  return settings
}
