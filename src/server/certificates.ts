/**
 * The certificate that a server shows, from files that may change while it runs: who renews one replaces its files, and
 * handshakes from then on show the new one. They are looked at every few seconds, and at once when that is asked for.
 *
 * Files are replaced one after another, so that for a moment they are no pair. What is no pair, or no certificate, changes
 * nothing and is said once.
 */
import { type Cancel, DiskError, type Host, type IdentityText, type KeyPair, NetworkError } from '../host/host.ts'
import { readTextFile } from '../host/small-file.ts'
import type { Handshakes } from './handshakes.ts'

/** In PEM. */
export interface TlsFiles {
  readonly certificateFile: string
  readonly keyFile: string
  /** Clients must show a certificate that one of these has signed. */
  readonly clientAuthoritiesFile?: string
  /** Who shows none is let in, too, and proves by a password who it is. */
  readonly clientsMayShowNone?: boolean
  /** What their authorities have revoked. */
  readonly revocationsFile?: string
}

type Texts = Omit<IdentityText, 'protocols'>

const everyMs = 10_000
const maxFileBytes = 1024 * 1024
/** A certificate that ends in less is warned of. */
const soonMs = 14 * 86_400_000

export class Certificates {
  readonly #host: Host
  readonly #handshakes: Handshakes
  readonly #tls: TlsFiles | KeyPair
  readonly #protocols: readonly string[]
  /** What was looked at last, whether it is used or not. */
  #seen: string | undefined
  #timer: Cancel | undefined
  #isStopped = false

  private constructor(host: Host, handshakes: Handshakes, tls: TlsFiles | KeyPair, protocols: readonly string[]) {
    this.#host = host
    this.#handshakes = handshakes
    this.#tls = tls
    this.#protocols = protocols
  }

  /** Errors: `DiskError`, `NetworkError` `certificate`. */
  static async open(
    host: Host,
    handshakes: Handshakes,
    tls: TlsFiles | KeyPair,
    protocols: readonly string[],
  ): Promise<Certificates> {
    const certificates = new Certificates(host, handshakes, tls, protocols)
    await certificates.#look()
    if ('keyFile' in tls) certificates.#watch()
    return certificates
  }

  async reload(): Promise<void> {
    try {
      await this.#look()
    } catch (error) {
      if (!(error instanceof DiskError) && !(error instanceof NetworkError)) throw error
      this.#host.log('error', 'the certificate stays as it is: the files that are there now cannot be used', {
        reason: error.message,
      })
    }
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.()
  }

  #watch(): void {
    this.#timer = this.#host.at(everyMs, () => {
      void this.reload().finally(() => {
        if (!this.#isStopped) this.#watch()
      })
    })
  }

  async #look(): Promise<void> {
    let texts: Texts
    try {
      texts = await this.#read()
    } catch (error) {
      if (this.#isSeen(String(error))) return
      throw error
    }
    if (this.#isSeen(JSON.stringify(texts))) return
    const identity = this.#host.network.identity({ ...texts, protocols: this.#protocols })
    this.#handshakes.identity = identity
    const { fingerprint, validUntilMs, validUntil } = identity
    this.#host.log('info', 'TLS is spoken', { sha256: fingerprint, until: validUntil })
    if (validUntilMs - this.#host.now() < soonMs) {
      this.#host.log('warning', 'the certificate ends soon, or has ended', { until: validUntil })
    }
  }

  #isSeen(what: string): boolean {
    const isSame = what === this.#seen
    this.#seen = what
    return isSame
  }

  async #read(): Promise<Texts> {
    const tls = this.#tls
    if (!('keyFile' in tls)) return tls
    const { certificateFile, keyFile, clientAuthoritiesFile, clientsMayShowNone, revocationsFile } = tls
    return {
      certificate: await this.#readFile(certificateFile),
      key: await this.#readFile(keyFile),
      clientAuthorities: clientAuthoritiesFile && (await this.#readFile(clientAuthoritiesFile)),
      clientsMayShowNone,
      revocations: revocationsFile && (await this.#readFile(revocationsFile)),
    }
  }

  async #readFile(path: string): Promise<string> {
    const text = await readTextFile(this.#host.disk, path, maxFileBytes)
    if (text === undefined) throw new DiskError('not-found', path, `${path}: there is no such file`)
    return text
  }
}
