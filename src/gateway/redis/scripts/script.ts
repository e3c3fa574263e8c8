/** Scripts by their digests: what EVAL brought once, EVALSHA runs. They live until SCRIPT FLUSH or the end of the server. */
import { createHash } from 'node:crypto'
import { decodeUtf8 } from '../../../base/bytes.ts'
import type { MemoryAccount } from '../../../base/memory-account.ts'
import { copySlice, type Slice, sliceLength, sliceToLatin1 } from '../../../base/slice.ts'
import { CommandError } from '../errors.ts'

export interface Script {
  /** SHA-1 of its text, in hexadecimal. */
  readonly digest: string
  /** Its own copy. */
  readonly text: Slice
  /** What is compiled: without the first line's `#!`. */
  readonly body: Slice
  /** What its first line says; undefined where that says nothing, and the script may do all that its commands may. */
  readonly flags: readonly ScriptFlag[] | undefined
}

const heldBytes = 512
const shortBytes = 2048
/** What a script, or a function of a library, may say of itself; in the order in which they are told. */
export const scriptFlags = ['no-writes', 'allow-oom', 'allow-stale', 'no-cluster', 'allow-cross-slot-keys'] as const
export type ScriptFlag = (typeof scriptFlags)[number]

export function isScriptFlag(word: string): word is ScriptFlag {
  return scriptFlags.some((flag) => flag === word)
}

export function digestOf({ bytes, start, end }: Slice): string {
  return createHash('sha1').update(bytes.subarray(start, end)).digest('hex')
}

/** Reads what the first line says. Throws `CommandError`. */
export function readScript(text: Slice): Script {
  const bytes = copySlice(text)
  const whole = { bytes, start: 0, end: bytes.length }
  const digest = digestOf(whole)
  if (bytes[0] !== 0x23 || bytes[1] !== 0x21) return { digest, text: whole, body: whole, flags: undefined }
  const lineEnd = bytes.indexOf(0x0a)
  if (lineEnd < 0) throw new CommandError('ERR Invalid script shebang')
  const [engine, ...options] = decodeUtf8(bytes, 0, lineEnd).split(/\s+/)
  if (engine !== '#!lua') throw new CommandError(`ERR Unexpected engine in script shebang: ${engine}`)
  const said: ScriptFlag[] = []
  for (const option of options.filter((one) => one !== '')) {
    if (!option.startsWith('flags=')) throw new CommandError(`ERR Unknown lua shebang option: ${option}`)
    for (const flag of option.slice('flags='.length).split(',')) {
      if (flag === '') continue
      if (!isScriptFlag(flag)) throw new CommandError(`ERR Unexpected flag in script shebang: ${flag}`)
      said.push(flag)
    }
  }
  // The line break stays: lines are counted from the first.
  return { digest, text: whole, body: { bytes, start: lineEnd, end: bytes.length }, flags: said }
}

export class ScriptCache {
  readonly #byDigest = new Map<string, Script>()
  readonly #byText = new Map<string, Script>()
  readonly #memory: MemoryAccount
  #bytes = 0

  constructor(work: MemoryAccount) {
    this.#memory = work.child('scripts', { quantumBytes: 4096 })
  }

  get usedBytes(): number {
    return this.#bytes
  }

  get count(): number {
    return this.#byDigest.size
  }

  /** By its text, where that is short: a digest costs as much as a command. */
  known(text: Slice): Script | undefined {
    return sliceLength(text) > shortBytes ? undefined : this.#byText.get(sliceToLatin1(text))
  }

  find(digest: string): Script | undefined {
    return this.#byDigest.get(digest)
  }

  /** Errors: `out_of_memory`. */
  add(script: Script): void {
    if (this.#byDigest.has(script.digest)) return
    const bytes = script.body.bytes.length + heldBytes
    this.#memory.charge(bytes, 'scripts')
    this.#bytes += bytes
    this.#byDigest.set(script.digest, script)
    if (script.text.end <= shortBytes) this.#byText.set(sliceToLatin1(script.text), script)
  }

  clear(): void {
    this.#memory.release(this.#bytes)
    this.#bytes = 0
    this.#byDigest.clear()
    this.#byText.clear()
  }
}
