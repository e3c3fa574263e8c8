/**
 * The certificate of a server that was given none and is to be reached from other machines: made at its first start, kept in
 * the data directory, shown ever after. In memory, one for each start.
 */
import { DiskError, type Host, type KeyPair, NetworkError } from '../host/host.ts'
import { readTextFile } from '../host/small-file.ts'
import type { TlsFiles } from './certificates.ts'

const maxFileBytes = 64 * 1024
/** One that ends in less is made anew. */
const leastLeftMs = 30 * 86_400_000
const anyAddress: ReadonlySet<string> = new Set(['0.0.0.0', '::', '*'])

export async function ownIdentity(
  host: Host,
  directory: string | undefined,
  address: string,
): Promise<TlsFiles | KeyPair> {
  const names = ['localhost', '127.0.0.1', '::1', ...(anyAddress.has(address) ? [] : [address])]
  if (directory === undefined) return host.network.makeIdentity(names)
  const folder = `${directory}/tls`
  const files = { certificateFile: `${folder}/certificate.pem`, keyFile: `${folder}/key.pem` }
  if (await isUsable(host, files)) return files
  const made = await host.network.makeIdentity(names)
  await makeFolder(host, folder)
  await replace(host, files.keyFile, made.key)
  await replace(host, files.certificateFile, made.certificate)
  await host.disk.syncFolder(folder)
  await host.disk.syncFolder(directory)
  host.log('info', 'a certificate is made, signed by itself', { file: files.certificateFile })
  return files
}

async function isUsable(host: Host, { certificateFile, keyFile }: TlsFiles): Promise<boolean> {
  const { disk, network } = host
  const certificate = await readTextFile(disk, certificateFile, maxFileBytes)
  const key = await readTextFile(disk, keyFile, maxFileBytes)
  if (certificate === undefined || key === undefined) return false
  try {
    return network.identity({ certificate, key, protocols: [] }).validUntilMs - host.now() > leastLeftMs
  } catch (error) {
    // Half of it was written when the machine stopped.
    if (error instanceof NetworkError) return false
    throw error
  }
}

async function makeFolder({ disk }: Host, path: string): Promise<void> {
  try {
    await disk.makeFolder(path)
  } catch (error) {
    if (!(error instanceof DiskError) || error.code !== 'exists') throw error
  }
}

async function replace({ disk }: Host, path: string, text: string): Promise<void> {
  const draft = `${path}.new`
  await disk.remove(draft).catch(() => undefined)
  const file = await disk.open(draft, { mode: 'create' })
  try {
    await file.writeAt(0, Buffer.from(text))
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(draft, path)
}
