/** `pg_timezone_names` and `pg_timezone_abbrevs`: zones and abbreviations with what they mean now. */
import { abbreviations } from '../../../base/time-zones/abbreviations.ts'
import { findTimeZone, type LocalKind, timeZoneNames } from '../../../base/time-zones/time-zone.ts'
import type { Interval, SqlValue } from '../contract.ts'
import type { Relation } from '../../../query/relation.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { memoryRelation } from './memory-relation.ts'

function spanOf(seconds: number): Interval {
  return { months: 0, days: 0, us: BigInt(seconds) * 1_000_000n }
}

function secondsNow({ transaction }: SqlRun): number {
  return Number(transaction.startTimeUs / 1_000_000n)
}

function kindNow(zone: string, now: number): LocalKind {
  return findTimeZone(zone)!.kindAt(now)
}

function* names(run: SqlRun): Generator<readonly SqlValue[]> {
  const now = secondsNow(run)
  for (const name of timeZoneNames()) {
    const { abbreviation, offsetSeconds, isDaylight } = kindNow(name, now)
    yield [name, abbreviation, spanOf(offsetSeconds), isDaylight]
  }
}

function* abbreviationsNow(run: SqlRun): Generator<readonly SqlValue[]> {
  const now = secondsNow(run)
  for (const [name, meaning] of [...abbreviations].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { offsetSeconds, isDaylight } = 'zone' in meaning ? kindNow(meaning.zone, now) : meaning
    yield [name, spanOf(offsetSeconds), isDaylight]
  }
}

export const pgTimeZones: readonly Relation[] = [
  memoryRelation(
    'pg_catalog',
    'pg_timezone_names',
    [
      ['name', oid.text],
      ['abbrev', oid.text],
      ['utc_offset', oid.interval],
      ['is_dst', oid.bool],
    ],
    names,
  ),
  memoryRelation(
    'pg_catalog',
    'pg_timezone_abbrevs',
    [
      ['abbrev', oid.text],
      ['utc_offset', oid.interval],
      ['is_dst', oid.bool],
    ],
    abbreviationsNow,
  ),
]
