/** What is fuzzed: a reader of bytes, and how inputs for it are made. */
import type { SeededRandom } from '../../src/host/simulated/random.ts'

export interface Target {
  readonly name: string
  /** What it reads, for people. */
  readonly title: string
  /** Most bytes of an input. */
  readonly mostBytes: number
  /** An input may take `fixed + perByte × length` steps. */
  readonly steps: { readonly fixed: number; readonly perByte: number }
  /** Of the inputs that are wanted of each target, where one of its own is as much as many of the others'. */
  readonly share?: number
  open(): Promise<Subject>
}

export interface Subject {
  /** Well-formed inputs. */
  readonly seeds: readonly Uint8Array[]
  /** What inputs are made of: put in by the mutators as they are. */
  readonly words: readonly (string | Uint8Array)[]
  /** A new input by the grammar. */
  generate?(random: SeededRandom): Uint8Array
  /** Makes what has been changed agree with itself again where only that lets it past the door: lengths, checksums. */
  repair?(input: Uint8Array, random: SeededRandom): Uint8Array
  /** Throws where the reader does anything but answer, or refuse in the format's own way. */
  run(input: Uint8Array): void | Promise<void>
  /** Between batches: what inputs have left behind goes. */
  reset?(): Promise<void>
  close?(): Promise<void>
}

/** What no reader should do. */
export class Unexpected extends Error {}

/** Runs `read`; what it throws must be one of these classes. */
export function refusing<T>(
  read: () => T,
  ...errors: readonly (abstract new (...args: never[]) => Error)[]
): T | undefined {
  try {
    return read()
  } catch (error) {
    if (errors.some((known) => error instanceof known) && !(error as { code?: string }).code?.startsWith('internal'))
      return undefined
    throw error
  }
}
