/**
 * What each type makes of many texts: output or error. The golden file was compared with PostgreSQL 15; the three lines
 * that differ from it say so. `REWRITE=1` writes it anew from its own inputs.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { ByteWriter } from '../../../base/bytes.ts'
import { PolylogError } from '../../../base/errors.ts'
import { findTypeByName } from './registry.ts'
import type { SqlType } from './type.ts'

const path = new URL('golden/text-forms.txt', import.meta.url)

function typeOf(written: string): { type: SqlType; modifier: number } {
  const match = /^(.*?)(?:\(([\d,]+)\))?(\[\])?$/.exec(written)!
  const type = findTypeByName(match[1]! + (match[3] ?? ''))!
  return { type, modifier: match[2] === undefined ? -1 : type.modifierOf(match[2].split(',').map(Number)) }
}

function outcome(type: SqlType, modifier: number, text: string): string {
  try {
    const value = type.parseText(text, modifier)
    const wire = new ByteWriter()
    type.encodeBinary(value, wire)
    const stored = new ByteWriter()
    type.writeStored(value, stored)
    const shown = type.formatText(value)
    expect(type.formatText(type.decodeBinary(wire.bytes, 0, wire.end))).toBe(shown)
    expect(type.formatText(type.readStored(stored.bytes, 0, stored.end))).toBe(shown)
    if (type.storedBytes > 0) expect(stored.end).toBe(type.storedBytes)
    return `= ${JSON.stringify(shown)} ${Buffer.from(wire.toBytes()).toString('hex')}`
  } catch (error) {
    if (!(error instanceof PolylogError)) throw error
    const { sqlState, detail, hint } = error.detail as Record<string, string>
    return `! ${[sqlState, error.message, detail, hint].filter((part) => part !== undefined).join(' | ')}`
  }
}

it('reads and shows values as PostgreSQL does', () => {
  const golden = readFileSync(path, 'utf8')
  let current = typeOf('text')
  const actual = golden.split('\n').map((line) => {
    if (line.startsWith('# ')) current = typeOf(line.slice(2))
    if (!line.startsWith('"')) return line
    const input = /^"(?:[^"\\]|\\.)*"/.exec(line)![0]
    const remark = / {2}-- .*$/.exec(line)?.[0] ?? ''
    return `${input} ${outcome(current.type, current.modifier, JSON.parse(input) as string)}${remark}`
  })
  if (process.env['REWRITE'] === '1') writeFileSync(path, actual.join('\n'))
  else expect(actual.join('\n')).toBe(golden)
})

it('reads dates as they are mostly written like others', () => {
  const { type } = typeOf('date')
  const numbers = ['00', '01', '02', '12', '13', '28', '29', '30', '31', '32', '1', 'x1']
  for (const year of ['1900', '2000', '2023', '2024', '0999', '0000', '9999', '12345', '24']) {
    for (const month of numbers) {
      for (const day of numbers) {
        const text = `${year}-${month}-${day}`
        const plain = outcome(type, -1, text)
        expect(plain, text).toBe(outcome(type, -1, ` ${text}`).replace(`" ${text}"`, `"${text}"`))
      }
    }
  }
})

it('numbers fit their precision up to the last digit', () => {
  const { type } = typeOf('numeric')
  const fits = (text: string, precision: number, scale: number): boolean => {
    return outcome(type, type.modifierOf([precision, scale]), text).startsWith('=')
  }
  for (const precision of [1, 2, 14, 15, 16, 17]) {
    for (const scale of [0, 1, 2, precision]) {
      const shown = '9'.repeat(precision)
      const most = `${shown}e-${scale}`
      expect(fits(most, precision, scale), most).toBe(true)
      expect(fits(`-${most}`, precision, scale), most).toBe(true)
      expect(fits(`1${'0'.repeat(precision)}e-${scale}`, precision, scale), most).toBe(false)
    }
  }
})
