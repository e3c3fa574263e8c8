/** CLIENT TRACKING, CACHING, PAUSE, REPLY and the like: how a client is served from here on. */
import { sliceToLatin1 } from '../../../base/slice.ts'
import type { Call, ConnectionHandler } from '../call.ts'
import { CommandError, syntaxError } from '../errors.ts'
import type { PauseMode } from '../pause.ts'
import { Tracking } from '../watching/tracking.ts'

const refused = (why: string): CommandError => new CommandError(`ERR ${why}`)

const longestPrefix = 64 * 1024

// ---- tracking

interface TrackingOptions {
  redirect: number
  readonly words: Set<string>
  readonly prefixes: string[]
}

function parseTracking(call: Call): TrackingOptions {
  const options: TrackingOptions = { redirect: 0, words: new Set(), prefixes: [] }
  for (let at = 3; at < call.count; at++) {
    const word = call.option(at)
    const hasMore = at + 1 < call.count
    if (word === 'REDIRECT' && hasMore) {
      if (options.redirect !== 0) throw refused('A client can only redirect to a single other client')
      options.redirect = call.integer(++at)
      if (!call.server.clients.has(options.redirect)) {
        throw refused('The client ID you want redirect to does not exist')
      }
    } else if (word === 'BCAST' || word === 'OPTIN' || word === 'OPTOUT' || word === 'NOLOOP') options.words.add(word)
    else if (word === 'PREFIX' && hasMore) {
      const { start, end } = call.arg(++at)
      if (end - start > longestPrefix) throw refused(`a prefix is longer than ${longestPrefix} bytes`)
      options.prefixes.push(sliceToLatin1(call.arg(at)))
    } else throw syntaxError()
  }
  return options
}

/** A cache that nobody empties would be worse than none. */
const deafFollower = 'CLIENT TRACKING is not supported here: a follower does not tell what its leader commits'

function track(call: Call): void {
  const options = parseTracking(call)
  const wanted = call.option(2)
  if (wanted === 'ON') {
    if (!call.client.session.databaseFacts.leads) throw refused(deafFollower)
    checkOptions(call.client.tracking, options)
    call.client.unasked.track(tracked(call.client.tracking ?? new Tracking(), options))
  } else if (wanted === 'OFF') {
    if (call.client.tracking !== undefined) call.client.unasked.track(undefined)
  } else throw syntaxError()
  call.reply.ok()
}

function checkOptions(before: Tracking | undefined, { words, prefixes }: TrackingOptions): void {
  const isBroadcast = words.has('BCAST')
  const switched = (what: string): CommandError =>
    refused(
      `You can't switch ${what} before disabling tracking for this client, and then re-enabling it with a different mode.`,
    )
  if (!isBroadcast && prefixes.length > 0) throw refused('PREFIX option requires BCAST mode to be enabled')
  if (before !== undefined && before.isBroadcast !== isBroadcast) throw switched('BCAST mode on/off')
  if (isBroadcast && (words.has('OPTIN') || words.has('OPTOUT'))) {
    throw refused('OPTIN and OPTOUT are not compatible with BCAST')
  }
  if (words.has('OPTIN') && words.has('OPTOUT')) throw refused("You can't specify both OPTIN mode and OPTOUT mode")
  const other = before?.mode === 'optin' ? 'OPTOUT' : before?.mode === 'optout' ? 'OPTIN' : undefined
  if (other !== undefined && words.has(other)) throw switched('OPTIN/OPTOUT mode')
  if (isBroadcast) checkPrefixes(before, prefixes)
}

function overlap(one: string, other: string): boolean {
  return one.startsWith(other) || other.startsWith(one)
}

function checkPrefixes(before: Tracking | undefined, prefixes: readonly string[]): void {
  const tail = 'Prefixes for a single client must not overlap.'
  const shown = (prefix: string): string => Buffer.from(prefix, 'latin1').toString()
  for (const [i, prefix] of prefixes.entries()) {
    const old = [...(before?.prefixes ?? [])].find((each) => overlap(each, prefix))
    if (old !== undefined) {
      throw refused(`Prefix '${shown(prefix)}' overlaps with an existing prefix '${shown(old)}'. ${tail}`)
    }
    const next = prefixes.slice(i + 1).find((each) => overlap(prefix, each))
    if (next !== undefined) {
      throw refused(`Prefix '${shown(prefix)}' overlaps with another provided prefix '${shown(next)}'. ${tail}`)
    }
  }
}

function tracked(tracking: Tracking, { redirect, words, prefixes }: TrackingOptions): Tracking {
  tracking.redirect = redirect
  tracking.isBroken = false
  tracking.isBroadcast = words.has('BCAST')
  tracking.noLoop = words.has('NOLOOP')
  tracking.mode = words.has('OPTIN') ? 'optin' : words.has('OPTOUT') ? 'optout' : 'default'
  if (tracking.isBroadcast) for (const prefix of prefixes.length === 0 ? [''] : prefixes) tracking.prefixes.add(prefix)
  return tracking
}

function mark(call: Call): void {
  const { tracking } = call.client
  if (tracking === undefined) {
    throw refused(
      'CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled',
    )
  }
  const wanted = call.option(2)
  if (wanted !== 'YES' && wanted !== 'NO') throw syntaxError()
  const mode = wanted === 'YES' ? 'optin' : 'optout'
  if (tracking.mode !== mode) {
    throw refused(`CLIENT CACHING ${wanted} is only valid when tracking is enabled in ${mode.toUpperCase()} mode.`)
  }
  tracking.isMarked = true
  call.reply.ok()
}

function flagsOf(tracking: Tracking | undefined): readonly string[] {
  if (tracking === undefined) return ['off']
  const { mode } = tracking
  return [
    'on',
    ...(tracking.isBroadcast ? ['bcast'] : []),
    ...(mode === 'default' ? [] : [mode]),
    ...(mode !== 'default' && tracking.isMarked ? [mode === 'optin' ? 'caching-yes' : 'caching-no'] : []),
    ...(tracking.noLoop ? ['noloop'] : []),
    ...(tracking.isBroken ? ['broken_redirect'] : []),
  ]
}

function tellTracking({ reply, client: { tracking } }: Call): void {
  const flags = flagsOf(tracking)
  reply.map(3)
  reply.bulkText('flags')
  reply.set(flags.length)
  for (const flag of flags) reply.bulkText(flag)
  reply.bulkText('redirect')
  reply.integer(tracking?.redirect ?? -1)
  reply.bulkText('prefixes')
  const prefixes = [...(tracking?.prefixes ?? [])].sort()
  reply.array(prefixes.length)
  for (const prefix of prefixes) {
    const bytes = Buffer.from(prefix, 'latin1')
    reply.bulk({ bytes, start: 0, end: bytes.length })
  }
}

// ---- pauses, replies

function pause(call: Call): void {
  if (call.count > 4) {
    throw refused("unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT HELP.")
  }
  const mode = call.count === 4 ? call.option(3) : 'ALL'
  if (mode !== 'WRITE' && mode !== 'ALL') throw refused('CLIENT PAUSE mode must be WRITE or ALL')
  const forMs = call.integer(2, 'ERR timeout is not an integer or out of range')
  if (forMs < 0) throw refused('timeout is negative')
  call.server.pause.begin(mode.toLowerCase() as PauseMode, forMs)
  call.reply.ok()
}

function endPause(call: Call): void {
  call.server.pause.end()
  call.reply.ok()
}

function replies(call: Call): void {
  const { unasked } = call.client
  const wanted = call.option(2)
  if (wanted === 'ON') {
    unasked.replies = 'on'
    call.reply.ok()
  } else if (wanted === 'OFF') unasked.replies = 'off'
  else if (wanted !== 'SKIP') throw syntaxError()
  else if (unasked.replies !== 'off') unasked.replies = 'skip'
}

function noTouch(call: Call): void {
  const value = call.option(2)
  if (value !== 'ON' && value !== 'OFF') throw syntaxError()
  call.client.touchesNothing = value === 'ON'
  call.reply.ok()
}

export const clientModeCommands: Readonly<Record<string, ConnectionHandler>> = {
  'client|tracking': track,
  'client|caching': mark,
  'client|trackinginfo': tellTracking,
  'client|getredir': (call) => call.reply.integer(call.client.tracking?.redirect ?? -1),
  'client|pause': pause,
  'client|unpause': endPause,
  'client|reply': replies,
  'client|no-touch': noTouch,
}
