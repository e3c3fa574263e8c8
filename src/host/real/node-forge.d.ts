/** Of node-forge what `self-signed.ts` uses; its own types are a package more, for everything else that it can do. */
declare module 'node-forge' {
  interface Name {
    readonly name: string
    readonly value: string
  }

  interface Certificate {
    publicKey: unknown
    serialNumber: string
    readonly validity: { notBefore: Date; notAfter: Date }
    setSubject(names: readonly Name[]): void
    setIssuer(names: readonly Name[]): void
    setExtensions(extensions: readonly Readonly<Record<string, unknown>>[]): void
    sign(key: unknown, digest: unknown): void
  }

  const forge: {
    readonly md: { readonly sha256: { create(): unknown } }
    readonly pki: {
      createCertificate(): Certificate
      privateKeyFromPem(text: string): unknown
      publicKeyFromPem(text: string): unknown
      certificateToPem(certificate: Certificate): string
    }
  }
  export default forge
}
