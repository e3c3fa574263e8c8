/**
 * A certificate that signs itself, for a server that was given none: it keeps who listens from reading, and who has its
 * fingerprint knows whom it talks to. Node makes the key and cannot write the certificate; node-forge can, for RSA only.
 */
import { generateKeyPair, randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { promisify } from 'node:util'
import type { KeyPair } from '../host.ts'

const dayMs = 86_400_000
/** Whoever trusts it has it by heart: one that ends is one that all have to be told of. */
const validDays = 3650
const rsaBits = 2048

export async function makeIdentity(names: readonly string[]): Promise<KeyPair> {
  const { default: forge } = await import('node-forge')
  const { privateKey, publicKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: rsaBits,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey)
  // Positive: its first bit is zero, its first byte is not.
  certificate.serialNumber = `01${randomBytes(15).toString('hex')}`
  // Clocks of other machines may be behind.
  certificate.validity.notBefore = new Date(Date.now() - dayMs)
  certificate.validity.notAfter = new Date(Date.now() + validDays * dayMs)
  const subject = [{ name: 'commonName', value: 'polylog' }]
  certificate.setSubject(subject)
  certificate.setIssuer(subject)
  certificate.setExtensions([
    // Clients that are given it as an authority take it for the server, too.
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, keyCertSign: true, critical: true },
    { name: 'extKeyUsage', serverAuth: true },
    { name: 'subjectAltName', altNames: [...names, hostname()].map(altName) },
    { name: 'subjectKeyIdentifier' },
  ])
  certificate.sign(forge.pki.privateKeyFromPem(privateKey), forge.md.sha256.create())
  return { certificate: forge.pki.certificateToPem(certificate).replaceAll('\r', ''), key: privateKey }
}

/** RFC 5280: 2 is a name, 7 an address. */
function altName(name: string): Readonly<Record<string, unknown>> {
  return isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name }
}
