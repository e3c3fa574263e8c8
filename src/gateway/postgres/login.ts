/**
 * The proof of who a client is, between its start-up packet and the greeting: SASL, of which SCRAM-SHA-256 is offered.
 *
 *   server                                       client
 *   R 10 · SCRAM-SHA-256 · zero            ──▶
 *                                          ◀──   p mechanism · length i32 · client first
 *   R 11 · server first                    ──▶
 *                                          ◀──   p client final
 *   R 12 · server final                    ──▶   then the greeting
 */
import { decodeUtf8 } from '../../base/bytes.ts'
import { CertificateError, certificateProves, logInBy, namesOf } from '../../principal/certificates.ts'
import type { Principals } from '../../principal/principals.ts'
import { LoginError, NoLoginError, type Login } from '../../principal/proofs.ts'
import { ScramError } from '../../principal/scram.ts'
import type { Connection } from '../connection.ts'
import { protocolViolation, sqlError } from './errors.ts'
import type { MessageReader } from './message-reader.ts'
import { authenticationSasl, authenticationSaslContinue, authenticationSaslFinal } from './wire.ts'

const mechanism = 'SCRAM-SHA-256'
/** PasswordMessage, SASLInitialResponse and SASLResponse share it. */
const responseCode = 0x70

export class PostgresLogin {
  readonly #principals: Principals
  readonly #connection: Connection
  readonly #user: string
  #login: Login | undefined

  constructor(principals: Principals, connection: Connection, user: string) {
    this.#principals = principals
    this.#connection = connection
    this.#user = user
    authenticationSasl(connection.outbox.writer, [mechanism])
    connection.outbox.flush()
  }

  /** True, now or later, where the client has proved who it is. What it throws ends the connection. */
  take(type: number, message: MessageReader): boolean | Promise<boolean> {
    if (type !== responseCode) {
      throw protocolViolation(`expected SASL response, got message type ${type}`)
    }
    try {
      if (this.#login === undefined) {
        this.#begin(message)
        return false
      }
      return this.#finish(this.#login, message)
    } catch (error) {
      throw worded(error)
    }
  }

  #begin(message: MessageReader): void {
    if (message.name() !== mechanism)
      throw protocolViolation('client selected an invalid SASL authentication mechanism')
    const size = message.i32()
    if (size < 0) throw protocolViolation('a SASL response is missing its data')
    const at = message.take(size)
    message.finish()
    const first = decodeUtf8(message.bytes, at, at + size)
    this.#login = this.#principals.proofs.beginScram(
      first,
      { door: 'postgres', remote: this.#connection.remote },
      this.#user,
    )
    authenticationSaslContinue(this.#connection.outbox.writer, this.#login.serverFirst)
  }

  async #finish(login: Login, message: MessageReader): Promise<boolean> {
    try {
      const final = decodeUtf8(message.bytes, message.at, message.end)
      const { serverFinal } = await login.finish(final)
      if (!this.#connection.hasEnded) authenticationSaslFinal(this.#connection.outbox.writer, serverFinal)
      return true
    } catch (error) {
      throw worded(error)
    }
  }
}

/**
 * Its certificate says who it is: no password is asked for. Another one's is refused, unless a password is there that may be
 * right. Errors: as `take`.
 */
export function hasProved(principals: Principals, { certificate, remote }: Connection, user: string): boolean {
  if (certificate === undefined || !certificateProves(principals, user)) return false
  const isOwn = namesOf(certificate).includes(user)
  if (!isOwn && principals.find(user)?.secret !== null) return false
  try {
    logInBy(principals, certificate, { door: 'postgres', remote }, user)
    return true
  } catch (error) {
    throw worded(error)
  }
}

function worded(error: unknown): unknown {
  if (error instanceof ScramError) return sqlError('denied', '08P01', error.message)
  if (error instanceof NoLoginError || error instanceof CertificateError)
    return sqlError('denied', '28000', error.message)
  return error instanceof LoginError ? sqlError('denied', '28P01', error.message) : error
}
