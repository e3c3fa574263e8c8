/** Whether this server follows a master of Redis's protocol: REPLICAOF, and what is told of it. */
import type { Session } from '../../../session/contract.ts'
import type { Call } from '../call.ts'
import { CommandError } from '../errors.ts'
import type { ServerState } from '../server-state.ts'
import { type Master, readMaster } from './link-state.ts'
import { MasterLink } from './master-link.ts'

export class Replication {
  readonly #server: ServerState
  #link: MasterLink | undefined
  /** One change after another. */
  #changing: Promise<void> = Promise.resolve()

  constructor(server: ServerState) {
    this.#server = server
  }

  get link(): MasterLink | undefined {
    return this.#link
  }

  /** Clients may not write what their master would not know of. */
  refusesWrites(): boolean {
    return this.#link !== undefined && this.#server.settings.text('replica-read-only') === 'yes'
  }

  /** REPLICAOF of whoever is connected to the database; undefined: it stands on its own again. */
  change(session: Session, master: Master | undefined): Promise<void> {
    const change = this.#changing.then(() => this.#change(session, master))
    this.#changing = change.catch(() => undefined)
    return change
  }

  async #change(session: Session, master: Master | undefined): Promise<void> {
    const before = this.#link
    const isSame = before !== undefined && before.master.host === master?.host && before.master.port === master.port
    if (isSame && before.failure === undefined) return
    await before?.stop()
    this.#link = undefined
    await MasterLink.remember(session, master, undefined)
    if (master === undefined) return
    this.#link = new MasterLink(this.#server, session.database, master, undefined)
    this.#link.start()
  }

  /** Goes on with what the default database remembers. */
  async resume(): Promise<void> {
    const { sessions } = this.#server
    const session = sessions.openSession({ user: 'polylog', door: 'replication' })
    try {
      if (!session.databaseFacts.leads) return
      const found = await session.run(readMaster, { readOnly: true })
      if (found === undefined || this.#link !== undefined) return
      this.#link = new MasterLink(this.#server, session.database, found.master, found.followed)
      this.#link.start()
    } finally {
      session.close()
    }
  }

  close(): void {
    void this.#link?.stop()
  }
}

/** `REPLICAOF host port`, `REPLICAOF NO ONE`. */
export function replicaOf(call: Call): void | Promise<void> {
  const { client, reply, server } = call
  const { leads } = client.session.databaseFacts
  const isNoOne = call.option(1) === 'NO' && call.option(2) === 'ONE'
  const port = isNoOne ? 0n : call.long(2, 'ERR Invalid master port')
  if (port < 0n || port > 65_535n) throw new CommandError('ERR Invalid master port')
  if (!leads) {
    throw new CommandError('ERR this server follows a log of a data directory: see docs/deploy.md for how it leads')
  }
  if (server.cluster !== undefined) throw new CommandError('ERR REPLICAOF not allowed in cluster mode.')
  const { database } = client.session
  if (database !== server.sessions.defaultDatabase) {
    throw new CommandError('ERR REPLICAOF is for the default database: a master has no other')
  }
  if (isNoOne && server.replication.link === undefined) return reply.ok()
  if (call.isQueued || client.session.status !== 'none') {
    throw new CommandError('ERR REPLICAOF is not supported inside a transaction')
  }
  const master = isNoOne ? undefined : { host: call.text(1), port: Number(port) }
  return server.replication.change(client.session, master).then(() => reply.ok())
}
