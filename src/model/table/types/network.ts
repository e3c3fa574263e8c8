/**
 * inet, cidr, macaddr and macaddr8. An inet is bytes: the family (4 or 6), the bits of the network, then the address; a macaddr
 * is its bytes. That is how they are stored, too.
 *
 * Networks sort by family, by the bits of the network, then shorter ones first, then by the whole address. In keys: the family,
 * the network's bytes, its number of bits, the address.
 */
import { compareNumbers, invalidBinary, invalidText, plainType, sqlError, type SqlType } from './type.ts'

export function isVersion4(value: Uint8Array): boolean {
  return value[0] === 4
}

export function mostBits(value: Uint8Array): 32 | 128 {
  return isVersion4(value) ? 32 : 128
}

export function networkValue(address: Uint8Array, bits: number): Uint8Array {
  const value = new Uint8Array(2 + address.length)
  value[0] = address.length === 4 ? 4 : 6
  value[1] = bits
  value.set(address, 2)
  return value
}

export function addressOf(value: Uint8Array): Uint8Array {
  return value.subarray(2)
}

/** The address with what is not the network's cleared; `fill` 0xff: set. */
export function maskedAddress(value: Uint8Array, fill: 0 | 0xff = 0): Uint8Array {
  const bits = value[1]!
  return addressOf(value).map((byte, i) => {
    const own = Math.max(0, Math.min(8, bits - 8 * i))
    const mask = (0xff << (8 - own)) & 0xff
    return (byte & mask) | (fill & ~mask & 0xff)
  })
}

function parseVersion4(text: string, isCidr: boolean): Uint8Array | undefined {
  const match = /^(\d{1,3})((?:\.\d{1,3}){0,3})\.?(?:\/(\d{1,2}))?$/.exec(text)
  if (match === null) return undefined
  const octets = [match[1]!, ...match[2]!.split('.').slice(1)].map(Number)
  if (octets.some((octet) => octet > 255)) return undefined
  let bits = match[3] === undefined ? undefined : Number(match[3])
  if (bits === undefined) {
    if (isCidr) bits = classBits(octets)
    else if (octets.length === 4) bits = 32
  }
  if (bits === undefined || bits > 32) return undefined
  const address = new Uint8Array(4)
  address.set(octets)
  return networkValue(address, bits)
}

/** By the classes of old, no narrower than what is written. */
function classBits(octets: readonly number[]): number {
  const [first = 0] = octets
  const own = first >= 240 ? 32 : first >= 224 ? 8 : first >= 192 ? 24 : first >= 128 ? 16 : 8
  const bits = Math.max(own, octets.length * 8)
  return bits === 8 && first === 224 ? 4 : bits
}

function parseVersion6(text: string): Uint8Array | undefined {
  const [shown = '', bitsText, ...more] = text.split('/')
  if (more.length > 0 || (bitsText !== undefined && !/^(?:0|[1-9]\d{0,2})$/.test(bitsText))) return undefined
  const bits = Number(bitsText ?? 128)
  const words = wordsOf(shown)
  if (words === undefined || bits > 128) return undefined
  const address = new Uint8Array(16)
  for (const [i, word] of words.entries()) {
    address[2 * i] = word >> 8
    address[2 * i + 1] = word & 0xff
  }
  return networkValue(address, bits)
}

function wordsOf(text: string): number[] | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head, tail] = halves.map((half, i) => partWords(half, i === halves.length - 1))
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined
  if (halves.length === 1) return head.length === 8 ? head : undefined
  const missing = 8 - head.length - tail!.length
  return missing < 1 ? undefined : [...head, ...Array.from({ length: missing }, () => 0), ...tail!]
}

function partWords(text: string, isLast: boolean): number[] | undefined {
  if (text === '') return []
  const parts = text.split(':')
  const words: number[] = []
  for (const [i, part] of parts.entries()) {
    const embedded = isLast && i === parts.length - 1 && part.includes('.') ? parseVersion4(part, false) : undefined
    if (embedded !== undefined) words.push((embedded[2]! << 8) | embedded[3]!, (embedded[4]! << 8) | embedded[5]!)
    else if (/^[0-9a-f]{1,4}$/i.test(part)) words.push(Number.parseInt(part, 16))
    else return undefined
  }
  return words
}

function parseNetwork(text: string, isCidr: boolean): Uint8Array {
  const title = isCidr ? 'cidr' : 'inet'
  const trimmed = text
  const value = trimmed.includes(':') ? parseVersion6(trimmed) : parseVersion4(trimmed, isCidr)
  if (value === undefined) throw invalidText(title, text)
  if (isCidr && Buffer.compare(maskedAddress(value), addressOf(value)) !== 0) {
    throw sqlError('invalid_argument', '22P02', `invalid cidr value: "${text}"`, {
      detail: 'Value has bits set to right of mask.',
    })
  }
  return value
}

export function formatAddress(value: Uint8Array): string {
  const address = addressOf(value)
  if (isVersion4(value)) return address.join('.')
  const words = Array.from({ length: 8 }, (_, i) => (address[2 * i]! << 8) | address[2 * i + 1]!)
  const zeros = longestZeros(words)
  const isEmbedded =
    zeros?.start === 0 &&
    (zeros.length === 6 || (zeros.length === 7 && words[7] !== 1) || (zeros.length === 5 && words[5] === 0xffff))
  let text = ''
  for (let i = 0; i < 8; i++) {
    if (zeros !== undefined && i >= zeros.start && i < zeros.start + zeros.length) {
      if (i === zeros.start) text += ':'
      continue
    }
    if (i > 0) text += ':'
    if (i === 6 && isEmbedded) return text + address.subarray(12).join('.')
    text += words[i]!.toString(16)
  }
  return zeros !== undefined && zeros.start + zeros.length === 8 ? `${text}:` : text
}

function longestZeros(words: readonly number[]): { start: number; length: number } | undefined {
  let best: { start: number; length: number } | undefined
  for (let start = 0; start < words.length; start++) {
    let length = 0
    while (words[start + length] === 0) length++
    if (length >= 2 && length > (best?.length ?? 0)) best = { start, length }
    start += length
  }
  return best
}

function formatNetwork(value: Uint8Array, isCidr: boolean): string {
  const bits = value[1]!
  return isCidr || bits !== mostBits(value) ? `${formatAddress(value)}/${bits}` : formatAddress(value)
}

/** Of bits from the first on. */
function compareBits(a: Uint8Array, b: Uint8Array, count: number): number {
  for (let at = 0, left = count; left > 0; at++, left -= 8) {
    const mask = left >= 8 ? 0xff : (0xff << (8 - left)) & 0xff
    const difference = (a[at]! & mask) - (b[at]! & mask)
    if (difference !== 0) return difference
  }
  return 0
}

export function compareNetworks(a: Uint8Array, b: Uint8Array): number {
  if (a[0] !== b[0]) return a[0]! - b[0]!
  const bits = Math.min(a[1]!, b[1]!)
  return (
    compareBits(addressOf(a), addressOf(b), bits) ||
    a[1]! - b[1]! ||
    compareBits(addressOf(a), addressOf(b), mostBits(a))
  )
}

/** Whether the first `bits` of both are the same, in one family. */
export function shareNetwork(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  return a[0] === b[0] && compareBits(addressOf(a), addressOf(b), bits) === 0
}

function copyBytes(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end))
}

const plain = { ...plainType, lengthBytes: -1, storage: 'variable' as const, storedBytes: 0, isOrdered: true }

function networkType(oid: number, name: 'inet' | 'cidr', arrayOid: number): SqlType {
  const isCidr = name === 'cidr'
  return {
    ...plain,
    oid,
    name,
    title: name,
    arrayOid,
    category: 'I',
    isPreferred: !isCidr,
    parseText: (text) => parseNetwork(text, isCidr),
    formatText: (value) => formatNetwork(value as Uint8Array, isCidr),
    encodeBinary: (value, writer) => {
      const network = value as Uint8Array
      writer.u8(isVersion4(network) ? 2 : 3)
      writer.u8(network[1]!)
      writer.u8(isCidr ? 1 : 0)
      writer.u8(network.length - 2)
      writer.copy(addressOf(network))
    },
    decodeBinary: (bytes, start, end) => {
      const length = end - start - 4
      const family = length === 4 ? 2 : 3
      const isWhole = (length === 4 || length === 16) && bytes[start] === family && bytes[start + 3] === length
      if (!isWhole || bytes[start + 1]! > length * 8) throw invalidBinary(name)
      const value = networkValue(copyBytes(bytes, start + 4, end), bytes[start + 1]!)
      if (isCidr && Buffer.compare(maskedAddress(value), addressOf(value)) !== 0) {
        throw sqlError('invalid_argument', '22P03', 'invalid external "cidr" value', {
          detail: 'Value has bits set to right of mask.',
        })
      }
      return value
    },
    compare: (a, b) => compareNetworks(a as Uint8Array, b as Uint8Array),
    writeKey: (value, writer) => {
      const network = value as Uint8Array
      writer.int64(network[0]!)
      writer.byteString(maskedAddress(network).subarray(0, (network[1]! + 7) >> 3))
      writer.int64(network[1]!)
      writer.byteString(addressOf(network))
    },
    writeStored: (value, writer) => writer.copy(value as Uint8Array),
    readStored: copyBytes,
  }
}

export const inetType: SqlType = networkType(869, 'inet', 1041)
export const cidrType: SqlType = networkType(650, 'cidr', 651)

const macPatterns = [
  /^(..?):(..?):(..?):(..?):(..?):(..?)$/,
  /^(..?)-(..?)-(..?)-(..?)-(..?)-(..?)$/,
  /^(..)(..)(..):(..)(..)(..)$/,
  /^(..)(..)(..)-(..)(..)(..)$/,
  /^(..)(..)\.(..)(..)\.(..)(..)$/,
  /^(..)(..)-(..)(..)-(..)(..)$/,
  /^(..)(..)(..)(..)(..)(..)$/,
]

function parseMac(text: string): Uint8Array {
  const digits = text.trim()
  for (const pattern of macPatterns) {
    const parts = pattern.exec(digits)?.slice(1)
    if (parts !== undefined && parts.every((part) => /^[0-9a-f]+$/i.test(part))) {
      return Uint8Array.from(parts, (part) => Number.parseInt(part, 16))
    }
  }
  if (/^[0-9a-f]+(?::[0-9a-f]+){5}$/i.test(digits)) {
    throw sqlError('out_of_range', '22003', `invalid octet value in "macaddr" value: "${text}"`)
  }
  throw invalidText('macaddr', text)
}

/** Six bytes, which get FF and FE in their middle, or eight; one separator throughout, between any two bytes. */
function parseMac8(text: string): Uint8Array {
  const digits = text.trim()
  const bytes: number[] = []
  let separator: string | undefined
  let at = 0
  while (at < digits.length) {
    const pair = digits.slice(at, at + 2)
    if (!/^[0-9a-f]{2}$/i.test(pair) || bytes.length === 8) throw invalidText('macaddr8', text)
    bytes.push(Number.parseInt(pair, 16))
    at += 2
    const next = digits[at]
    if (next !== undefined && /[:.-]/.test(next)) {
      if (separator !== undefined && separator !== next) throw invalidText('macaddr8', text)
      separator = next
      at++
      if (at === digits.length) throw invalidText('macaddr8', text)
    }
  }
  if (bytes.length === 6) bytes.splice(3, 0, 0xff, 0xfe)
  if (bytes.length !== 8) throw invalidText('macaddr8', text)
  return Uint8Array.from(bytes)
}

function macType(oid: number, name: string, arrayOid: number, length: number): SqlType {
  const parse = length === 6 ? parseMac : parseMac8
  return {
    ...plain,
    oid,
    name,
    title: name,
    arrayOid,
    category: 'U',
    lengthBytes: length,
    storage: 'fixed',
    storedBytes: length,
    parseText: (text) => parse(text),
    formatText: (value) => Array.from(value as Uint8Array, (byte) => byte.toString(16).padStart(2, '0')).join(':'),
    encodeBinary: (value, writer) => writer.copy(value as Uint8Array),
    decodeBinary: (bytes, start, end) => {
      const isShort = length === 8 && end - start === 6
      if (end - start !== length && !isShort) throw invalidBinary(name)
      const given = copyBytes(bytes, start, end)
      return isShort ? Uint8Array.from([...given.subarray(0, 3), 0xff, 0xfe, ...given.subarray(3)]) : given
    },
    compare: (a, b) => compareNumbers(Buffer.compare(a as Uint8Array, b as Uint8Array), 0),
    writeKey: (value, writer) => void writer.byteString(value as Uint8Array),
    writeStored: (value, writer) => writer.copy(value as Uint8Array),
    readStored: copyBytes,
  }
}

export const macaddrType: SqlType = macType(829, 'macaddr', 1040, 6)
export const macaddr8Type: SqlType = macType(774, 'macaddr8', 775, 8)
