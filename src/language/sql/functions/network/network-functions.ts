/** Networks and the addresses of devices: PostgreSQL's chapter 9.12. */
import {
  addressOf,
  formatAddress,
  isVersion4,
  maskedAddress,
  mostBits,
  networkValue,
  shareNetwork,
} from '../../../../model/table/types/network.ts'
import { failure } from '../../failure.ts'
import { oid } from '../../types/oids.ts'
import { defineFunction, defineOperator } from '../registry.ts'

const { inet, cidr, text, int4, int8, bool, macaddr, macaddr8 } = oid

/** `10.1/16` of `10.1.0.0/16`. */
function shortened(value: Uint8Array): string {
  const bits = value[1]!
  const whole = formatAddress(value)
  if (!isVersion4(value)) return shortened6(value, whole)
  const octets = whole.split('.').slice(0, Math.max(1, Math.ceil(bits / 8)))
  return `${bits === 0 ? '0' : octets.join('.')}/${bits}`
}

function shortened6(value: Uint8Array, whole: string): string {
  const bits = value[1]!
  if (bits === 0) return '::/0'
  const isCut = whole.endsWith('::') && bits > 0 && whole.split(':').filter((part) => part !== '').length >= bits / 16
  return `${isCut ? whole.slice(0, -2) : whole}/${bits}`
}

function sameFamily(a: Uint8Array, b: Uint8Array, what: string): void {
  if (a[0] !== b[0]) throw failure('22023', `cannot ${what} inet values of different sizes`)
}

function withBits(value: Uint8Array, bits: number): Uint8Array {
  const own = bits === -1 ? mostBits(value) : bits
  if (own < 0 || own > mostBits(value)) throw failure('22023', `invalid mask length: ${bits}`)
  return networkValue(addressOf(value), own)
}

function mask(value: Uint8Array, fill: 0 | 0xff): Uint8Array {
  const all = new Uint8Array(value.length).fill(fill === 0 ? 0xff : 0, 2)
  all[0] = value[0]!
  all[1] = value[1]!
  return networkValue(maskedAddress(all, fill), mostBits(value))
}

function network(value: Uint8Array): Uint8Array {
  return networkValue(maskedAddress(value), value[1]!)
}

function commonNetwork(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a[0] !== b[0]) throw failure('22023', 'cannot merge addresses from different families')
  let bits = Math.min(a[1]!, b[1]!)
  while (bits > 0 && !shareNetwork(a, b, bits)) bits--
  return network(networkValue(addressOf(a), bits))
}

function defineParts(): void {
  const slash = (value: Uint8Array): string => `${formatAddress(value)}/${value[1]!}`
  defineFunction('abbrev', [inet], text, (value: Uint8Array) => {
    return value[1] === mostBits(value) ? formatAddress(value) : slash(value)
  })
  defineFunction('abbrev', [cidr], text, shortened)
  defineFunction('broadcast', [inet], inet, (value: Uint8Array) => networkValue(maskedAddress(value, 0xff), value[1]!))
  defineFunction('family', [inet], int4, (value: Uint8Array) => value[0]!)
  defineFunction('host', [inet], text, formatAddress)
  defineFunction('text', [inet], text, slash)
  defineFunction('hostmask', [inet], inet, (value: Uint8Array) => mask(value, 0xff))
  defineFunction('netmask', [inet], inet, (value: Uint8Array) => mask(value, 0))
  defineFunction('network', [inet], cidr, network)
  defineFunction('masklen', [inet], int4, (value: Uint8Array) => value[1]!)
  defineFunction('set_masklen', [inet, int4], inet, withBits)
  defineFunction('set_masklen', [cidr, int4], cidr, (value: Uint8Array, bits: number) => network(withBits(value, bits)))
  defineFunction('inet_same_family', [inet, inet], bool, (a: Uint8Array, b: Uint8Array) => a[0] === b[0])
  defineFunction('inet_merge', [inet, inet], cidr, commonNetwork)
}

function defineRelations(): void {
  const pair = [inet, inet]
  const within = (a: Uint8Array, b: Uint8Array): boolean => a[1]! >= b[1]! && shareNetwork(a, b, b[1]!)
  const strictly = (a: Uint8Array, b: Uint8Array): boolean => a[1]! > b[1]! && shareNetwork(a, b, b[1]!)
  const relations = [
    ['<<=', 'network_subeq', within],
    ['<<', 'network_sub', strictly],
    ['>>=', 'network_supeq', (a: Uint8Array, b: Uint8Array): boolean => within(b, a)],
    ['>>', 'network_sup', (a: Uint8Array, b: Uint8Array): boolean => strictly(b, a)],
    ['&&', 'network_overlap', (a: Uint8Array, b: Uint8Array): boolean => shareNetwork(a, b, Math.min(a[1]!, b[1]!))],
  ] as const
  for (const [symbol, name, holds] of relations) {
    defineOperator(symbol, pair, bool, holds)
    defineFunction(name, pair, bool, holds)
  }
}

function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

function added(value: Uint8Array, amount: bigint): Uint8Array {
  const length = value.length - 2
  const sum = toNumber(addressOf(value)) + amount
  if (sum < 0n || sum >= 1n << BigInt(length * 8)) throw failure('22003', 'result is out of range')
  const hex = sum.toString(16).padStart(length * 2, '0')
  return networkValue(new Uint8Array(Buffer.from(hex, 'hex')), value[1]!)
}

function combined(what: string, combine: (a: number, b: number) => number) {
  return (a: Uint8Array, b: Uint8Array): Uint8Array => {
    sameFamily(a, b, what)
    const address = addressOf(a).map((byte, i) => combine(byte, b[i + 2]!))
    return networkValue(address, Math.max(a[1]!, b[1]!))
  }
}

function defineArithmetic(): void {
  const pair = [inet, inet]
  defineOperator(
    '&',
    pair,
    inet,
    combined('AND', (a, b) => a & b),
  )
  defineOperator(
    '|',
    pair,
    inet,
    combined('OR', (a, b) => a | b),
  )
  defineOperator('~', [inet], inet, (value: Uint8Array) =>
    networkValue(
      addressOf(value).map((byte) => ~byte),
      value[1]!,
    ),
  )
  defineOperator('+', [inet, int8], inet, added)
  defineOperator('+', [int8, inet], inet, (amount: bigint, value: Uint8Array) => added(value, amount))
  defineOperator('-', [inet, int8], inet, (value: Uint8Array, amount: bigint) => added(value, -amount))
  defineOperator('-', pair, int8, (a: Uint8Array, b: Uint8Array) => {
    if (a[0] !== b[0]) throw failure('22023', 'cannot subtract inet values of different sizes')
    const difference = toNumber(addressOf(a)) - toNumber(addressOf(b))
    if (BigInt.asIntN(64, difference) !== difference) throw failure('22003', 'result is out of range')
    return difference
  })
}

function defineDevices(): void {
  for (const type of [macaddr, macaddr8]) {
    const each = (combine: (a: number, b: number) => number) => (a: Uint8Array, b: Uint8Array) =>
      a.map((byte, i) => combine(byte, b[i]!))
    defineOperator(
      '&',
      [type, type],
      type,
      each((a, b) => a & b),
    )
    defineOperator(
      '|',
      [type, type],
      type,
      each((a, b) => a | b),
    )
    defineOperator('~', [type], type, (value: Uint8Array) => value.map((byte) => ~byte))
    defineFunction('trunc', [type], type, (value: Uint8Array) => value.map((byte, i) => (i < 3 ? byte : 0)))
  }
  defineFunction('macaddr8_set7bit', [macaddr8], macaddr8, (value: Uint8Array) => {
    return value.map((byte, i) => (i === 0 ? byte | 0x02 : byte))
  })
}

defineParts()
defineRelations()
defineArithmetic()
defineDevices()
