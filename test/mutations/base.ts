/** Bytes, keys, numbers. */
import { mutationsOf, type Mutation } from './mutation.ts'

const tests = ['src/base']

export const baseMutations: readonly Mutation[] = [
  ...mutationsOf(
    'src/base/tuple.ts',
    ['src/base/tuple.test.ts'],
    [
      ['what is left of a long run is not inverted', 'at += 4 * words.length', 'at = end'],
      [
        'a zero in a long run is not escaped',
        'this.end).includes(0)) this.#escapeSlowly(at)',
        'this.end).includes(0)) {}',
      ],
    ],
  ),
  ...mutationsOf('src/base/tuple.ts', tests, [
    ['a keyspace of two bytes keeps the bits of one', 'this.u16be(value | 0x8000)', 'this.u16be(value | 0x4000)'],
    ['an ordered varint ends one number late', 'if (value < 0x80) this.u8(value)', 'if (value <= 0x80) this.u8(value)'],
    [
      'a small negative integer is stored as its magnitude',
      'const stored = value < 0 ? ~magnitude : magnitude',
      'const stored = magnitude',
    ],
    [
      'a large negative integer is stored as its magnitude',
      'const stored = big < 0n ? ~magnitude : magnitude',
      'const stored = magnitude',
    ],
    [
      'negative integers sort by the wrong tag',
      'this.u8(isNegative ? tag.int64Zero - width : tag.int64Zero + width)',
      'this.u8(tag.int64Zero + width)',
    ],
    ['the upper bytes of a negative integer are not inverted', '(high ^ mask) >>> shift', 'high >>> shift'],
    ['an integer of five bytes is stored in four', 'high === 0 ? 0 : high < 0x100', 'high <= 1 ? 0 : high < 0x100'],
    ['256 is an integer of one byte', 'magnitude < 0x100 ? 1', 'magnitude <= 0x100 ? 1'],
    ['negative zero keeps its sign', 'this.f64be(value === 0 ? 0 : value)', 'this.f64be(value)'],
    ['negative doubles are not inverted', 'else this.invert(at)', 'else this.bytes[at]! ^= 0x80'],
    [
      'NaN sorts as any other double',
      'if (Number.isNaN(value)) {\n      this.u64be(0xffff_ffff_ffff_fffen)\n      return\n    }',
      '',
    ],
    ['a zero byte in a string is not escaped', 'if (byte === 0) this.u8(0xff)', 'if (byte === 1) this.u8(0xff)'],
    [
      'a string is not ended',
      '        break\n      }\n    }\n    this.u8(0)\n  }',
      '        break\n      }\n    }\n  }',
    ],
    ['a timestamp keeps its sign bit', 'this.u64be(us ^ (1n << 63n))', 'this.u64be(us)'],
    ['a descending element is not ended', 'this.invert(mark)\n    this.u8(0x80)', 'this.invert(mark)'],
    ['a prefix range ends with its prefix', 'bytes[length] = 0xff', 'bytes[length] = 0x00'],
    [
      'a keyspace of two bytes is read as one',
      'first < 0x80 ? 1 : first < 0xc0 ? 2',
      'first < 0x80 ? 1 : first < 0xc1 ? 2',
    ],
  ]),
  ...mutationsOf('src/base/tuple-reader.ts', tests, [
    [
      'negative integers are read one too low',
      'value - (1n << BigInt(8 * width)) + 1n',
      'value - (1n << BigInt(8 * width))',
    ],
    ['a negative integer is read as a number one too low', '0x100 ** width + 1 : value', '0x100 ** width : value'],
    [
      'negative doubles are read without inverting',
      'byte ^ 0x80 : byte) : byte ^ 0xff)',
      'byte ^ 0x80 : byte) : byte)',
    ],
    ['an escape is read as its second byte, too', '    if (raw[from] === 0) from++\n', ''],
  ]),
  ...mutationsOf('src/base/number-key.ts', tests, [
    [
      'a long integer is the double beside it',
      'if (BigInt(nearest) === value) writeDoubleNumber',
      'if (BigInt(nearest) >= value) writeDoubleNumber',
    ],
    [
      'a decimal is compared with the double above it',
      'compare(value) > 0 ? nextDown(candidate) : candidate',
      'compare(value) > 0 ? candidate : candidate',
    ],
    ['the double below a negative one is above it', 'value > 0 ? bits - 1n : bits + 1n', 'bits - 1n'],
    ['an odd number of digits is not padded in front', 'if (pointAt & 1) {', 'if (pointAt & 4) {'],
    ['zeros at the end of a residual are kept', 'last -= 2', 'break'],
    [
      'below all doubles larger is larger',
      '  writeResidual(writer, value.negate())\n  writer.invert(mark)',
      '  writeResidual(writer, value.negate())',
    ],
  ]),
  ...mutationsOf('src/base/slice.ts', tests, [
    [
      'a longer slice is equal to its beginning',
      'a.end - a.start === b.end - b.start && compareSlices(a, b) === 0',
      'compareSlices(a, b) >= 0',
    ],
    [
      'of two slices the shorter is larger',
      'return a.end - a.start - (b.end - b.start)\n}',
      'return b.end - b.start - (a.end - a.start)\n}',
    ],
    [
      'a copy is a view',
      '  copyInto(copy, 0, slice)\n  return copy',
      '  copyInto(copy, 0, slice)\n  return slice.bytes.subarray(start, end)',
    ],
  ]),
]
