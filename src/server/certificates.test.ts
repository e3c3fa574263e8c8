/** Certificates that are renewed while the server runs, and the one that is made where there is none. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Host } from '../host/host.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { createMemoryDisk } from '../host/simulated/memory-disk.ts'
import { readTextFile } from '../host/small-file.ts'
import { Certificates } from './certificates.ts'
import { Handshakes } from './handshakes.ts'
import { ownIdentity } from './own-identity.ts'

const read = (name: string): string => readFileSync(new URL(`../../test/certificates/${name}`, import.meta.url), 'utf8')
const fingerprintOf = (text: string): string =>
  new X509Certificate(text).fingerprint256.replaceAll(':', '').toLowerCase()
const files = { certificateFile: 'c', keyFile: 'k' }
const real = createRealHost()
let logged: { level: string; message: string; fields: Readonly<Record<string, unknown>> | undefined }[]
let due: (() => void)[]
let host: Host

beforeEach(() => {
  logged = []
  due = []
  host = {
    ...real,
    disk: createMemoryDisk(),
    log: (level, message, fields) => void logged.push({ level, message, fields }),
    at: (_delayMs, run) => {
      due.push(run)
      return () => (due = due.filter((one) => one !== run))
    },
  }
})

async function write(path: string, text: string): Promise<void> {
  await host.disk.remove(path).catch(() => undefined)
  const file = await host.disk.open(path, { mode: 'create' })
  await file.writeAt(0, Buffer.from(text))
  await file.close()
}

async function writePair(name: string): Promise<void> {
  await write('c', read(`${name}.pem`))
  await write('k', read(`${name}.key`))
}

describe('files that change', () => {
  let handshakes: Handshakes
  let certificates: Certificates

  beforeEach(async () => {
    handshakes = new Handshakes(host)
    await writePair('server')
    certificates = await Certificates.open(host, handshakes, files, [])
  })

  const shown = (): string | undefined => handshakes.identity?.fingerprint

  test('are shown as they are now, when that is asked for', async () => {
    expect(shown()).toBe(fingerprintOf(read('server.pem')))
    const before = handshakes.identity
    await certificates.reload()
    expect(handshakes.identity).toBe(before)
    await writePair('renewed')
    await certificates.reload()
    expect(shown()).toBe(fingerprintOf(read('renewed.pem')))
  })

  test('are looked at by and by, until the server stops', async () => {
    await writePair('renewed')
    expect(due).toHaveLength(1)
    due.shift()!()
    while (shown() !== fingerprintOf(read('renewed.pem'))) await new Promise((resolve) => setImmediate(resolve))
    while (due.length === 0) await new Promise((resolve) => setImmediate(resolve))
    certificates.stop()
    expect(due).toHaveLength(0)
  })

  test.each([
    ['no pair', () => write('c', read('renewed.pem'))],
    ['no pair, and of two kinds', async () => write('k', (await host.network.makeIdentity([])).key)],
    ['no certificate', () => write('c', 'x')],
    ['not there', () => host.disk.remove('k')],
  ])('and that are %s change nothing, which is said once', async (_name, spoil) => {
    const before = handshakes.identity
    await spoil()
    for (let times = 0; times < 3; times++) await certificates.reload()
    expect(handshakes.identity).toBe(before)
    expect(logged.filter(({ level }) => level === 'error')).toHaveLength(1)
    await writePair('renewed')
    await certificates.reload()
    expect(shown()).toBe(fingerprintOf(read('renewed.pem')))
  })
})

test('a start with files that cannot be used fails', async () => {
  await writePair('server')
  await write('k', read('renewed.key'))
  await expect(Certificates.open(host, new Handshakes(host), files, [])).rejects.toMatchObject({ code: 'certificate' })
  await expect(
    Certificates.open(host, new Handshakes(host), { certificateFile: 'c', keyFile: 'missing' }, []),
  ).rejects.toMatchObject({ code: 'not-found' })
})

test('a certificate that ends soon is warned of', async () => {
  await writePair('server')
  const late = { ...host, now: () => Date.UTC(2126, 9, 27) }
  await Certificates.open(late, new Handshakes(late), files, [])
  expect(logged.filter(({ level }) => level === 'warning')).toHaveLength(1)
})

describe('a certificate of our own', () => {
  beforeEach(() => host.disk.makeFolder('data'))

  test('is made once, names the machine, and signs itself', async () => {
    const made = await ownIdentity(host, 'data', '0.0.0.0')
    expect(made).toEqual({ certificateFile: 'data/tls/certificate.pem', keyFile: 'data/tls/key.pem' })
    const text = await readTextFile(host.disk, 'data/tls/certificate.pem', 100_000)
    const certificate = new X509Certificate(text!)
    expect(certificate.verify(certificate.publicKey)).toBe(true)
    expect(certificate.checkIssued(certificate)).toBe(true)
    expect(certificate.checkHost('localhost')).toBe('localhost')
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1')
    expect(certificate.checkIP('::1')).toBeDefined()
    expect(Date.parse(certificate.validTo) - Date.now()).toBeGreaterThan(9 * 365 * 86_400_000)
    await ownIdentity(host, 'data', '0.0.0.0')
    expect(await readTextFile(host.disk, 'data/tls/certificate.pem', 100_000)).toBe(text)
  })

  test.each([
    ['its key is lost', () => host.disk.remove('data/tls/key.pem')],
    ['a crash has left half a pair', () => write('data/tls/key.pem', read('server.key'))],
    ['a crash has left a draft', () => host.disk.rename('data/tls/key.pem', 'data/tls/key.pem.new')],
  ])('is made anew where %s', async (_name, spoil) => {
    await ownIdentity(host, 'data', 'db.test')
    const before = await readTextFile(host.disk, 'data/tls/certificate.pem', 100_000)
    await spoil()
    await ownIdentity(host, 'data', 'db.test')
    const after = await readTextFile(host.disk, 'data/tls/certificate.pem', 100_000)
    expect(after).not.toBe(before)
    expect(new X509Certificate(after!).checkHost('db.test')).toBe('db.test')
    const key = await readTextFile(host.disk, 'data/tls/key.pem', 100_000)
    expect(host.network.identity({ certificate: after!, key: key!, protocols: [] }).fingerprint).toHaveLength(64)
  })
})
