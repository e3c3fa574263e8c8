/**
 * KEYS of an encrypted data directory: its data keys, encrypted with the key that is given by who starts it.
 *
 *   polylog keys 1
 *   salt <64 hexadecimal digits>                   with the given key it makes the one that encrypts the lines below
 *   data-key <number> <120 hexadecimal digits>     nonce, tag, key; its number and the salt are its context
 *   crc32 <8 hexadecimal digits, of all before>
 *
 * A directory is encrypted from its first file on, or never: KEYS is made before anything else, and is durable before FORMAT
 * is. To change the given key is to write KEYS anew, with all data keys under the new one and a further data key for what is
 * written from then on; what the older ones have encrypted is not written again.
 *
 *   found                                a key is given                        none is given
 *   no FORMAT, CONTENTS, KEYS            KEYS is made                          nothing is encrypted
 *   KEYS                                 opened; or it is another key          the key is missing
 *   no KEYS, and CONTENTS is encrypted   damage: KEYS is lost                  likewise
 *   no KEYS, and all in the open         the directory is not encrypted        nothing is encrypted
 */
import { crc32 } from 'node:zlib'
import { PolylogError } from '../../base/errors.ts'
import { encryptedDisk } from '../../host/encrypted/encrypted-disk.ts'
import { hostWith } from '../../host/host-with.ts'
import { isEncrypted } from '../../host/encrypted/encrypted-file.ts'
import { Encryption, keyBytes, saltBytes, sealBytes, wrappingKey } from '../../host/encrypted/encryption.ts'
import type { Disk, Host } from '../../host/host.ts'
import { readSmallFile } from '../../host/small-file.ts'
import { writeSmallFile } from './small-files.ts'

const fileName = 'KEYS'
const firstLine = 'polylog keys 1'
const mostBytes = 4 * 1024 * 1024
const sealedBytes = sealBytes + keyBytes
const pattern = /^polylog keys 1\nsalt ([0-9a-f]{64})\n((?:data-key \d{1,9} [0-9a-f]{120}\n)+)crc32 [0-9a-f]{8}\n$/
const newerPattern = /^polylog keys (?!1\n)\d{1,9}\n/

type DataKeys = ReadonlyMap<number, Uint8Array>

export interface UnlockOptions {
  /** 32 bytes; undefined: none is given. */
  readonly encryptionKey?: Uint8Array | undefined
  /** The caller holds the directory's lock, and makes what is missing. */
  readonly makes: boolean
}

/**
 * The host as the directory's databases need it: with a disk that encrypts where the directory is encrypted. Errors:
 * `invalid_argument` where the key is missing, another one, or not needed; `data_corrupted`, `data_newer`, `DiskError`.
 */
export async function unlock(host: Host, directory: string, options: UnlockOptions): Promise<Host> {
  const { encryptionKey: given, makes } = options
  checkLength(given)
  const bytes = await readKeys(host.disk, directory)
  if (bytes === undefined && !(await mayBegin(host.disk, directory, given, makes))) return host
  if (given === undefined) {
    throw wrongKey(`${directory} is encrypted, and no key was given (--encryption-key-file FILE, or encryptionKey)`)
  }
  const keys = bytes === undefined ? await makeKeys(host, directory, given) : openKeys(bytes, directory, given, host)
  const encryption = new Encryption(keys, (into) => host.random(into))
  return hostWith(host, { disk: encryptedDisk(host.disk, directory, encryption) })
}

/** The caller holds the directory's lock. Errors: as `unlock`. */
export async function changeKey(host: Host, directory: string, from: Uint8Array, to: Uint8Array): Promise<void> {
  checkLength(from)
  checkLength(to)
  const bytes = await readKeys(host.disk, directory)
  if (bytes === undefined) {
    await mayBegin(host.disk, directory, from, false)
    throw notEncrypted(directory)
  }
  const keys = openKeys(bytes, directory, from, host)
  const next = Math.max(...keys.keys()) + 1
  await writeKeys(host, directory, to, new Map([...keys, [next, randomKey(host)]]))
}

/** Whether KEYS, which is not there, is to be made. */
async function mayBegin(
  disk: Disk,
  directory: string,
  given: Uint8Array | undefined,
  makes: boolean,
): Promise<boolean> {
  const contents = await readSmallFile(disk, `${directory}/CONTENTS`, 64)
  if (contents !== undefined && isEncrypted(contents)) {
    throw new PolylogError('data_corrupted', `${directory}/${fileName} is missing: without it nothing can be decrypted`)
  }
  if (given === undefined) return false
  const format = await readSmallFile(disk, `${directory}/FORMAT`, 64)
  if (contents === undefined && format === undefined) return makes
  throw notEncrypted(directory)
}

async function makeKeys(host: Host, directory: string, given: Uint8Array): Promise<DataKeys> {
  const keys = new Map([[1, randomKey(host)]])
  await writeKeys(host, directory, given, keys)
  return keys
}

async function writeKeys(host: Host, directory: string, given: Uint8Array, keys: DataKeys): Promise<void> {
  const salt = new Uint8Array(saltBytes)
  host.random(salt)
  const key = wrappingKey(given, salt, (into) => host.random(into))
  const lines = [...keys].map(([number, dataKey]) => {
    const bytes = new Uint8Array(sealedBytes)
    bytes.set(dataKey, sealBytes)
    key.encrypt(bytes, place, contextOf(number, salt))
    return `data-key ${number} ${hex(bytes)}\n`
  })
  const body = `${firstLine}\nsalt ${hex(salt)}\n${lines.join('')}`
  await writeSmallFile(host.disk, directory, fileName, `${body}crc32 ${checksumOf(body)}\n`)
}

function openKeys(bytes: Uint8Array, directory: string, given: Uint8Array, host: Host): DataKeys {
  const path = `${directory}/${fileName}`
  const text = Buffer.from(bytes).toString('latin1')
  if (newerPattern.test(text)) throw new PolylogError('data_newer', `${path} is of a newer version of Polylog`)
  const [, saltHex, lines] = pattern.exec(text) ?? []
  const end = text.lastIndexOf('crc32')
  if (lines === undefined || text.slice(end) !== `crc32 ${checksumOf(text.slice(0, end))}\n`) {
    throw new PolylogError('data_corrupted', `${path} is damaged: its checksum does not match`)
  }
  const salt = Buffer.from(saltHex!, 'hex')
  const key = wrappingKey(given, salt, (into) => host.random(into))
  const keys = new Map<number, Uint8Array>()
  for (const line of lines.trimEnd().split('\n')) {
    const [, number, sealed] = line.split(' ')
    const dataKey = key.decrypt(Buffer.from(sealed!, 'hex'), place, contextOf(Number(number), salt))
    if (dataKey === undefined) throw wrongKey(`the key that was given is not the one of ${directory}`)
    keys.set(Number(number), dataKey)
  }
  return keys
}

const place = { sealAt: 0, start: sealBytes, end: sealedBytes }

function contextOf(number: number, salt: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`data key ${number} `), salt])
}

function randomKey(host: Host): Uint8Array {
  const key = new Uint8Array(keyBytes)
  host.random(key)
  return key
}

async function readKeys(disk: Disk, directory: string): Promise<Uint8Array | undefined> {
  return readSmallFile(disk, `${directory}/${fileName}`, mostBytes)
}

function checkLength(key: Uint8Array | undefined): void {
  if (key === undefined || key.length === keyBytes) return
  throw wrongKey(`a key has ${keyBytes} bytes, and ${key.length} were given`)
}

function notEncrypted(directory: string): PolylogError {
  const why = 'a directory is encrypted from its beginning on, or never'
  const way = 'make a new one with the key, and copy the data there, as docs/security.md says'
  return wrongKey(`${directory} is not encrypted, and a key was given: ${why}; ${way}`)
}

function wrongKey(message: string): PolylogError {
  return new PolylogError('invalid_argument', message, { detail: { isEncryptionKey: true } })
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function checksumOf(body: string): string {
  return crc32(body).toString(16).padStart(8, '0')
}
