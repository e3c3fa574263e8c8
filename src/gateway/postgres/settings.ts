/**
 * What SET has set on a connection, as texts. The language knows names, defaults and validity.
 *
 * A setting made in a transaction goes back when the transaction, or the savepoint it was made after, is rolled back; one
 * of SET LOCAL goes back at the transaction's end anyhow. The whole is an immutable value, so that going back is to put
 * the earlier value in place.
 */
import type { MemoryAccount, Payer } from '../../base/memory-account.ts'

export interface SettingsState {
  readonly session: ReadonlyMap<string, string>
  readonly local: ReadonlyMap<string, string>
  /** What they take. Of earlier states that can come back the texts are mostly the same. */
  readonly bytes: number
}

/** Of one, beside its name and value. */
const entryBytes = 128

function bytesOf(name: string, value: string | undefined): number {
  return value === undefined ? 0 : entryBytes + 2 * (name.length + value.length)
}

const nothing: ReadonlyMap<string, string> = new Map()

const noSettings: SettingsState = { session: nothing, local: nothing, bytes: 0 }

export class Settings {
  #state: SettingsState = noSettings
  /** What RESET goes back to: what the client connected with. */
  #initial: ReadonlyMap<string, string> = nothing
  readonly #onChange: (name: string) => void
  readonly #session: Payer
  /** Made with the first. */
  #account: MemoryAccount | undefined

  /** `onChange` is told of every name whose value may have changed. */
  constructor(onChange: (name: string) => void, session: Payer) {
    this.#session = session
    this.#onChange = onChange
  }

  get #memory(): MemoryAccount {
    return (this.#account ??= this.#session.account.child('the settings of a connection', { quantumBytes: 4096 }))
  }

  get state(): SettingsState {
    return this.#state
  }

  get(name: string): string | undefined {
    const { local, session } = this.#state
    return local.get(name) ?? session.get(name) ?? this.#initial.get(name)
  }

  /** Throws `out_of_memory`; then nothing has changed. */
  set(name: string, value: string | undefined, scope: 'session' | 'transaction'): void {
    const { session, local, bytes } = this.#state
    const added = bytesOf(name, value) - bytesOf(name, (scope === 'transaction' ? local : session).get(name))
    const dropped = scope === 'session' ? bytesOf(name, local.get(name)) : 0
    this.#become(
      scope === 'transaction'
        ? { session, local: changed(local, name, value), bytes: bytes + added }
        : {
            session: changed(session, name, value),
            local: changed(local, name, undefined),
            bytes: bytes + added - dropped,
          },
    )
    this.#onChange(name)
  }

  /** At the end of the start: what is set now is what this connection resets to. */
  keepAsInitial(): void {
    this.#initial = this.#state.session
    if (this.#state === noSettings) return
    // They stay as long as the connection.
    this.#memory.charge(this.#state.bytes)
    this.#become(noSettings)
  }

  /** What was set since `earlier` goes back. */
  restore(earlier: SettingsState): void {
    const before = this.#state
    if (before === earlier) return
    this.#memory.force(this.#memory.usedBytes + earlier.bytes - before.bytes)
    this.#state = earlier
    this.#announce(before)
  }

  /** The end of a transaction that committed. */
  dropLocal(): void {
    const { session, local, bytes } = this.#state
    if (local.size === 0) return
    let localBytes = 0
    for (const [name, value] of local) localBytes += bytesOf(name, value)
    this.restore({ session, local: nothing, bytes: bytes - localBytes })
  }

  reset(): void {
    this.restore(noSettings)
  }

  #become(state: SettingsState): void {
    this.#memory.resize(this.#state.bytes, state.bytes)
    this.#state = state
  }

  #announce(before: SettingsState): void {
    const names = new Set([...before.session.keys(), ...before.local.keys()])
    for (const name of [...this.#state.session.keys(), ...this.#state.local.keys()]) names.add(name)
    for (const name of names) this.#onChange(name)
  }
}

function changed(
  map: ReadonlyMap<string, string>,
  name: string,
  value: string | undefined,
): ReadonlyMap<string, string> {
  if (value === undefined && !map.has(name)) return map
  const copy = new Map(map)
  if (value === undefined) copy.delete(name)
  else copy.set(name, value)
  return copy
}
