/**
 * QuickJS as WebAssembly: the module, the few things it asks of its surroundings, and its C interface with types.
 *
 * The package's own bindings are not used. They bring the process's clock, time zone and console; here the machine code is the
 * sandbox: an interpreter reaches nothing but its own linear memory and the functions below. The names of its imports and
 * exports are those of this very version, one letter or two each (`emscripten-module.mjs` of the package has the table).
 */
import { readPackageFile } from '../../../host/package-file.ts'

interface WasmMemory {
  readonly buffer: ArrayBuffer
  grow(pages: number): number
}

/** Node's own types leave it out. */
const { Module, Instance, Memory } = WebAssembly as unknown as {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: Record<string, unknown> }
  readonly Memory: new (limits: { initial: number; maximum: number }) => WasmMemory
}

/** An address in the linear memory: of a runtime, a context, a value or a text. */
export type Address = number

export interface QuickJs {
  readonly memory: WasmMemory
  malloc(bytes: number): Address
  free(at: Address): void
  newRuntime(): Address
  /** `intrinsics`: which of the language's libraries there are, one bit each; 0: all. */
  newContext(runtime: Address, intrinsics: number): Address
  setMemoryLimit(runtime: Address, bytes: number): void
  setMaxStackSize(runtime: Address, bytes: number): void
  enableInterruptHandler(runtime: Address): void
  eval(context: Address, text: Address, bytes: number, name: Address, isModule: number, flags: number): Address
  call(context: Address, f: Address, self: Address, count: number, given: Address): Address
  /** The exception that a result stands for, or 0. */
  resolveException(context: Address, result: Address): Address
  newString(context: Address, text: Address): Address
  getString(context: Address, value: Address): Address
  freeString(context: Address, text: Address): void
  freeValue(context: Address, value: Address): void
  undefinedValue(): Address
}

/** The name of each in this build. */
const exported: Readonly<Record<Exclude<keyof QuickJs, 'memory'>, string>> = {
  malloc: 'v',
  free: 'M',
  newRuntime: 'K',
  newContext: 'N',
  setMemoryLimit: 'y',
  setMaxStackSize: 'C',
  enableInterruptHandler: 'Fa',
  eval: 'pa',
  call: 'ma',
  resolveException: 'na',
  newString: '_',
  getString: '$',
  freeString: 'S',
  freeValue: 'P',
  undefinedValue: 'D',
}

const pageBytes = 65_536
/** What the module begins with; little of it is touched. */
const initialPages = 256

let code: Uint8Array | undefined
let compiled: object | undefined

/** Its machine code, in memory that threads share, since those of a process read no files. First asked for at the start, for files may go. */
export function interpreterCode(): Uint8Array {
  if (code !== undefined) return code
  const bytes = readPackageFile('@jitl/quickjs-wasmfile-release-sync/wasm')
  code = new Uint8Array(new SharedArrayBuffer(bytes.length))
  code.set(bytes)
  return code
}

/** Of a thread that has been sent it. */
export function useInterpreterCode(given: Uint8Array): void {
  code ??= given
}

/** Of a memory: most of it is zeros, which need not be written. */
export interface Piece {
  readonly at: number
  readonly bytes: Uint8Array
}

export interface Surroundings {
  readonly maxBytes: number
  /** Asked every few thousand steps. */
  readonly isInterrupted: () => boolean
  /** What scripts take for the present, in ms. */
  readonly now: () => number
  /** What another one's memory held between two calls: this one goes on with it. */
  readonly content?: readonly Piece[] | undefined
}

export function instantiate({ maxBytes, isInterrupted, now, content }: Surroundings): QuickJs {
  // A compiler takes no shared memory.
  compiled ??= new Module(interpreterCode().slice())
  const memory = new Memory({ initial: initialPages, maximum: 32_768 })
  const words = (): Int32Array => new Int32Array(memory.buffer)
  const fail = (): never => {
    throw new Error('the interpreter has stopped')
  }
  const imports = {
    a: memory,
    b: fail,
    // Files: none.
    c: () => 52,
    d: () => 52,
    o: () => 70,
    // The environment: empty.
    e: () => 0,
    f: (count: number, bytes: number) => {
      words()[count >> 2] = 0
      words()[bytes >> 2] = 0
      return 0
    },
    // Modules and functions of the host: none.
    g: fail,
    h: fail,
    s: fail,
    t: () => undefined,
    i: () => (isInterrupted() ? 1 : 0),
    // Timers: none.
    j: () => 0,
    l: () => undefined,
    k: (wanted: number) => {
      const bytes = wanted >>> 0
      if (bytes > maxBytes) return 0
      memory.grow(Math.ceil((bytes - memory.buffer.byteLength) / pageBytes))
      return 1
    },
    // Local time is UTC, whose difference from UTC is the one thing that is asked of it.
    m: (_seconds: bigint, into: number) => void words().fill(0, into >> 2, (into >> 2) + 10),
    n: (zone: number, daylight: number) => {
      words()[zone >> 2] = 0
      words()[daylight >> 2] = 0
    },
    p: now,
    q: fail,
    r: fail,
  }
  const { exports } = new Instance(compiled, { a: imports })
  if (content === undefined) (exports['u'] as () => void)()
  else for (const { at, bytes } of content) new Uint8Array(memory.buffer).set(bytes, at)
  const named = Object.entries(exported).map(([name, letters]) => [name, exports[letters]] as const)
  return { memory, ...(Object.fromEntries(named) as unknown as Omit<QuickJs, 'memory'>) }
}

const pieceBytes = 4096

/** What its memory holds. */
export function contentOf({ memory }: QuickJs): Piece[] {
  const pieces: Piece[] = []
  const zeros = new Uint8Array(pieceBytes)
  for (let at = 0; at < memory.buffer.byteLength; at += pieceBytes) {
    const bytes = new Uint8Array(memory.buffer, at, pieceBytes)
    if (Buffer.compare(bytes, zeros) !== 0) pieces.push({ at, bytes: bytes.slice() })
  }
  return pieces
}

/** A text in its memory, with a zero behind it; the caller frees it. */
export function putText(quickJs: QuickJs, text: string): { readonly at: Address; readonly bytes: number } {
  const encoded = Buffer.from(text)
  const at = quickJs.malloc(encoded.length + 1)
  if (at === 0) throw new RangeError('the memory of the interpreter is full')
  const memory = new Uint8Array(quickJs.memory.buffer)
  memory.set(encoded, at)
  memory[at + encoded.length] = 0
  return { at, bytes: encoded.length }
}

/** What a value is as a text. */
export function textOf(quickJs: QuickJs, context: Address, value: Address): string {
  const at = quickJs.getString(context, value)
  if (at === 0) return ''
  const memory = Buffer.from(quickJs.memory.buffer)
  const text = memory.toString('utf8', at, memory.indexOf(0, at))
  quickJs.freeString(context, at)
  return text
}
