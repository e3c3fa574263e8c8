/** INFO, TIME and ROLE. */
import type { StatementSteps } from '../../../database/contract.ts'
import type { Call, ConnectionHandler, DataHandler } from '../call.ts'
import { type InfoSection, infoSections } from '../info-sections.ts'

/** Names of sections, `default`, and `all` or `everything`, in any case; what is unknown is no section. */
function wanted(call: Call): readonly InfoSection[] {
  const names = new Set<string>()
  for (let at = 1; at < call.count; at++) names.add(call.text(at).toLowerCase())
  if (names.has('all') || names.has('everything')) return infoSections
  const withDefault = names.size === 0 || names.has('default')
  return infoSections.filter(({ name, isDefault }) => names.has(name) || (withDefault && isDefault))
}

function* info(call: Call): StatementSteps<void> {
  const parts: string[] = []
  for (const { title, lines } of wanted(call)) {
    const found = lines(call)
    const shown = Symbol.iterator in found && 'next' in found ? yield* found : found
    parts.push(`# ${title}\r\n${shown.map((line) => `${line}\r\n`).join('')}`)
  }
  call.reply.verbatim(parts.join('\r\n'))
}

/** Offsets are sequences. */
function role(call: Call): void {
  const { reply, client, server } = call
  const { link } = server.replication
  if (link !== undefined) {
    reply.array(5)
    reply.bulkText('slave')
    reply.bulkText(link.master.host)
    reply.integer(link.master.port)
    reply.bulkText(link.status)
    reply.integer(link.offset)
    return
  }
  const { durabilityWatch, databaseFacts } = client.session
  const { leads } = databaseFacts
  const { online, backlog } = server.replicas
  const offset = backlog?.end ?? durabilityWatch.durableThrough('synced')
  reply.array(leads ? 3 : 5)
  reply.bulkText(leads ? 'master' : 'slave')
  if (!leads) {
    reply.bulkText('')
    reply.integer(0)
    reply.bulkText('connected')
  }
  reply.integer(offset)
  if (!leads) return
  reply.array(online.length)
  for (const { host, port, acknowledged } of online) {
    reply.array(3)
    reply.bulkText(host)
    reply.bulkText(String(port))
    reply.bulkText(String(acknowledged))
  }
}

function time(call: Call): void {
  const us = BigInt(Math.floor(call.server.now() * 1000))
  call.reply.array(2)
  call.reply.bulkInteger(us / 1_000_000n)
  call.reply.bulkInteger(us % 1_000_000n)
}

export const infoDataCommands: Readonly<Record<string, DataHandler>> = { info }

export const serverCommands: Readonly<Record<string, ConnectionHandler>> = {
  time,
  role,
}
