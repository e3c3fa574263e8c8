import { expect, test } from 'vitest'
import { durationMs, formatDuration, formatSize, parseDurationMs, parseSizeBytes } from './units.ts'

test('durations are read with their units, and shown by the largest that fits', () => {
  const shown = (text: string): string => formatDuration(parseDurationMs(text)!)
  expect(['250', '1500ms', ' 2 s', '90s', '120min', '36h', '48h', '1.5min', '400us'].map(shown)).toEqual([
    '250ms',
    '1500ms',
    '2s',
    '90s',
    '2h',
    '36h',
    '2d',
    '90s',
    '0',
  ])
  expect(['', 'soon', '-1', '1 week', '1S'].map(parseDurationMs)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ])
  expect([undefined, '0', '5min', 'nothing'].map(durationMs)).toEqual([0, 0, 300_000, 0])
})

test('sizes are kilobytes where they have no unit', () => {
  const shown = (text: string): string => formatSize(parseSizeBytes(text)!)
  expect(['64', '1024', '1536kB', '2GB', '100B', '1.5MB', '0'].map(shown)).toEqual([
    '64kB',
    '1MB',
    '1536kB',
    '2GB',
    '100B',
    '1536kB',
    '0',
  ])
  expect(['1kb', '1 KB', 'all', '-1'].map(parseSizeBytes)).toEqual([undefined, undefined, undefined, undefined])
})
