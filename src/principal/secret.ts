/**
 * What is kept of a password: the secret of SCRAM-SHA-256 (RFC 5802, RFC 7677), from which neither the password nor what a
 * client proves it by can be made. One serves all doors: PostgreSQL and MongoDB speak SCRAM, and a password that is sent as it
 * is (Redis) is put through the same function and compared.
 *
 *   SaltedPassword = PBKDF2-HMAC-SHA-256(SASLprep(password), salt, iterations)
 *   StoredKey      = SHA-256(HMAC(SaltedPassword, "Client Key"))
 *   ServerKey      = HMAC(SaltedPassword, "Server Key")
 *
 * As text it has PostgreSQL's form, so that a secret can be moved from there: `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`,
 * the last three in base64.
 */
import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'
import { PolylogError } from '../base/errors.ts'
import type { Host } from '../host/host.ts'

/** MongoDB's default; PostgreSQL's is 4,096, which is the least that MongoDB's drivers take. 3 ms. */
export const defaultIterations = 15_000
const leastIterations = 4096
/** More of a given secret would make each check of a password take longer than a turn may. */
const mostIterations = 40_000
const keyBytes = 32
export const saltBytes = 16
/** Longer ones are refused before they are hashed. */
const mostPasswordBytes = 4096

export interface Secret {
  readonly iterations: number
  readonly salt: Uint8Array
  readonly storedKey: Uint8Array
  readonly serverKey: Uint8Array
}

/** So many random bytes. */
export function chanceFrom(host: Host, bytes: number): Uint8Array {
  const chance = new Uint8Array(bytes)
  host.random(chance)
  return chance
}

export function hmac(key: Uint8Array, text: string | Uint8Array): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

export function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

/** RFC 4013, and as PostgreSQL the password itself where that forbids it. */
async function prepared(password: string): Promise<string> {
  // What is printable in ASCII stays as it is: most need no tables.
  if (/^[\x20-\x7e]*$/.test(password)) return password
  const { default: saslprep } = await import('@mongodb-js/saslprep')
  try {
    return saslprep(password)
  } catch {
    return password
  }
}

export async function saltedPassword(password: string, salt: Uint8Array, iterations: number): Promise<Buffer> {
  return pbkdf2Sync(await prepared(password), salt, iterations, keyBytes, 'sha256')
}

export function clientKeyOf(salted: Uint8Array): Buffer {
  return hmac(salted, 'Client Key')
}

/** Errors: `invalid_argument` for a password that is empty or far too long. */
export async function secretOf(
  password: string,
  salt: Uint8Array,
  iterations: number = defaultIterations,
): Promise<Secret> {
  if (password === '') throw new PolylogError('invalid_argument', 'a password cannot be empty')
  if (isTooLong(password)) {
    throw new PolylogError('invalid_argument', `a password is longer than ${mostPasswordBytes} bytes`)
  }
  const salted = await saltedPassword(password, salt, iterations)
  return { iterations, salt, storedKey: sha256(clientKeyOf(salted)), serverKey: hmac(salted, 'Server Key') }
}

function isTooLong(password: string): boolean {
  return Buffer.byteLength(password) > mostPasswordBytes
}

/** Whether it is the password; takes as long for each that is not. */
export async function isPassword(secret: Secret, password: string): Promise<boolean> {
  const salted = await saltedPassword(isTooLong(password) ? '' : password, secret.salt, secret.iterations)
  return timingSafeEqual(sha256(clientKeyOf(salted)), secret.storedKey) && !isTooLong(password)
}

export function secretText({ iterations, salt, storedKey, serverKey }: Secret): string {
  return `SCRAM-SHA-256$${iterations}:${base64(salt)}$${base64(storedKey)}:${base64(serverKey)}`
}

/** Undefined of a text that is no secret: a password. */
export function parseSecret(text: string): Secret | undefined {
  const base = '[A-Za-z0-9+/]+={0,2}'
  const form = new RegExp(`^SCRAM-SHA-256\\$(\\d{1,9}):(${base})\\$(${base}):(${base})$`)
  const [, iterationText, salt, storedKey, serverKey] = form.exec(text) ?? []
  if (iterationText === undefined) return undefined
  const secret = {
    iterations: Number(iterationText),
    salt: Buffer.from(salt!, 'base64'),
    storedKey: Buffer.from(storedKey!, 'base64'),
    serverKey: Buffer.from(serverKey!, 'base64'),
  }
  const hasKeys = secret.storedKey.length === keyBytes && secret.serverKey.length === keyBytes
  if (!hasKeys || secret.salt.length === 0 || secret.salt.length > 1024) return undefined
  if (secret.iterations < leastIterations || secret.iterations > mostIterations) {
    const range = `from ${leastIterations} to ${mostIterations}`
    throw new PolylogError('invalid_argument', `a SCRAM secret has ${range} iterations, not ${secret.iterations}`)
  }
  return secret
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
