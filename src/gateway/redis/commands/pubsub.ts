/**
 * Publish and subscribe. What is published is an effect of its transaction (`database/messages/hub.ts`): it leaves when that is
 * committed, so within MULTI, scripts and POLYLOG.BEGIN with everything else that they do, and outside at once.
 */
import { copySlice, sliceOf, sliceToLatin1 } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import type { Channels } from '../../../database/messages/channels.ts'
import type { Call, ConnectionHandler, DataHandler } from '../call.ts'
import { CommandError } from '../errors.ts'
import { Glob } from '../glob.ts'
import { scopes, type SubscriptionKind } from '../subscriptions.ts'
import { writeHelp } from './help.ts'

const longestNameBytes = 64 * 1024
/** Of names that one command is about, in one turn; also at most so many between MULTI and EXEC. */
const namesPerTurn = 1000
/** Of comparing patterns with a channel. */
const looksPerTurn = 500

/** Its bytes, as a latin1 string. */
function channelName(call: Call, position: number): string {
  const argument = call.arg(position)
  const length = argument.end - argument.start
  if (length > longestNameBytes) {
    throw new CommandError(`ERR a name of ${length} bytes is longer than ${longestNameBytes}`)
  }
  return sliceToLatin1(argument)
}

// ---- listening

/** In as many turns as it takes: `step` for each argument. */
function eachName(call: Call, step: (name: string) => void): void | Promise<void> {
  const positions = Array.from({ length: call.count - 1 }, (_, i) => i + 1)
  if (positions.length > namesPerTurn && call.client.queue !== undefined) {
    throw new CommandError(`ERR more than ${namesPerTurn} names in one command inside a transaction`)
  }
  return eachOf(call, positions, (at) => step(channelName(call, at)))
}

/** Likewise for each of a list; at once between MULTI and EXEC. */
function eachOf<T>(call: Call, list: readonly T[], step: (item: T) => void): void | Promise<void> {
  if (list.length > namesPerTurn && call.client.queue === undefined) return eachSliced(call, list, step)
  for (const item of list) step(item)
}

async function eachSliced<T>(call: Call, list: readonly T[], step: (item: T) => void): Promise<void> {
  for (const [i, item] of list.entries()) {
    if (i % namesPerTurn === 0) await new Promise<void>((resolve) => call.server.sessions.host.turn(resolve))
    if (call.client.hasEnded) return
    step(item)
  }
}

function confirm(call: Call, word: string, kind: SubscriptionKind, name: string | undefined): void {
  const { reply, client } = call
  reply.push(3)
  reply.bulkText(word)
  if (name === undefined) reply.null()
  else reply.bulk(sliceOf(Buffer.from(name, 'latin1')))
  reply.integer(client.unasked.subscriptions.count(kind))
}

/** What is published is in no log: a listener there would hear nothing of it, and not know. */
function checkHears(call: Call): void {
  if (call.client.session.databaseFacts.leads) return
  const word = call.command.name.toUpperCase()
  throw new CommandError(
    `ERR ${word} is not supported here: a follower does not hear what its leader's clients publish`,
  )
}

function listening(word: string, kind: SubscriptionKind): ConnectionHandler {
  return (call) => {
    checkHears(call)
    return eachName(call, (name) => {
      call.client.unasked.subscriptions.add(kind, name)
      confirm(call, word, kind, name)
    })
  }
}

function leaving(word: string, kind: SubscriptionKind): ConnectionHandler {
  const leave = (call: Call, name: string): void => {
    call.client.unasked.subscriptions.remove(kind, name)
    confirm(call, word, kind, name)
  }
  return (call) => {
    if (call.count > 1) return eachName(call, (name) => leave(call, name))
    const names = call.client.unasked.subscriptions.names(kind)
    if (names.size === 0) confirm(call, word, kind, undefined)
    return eachOf(call, [...names], (name) => leave(call, name))
  }
}

// ---- publishing

function publishing(scope: string): DataHandler {
  return (call) => {
    const channels = call.tx.effects.hub.channels(scope)
    const name = channelName(call, 1)
    const room = call.client.isAlone ? call.tx.effects.hub.room : undefined
    if (room !== undefined) return publishLater(call, scope, name, room)
    if (channels.mostLooks(name) <= looksPerTurn) {
      let count = 0
      for (const receivers of channels.receivers(name)) count += receivers?.subscribers.size ?? 0
      publish(call, scope, name, count)
      return
    }
    return publishSliced(call, scope, name, channels)
  }
}

/** Who is on its own waits where too much is on its way; others would keep what they have locked. */
function* publishLater(call: Call, scope: string, name: string, room: Promise<void>): StatementSteps<void> {
  yield room
  yield* publishSliced(call, scope, name, call.tx.effects.hub.channels(scope))
}

function* publishSliced(call: Call, scope: string, name: string, channels: Channels): StatementSteps<void> {
  let count = 0
  let looked = 0
  for (const receivers of channels.receivers(name)) {
    count += receivers?.subscribers.size ?? 0
    if (++looked % looksPerTurn === 0) yield undefined
  }
  publish(call, scope, name, count)
}

function publish(call: Call, scope: string, channel: string, count: number): void {
  const { effects } = call.tx
  if (count > 0 || effects.hub.isOverheard) effects.tell({ scope, channel, payload: copySlice(call.arg(2)) })
  call.reply.integer(count)
}

// ---- what there is

function channelsOf(call: Call, scope: string): Channels {
  return call.client.session.hub.channels(scope)
}

function listNames(scope: string): ConnectionHandler {
  return (call) => {
    if (call.count > 3) {
      const shown = call.shown(1)
      throw new CommandError(`ERR unknown subcommand or wrong number of arguments for '${shown}'. Try PUBSUB HELP.`)
    }
    const glob = call.count > 2 ? new Glob(call.arg(2)) : undefined
    const found: Uint8Array[] = []
    const looked = eachOf(call, [...channelsOf(call, scope).names()], ([name]) => {
      const bytes = Buffer.from(name, 'latin1')
      if (glob === undefined || glob.matches(sliceOf(bytes))) found.push(bytes)
    })
    const answer = (): void => {
      call.reply.array(found.length)
      for (const bytes of found) call.reply.bulk(sliceOf(bytes))
    }
    return looked instanceof Promise ? looked.then(answer) : answer()
  }
}

function countNames(scope: string): ConnectionHandler {
  return (call) => {
    const channels = channelsOf(call, scope)
    call.reply.array(2 * (call.count - 2))
    for (let at = 2; at < call.count; at++) {
      call.reply.bulk(call.arg(at))
      call.reply.integer(channels.count(channelName(call, at)))
    }
  }
}

export const publishCommands: Readonly<Record<string, DataHandler>> = {
  publish: publishing(scopes.channels),
  spublish: publishing(scopes.shards),
}

export const subscribeCommands: Readonly<Record<string, ConnectionHandler>> = {
  subscribe: listening('subscribe', 'channels'),
  psubscribe: listening('psubscribe', 'patterns'),
  ssubscribe: listening('ssubscribe', 'shards'),
  unsubscribe: leaving('unsubscribe', 'channels'),
  punsubscribe: leaving('punsubscribe', 'patterns'),
  sunsubscribe: leaving('sunsubscribe', 'shards'),
  'pubsub|channels': listNames(scopes.channels),
  'pubsub|shardchannels': listNames(scopes.shards),
  'pubsub|numsub': countNames(scopes.channels),
  'pubsub|shardnumsub': countNames(scopes.shards),
  'pubsub|numpat': (call) => call.reply.integer(channelsOf(call, scopes.channels).patternCount),
  'pubsub|help': (call) => writeHelp(call, 'pubsub'),
}
