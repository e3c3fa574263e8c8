/** `pgcrypto`, as far as it is here: digests, message authentication, chance. Ciphers, PGP and `crypt` are not (decision 133). */
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import type { StatementSteps } from '../../../database/contract.ts'
import { draw } from '../../../database/transaction/draws.ts'
import type { SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { functionsNamed } from '../functions/registry.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import type { AvailableExtension, NativeFunction } from './available.ts'

const { bytea, text, int4 } = oid

const algorithms: ReadonlySet<string> = new Set(['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'])

function algorithmOf(name: string): string {
  const lower = name.toLowerCase()
  if (algorithms.has(lower)) return lower
  throw failure('22023', `Cannot use "${name}": No such hash algorithm`)
}

function bytesOf(value: SqlValue): Uint8Array {
  return typeof value === 'string' ? Buffer.from(value, 'utf8') : (value as Uint8Array)
}

/** About a tenth of a millisecond. */
const pieceBytes = 64 * 1024

/** A large value takes turns. */
function* through(run: SqlRun, hash: Hash | Hmac, bytes: Uint8Array): StatementSteps<SqlValue> {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    hash.update(bytes.subarray(at, at + pieceBytes))
    if (run.transaction.slice.spend(pieceBytes >> 4)) yield undefined
  }
  return new Uint8Array(hash.digest())
}

function digest(of: number): NativeFunction {
  return {
    name: 'digest',
    takes: [of, text],
    gives: bytea,
    volatility: 'immutable',
    work: (run, [value, name]) => through(run, createHash(algorithmOf(name as string)), bytesOf(value!)),
  }
}

function hmac(of: number): NativeFunction {
  return {
    name: 'hmac',
    takes: [of, of, text],
    gives: bytea,
    volatility: 'immutable',
    work: (run, [value, key, name]) => {
      return through(run, createHmac(algorithmOf(name as string), bytesOf(key!)), bytesOf(value!))
    },
  }
}

const mostRandomBytes = 1024

function randomBytes(run: SqlRun, count: number): SqlValue {
  if (count < 1 || count > mostRandomBytes) throw failure('39000', 'Length not in range')
  const bytes = new Uint8Array(count)
  draw(bytes, run.transaction.services)
  return bytes
}

export const pgcrypto: AvailableExtension = {
  name: 'pgcrypto',
  version: '1.3',
  comment: 'cryptographic functions',
  functions: [
    digest(text),
    digest(bytea),
    hmac(text),
    hmac(bytea),
    {
      name: 'gen_random_bytes',
      takes: [int4],
      gives: bytea,
      volatility: 'volatile',
      work: (run, [count]) => randomBytes(run, count as number),
    },
    {
      name: 'gen_random_uuid',
      takes: [],
      gives: oid.uuid,
      volatility: 'volatile',
      work: (run) => functionsNamed('gen_random_uuid')[0]!.implementation(run as never),
    },
  ],
}
