/**
 * Writes `src/base/time-zones/zone-data.ts` from compiled zone files (TZif, RFC 8536), as they lie in `/usr/share/zoneinfo`.
 *
 * Usage: node scripts/time-zones.mjs VERSION [FOLDER]
 *   VERSION  of the IANA data, as `2025b`
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'

const [version, folder = '/usr/share/zoneinfo'] = process.argv.slice(2)
if (version === undefined) throw new Error('which version of the data is it?')

const left = new Set(['posix', 'right', 'posixrules', 'localtime', 'Factory'])

/** @type {Map<string, string[]>} what a zone is, to its names */
const zones = new Map()
for (const path of walk(folder).sort()) {
  const zone = read(readFileSync(join(folder, path)))
  if (zone === undefined) continue
  zones.set(zone, [...(zones.get(zone) ?? []), path])
}

const lines = [...zones].map(([zone, names]) => `${names.join(' ')}|${zone}\n`)
writeFileSync(
  'src/base/time-zones/zone-data.ts',
  `/**
 * The time zones of the IANA data, ${version}; written by \`scripts/time-zones.mjs\`, not by hand. The data is in the public domain.
 *
 * A line is \`names|kinds|changes|rule\`: the names of a zone; its kinds of local time (\`seconds east,1 for
 * daylight,abbreviation\`, between \`;\`), the first of which holds before the first change; its changes, each the seconds
 * since the one before (the first: since 1970) in base 36, \`:\`, the kind's number; and how it goes on, as a TZ text of POSIX.
 */
export const zoneData: string = \`
${lines.join('')}\`
`,
)

/**
 * @param {string} from
 * @returns {string[]} paths below the folder
 */
function walk(from) {
  return readdirSync(from).flatMap((name) => {
    const path = join(from, name)
    if (left.has(relative(folder, path))) return []
    return statSync(path).isDirectory() ? walk(path) : [relative(folder, path)]
  })
}

/**
 * @param {Buffer} bytes
 * @returns {string | undefined} undefined: it is no zone
 */
function read(bytes) {
  if (bytes.toString('latin1', 0, 4) !== 'TZif') return undefined
  const first = countsAt(bytes, 0)
  // The second block has 64 bits.
  const start =
    44 + first.times * 5 + first.kinds * 6 + first.letters + first.leaps * 8 + first.standard + first.universal
  const { times, kinds, letters, leaps, standard, universal } = countsAt(bytes, start)
  let at = start + 44
  /** @type {number[]} */
  const changes = Array.from({ length: times }, (_, i) => Number(bytes.readBigInt64BE(at + 8 * i)))
  at += 8 * times
  const kindOf = [...bytes.subarray(at, at + times)]
  at += times
  const abbreviations = at + 6 * kinds
  const shown = Array.from({ length: kinds }, (_, i) => {
    const place = at + 6 * i
    const from = abbreviations + bytes.readUInt8(place + 5)
    const name = bytes.toString('latin1', from, bytes.indexOf(0, from))
    return `${bytes.readInt32BE(place)},${bytes.readUInt8(place + 4)},${name}`
  })
  at = abbreviations + letters + 12 * leaps + standard + universal
  const rule = bytes.toString('latin1', at + 1, bytes.indexOf(10, at + 1))
  // Fat files repeat what the rule says until 2037.
  const end = rule.includes(',') ? Math.min(times, keptChanges(changes)) : times
  let before = 0
  const parts = []
  for (const [i, time] of changes.slice(0, end).entries()) {
    // Some begin with a change to what holds anyhow, as long ago as can be written.
    if (time < -(2 ** 40)) continue
    parts.push(`${(time - before).toString(36)}:${kindOf[i]}`)
    before = time
  }
  return `${shown.join(';')}|${parts.join(',')}|${rule}`
}

/**
 * @param {number[]} changes
 * @returns {number} how many stay where a rule goes on: those until the beginning of 2026
 */
function keptChanges(changes) {
  return changes.filter((time) => time < 1_767_225_600).length
}

/**
 * @param {Buffer} bytes
 * @param {number} at
 */
function countsAt(bytes, at) {
  /** @param {number} place */
  const count = (place) => bytes.readUInt32BE(at + 20 + 4 * place)
  return {
    universal: count(0),
    standard: count(1),
    leaps: count(2),
    times: count(3),
    kinds: count(4),
    letters: count(5),
  }
}
