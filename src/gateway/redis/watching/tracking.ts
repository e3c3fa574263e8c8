/**
 * Server-assisted client-side caching: CLIENT TRACKING.
 *
 * By default the table remembers who has read which key, and tells each once that it was changed; who broadcasts (BCAST) is told of
 * all changes of keys with its prefixes, as often as there are any. What is told is made of what commits touch, whichever
 * door they come by, so nothing can change behind it; a key is remembered before it is read, so nothing can change between.
 *
 * Of a client the table keeps its number alone: who has gone, or has switched tracking off, is passed over when its turn comes.
 * The table has `tracking-table-max-keys` at most: for a further one, who has read the oldest is told that it was changed.
 */
import type { MemoryAccount } from '../../../base/memory-account.ts'
import { sliceToLatin1, type Slice } from '../../../base/slice.ts'
import type { KeyTouch } from '../../../database/messages/effects.ts'
import type { Hub } from '../../../database/messages/hub.ts'
import type { Client } from '../client.ts'

/** Of one client. */
export class Tracking {
  isBroadcast = false
  mode: 'default' | 'optin' | 'optout' = 'default'
  noLoop = false
  /** The client that is told in place of it; 0: itself. */
  redirect = 0
  /** That client has gone. */
  isBroken = false
  /** CLIENT CACHING, until the next command is done. */
  isMarked = false
  /** Of those that it broadcasts. */
  readonly prefixes: Set<string> = new Set()

  /** Whether the keys of the command at hand are remembered. */
  get remembers(): boolean {
    if (this.isBroadcast) return false
    return this.mode === 'default' || this.isMarked === (this.mode === 'optin')
  }
}

/** Of keys that are to be told of those who broadcast, at the end of the turn. */
const mostTogether = 1000

/** Of a key, and of one who has read it, beside its name. */
const keyBytes = 200
const itemBytes = 40

export const invalidationChannel = '__redis__:invalidate'

export class TrackingTable {
  /** `tracking-table-max-keys`; 0: any number. */
  mostKeys = 1_000_000
  readonly #clients: ReadonlyMap<number, Client>
  readonly #turn: (run: () => void) => void
  /** By the database, and the key. */
  readonly #readers = new Map<Hub, Map<string, Set<number>>>()
  readonly #tracking = new Set<Client>()
  readonly #broadcasting = new Set<Client>()
  readonly #memory: MemoryAccount
  /** Keys by the session that has changed them last, of this turn. */
  readonly #changed = new Map<Hub, Map<string, number>>()
  #isScheduled = false
  keyCount = 0
  itemCount = 0

  /** `memory`: the table is charged there. */
  constructor(clients: ReadonlyMap<number, Client>, turn: (run: () => void) => void, memory: MemoryAccount) {
    this.#clients = clients
    this.#memory = memory
    this.#turn = turn
  }

  get clientCount(): number {
    return this.#tracking.size
  }

  get prefixCount(): number {
    const all = new Set<string>()
    for (const client of this.#tracking) for (const prefix of client.tracking?.prefixes ?? []) all.add(prefix)
    return all.size
  }

  hasClientIn(hub: Hub): boolean {
    for (const client of this.#tracking) if (client.session.hub === hub) return true
    return false
  }

  add(client: Client): void {
    this.#tracking.add(client)
    if (client.tracking?.isBroadcast === true) this.#broadcasting.add(client)
  }

  remove(client: Client): void {
    this.#tracking.delete(client)
    this.#broadcasting.delete(client)
    if (this.#tracking.size > 0) return
    this.#readers.clear()
    this.keyCount = this.itemCount = 0
    this.#memory.force(0)
  }

  /** A client that tracks is about to read the key. */
  remember(client: Client, key: Slice): void {
    const { hub } = client.session
    let keys = this.#readers.get(hub)
    if (keys === undefined) this.#readers.set(hub, (keys = new Map<string, Set<number>>()))
    const name = sliceToLatin1(key)
    let readers = keys.get(name)
    if (readers?.has(client.id) === true) return
    // There is no memory for it: what was read must not be kept.
    if (!this.#memory.tryCharge(itemBytes + (readers === undefined ? keyBytes + name.length : 0))) {
      if (client.tracking !== undefined) this.#tell(client, client.tracking, [name])
      return
    }
    if (readers === undefined) {
      if (this.mostKeys > 0 && this.keyCount >= this.mostKeys) this.#forgetOldest()
      keys.set(name, (readers = new Set<number>()))
      this.keyCount++
    }
    readers.add(client.id)
    this.itemCount++
  }

  /** Also where `tracking-table-max-keys` is less than before. */
  shrink(): void {
    while (this.mostKeys > 0 && this.keyCount > this.mostKeys) this.#forgetOldest()
  }

  #forgetOldest(): void {
    for (const [hub, keys] of this.#readers) {
      const oldest = keys.keys().next()
      if (oldest.done === true) continue
      this.#tellReaders(hub, oldest.value, undefined)
      return
    }
  }

  #forget(key: string, readers: ReadonlySet<number>): void {
    this.keyCount--
    this.itemCount -= readers.size
    this.#memory.release(keyBytes + key.length + itemBytes * readers.size)
  }

  touched(hub: Hub, touches: readonly KeyTouch[]): void {
    let areAllGone = false
    for (const { key, sessionId } of touches) {
      if (key === undefined) areAllGone = true
      else this.#keyTouched(hub, Buffer.from(key).toString('latin1'), sessionId)
    }
    if (areAllGone) this.#allGone(hub)
  }

  #keyTouched(hub: Hub, key: string, sessionId: number): void {
    this.#tellReaders(hub, key, sessionId)
    if (this.#broadcasting.size === 0) return
    let changed = this.#changed.get(hub)
    if (changed === undefined) this.#changed.set(hub, (changed = new Map<string, number>()))
    changed.set(key, sessionId)
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#turn(() => {
      this.#isScheduled = false
      this.#broadcast()
    })
  }

  #tellReaders(hub: Hub, key: string, sessionId: number | undefined): void {
    const keys = this.#readers.get(hub)
    const readers = keys?.get(key)
    if (readers === undefined) return
    keys!.delete(key)
    this.#forget(key, readers)
    for (const id of readers) {
      const client = this.#clients.get(id)
      const tracking = client?.tracking
      if (client === undefined || tracking === undefined || tracking.isBroadcast) continue
      if (tracking.noLoop && client.session.id === sessionId) continue
      this.#tell(client, tracking, [key], client.session.id === sessionId)
    }
  }

  #broadcast(): void {
    for (const [hub, changed] of this.#changed) {
      this.#changed.delete(hub)
      for (const client of this.#broadcasting) {
        const { tracking } = client
        if (tracking !== undefined && client.session.hub === hub) this.#tellPrefixes(client, tracking, changed)
      }
    }
  }

  #tellPrefixes(client: Client, tracking: Tracking, changed: ReadonlyMap<string, number>): void {
    for (const prefix of tracking.prefixes) {
      let keys: string[] = []
      for (const [key, sessionId] of changed) {
        if (!key.startsWith(prefix) || (tracking.noLoop && sessionId === client.session.id)) continue
        keys.push(key)
        if (keys.length < mostTogether) continue
        this.#tell(client, tracking, keys)
        keys = []
      }
      if (keys.length > 0) this.#tell(client, tracking, keys)
    }
  }

  /** FLUSHALL: whatever anybody has cached. */
  #allGone(hub: Hub): void {
    const keys = this.#readers.get(hub)
    this.#readers.delete(hub)
    for (const [key, readers] of keys ?? []) this.#forget(key, readers)
    for (const client of this.#tracking) {
      if (client.tracking !== undefined && client.session.hub === hub) this.#tell(client, client.tracking, undefined)
    }
  }

  /** `keys`: undefined for all. */
  #tell(client: Client, tracking: Tracking, keys: readonly string[] | undefined, isOwn = false): void {
    if (tracking.redirect === 0) {
      if (client.protocol === 3) client.unasked.push(invalidation(keys), isOwn)
      return
    }
    const target = this.#clients.get(tracking.redirect)
    if (target === undefined) {
      tracking.isBroken = true
      if (client.protocol === 3) client.unasked.push(brokenRedirect(tracking.redirect))
    } else if (target.protocol === 3) target.unasked.push(invalidation(keys))
    else if (target.subscriptionCount > 0) target.unasked.push(invalidationMessage(keys))
  }
}

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}

function list(keys: readonly string[]): string {
  return `*${keys.length}\r\n${keys.map(bulk).join('')}`
}

function invalidation(keys: readonly string[] | undefined): Uint8Array {
  return bytes(`>2\r\n${bulk('invalidate')}${keys === undefined ? '_\r\n' : list(keys)}`)
}

/** As a message, for who speaks RESP2. */
function invalidationMessage(keys: readonly string[] | undefined): Uint8Array {
  const payload = keys === undefined ? '$-1\r\n' : list(keys)
  return bytes(`*3\r\n${bulk('message')}${bulk(invalidationChannel)}${payload}`)
}

function brokenRedirect(id: number): Uint8Array {
  return bytes(`>2\r\n${bulk('tracking-redir-broken')}:${id}\r\n`)
}
