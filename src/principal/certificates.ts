/**
 * A client's certificate as the proof of who it is, in the place of a password: of those users of whom a superuser has said so.
 *
 *   ALTER ROLE ada SET polylog.certificate_login = on       or `polylog user add ada --certificate`
 *
 * The certificate was signed by an authority that the server was told of, and is not revoked (`--tls-client-ca`, `--tls-crl`);
 * here it is only asked whose it is. It names two users at most: the one called as its whole subject is (RFC 2253), as MongoDB
 * has it, and the one called as its common name is, as PostgreSQL has it.
 *
 * It is a setting, so that it can be said of all (`ALTER ROLE ALL SET …`), goes with its role, and is no attribute that each door
 * would need a word for. Of a database nothing is asked: it would be known only behind the proof. A password goes on to be
 * right beside it, and what `VALID UNTIL` ends is the password alone, as in PostgreSQL.
 */
import type { ClientCertificate } from '../host/host.ts'
import { type Actor, theServer } from './audit.ts'
import type { Principals } from './principals.ts'
import { LoginError, type Place } from './proofs.ts'
import type { Role } from './roles.ts'

export const certificateSetting = 'polylog.certificate_login'

/** It has shown a certificate, and that is not one of whom it wants to be. */
export class CertificateError extends LoginError {}

/** Who it may be: the more exact name first. */
export function namesOf({ subject, commonName }: ClientCertificate): readonly string[] {
  return commonName === undefined || commonName === subject ? [subject] : [subject, commonName]
}

/** Whether a certificate of the user's proves who it is. */
export function certificateProves(principals: Principals, name: string): boolean {
  return principals.settingsOf(name, '').get(certificateSetting) === 'on'
}

/** Errors: `denied` to who is no superuser; `undefined_object`. */
export function proveByCertificate(principals: Principals, role: string, by?: Actor): Promise<void> {
  return principals.alterSettings({ role }, { name: certificateSetting, value: 'on' }, by ?? theServer)
}

/**
 * The first of `names` that it proves; undefined where there is none, and the door may have another proof. `name`: of whom it
 * wants to be, where it says so.
 */
export function provedBy(principals: Principals, certificate: ClientCertificate, name?: string): Role | undefined {
  for (const each of namesOf(certificate)) {
    if (name !== undefined && name !== each) continue
    const role = principals.find(each)
    if (role?.login === true && certificateProves(principals, each)) return role
  }
  return undefined
}

/** As `provedBy`, for the audit, too. Errors: `CertificateError`. */
export function logInBy(principals: Principals, certificate: ClientCertificate, from: Place, name?: string): Role {
  const role = provedBy(principals, certificate, name)
  const by = { user: (role?.name ?? name ?? namesOf(certificate).at(-1)!).slice(0, 63), ...from }
  principals.audit.record({ event: role === undefined ? 'login failed' : 'login', by, detail: 'by certificate' })
  if (role !== undefined) return role
  throw new CertificateError(`certificate authentication failed for user "${by.user}"`)
}
