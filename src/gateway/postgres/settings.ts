/**
 * What SET has set on a connection, as texts. The language knows names, defaults and validity.
 *
 * A setting made in a transaction goes back when the transaction, or the savepoint it was made after, is rolled back; one
 * of SET LOCAL goes back at the transaction's end anyhow. The whole is an immutable value, so that going back is to put
 * the earlier value in place.
 */
export interface SettingsState {
  readonly session: ReadonlyMap<string, string>
  readonly local: ReadonlyMap<string, string>
}

const nothing: ReadonlyMap<string, string> = new Map()

export class Settings {
  #state: SettingsState = { session: nothing, local: nothing }
  /** What RESET goes back to: what the client connected with. */
  #initial: ReadonlyMap<string, string> = nothing
  readonly #onChange: (name: string) => void

  /** `onChange` is told of every name whose value may have changed. */
  constructor(onChange: (name: string) => void) {
    this.#onChange = onChange
  }

  get state(): SettingsState {
    return this.#state
  }

  get(name: string): string | undefined {
    const { local, session } = this.#state
    return local.get(name) ?? session.get(name) ?? this.#initial.get(name)
  }

  set(name: string, value: string | undefined, scope: 'session' | 'transaction'): void {
    const { session, local } = this.#state
    this.#state =
      scope === 'transaction'
        ? { session, local: changed(local, name, value) }
        : { session: changed(session, name, value), local: changed(local, name, undefined) }
    this.#onChange(name)
  }

  /** At the end of the start: what is set now is what this connection resets to. */
  keepAsInitial(): void {
    this.#initial = this.#state.session
    this.#state = { session: nothing, local: nothing }
  }

  /** What was set since `earlier` goes back. */
  restore(earlier: SettingsState): void {
    const before = this.#state
    this.#state = earlier
    this.#announce(before)
  }

  /** The end of a transaction that committed. */
  dropLocal(): void {
    if (this.#state.local.size > 0) this.restore({ session: this.#state.session, local: nothing })
  }

  reset(): void {
    this.restore({ session: nothing, local: nothing })
  }

  #announce(before: SettingsState): void {
    if (before === this.#state) return
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
