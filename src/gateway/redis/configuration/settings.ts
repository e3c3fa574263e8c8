/**
 * The values of the parameters, as long as the server runs. One that means something is bound to what it stands for, and is
 * read and changed there; of the others the text is kept.
 */
import type { Call } from '../call.ts'
import { CommandError } from '../errors.ts'
import { type Parameter, type ParameterGroup, parameterGroups } from './parameters.ts'
import { BadValue } from './values.ts'

/** What a parameter stands for. */
export interface Binding {
  /** Left out: the text that is kept. */
  read?(call: Call): string
  /**
   * Answers what makes the change, which cannot fail: of one CONFIG SET all changes are made, or none. Left out: it is as the
   * server was started. `value`: as it is shown; `given`: as it was. Errors: `BadValue`.
   */
  change?(call: Call, value: string, given: string): () => void
}

/** Names by which a parameter is asked for and told. */
interface Named {
  readonly name: string
  readonly parameter: Parameter
  readonly group: ParameterGroup
}

/** Without a binding they refuse to be changed. */
const needBinding: ReadonlySet<ParameterGroup> = new Set<ParameterGroup>(['meant', 'limits', 'byOptions'])

function listed(): Map<string, Named> {
  const found = new Map<string, Named>()
  for (const [group, parameters] of Object.entries(parameterGroups) as [ParameterGroup, Record<string, Parameter>][]) {
    for (const [name, parameter] of Object.entries(parameters)) {
      const named = { name, parameter, group }
      found.set(name, named)
      if (parameter.alias !== undefined) found.set(parameter.alias, named)
    }
  }
  return found
}

/** By name and by older name. */
const byName: ReadonlyMap<string, Named> = listed()

export class Settings {
  readonly #bindings: Readonly<Record<string, Binding>>
  readonly #values = new Map<string, string>()

  constructor(bindings: Readonly<Record<string, Binding>>) {
    for (const name of Object.keys(bindings)) if (!byName.has(name)) throw new Error(`no parameter '${name}'`)
    this.#bindings = bindings
  }

  has(name: string): boolean {
    return byName.has(name.toLowerCase())
  }

  /** That are told to who asks by a pattern. */
  get names(): readonly string[] {
    return [...byName].filter(([, { parameter }]) => parameter.isHidden !== true).map(([name]) => name)
  }

  /** The text that is kept. */
  text(name: string): string {
    return this.#values.get(name) ?? byName.get(name)!.parameter.initial
  }

  /** The same as a number. */
  number(name: string): number {
    return Number(this.text(name))
  }

  read(call: Call, name: string): string {
    const { name: own } = byName.get(name.toLowerCase())!
    return this.#bindings[own]?.read?.(call) ?? this.text(own)
  }

  /** Changes all, or throws `CommandError`. The names are in lower case, and known. */
  change(call: Call, pairs: readonly (readonly [string, string])[]): void {
    const changes = pairs.map(([name, value]) => this.#prepare(call, name, value))
    for (const change of changes) change()
  }

  #prepare(call: Call, shownName: string, given: string): () => void {
    const { name, parameter, group } = byName.get(shownName)!
    const now = this.read(call, name)
    try {
      const value = parameter.kind(given, now)
      const binding = this.#bindings[name]
      if (value !== now && binding?.change === undefined && needBinding.has(group)) {
        throw new BadValue("can't set immutable config")
      }
      const change = binding?.change?.(call, value, given)
      return () => {
        this.#values.set(name, value)
        change?.()
      }
    } catch (error) {
      throw error instanceof BadValue ? changeFailed(shownName, error.message) : error
    }
  }

  /** Errors: `CommandError` where it cannot be set by anybody. `shown`: as it was asked for. */
  checkMayChange(shown: string): void {
    const { access } = byName.get(shown.toLowerCase())!.parameter
    if (access === 'fixed') throw changeFailed(shown, "can't set immutable config")
    if (access === 'protected') throw changeFailed(shown, "can't set protected config")
  }
}

export function changeFailed(name: string, why: string): CommandError {
  return new CommandError(`ERR CONFIG SET failed (possibly related to argument '${name}') - ${why}`)
}
