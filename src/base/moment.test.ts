import { describe, expect, it } from 'vitest'
import { formatTime, parseMoment } from './moment.ts'

const ago = (ms: number): unknown => ({ kind: 'ago', ms })
const time = (text: string): unknown => ({ kind: 'time', timeMs: Date.parse(text) })

describe('a moment', () => {
  it.each([
    ['4711', { kind: 'sequence', sequence: 4711 }],
    [' 0 ', { kind: 'sequence', sequence: 0 }],
    ['-10m', ago(600_000)],
    ['-1h 30m', ago(5_400_000)],
    ['-1h30min', ago(5_400_000)],
    ['-1.5 Hours', ago(5_400_000)],
    ['- 2 days 3 ms', ago(172_800_003)],
    ['-1w', ago(604_800_000)],
    ['-0s', ago(0)],
    ['2026-03-01', time('2026-03-01T00:00:00Z')],
    ['2026-03-01 12:30', time('2026-03-01T12:30:00Z')],
    ['2026-03-01T12:30:01.250Z', time('2026-03-01T12:30:01.250Z')],
    ['2026-03-01 12:30:01+01', time('2026-03-01T11:30:01Z')],
    ['2026-03-01 12:30:01 -0330', time('2026-03-01T16:00:01Z')],
    ['2026-03-01 12:30:01+05:45', time('2026-03-01T06:45:01Z')],
  ])('is said by %s', (text, moment) => {
    expect(parseMoment(text)).toEqual(moment)
  })

  it.each([
    '',
    '-',
    'yesterday',
    '10m',
    '-10',
    '-m',
    '-10x',
    '-10 constructor',
    '-10m ago',
    '1.5',
    '99999999999999999',
    '9007199254740993',
    '2026-13-01',
    '2026-02-29',
    '2026-03-01 24:00',
    '2026-03-01 12:00:60',
    '2026-03-01 12:00+16',
    '2026-03-01 12',
    '2026-03-01 12:30+1',
    `-${'1s '.repeat(100_000)}`,
  ])('is none: %s', (text) => {
    expect(parseMoment(text)).toBeUndefined()
  })

  it.each(['1969-12-31T23:59:59.999Z', '1970-01-01T00:00:00Z', '2024-02-29T12:34:56.078Z', '2199-12-31T00:00:00Z'])(
    'is shown as it is read: %s',
    (text) => {
      const timeMs = Date.parse(text)
      expect(parseMoment(formatTime(timeMs))).toEqual({ kind: 'time', timeMs })
    },
  )
})
