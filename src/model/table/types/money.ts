/** money: whole cents in 64 bits, shown as the locale C of PostgreSQL shows them: `$1,234.56`, `-$0.01`. */
import { readInt64 } from './integer.ts'
import { compareNumbers, fixedView, invalidText, plainType, type SqlType, valueOutOfRange } from './type.ts'

const moneyText = /^(-|\()?\s*(-)?\$?\s*(-|\+|\()?\s*([\d,]*)(?:\.(\d*))?\s*(\))?\s*(?:\$)?\s*(\))?$/

function parseMoney(text: string): bigint {
  const match = moneyText.exec(text.trim())
  const [, outer, early, inner, whole = '', fraction = ''] = match ?? []
  if (match === null || (whole.replaceAll(',', '') === '' && fraction === '')) throw invalidText('money', text)
  const isNegative = outer !== undefined || early !== undefined || inner === '-' || inner === '('
  let cents = BigInt(`${whole.replaceAll(',', '')}${fraction.slice(0, 2).padEnd(2, '0')}`)
  if ((fraction[2] ?? '0') >= '5') cents += 1n
  const value = isNegative ? -cents : cents
  if (BigInt.asIntN(64, value) !== value) throw valueOutOfRange('money', text)
  return value
}

export function formatMoney(value: bigint): string {
  const digits = (value < 0n ? -value : value).toString().padStart(3, '0')
  const whole = digits.slice(0, -2).replace(/\B(?=(?:\d{3})+$)/g, ',')
  return `${value < 0n ? '-' : ''}$${whole}.${digits.slice(-2)}`
}

export const moneyType: SqlType = {
  ...plainType,
  oid: 790,
  name: 'money',
  title: 'money',
  arrayOid: 791,
  category: 'N',
  lengthBytes: 8,
  storage: 'fixed',
  storedBytes: 8,
  isOrdered: true,
  parseText: (text) => parseMoney(text),
  formatText: (value) => formatMoney(value as bigint),
  encodeBinary: (value, writer) => writer.i64be(value as bigint),
  decodeBinary: (bytes, start, end) => fixedView('money', bytes, start, end, 8).getBigInt64(0),
  compare: (a, b) => compareNumbers(a as bigint, b as bigint),
  writeKey: (value, writer) => void writer.int64(value as bigint),
  writeStored: (value, writer) => writer.i64le(value as bigint),
  readStored: readInt64,
}
