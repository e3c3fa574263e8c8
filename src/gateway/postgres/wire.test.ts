/** Messages byte for byte, as PostgreSQL 15 sends them for the same answers. */
import { expect, it } from 'vitest'
import { ByteWriter } from '../../base/bytes.ts'
import { Decimal } from '../../base/decimal.ts'
import { PolylogError } from '../../base/errors.ts'
import { findTypeByName } from '../../model/table/types/registry.ts'
import type { SqlValue } from '../../model/table/types/value.ts'
import { RowEncoder } from './rows.ts'
import * as wire from './wire.ts'

function written(write: (writer: ByteWriter) => void): string {
  const writer = new ByteWriter(8)
  write(writer)
  return Buffer.from(writer.toBytes())
    .toString('latin1')
    .replace(/[^ -~]/g, (one) => {
      const code = one.charCodeAt(0)
      return `<${code.toString(16).padStart(2, '0')}>`
    })
}

function describe(name: string): wire.DescribedColumn {
  return { name, typeOid: findTypeByName(name)!.oid, typeModifier: -1, tableOid: 16384, columnNumber: 2 }
}

function row(types: readonly string[], values: readonly SqlValue[], formats?: readonly number[]): string {
  return written((writer) => new RowEncoder(types.map(describe), formats).write(values, writer))
}

it('describes rows', () => {
  expect(written((writer) => wire.rowDescription(writer, [describe('int4'), describe('text')], [1, 0]))).toBe(
    'T<00><00><00>4<00><02>int4<00><00><00>@<00><00><02><00><00><00><17><00><04><ff><ff><ff><ff><00><01>' +
      'text<00><00><00>@<00><00><02><00><00><00><19><ff><ff><ff><ff><ff><ff><00><00>',
  )
})

it('writes rows as text', () => {
  expect(row(['int4', 'text', 'int8'], [-120, 'hé', null])).toBe(
    'D<00><00><00><19><00><03><00><00><00><04>-120<00><00><00><03>h<c3><a9><ff><ff><ff><ff>',
  )
  expect(row(['int4', 'int4', 'int4'], [0, 2147483647, -2147483648])).toBe(
    'D<00><00><00>(<00><03><00><00><00><01>0<00><00><00><0a>2147483647<00><00><00><0b>-2147483648',
  )
  expect(row(['bool', 'numeric'], [true, Decimal.of(150n, 2)])).toBe(
    'D<00><00><00><13><00><02><00><00><00><01>t<00><00><00><04>1.50',
  )
})

it('writes rows in binary where it is asked to', () => {
  expect(row(['int4', 'int8', 'bool'], [1, -1n, false], [1, 1, 0])).toBe(
    'D<00><00><00><1f><00><03><00><00><00><04><00><00><00><01><00><00><00><08><ff><ff><ff><ff><ff><ff><ff><ff>' +
      '<00><00><00><01>f',
  )
})

it('writes errors with all that is known of them', () => {
  const error = new PolylogError('unique_violation', 'duplicate', {
    detail: {
      detail: 'Key (a)=(1) already exists.',
      hint: 'Try 2.',
      position: 7,
      collection: 't',
      schema: 'public',
      constraint: 't_pkey',
    },
  })
  expect(written((writer) => wire.errorResponse(writer, error, 'ERROR'))).toBe(
    'E<00><00><00>`SERROR<00>VERROR<00>C23505<00>Mduplicate<00>DKey (a)=(1) already exists.<00>HTry 2.<00>P7<00>' +
      'spublic<00>tt<00>nt_pkey<00><00>',
  )
})

it('writes what has no fields, and what has few', () => {
  expect(written(wire.parseComplete)).toBe('1<00><00><00><04>')
  expect(written((writer) => wire.readyForQuery(writer, 'T'))).toBe('Z<00><00><00><05>T')
  expect(written((writer) => wire.commandComplete(writer, 'SELECT 1'))).toBe('C<00><00><00><0d>SELECT 1<00>')
  expect(written((writer) => wire.copyResponse(writer, 'in', 2))).toBe('G<00><00><00><0b><00><00><02><00><00><00><00>')
  expect(written((writer) => wire.negotiateProtocolVersion(writer, 3 << 16, ['_pq_.x']))).toBe(
    'v<00><00><00><13><00><03><00><00><00><00><00><01>_pq_.x<00>',
  )
})
