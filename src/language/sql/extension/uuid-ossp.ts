/** `uuid-ossp`: identifiers by time, by chance, and by names (RFC 4122). */
import { createHash } from 'node:crypto'
import { draw } from '../../../database/transaction/draws.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import type { AvailableExtension, NativeFunction } from './available.ts'

const { uuid, text } = oid

function shown(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-')
}

function withVersion(bytes: Uint8Array, version: number): string {
  bytes[6] = (bytes[6]! & 0x0f) | (version << 4)
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return shown(bytes)
}

function random(run: SqlRun): Uint8Array {
  const bytes = new Uint8Array(16)
  draw(bytes, run.transaction.services)
  return bytes
}

/** From 1582-10-15, where such times begin, to 2000-01-01, in units of 100 ns. */
const fromGregorian = 131_659_776_000_000_000n

/**
 * Node and sequence are drawn each time, which RFC 4122 allows (4.5), with the bit that says so: two of one microsecond differ
 * by 61 bits of chance, and no address of a machine is told.
 */
function byTime(run: SqlRun): string {
  const bytes = random(run)
  const time = run.transaction.services.nowUs() * 10n + fromGregorian
  const view = new DataView(bytes.buffer)
  view.setUint32(0, Number(time & 0xffff_ffffn))
  view.setUint16(4, Number((time >> 32n) & 0xffffn))
  view.setUint16(6, Number(time >> 48n))
  bytes[10] = bytes[10]! | 1
  return withVersion(bytes, 1)
}

function byName(algorithm: 'md5' | 'sha1', version: number, namespace: string, name: string): string {
  const within = Buffer.from(namespace.replaceAll('-', ''), 'hex')
  const bytes = createHash(algorithm).update(within).update(name, 'utf8').digest()
  return withVersion(new Uint8Array(bytes.subarray(0, 16)), version)
}

function fixed(name: string, value: string): NativeFunction {
  return { name, takes: [], gives: uuid, volatility: 'immutable', work: () => value }
}

function drawn(name: string, work: (run: SqlRun) => string): NativeFunction {
  return { name, takes: [], gives: uuid, volatility: 'volatile', work }
}

function named(name: string, algorithm: 'md5' | 'sha1', version: number): NativeFunction {
  return {
    name,
    takes: [
      ['namespace', uuid],
      ['name', text],
    ],
    gives: uuid,
    volatility: 'immutable',
    work: (_run, [namespace, of]) => byName(algorithm, version, namespace as string, of as string),
  }
}

export const uuidOssp: AvailableExtension = {
  name: 'uuid-ossp',
  version: '1.1',
  comment: 'generate universally unique identifiers (UUIDs)',
  functions: [
    fixed('uuid_nil', '00000000-0000-0000-0000-000000000000'),
    fixed('uuid_ns_dns', '6ba7b810-9dad-11d1-80b4-00c04fd430c8'),
    fixed('uuid_ns_url', '6ba7b811-9dad-11d1-80b4-00c04fd430c8'),
    fixed('uuid_ns_oid', '6ba7b812-9dad-11d1-80b4-00c04fd430c8'),
    fixed('uuid_ns_x500', '6ba7b814-9dad-11d1-80b4-00c04fd430c8'),
    drawn('uuid_generate_v1', byTime),
    drawn('uuid_generate_v1mc', byTime),
    named('uuid_generate_v3', 'md5', 3),
    drawn('uuid_generate_v4', (run) => withVersion(random(run), 4)),
    named('uuid_generate_v5', 'sha1', 5),
  ],
}
