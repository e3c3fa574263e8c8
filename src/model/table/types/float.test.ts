import { describe, expect, it } from 'vitest'
import { ByteWriter } from '../../../base/bytes.ts'
import { float4Type, float8Type } from './float.ts'
import type { SqlType } from './type.ts'

function sent(type: SqlType, value: number): string {
  const writer = new ByteWriter(16)
  type.encodeBinary(value, writer)
  return Buffer.from(writer.bytes.subarray(0, writer.end)).toString('hex')
}

describe('floats', () => {
  it('send one NaN, whichever they were given', () => {
    const view = new DataView(new ArrayBuffer(8))
    view.setBigUint64(0, 0x7ff4_0000_0000_0001n)
    for (const value of [NaN, view.getFloat64(0)]) {
      expect(sent(float8Type, value)).toBe('7ff8000000000000')
      expect(sent(float4Type, value)).toBe('7fc00000')
    }
  })

  it('show and send the sign of zero', () => {
    expect(float4Type.formatText(-0)).toBe('-0')
    expect(float8Type.formatText(-0)).toBe('-0')
    expect(sent(float8Type, -0)).toBe('8000000000000000')
  })
})
