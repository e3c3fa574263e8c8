/**
 * The bytes that replicas get, by their offsets: the first byte ever is 1, and `end` is that of the last one. What all replicas have
 * been given goes, but for the newest `keptBytes`, from which one that comes back goes on.
 */
export class Backlog {
  /** Of the newest that are kept. */
  keptBytes: number
  #end: number
  /** In order; the first one begins behind `#start`. */
  #chunks: Uint8Array[] = []
  #start: number
  readonly #resize: (before: number, after: number) => void

  constructor(end: number, keptBytes: number, resize: (before: number, after: number) => void) {
    this.#start = this.#end = end
    this.keptBytes = keptBytes
    this.#resize = resize
  }

  get end(): number {
    return this.#end
  }

  /** Behind which there are bytes. */
  get start(): number {
    return this.#start
  }

  get sizeBytes(): number {
    return this.#end - this.#start
  }

  append(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#resize(this.sizeBytes, this.sizeBytes + bytes.length)
    this.#chunks.push(bytes)
    this.#end += bytes.length
  }

  has(offset: number): boolean {
    return offset >= this.#start && offset <= this.#end
  }

  /** At most so many bytes behind an offset that it has. */
  read(offset: number, mostBytes: number): Uint8Array {
    let at = this.#start
    for (const chunk of this.#chunks) {
      if (offset < at + chunk.length) return chunk.subarray(offset - at, offset - at + mostBytes)
      at += chunk.length
    }
    return new Uint8Array(0)
  }

  /** `needed`: behind which somebody still wants them. Whole chunks go. */
  trim(needed: number): void {
    const before = this.sizeBytes
    const until = Math.min(needed, this.#end - this.keptBytes)
    let gone = 0
    while (gone < this.#chunks.length && this.#start + this.#chunks[gone]!.length <= until) {
      this.#start += this.#chunks[gone++]!.length
    }
    if (gone === 0) return
    this.#chunks.splice(0, gone)
    this.#resize(before, this.sizeBytes)
  }

  drop(): void {
    this.#resize(this.sizeBytes, 0)
    this.#chunks = []
    this.#start = this.#end
  }
}

/** A command as Redis's protocol has it. */
export function encodeCommand(args: readonly (Uint8Array | string | number | bigint)[]): Uint8Array {
  const parts: Uint8Array[] = [Buffer.from(`*${args.length}\r\n`)]
  for (const arg of args) {
    const bytes = arg instanceof Uint8Array ? arg : Buffer.from(String(arg), 'latin1')
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, lineEnd)
  }
  return Buffer.concat(parts)
}

const lineEnd = Buffer.from('\r\n')
