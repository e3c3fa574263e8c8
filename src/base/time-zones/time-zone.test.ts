/** Offsets and abbreviations are those of the IANA data 2025b; local times that are skipped or come twice, PostgreSQL's reading. */
import { describe, expect, it } from 'vitest'
import { parseRule } from './rule.ts'
import { findTimeZone, offsetOfAbbreviation, TimeZone, timeZoneNames } from './time-zone.ts'

function seconds(text: string): number {
  return Date.parse(`${text}Z`) / 1000
}

describe('a zone', () => {
  it.each([
    ['America/New_York', '1850-01-01T00:00:00', -17_762, 'LMT'],
    ['America/New_York', '2024-03-10T06:59:59', -18_000, 'EST'],
    ['America/New_York', '2024-03-10T07:00:00', -14_400, 'EDT'],
    ['America/New_York', '2024-11-03T06:00:00', -18_000, 'EST'],
    ['America/New_York', '2500-07-01T00:00:00', -14_400, 'EDT'],
    // March 2027 has four Sundays.
    ['Europe/Rome', '2027-03-28T00:59:59', 3600, 'CET'],
    ['Europe/Rome', '2027-03-28T01:00:00', 7200, 'CEST'],
    ['Europe/Moscow', '2014-10-25T22:00:00', 10_800, 'MSK'],
    ['Europe/Moscow', '2014-10-25T21:59:59', 14_400, 'MSK'],
    ['Australia/Lord_Howe', '2045-01-01T00:00:00', 39_600, '+11'],
    ['Australia/Lord_Howe', '2045-07-01T00:00:00', 37_800, '+1030'],
    ['Africa/Casablanca', '2025-03-01T00:00:00', 0, '+00'],
    ['asia/KOLKATA', '2024-01-01T00:00:00', 19_800, 'IST'],
    ['Etc/GMT+5', '2024-01-01T00:00:00', -18_000, '-05'],
    ['EST5EDT,M3.2.0,M11.1.0', '2024-07-01T00:00:00', -14_400, 'EDT'],
    ['<+03>-3', '2024-07-01T00:00:00', 10_800, '+03'],
  ])('%s at %s', (name, at, offsetSeconds, abbreviation) => {
    expect(findTimeZone(name)!.kindAt(seconds(at))).toMatchObject({ offsetSeconds, abbreviation })
  })

  it.each([
    // Skipped: as before the change.
    ['America/New_York', '2024-03-10T02:30:00', -18_000],
    // Twice: as after it.
    ['America/New_York', '2024-11-03T01:30:00', -18_000],
    ['Europe/Moscow', '2014-10-26T01:30:00', 10_800],
    // A day that there was not.
    ['Pacific/Apia', '2011-12-30T12:00:00', -36_000],
    ['America/New_York', '2024-07-01T12:00:00', -14_400],
    ['America/New_York', '2050-03-13T02:30:00', -18_000],
  ])('%s reads %s', (name, local, offsetSeconds) => {
    expect(findTimeZone(name)!.kindOfLocal(seconds(local)).offsetSeconds).toBe(offsetSeconds)
  })

  it('has a name, an offset of POSIX, or is none', () => {
    expect(timeZoneNames().length).toBeGreaterThan(590)
    for (const name of [
      'Nowhere/City',
      'PST',
      '',
      '__proto__',
      'EST5EDT,M13.1.0,M11.1.0',
      'A1',
      `${'A'.repeat(70)}5`,
    ]) {
      expect(findTimeZone(name), name).toBeUndefined()
    }
  })
})

describe('a rule', () => {
  it('holds from the last change on, and not before', () => {
    const rule = parseRule('STD0DST,J1/0,J1/12')!
    const first = { offsetSeconds: 60, isDaylight: false, abbreviation: 'LMT' }
    const zone = new TimeZone('Some/Where', first, [{ at: seconds('2024-01-01T00:00:00'), kind: rule.daylight! }], rule)
    const named = (at: string): string => zone.kindAt(seconds(at)).abbreviation
    expect(['2023-12-31T23:59:59', '2024-01-01T00:00:00', '2024-01-01T12:00:00'].map(named)).toEqual([
      'LMT',
      'DST',
      'STD',
    ])
  })
})

describe('an abbreviation', () => {
  it('is an offset, or what its zone meant by it then', () => {
    expect(offsetOfAbbreviation('pst', 0)).toBe(-28_800)
    expect(offsetOfAbbreviation('MSK', seconds('2010-10-28T12:00:00'))).toBe(10_800)
    expect(offsetOfAbbreviation('MSK', seconds('2012-10-28T12:00:00'))).toBe(14_400)
    expect(offsetOfAbbreviation('nope', 0)).toBeUndefined()
  })
})
