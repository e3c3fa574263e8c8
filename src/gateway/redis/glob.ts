/**
 * Redis's glob patterns: `*`, `?`, `[a-z]`, `[^…]`, and `\` before a character that stands for itself.
 *
 * A `*` that fails is retried one byte further, and only the last one: time is at most the longest part between two `*`
 * times the text, where Redis's recursion over every `*` is exponential. Patterns are bounded, and so is that product: some
 * milliseconds for one text, beyond which the command is refused.
 */
import { charge } from '../../base/work.ts'
import { copySlice, sliceLength, type Slice } from '../../base/slice.ts'
import { CommandError } from './errors.ts'

/** A key has less than 64 KiB, and each of its bytes may be meant by two. */
const maxPatternBytes = 128 * 1024

/** Of one text; what stands in a class counts, too. */
const mostSteps = 1_000_000
/** Between two charges. */
const stepsBetween = 1024
const unitsPerStep = 4

const asterisk = 0x2a
const question = 0x3f
const open = 0x5b
const close = 0x5d
const backslash = 0x5c
const caret = 0x5e
const dash = 0x2d

export class Glob {
  readonly #pattern: Uint8Array
  /** Every text matches. */
  readonly all: boolean
  /** Of the text at hand. */
  #steps = 0
  #chargedSteps = 0

  constructor(argument: Slice) {
    if (sliceLength(argument) > maxPatternBytes) {
      throw new CommandError(`ERR pattern is longer than ${maxPatternBytes} bytes`)
    }
    const pattern = copySlice(argument)
    this.#pattern = pattern
    this.all = pattern.length > 0 && pattern.every((byte) => byte === asterisk)
  }

  /** The bytes that every match begins with. */
  prefix(): Uint8Array {
    const special = this.#pattern.findIndex(
      (byte) => byte === asterisk || byte === question || byte === open || byte === backslash,
    )
    return special < 0 ? this.#pattern : this.#pattern.subarray(0, special)
  }

  matches(text: Slice): boolean {
    const pattern = this.#pattern
    // Redis asks a pattern nothing about a text that is empty, except for a single `*`.
    if (text.start === text.end) return pattern.length === 0 || (this.all && pattern.length === 1)
    if (this.all) return true
    let at = 0
    let position = text.start
    let star = -1
    let starText = 0
    this.#steps = 0
    this.#chargedSteps = 0
    while (position < text.end) {
      if (++this.#steps - this.#chargedSteps >= stepsBetween) this.#charge()
      const next = at < pattern.length && pattern[at] !== asterisk ? this.#matchOne(at, text.bytes[position]!) : -1
      if (next >= 0) {
        at = next
        position++
      } else if (at < pattern.length && pattern[at] === asterisk) {
        star = ++at
        starText = position
      } else if (star >= 0) {
        at = star
        position = ++starText
      } else {
        return false
      }
    }
    while (at < pattern.length && pattern[at] === asterisk) at++
    return at === pattern.length
  }

  #charge(): void {
    charge((this.#steps - this.#chargedSteps) * unitsPerStep)
    this.#chargedSteps = this.#steps
    if (this.#steps > mostSteps) {
      throw new CommandError(`ERR a pattern of ${this.#pattern.length} bytes takes too long to compare with a key`)
    }
  }

  /** Where the pattern goes on after the element at `at` matched `byte`; −1 where it does not. */
  #matchOne(at: number, byte: number): number {
    const pattern = this.#pattern
    const element = pattern[at]!
    if (element === question) return at + 1
    if (element === open) return this.#matchClass(at + 1, byte)
    if (element === backslash && at + 1 < pattern.length) return pattern[at + 1] === byte ? at + 2 : -1
    return element === byte ? at + 1 : -1
  }

  #matchClass(start: number, byte: number): number {
    const pattern = this.#pattern
    let at = start
    const negated = pattern[at] === caret
    if (negated) at++
    let found = false
    // A class that is not closed ends with the pattern, as in Redis.
    for (; at < pattern.length && pattern[at] !== close; at++) {
      if (pattern[at] === backslash && at + 1 < pattern.length) {
        at++
        if (pattern[at] === byte) found = true
      } else if (at + 2 < pattern.length && pattern[at + 1] === dash) {
        const low = Math.min(pattern[at]!, pattern[at + 2]!)
        const high = Math.max(pattern[at]!, pattern[at + 2]!)
        if (byte >= low && byte <= high) found = true
        at += 2
      } else if (pattern[at] === byte) {
        found = true
      }
    }
    this.#steps += at - start
    return found === negated ? -1 : Math.min(at + 1, pattern.length)
  }
}
