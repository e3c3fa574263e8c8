/** LATENCY: what was slow, and how long commands take. */
import type { Call, ConnectionHandler } from '../call.ts'
import { everyCommand } from '../command-rules.ts'
import type { Command } from '../command-table.ts'
import { CommandError } from '../errors.ts'
import type { LatencyEvent } from '../latency-monitor.ts'
import { writeHelp } from './help.ts'

function latest({ reply, server }: Call): void {
  const { events } = server.latency
  reply.array(events.size)
  for (const [name, { samples, mostMs }] of events) {
    const { atSecond, ms } = samples.at(-1)!
    reply.array(4)
    reply.bulkText(name)
    for (const number of [atSecond, ms, mostMs]) reply.integer(number)
  }
}

function history(call: Call): void {
  const samples = call.server.latency.events.get(call.text(2))?.samples ?? []
  call.reply.array(samples.length)
  for (const { atSecond, ms } of samples) {
    call.reply.array(2)
    call.reply.integer(atSecond)
    call.reply.integer(ms)
  }
}

function reset(call: Call): void {
  const names = Array.from({ length: call.count - 2 }, (_, i) => call.text(i + 2))
  call.reply.integer(call.server.latency.reset(names))
}

const graphRows = 4

function graph(call: Call): void {
  const name = call.text(2)
  const event = call.server.latency.events.get(name)
  if (event === undefined) throw new CommandError(`ERR No samples available for event '${call.shown(2)}'`)
  call.reply.verbatim(`${summary(name, event)}\n${'-'.repeat(80)}\n${bars(event).join('\n')}\n`)
}

function summary(name: string, { samples, mostMs }: LatencyEvent): string {
  const values = samples.map(({ ms }) => ms)
  return `${name} - high ${Math.max(...values)} ms, low ${Math.min(...values)} ms (all time high ${mostMs} ms)`
}

/** A column for each sample, of the last 80. */
function bars({ samples }: LatencyEvent): string[] {
  const values = samples.slice(-80).map(({ ms }) => ms)
  const high = Math.max(1, ...values)
  return Array.from({ length: graphRows }, (_, row) => {
    const least = ((graphRows - row - 1) / graphRows) * high
    return values.map((value) => (value > least ? '#' : ' ')).join('')
  })
}

function doctor({ reply, server }: Call): void {
  const { thresholdMs, events } = server.latency
  if (thresholdMs === 0) {
    reply.verbatim(
      'Nothing is noted: CONFIG SET latency-monitor-threshold says from how many milliseconds on it would be.\n',
    )
    return
  }
  const lines = [...events].map(([name, event]) => `${summary(name, event)}, ${event.samples.length} samples`)
  reply.verbatim(`${lines.length === 0 ? 'Nothing has taken so long.' : lines.join('\n')}\n`)
}

/** Commands by their names; of one that has subcommands, those. */
function asked(call: Call): readonly Command[] {
  const { table } = call.server
  const all = everyCommand(table)
  if (call.count === 2) return all
  const names = Array.from({ length: call.count - 2 }, (_, i) => call.text(i + 2).toLowerCase())
  return names.flatMap((name) => all.filter((each) => each.name === name || each.name.startsWith(`${name}|`)))
}

/** Of those that were timed: one in sixteen, and each that has to wait. */
function histogram(call: Call): void {
  const { reply } = call
  // The one that asks is not over.
  const callsOf = (command: Command): number => command.usage.calls - (command === call.command ? 1 : 0)
  const found = asked(call).filter((command) => callsOf(command) > 0)
  reply.map(found.length)
  for (const command of found) {
    const { name, usage } = command
    const buckets = usage.doublings()
    reply.bulkText(name)
    reply.map(2)
    reply.bulkText('calls')
    reply.integer(callsOf(command))
    reply.bulkText('histogram_usec')
    reply.map(buckets.length)
    for (const [us, count] of buckets) {
      reply.integer(us)
      reply.integer(count)
    }
  }
}

export const latencyCommands: Readonly<Record<string, ConnectionHandler>> = {
  'latency|latest': latest,
  'latency|history': history,
  'latency|reset': reset,
  'latency|graph': graph,
  'latency|doctor': doctor,
  'latency|histogram': histogram,
  'latency|help': (call) => writeHelp(call, 'latency'),
}
