/**
 * Time zones: what the clocks of a place show at an instant, and which instant they mean.
 *
 * A zone is a list of changes, each with the kind of local time that holds from it on (its offset from UTC, its abbreviation,
 * whether it is daylight saving time), and a rule for the time after the last one. The data is our own, with a version
 * (`zone-data.ts`), so that a log gives the same answers wherever it is replayed.
 *
 * A local time that clocks skip or show twice is read as PostgreSQL reads it: in the kind before a change that skips, after one
 * that repeats.
 *
 * Instants are seconds since 1970; fractions are the caller's.
 */
import { abbreviations } from './abbreviations.ts'
import { type DaylightRule, changesOfYear, parseRule } from './rule.ts'
import { zoneData } from './zone-data.ts'

export interface LocalKind {
  /** East of UTC. */
  readonly offsetSeconds: number
  readonly isDaylight: boolean
  readonly abbreviation: string
}

interface Change {
  readonly at: number
  readonly kind: LocalKind
}

const daySeconds = 86_400
/** Of the Gregorian calendar, on average. */
const yearSeconds = 365.2425 * daySeconds

export class TimeZone {
  readonly name: string
  readonly #first: LocalKind
  readonly #changes: readonly Change[]
  readonly #rule: DaylightRule | undefined

  constructor(name: string, first: LocalKind, changes: readonly Change[], rule: DaylightRule | undefined) {
    this.name = name
    this.#first = first
    this.#changes = changes
    this.#rule = rule
  }

  /** Of a zone that never changes. */
  get fixedSeconds(): number | undefined {
    return this.#changes.length === 0 && this.#rule === undefined ? this.#first.offsetSeconds : undefined
  }

  kindAt(seconds: number): LocalKind {
    const changes = this.#changes
    const last = changes.at(-1)
    if (this.#rule !== undefined && (last === undefined || seconds >= last.at)) {
      return this.#kindByRule(seconds, this.#rule)
    }
    const index = this.#indexAt(seconds)
    return index < 0 ? this.#first : changes[index]!.kind
  }

  /** Of the last change that is not later; -1: before all. */
  #indexAt(seconds: number): number {
    const changes = this.#changes
    let low = 0
    let high = changes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (changes[middle]!.at <= seconds) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  #kindByRule(seconds: number, rule: DaylightRule): LocalKind {
    return this.#ruleChanges(seconds, rule).findLast(({ at }) => at <= seconds)!.kind
  }

  /** Those around an instant: of the year before to the year after. */
  #ruleChanges(seconds: number, rule: DaylightRule): Change[] {
    const year = 1970 + Math.floor(seconds / yearSeconds)
    return [year - 2, year - 1, year, year + 1].flatMap((one) => changesOfYear(rule, one)).sort((a, b) => a.at - b.at)
  }

  /** The first change that is later than an instant. */
  #nextChange(seconds: number): Change | undefined {
    const known = this.#changes[this.#indexAt(seconds) + 1]
    if (known !== undefined || this.#rule === undefined) return known
    return this.#ruleChanges(seconds, this.#rule).find(({ at }) => at > seconds)
  }

  /** The kind that a local time is read in; `localSeconds` as if they were UTC. */
  kindOfLocal(localSeconds: number): LocalKind {
    const dayBefore = localSeconds - daySeconds
    const before = this.kindAt(dayBefore)
    const change = this.#nextChange(dayBefore)
    if (change === undefined) return before
    const after = change.kind
    const readBefore = localSeconds - before.offsetSeconds
    const readAfter = localSeconds - after.offsetSeconds
    if (readBefore < change.at && readAfter < change.at) return before
    if (readBefore > change.at && readAfter >= change.at) return this.#afterAnother(localSeconds, change)
    return readBefore > readAfter ? before : after
  }

  /** Changes may follow each other within two days. */
  #afterAnother(localSeconds: number, change: Change): LocalKind {
    const next = this.#nextChange(change.at)
    if (next === undefined || localSeconds - change.kind.offsetSeconds < next.at) return change.kind
    return this.kindAt(localSeconds - change.kind.offsetSeconds)
  }

  /** East of UTC, of what an abbreviation means at a local time here; undefined where the zone never had it. */
  offsetOfAbbreviation(abbreviation: string, localSeconds: number): number | undefined {
    const wanted = abbreviation.toUpperCase()
    const now = this.kindOfLocal(localSeconds)
    if (now.abbreviation.toUpperCase() === wanted) return now.offsetSeconds
    const until = this.#indexAt(localSeconds - now.offsetSeconds)
    const past = this.#changes.slice(0, until + 1).findLast(({ kind }) => kind.abbreviation.toUpperCase() === wanted)
    return (past ?? this.#changes.find(({ kind }) => kind.abbreviation.toUpperCase() === wanted))?.kind.offsetSeconds
  }
}

export function fixedZone(name: string, offsetSeconds: number, abbreviation: string = name): TimeZone {
  return new TimeZone(name, { offsetSeconds, isDaylight: false, abbreviation }, [], undefined)
}

export const utcZone: TimeZone = fixedZone('UTC', 0)

const known = new Map<string, TimeZone>()

/** By a name in lower case: the name as it is written, and the text of the zone. */
let texts: Map<string, { readonly name: string; readonly text: string }> | undefined

function textOf(lower: string): { readonly name: string; readonly text: string } | undefined {
  if (texts === undefined) {
    texts = new Map()
    for (const line of zoneData.trim().split('\n')) {
      const end = line.indexOf('|')
      const text = line.slice(end + 1)
      for (const name of line.slice(0, end).split(' ')) texts.set(name.toLowerCase(), { name, text })
    }
  }
  return texts.get(lower)
}

/** A zone of the IANA data, in any case, or a TZ text of POSIX (`EST5EDT`, `<+03>-3`); undefined where it is neither. */
export function findTimeZone(name: string): TimeZone | undefined {
  const lower = name.toLowerCase()
  const before = known.get(lower)
  if (before !== undefined) return before
  const found = textOf(lower)
  const zone = found === undefined ? posixZone(name) : readZone(found.name, found.text)
  // Of texts of POSIX there is no end.
  if (zone !== undefined && found !== undefined) known.set(lower, zone)
  return zone
}

/** Of the IANA data, in the order of the alphabet. */
export function timeZoneNames(): string[] {
  textOf('')
  return [...texts!.values()].map(({ name }) => name).sort()
}

function posixZone(text: string): TimeZone | undefined {
  const rule = text.length > 64 ? undefined : parseRule(text)
  if (rule === undefined) return undefined
  return new TimeZone(text, rule.standard, [], rule.daylight === undefined ? undefined : rule)
}

function readZone(name: string, text: string): TimeZone {
  const [kindTexts = '', changeTexts = '', ruleText = ''] = text.split('|')
  const kinds = kindTexts.split(';').map((one): LocalKind => {
    const [offset, daylight, abbreviation = ''] = one.split(',')
    return { offsetSeconds: Number(offset), isDaylight: daylight === '1', abbreviation }
  })
  let at = 0
  const changes = (changeTexts === '' ? [] : changeTexts.split(',')).map((one): Change => {
    const [delta = '', kind] = one.split(':')
    at += Number.parseInt(delta, 36)
    return { at, kind: kinds[Number(kind)]! }
  })
  const rule = parseRule(ruleText)
  return new TimeZone(name, kinds[0]!, changes, rule?.daylight === undefined ? undefined : rule)
}

/** What an abbreviation such as `PST` means at a local time, as PostgreSQL's set `Default` has them. */
export function offsetOfAbbreviation(abbreviation: string, localSeconds: number): number | undefined {
  const meaning = abbreviations.get(abbreviation.toUpperCase())
  if (meaning === undefined || 'offsetSeconds' in meaning) return meaning?.offsetSeconds
  const zone = findTimeZone(meaning.zone)!
  return zone.offsetOfAbbreviation(abbreviation, localSeconds) ?? zone.kindOfLocal(localSeconds).offsetSeconds
}

export function isAbbreviation(text: string): boolean {
  return abbreviations.has(text.toUpperCase())
}
