/** The client's side of SCRAM-SHA-256, for who asks a running server; `scram.ts` has the messages. */
import { PolylogError } from '../base/errors.ts'
import { clientKeyOf, hmac, saltedPassword, sha256 } from './secret.ts'

export class ScramClient {
  readonly #password: string
  readonly #nonce: string
  #signature = ''

  /** `chance`: 18 random bytes. */
  constructor(password: string, chance: Uint8Array) {
    this.#password = password
    this.#nonce = Buffer.from(chance).toString('base64')
  }

  /** Without a name: doors that need one have it from elsewhere. */
  get first(): string {
    return `n,,n=,r=${this.#nonce}`
  }

  /** The last message, for the server's first. Errors: `denied` for what is none. */
  async prove(serverFirst: string): Promise<string> {
    const [, nonces, salt, count] = /^r=([^,]+),s=([A-Za-z0-9+/=]+),i=(\d{1,7})$/.exec(serverFirst) ?? []
    if (nonces === undefined || !nonces.startsWith(this.#nonce)) throw strange()
    const salted = await saltedPassword(this.#password, Buffer.from(salt!, 'base64'), Number(count))
    const unproved = `c=biws,r=${nonces}`
    const all = `n=,r=${this.#nonce},${serverFirst},${unproved}`
    const clientKey = clientKeyOf(salted)
    const signature = hmac(sha256(clientKey), all)
    const proof = clientKey.map((byte, i) => byte ^ signature[i]!)
    this.#signature = `v=${hmac(hmac(salted, 'Server Key'), all).toString('base64')}`
    return `${unproved},p=${Buffer.from(proof).toString('base64')}`
  }

  /** That the server knows the secret. Errors: `denied`. */
  check(serverFinal: string): void {
    if (serverFinal !== this.#signature) throw strange()
  }
}

function strange(): PolylogError {
  return new PolylogError('denied', 'the server does not prove that it knows the password')
}
