/**
 * The server's side of a SCRAM-SHA-256 exchange (RFC 5802, RFC 7677), as texts; a door puts them into its messages.
 *
 *   client first   n,, n=name,r=nonce        which name, and chance of the client's
 *   server first   r=nonces,s=salt,i=n       chance of both; by what the secret was made
 *   client final   c=biws,r=nonces,p=proof   ClientKey xor HMAC(StoredKey, all of the above)
 *   server final   v=signature               HMAC(ServerKey, all of the above): the server knows the secret, too
 *
 * A name that nobody has is answered like any other, by a salt that is always the same for it; its proof is looked at in
 * the same way, and is wrong.
 */
import { timingSafeEqual } from 'node:crypto'
import { PolylogError } from '../base/errors.ts'
import { hmac, type Secret, sha256 } from './secret.ts'

/** No client has reason to send more. */
const mostMessageCharacters = 4096

export class ScramError extends PolylogError {
  constructor(message: string) {
    super('denied', message)
  }
}

export interface ClientFirst {
  /** Of the message; empty where the door has it from elsewhere. */
  readonly name: string
  readonly nonce: string
  /** `n,,` and what else may stand there, which the client repeats. */
  readonly header: string
  readonly bare: string
}

/** Errors: `ScramError`. */
export function parseClientFirst(text: string): ClientFirst {
  if (text.length > mostMessageCharacters) throw malformed()
  const [, header, flag, bare] = /^((n|y|p=[^,]*),(?:a=[^,]*)?,)(.*)$/s.exec(text) ?? []
  if (header === undefined) throw malformed()
  if (flag!.startsWith('p=')) throw new ScramError('channel binding was asked for, which is not offered')
  if (bare!.startsWith('m=')) throw new ScramError('an extension was asked for, which is not known')
  const [, name, nonce] = /^n=([^,]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?$/s.exec(bare!) ?? []
  if (name === undefined) throw malformed()
  return { name: unescape(name), nonce: nonce!, header, bare: bare! }
}

function unescape(name: string): string {
  if (/=(?!2C|3D)/.test(name)) throw malformed()
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=')
}

function malformed(): ScramError {
  return new ScramError('a malformed SCRAM message')
}

export class ScramExchange {
  readonly serverFirst: string
  readonly #secret: Secret
  readonly #first: ClientFirst
  readonly #nonces: string

  /** `chance`: of the server, 18 bytes or more. */
  constructor(secret: Secret, first: ClientFirst, chance: Uint8Array) {
    this.#secret = secret
    this.#first = first
    this.#nonces = first.nonce + Buffer.from(chance).toString('base64')
    this.serverFirst = `r=${this.#nonces},s=${Buffer.from(secret.salt).toString('base64')},i=${secret.iterations}`
  }

  /** The server's last message; undefined where the proof is wrong. Errors: `ScramError` for what is no proof. */
  finish(clientFinal: string): string | undefined {
    if (clientFinal.length > mostMessageCharacters) throw malformed()
    const [, unproved, binding, nonces, proofText] =
      /^(c=([^,]*),r=([^,]*)(?:,[^p][^,]*)*),p=([A-Za-z0-9+/]+={0,2})$/.exec(clientFinal) ?? []
    if (unproved === undefined) throw malformed()
    if (binding !== Buffer.from(this.#first.header).toString('base64')) throw new ScramError('another channel binding')
    if (nonces !== this.#nonces) throw new ScramError('another nonce')
    const proof = Buffer.from(proofText!, 'base64')
    const { storedKey, serverKey } = this.#secret
    if (proof.length !== storedKey.length) throw malformed()
    const message = `${this.#first.bare},${this.serverFirst},${unproved}`
    const signature = hmac(storedKey, message)
    const clientKey = proof.map((byte, i) => byte ^ signature[i]!)
    if (!timingSafeEqual(sha256(clientKey), storedKey)) return undefined
    return `v=${hmac(serverKey, message).toString('base64')}`
  }
}
