import type { Encryption } from './encrypted/encryption.ts'

/**
 * The only way from Polylog to the world (rule 5): time, randomness, disk, network, workers and the log for people.
 *
 * `real/` calls Node; `simulated/` is driven by a seed, so that the whole server replays, faults included. Nothing else
 * in `src/` touches Node's clocks, timers, disk, network or randomness; `scripts/check/host-rule.mjs` proves it.
 */
export interface Host {
  /** Wall clock, milliseconds since 1970. It may jump. */
  now(): number
  /** Microseconds since some moment; never goes back. */
  monotonic(): number
  random(into: Uint8Array): void
  /** Once, not before `delayMs` have passed. A timer alone does not keep the process alive. */
  at(delayMs: number, run: () => void): Cancel
  /** Runs `run` in a later turn of the event loop, after this turn's microtasks and after waiting I/O had its chance. */
  turn(run: () => void): void
  readonly disk: Disk
  readonly network: Network
  /**
   * Input and output are cloned; `SharedArrayBuffer`s are shared. Rejects with what the job threw, or `UnknownJobError`. A
   * job may be stopped and begun anew, so it has no effects; where `signal` is raised it ends, and its promise is rejected.
   */
  worker(job: JobName, input: Transfer, signal?: AbortSignal): Promise<Transfer>
  /**
   * A line for the people who run the server. No literal of a statement, no key and no value of a client's is in the message or
   * in a field, but within an `Error` that is a field: of that the host says no more than it may (`base/logged-error.ts`).
   */
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void
  memory(): MemoryFacts
  /** What the process has had of processors. */
  processorTime(): { readonly userUs: number; readonly systemUs: number }
  /** Gives back what nobody refers to any more, where the host can be asked for that. */
  collectGarbage(which: Garbage): void
  /** A broken invariant or an unusable state: says so and ends the process (in the simulation: the simulated process). */
  fatal(error: Error): never
}

export type Cancel = () => void

export type LogLevel = 'info' | 'warning' | 'error'

/** `young`: what has been made and let go of since a moment ago, in one or two milliseconds. `all` takes tens of them. */
export type Garbage = 'young' | 'all'

export interface MemoryFacts {
  /** What this process can have at most: the machine's, or that of the control group that it is in. */
  readonly totalBytes: number
  /** What JavaScript's values may take of it before the process ends. */
  readonly heapLimitBytes: number
  /** What it has now. */
  readonly residentBytes: number
  /** Of that, JavaScript's heap. */
  readonly heapBytes: number
  /** Buffers beside it: stored data, and those that are garbage and not collected yet. */
  readonly bufferBytes: number
  /** Heaps of threads that run jobs, each as it was after its last one. */
  readonly workerBytes: number
}

/** A worker's job is named, so that simulated workers run the same code inline. */
export type JobName = string
export type Transfer = unknown
/** The host was made without that job: who has another way goes it. */
export class UnknownJobError extends Error {
  constructor(job: JobName) {
    super(`no worker job is named ${job}`)
    this.name = 'UnknownJobError'
  }
}

/** The job needed more memory than its thread may have. */
export class WorkerMemoryError extends Error {
  constructor() {
    super('the worker thread ran out of memory')
    this.name = 'WorkerMemoryError'
  }
}

/** What a job's module exports as `run`. It may answer with a promise of its output. */
export type Job = (input: Transfer) => Transfer

/** Paths are absolute or relative to the process, with `/` between their parts. Errors: `DiskError`. */
export interface Disk {
  /** Of a disk that encrypts its files (`encrypted/encrypted-disk.ts`): for who encrypts by itself what it writes. */
  readonly encryption?: Encryption
  open(path: string, options: OpenOptions): Promise<File>
  /** Names in the folder, sorted by code unit; throws `not-found` where there is no such folder. */
  list(path: string): Promise<string[]>
  makeFolder(path: string): Promise<void>
  /** Replaces what `to` named. After a crash all of it has happened or nothing has. */
  rename(from: string, to: string): Promise<void>
  link(from: string, to: string): Promise<void>
  /** A file's name, or an empty folder; a file lives on for who has it open. */
  remove(path: string): Promise<void>
  /** Makes creations, renames and removals in this folder durable. */
  syncFolder(path: string): Promise<void>
  /** Held until released or until the process dies, whichever way. Throws `locked` with the holder's pid where known,
   *  also when the holder is this process. Creates what it needs at `path`, which stays there. */
  lock(path: string): Promise<DiskLock>
}

export interface OpenOptions {
  readonly mode: 'read' | 'write' | 'create' // create: fails with `exists` where the file exists; write: read and write
  /** `O_DSYNC`: a write is durable when it completes. */
  readonly syncWrites?: boolean
  /** A disk that encrypts its files leaves this one to the caller. */
  readonly encryptsItself?: boolean
}

export interface DiskLock {
  /** Whether what was locked still lies under its path: false where it was removed, renamed or replaced. */
  isInPlace(): Promise<boolean>
  release(): Promise<void>
}

export interface File {
  /** Bytes read; fewer than asked for only at the end of the file. */
  readAt(position: number, into: Uint8Array): Promise<number>
  readAtSync(position: number, into: Uint8Array): number
  /** All of `bytes`, or an error; after an error the range's contents are undefined. */
  writeAt(position: number, bytes: Uint8Array): Promise<void>
  writeAtSync(position: number, bytes: Uint8Array): void
  /** fdatasync. After it failed once, every later call fails: what the kernel dropped cannot be synced by asking again. */
  sync(): Promise<void>
  /** Writes zeros from `from` to `to` (Node has no fallocate) and syncs; the file is at least `to` long afterwards. */
  allocate(from: number, to: number): Promise<void>
  size(): Promise<number>
  truncate(size: number): Promise<void>
  /** Waits for what is under way; does not sync. */
  close(): Promise<void>
}

export type DiskErrorCode = 'not-found' | 'exists' | 'locked' | 'no-space' | 'access' | 'io'

export class DiskError extends Error {
  readonly code: DiskErrorCode
  readonly path: string
  /** Of `locked`: the holder, where known. */
  readonly pid: number | undefined

  constructor(code: DiskErrorCode, path: string, message: string, options: { cause?: unknown; pid?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'DiskError'
    this.code = code
    this.path = path
    this.pid = options.pid
  }
}

/** Errors: `NetworkError`. */
export interface Network {
  listen(address: Address, onConnection: (socket: Socket) => void): Promise<Listener>
  connect(address: Address): Promise<Socket>
  /** Reads what a server shows of itself. Errors: `certificate` where it is none, or the key is another's. */
  identity(text: IdentityText): Identity
  /** A new key, and a certificate that it signs itself, for ten years. */
  makeIdentity(names: readonly string[]): Promise<KeyPair>
  /**
   * The server's side of TLS over an accepted socket whose first bytes are read already. From here on only what is returned
   * is used. Before `onSecured` it can be destroyed, and nothing else; where the handshake fails it closes.
   */
  secure(socket: Socket, identity: Identity, first: Uint8Array): SecureSocket
}

/** In PEM. */
export interface KeyPair {
  /** With those that lead to one that clients know. */
  readonly certificate: string
  readonly key: string
}

export interface IdentityText extends KeyPair {
  /** A certificate that a client shows must be one that one of these has signed; left out, none is asked for. */
  readonly clientAuthorities?: string | undefined
  /** Who shows none is let in, too. */
  readonly clientsMayShowNone?: boolean | undefined
  /** Lists of what is revoked, in PEM, of every authority that has signed: one that is missing or too old lets nobody in. */
  readonly revocations?: string | undefined
  /** By which a client may say in its handshake what it will speak (ALPN). One that names none of these is refused. */
  readonly protocols: readonly string[]
}

/** What handshakes show, checked; made by a host, for that host. */
export interface Identity {
  /** SHA-256 of the certificate, in hexadecimal digits. */
  readonly fingerprint: string
  readonly validUntilMs: number
  /** The same for people. */
  readonly validUntil: string
}

export type NetworkErrorCode = 'refused' | 'address-in-use' | 'no-address' | 'access' | 'certificate' | 'io'

export class NetworkError extends Error {
  readonly code: NetworkErrorCode

  constructor(code: NetworkErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'NetworkError'
    this.code = code
  }
}

export interface Address {
  readonly host: string
  readonly port: number
  /**
   * A socket in the file system instead of the two, for its owner alone. What nobody answers at is replaced; it goes with
   * its listener. Node's paths of sockets end after about 100 bytes.
   */
  readonly path?: string
}

export interface Listener {
  /** With the port that was chosen where 0 was asked for. */
  readonly address: Address
  /** Stops accepting; connections go on. */
  close(): Promise<void>
}

export interface SocketListener {
  onData(chunk: Uint8Array): void
  /** The other side has ended its half. */
  onEnd(): void
  /** What `write` answered false to has been taken. */
  onDrain(): void
  onClose(): void
}

/**
 * A stream of bytes. Events are given by assigning the handlers, before the turn in which the socket was handed over
 * ends. No data arrives between `pause()` and `resume()`. `onClose` is called once, last.
 */
export interface Socket {
  readonly remote: string
  /** The address that it has come in by, where it has one. */
  readonly local?: string
  /** From this machine itself: by loopback, or by a socket in the file system. */
  readonly isLocal: boolean
  /** Who is told what comes; one object, since functions of their own would be memory of each connection. */
  listener: SocketListener
  /** False where the caller should wait for `onDrain`. The bytes are not copied: hand them over and forget them. After
   *  `end`, `destroy` or the close, bytes are dropped and the answer is true. */
  write(bytes: Uint8Array): boolean
  /** Bytes handed to `write` that the peer's kernel has not taken yet. */
  readonly pendingBytes: number
  pause(): void
  resume(): void
  /** Sends what is pending, then ends our half. */
  end(): void
  /** Closes at once. */
  destroy(): void
}

/** Of a client's certificate that was signed by an authority that is believed, and is not revoked. */
export interface ClientCertificate {
  /** The first one of its subject; undefined where there is none, or none that is a text. */
  readonly commonName: string | undefined
  /** The whole subject as RFC 2253 writes it, the last part first: `CN=ada,OU=db,O=Acme`. */
  readonly subject: string
}

/** What a handshake has told. */
export interface Secured {
  readonly certificate?: ClientCertificate | undefined
  /** As the client calls the server (SNI). */
  readonly serverName: string | undefined
  /** Of the identity's `protocols`. */
  readonly protocol: string | undefined
}

export interface SecureSocket extends Socket {
  /** The handshake has ended well. */
  onSecured: (secured: Secured) => void
}
