/**
 * The kinds of values that parameters have: each reads a text that a client has set, and answers it as it is shown, or
 * refuses it in Redis's words.
 */
import { sliceOf } from '../../../base/slice.ts'
import { parseDouble } from '../../../model/keyvalue/double-text.ts'
import { parseInt64 } from '../../../model/keyvalue/integer-text.ts'

/** Why a value cannot be. */
export class BadValue extends Error {}

/** `now`: what is shown so far, of which a part may stay. Errors: `BadValue`. */
export type ValueKind = (given: string, now: string) => string

export const text: ValueKind = (given) => given

export const flag: ValueKind = (given) => {
  const value = given.toLowerCase()
  if (value !== 'yes' && value !== 'no') throw new BadValue("argument must be 'yes' or 'no'")
  return value
}

function choose(given: string, choices: readonly string[]): string {
  const value = given.toLowerCase()
  if (choices.includes(value)) return value
  throw new BadValue(`argument(s) must be one of the following: ${choices.join(', ')}`)
}

export function oneOf(...choices: string[]): ValueKind {
  return (given) => choose(given, choices)
}

const shutdownWords = ['default', 'save', 'nosave', 'now', 'force']

export const shutdownOptions: ValueKind = (given) => {
  const words = new Set(given.split(' ').map((word) => choose(word, shutdownWords)))
  if (words.has('save') && words.has('nosave')) {
    throw new BadValue("shutdown options SAVE and NOSAVE can't be used simultaneously")
  }
  if (words.size > 1) words.delete('default')
  return shutdownWords.filter((word) => words.has(word)).join(' ')
}

type Bound = number | bigint

function readInteger(given: string): bigint | undefined {
  return parseInt64(sliceOf(Buffer.from(given)))
}

function checkBounds(value: bigint, least: Bound, most: Bound): string {
  if (value < least || value > most) throw new BadValue(`argument must be between ${least} and ${most} inclusive`)
  return String(value)
}

export function number(least: Bound, most: Bound): ValueKind {
  return (given) => {
    const value = readInteger(given)
    if (value === undefined) throw new BadValue("argument couldn't be parsed into an integer")
    return checkBounds(value, least, most)
  }
}

export function octal(least: number, most: number): ValueKind {
  return (given) => {
    if (!/^[0-7]{1,20}$/.test(given)) throw new BadValue("argument couldn't be parsed as an octal number")
    const value = Number.parseInt(given, 8)
    if (value >= least && value <= most) return value.toString(8)
    throw new BadValue(`argument must be between ${least.toString(8)} and ${most.toString(8)} inclusive`)
  }
}

const units: Readonly<Record<string, bigint>> = {
  '': 1n,
  b: 1n,
  k: 1000n,
  kb: 1024n,
  m: 1000n ** 2n,
  mb: 1024n ** 2n,
  g: 1000n ** 3n,
  gb: 1024n ** 3n,
}

/** `64mb`, in bytes. */
export function readMemory(given: string): bigint | undefined {
  const [, digits, unit] = /^(\d{0,20})([a-z]*)$/i.exec(given) ?? []
  const factor = unit === undefined ? undefined : units[unit.toLowerCase()]
  return factor === undefined ? undefined : BigInt(digits ?? '') * factor
}

export function memory(least: Bound, most: Bound): ValueKind {
  return (given) => {
    const bytes = readMemory(given)
    if (bytes === undefined) throw new BadValue('argument must be a memory value')
    return checkBounds(bytes, least, most)
  }
}

/** Of all memory, where a percentage stands there; `least` is the greatest one, below zero. */
export function memoryOrPercent(least: number, most: Bound): ValueKind {
  return (given) => {
    const bytes = readMemory(given)
    if (bytes !== undefined) return checkBounds(bytes, 0, most)
    const percent = given.endsWith('%') ? readInteger(given.slice(0, -1)) : undefined
    if (percent === undefined || percent < 0n) throw new BadValue('argument must be a memory or percent value')
    if (percent > -least) throw new BadValue(`percentage argument must be less or equal to ${-least}`)
    return `${percent}%`
  }
}

/** Pairs of seconds and changes. */
export const savePoints: ValueKind = (given) => {
  if (given === '') return ''
  const words = given.split(' ')
  const isGood =
    words.length % 2 === 0 && words.every((word, i) => /^\d{1,18}$/.test(word) && Number(word) >= (i + 1) % 2)
  if (!isGood) throw new BadValue('Invalid save parameters')
  return words.map(Number).join(' ')
}

export const scores: ValueKind = (given) => {
  const words = given.split(' ')
  if (words.length !== 3) throw new BadValue('wrong number of arguments')
  if (!words.every((word) => /^-?\d{1,4}$/.test(word) && Math.abs(Number(word)) <= 2000)) {
    throw new BadValue('Invalid oom-score-adj-values, elements must be between -2000 and 2000.')
  }
  return words.map(Number).join(' ')
}

const clientClasses: ReadonlyMap<string, number> = new Map([
  ['normal', 0],
  ['slave', 1],
  ['replica', 1],
  ['pubsub', 2],
])

/** What one class of clients may leave unread: at once, and for so long. */
export interface OutputLimit {
  readonly hardBytes: bigint
  readonly softBytes: bigint
  readonly softSeconds: number
}

/** Of `normal`, `slave` and `pubsub`. */
export function readOutputLimits(shown: string): OutputLimit[] {
  const words = shown.split(' ')
  return [1, 5, 9].map((at) => ({
    hardBytes: BigInt(words[at]!),
    softBytes: BigInt(words[at + 1]!),
    softSeconds: Number(words[at + 2]),
  }))
}

export const outputLimits: ValueKind = (given, now) => {
  const words = given.split(' ')
  if (words.length % 4 !== 0) throw new BadValue('Wrong number of arguments in buffer limit configuration.')
  const limits = readOutputLimits(now)
  for (let at = 0; at < words.length; at += 4) {
    const place = clientClasses.get(words[at]!.toLowerCase())
    if (place === undefined) throw new BadValue('Invalid client class specified in buffer limit configuration.')
    const [hardBytes, softBytes] = [readMemory(words[at + 1]!), readMemory(words[at + 2]!)]
    const seconds = words[at + 3]!
    if (hardBytes === undefined || softBytes === undefined || !/^\d{1,15}$/.test(seconds)) {
      throw new BadValue('Error in hard, soft or soft_seconds setting in buffer limit configuration.')
    }
    limits[place] = { hardBytes, softBytes, softSeconds: Number(seconds) }
  }
  return ['normal', 'slave', 'pubsub']
    .map((name, i) => `${name} ${limits[i]!.hardBytes} ${limits[i]!.softBytes} ${limits[i]!.softSeconds}`)
    .join(' ')
}

export const percentiles: ValueKind = (given) => {
  if (given === '') return ''
  const values = given.split(' ').map((word) => {
    const value = parseDouble(sliceOf(Buffer.from(word)))
    if (value === undefined) throw new BadValue('Invalid latency-tracking-info-percentiles parameters')
    if (value >= 0 && value <= 100) return value
    throw new BadValue('latency-tracking-info-percentiles parameters should sit between [0.0,100.0]')
  })
  return values.join(' ')
}

const allEvents = 'g$lshzxetd'

/** As Redis shows them: `A` for all but missed and new keys. */
export const eventClasses: ValueKind = (given) => {
  const classes = new Set<string>()
  for (const letter of given) {
    if (letter === 'A') for (const each of allEvents) classes.add(each)
    else if ('g$lshzxeKEtmdn'.includes(letter)) classes.add(letter)
    else throw new BadValue("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
  }
  const isAll = [...allEvents].every((each) => classes.has(each))
  const shown = isAll ? 'A' : [...'g$lshzxetdn'].filter((each) => classes.has(each)).join('')
  return shown + [...'KEm'].filter((each) => classes.has(each)).join('')
}

export const hostname: ValueKind = (given) => {
  if (given.length >= 256) throw new BadValue('Hostnames must be less than 256 characters')
  if (/^[A-Za-z0-9.-]*$/.test(given)) return given
  throw new BadValue('Hostnames may only contain alphanumeric characters, hyphens or dots')
}

const titleWords = 'title listen-addr server-mode port tls-port unixsocket config-file'.split(' ')

export const titleTemplate: ValueKind = (given) => {
  const left = given.replace(/\{([^{}]*)\}/g, (whole, word: string) => (titleWords.includes(word) ? '' : whole))
  if (/[{}]/.test(left)) throw new BadValue('template format is invalid or contains unknown variables')
  return given
}
