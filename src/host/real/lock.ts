import fs from 'node:fs'
import net from 'node:net'
import { createHash, randomBytes } from 'node:crypto'
import path from 'node:path'
import { DiskError, type DiskLock } from '../host.ts'

/**
 * A lock that lasts exactly as long as the process that took it, however that ends.
 *
 * Node has no flock. What the kernel does take back from a process that dies, `kill -9` included, is a listening socket:
 * connecting to its name is refused from that moment on. So a lock is a folder of socket names, one for each contender,
 * called `<pid>-<random>`:
 *
 *   1. listen at a name of our own
 *   2. look at every other name: does anything listen there?
 *   3. nothing does, and our name is still there → the lock is ours; the names of the dead are removed
 *      something does → it holds the lock, or contends like us; leave, and in the second case try again
 *
 * Why two can never both get it: each listens before it looks, so of two contenders the one that looks later sees the
 * other. Only a holder removes names, so a name that a contender has listed but not yet listened at can vanish only
 * while a holder lives, which that contender sees when it looks, or else notices by its own name being gone.
 *
 * Process ids serve for the message only, so their reuse does no harm; socket names work across containers that share a
 * folder, which ids and abstract names do not. They do not work across machines: a data folder belongs to one machine.
 *
 * Where the file system has no sockets (some shared folders of virtual machines) or the platform has no named ones
 * (Windows), a name outside the file system stands in: abstract on Linux, a pipe on Windows.
 */
export async function lockFolder(folder: string, answerWaitMs: number = ANSWER_WAIT_MS): Promise<DiskLock> {
  if (process.platform === 'win32') return lockByKernelName(folder)
  await makeFolder(folder)
  for (let attempt = 0; attempt < CONTENTION_ATTEMPTS; attempt += 1) {
    const candidate = await Candidate.listen(folder)
    if (candidate === undefined) return lockByKernelName(folder)
    const found = await lookAround(folder, candidate.name, answerWaitMs)
    if (found === 'alone' && candidate.isStillNamed()) return candidate.hold()
    candidate.leave()
    if (found !== 'alone' && found !== 'contended') throw locked(folder, found.pid)
    await pause(1 + (randomBytes(1)[0] ?? 0) / 8)
  }
  throw locked(folder, undefined)
}

const CONTENTION_ATTEMPTS = 300
/**
 * Who is too busy to answer within this time is taken for what it most likely is: a holder. Long, because a contender
 * that is mistaken for one makes others give up; only a start that fails anyway waits for it.
 */
const ANSWER_WAIT_MS = 5000
const HELD = 'held'
const CONTENDING = 'contending'

type Found = 'alone' | 'contended' | { readonly pid: number | undefined }

async function lookAround(folder: string, own: string, answerWaitMs: number): Promise<Found> {
  const dead: string[] = []
  let contended = false
  for (const name of fs.readdirSync(folder)) {
    if (name === own || !/^\d+-[0-9a-f]+$/.test(name)) continue
    const state = await ask(folder, name, answerWaitMs)
    if (state === HELD) return { pid: Number.parseInt(name, 10) }
    if (state === CONTENDING) contended = true
    else dead.push(name)
  }
  if (contended) return 'contended'
  // Alone, hence the holder, unless our own name was removed meanwhile.
  if (fs.existsSync(path.join(folder, own)))
    for (const name of dead) fs.rmSync(path.join(folder, name), { force: true })
  return 'alone'
}

/** What listens at the name; `undefined` when nothing does, that is, when its process has died. */
function ask(folder: string, name: string, answerWaitMs: number): Promise<string | undefined> {
  const door = openDoor(folder)
  return new Promise<string | undefined>((resolve) => {
    const socket = net.connect({ path: door.pathOf(name) })
    const answer = (state: string | undefined): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(state)
    }
    // After a standstill of our own the timer comes first, and the answer, long there, in the same turn after it.
    const timer = setTimeout(() => setImmediate(() => answer(HELD)), answerWaitMs)
    socket.once('data', (bytes) => answer(bytes.toString() === CONTENDING ? CONTENDING : HELD))
    // It listened when we came and left before it answered: gone, but let the next look decide.
    socket.once('end', () => answer(CONTENDING))
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const gone = error.code === 'ECONNREFUSED' || error.code === 'ENOENT'
      answer(gone ? undefined : CONTENDING)
    })
  }).finally(() => door.close())
}

class Candidate {
  readonly name: string
  readonly #folder: string
  readonly #server: net.Server
  readonly #door: Door
  #state = CONTENDING

  private constructor(folder: string, name: string, server: net.Server, door: Door) {
    this.#folder = folder
    this.name = name
    this.#server = server
    this.#door = door
    server.on('connection', (socket) => {
      socket.on('error', () => {})
      socket.end(this.#state)
    })
    // The lock must not keep a process alive that has nothing else to do.
    server.unref()
  }

  /** `undefined` where the file system has no sockets. */
  static listen(folder: string): Promise<Candidate | undefined> {
    const name = `${process.pid}-${randomBytes(8).toString('hex')}`
    const door = openDoor(folder)
    const server = net.createServer()
    return new Promise<Candidate | undefined>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        door.close()
        if (error.code === 'EOPNOTSUPP' || error.code === 'ENOTSUP' || error.code === 'EPERM') resolve(undefined)
        else reject(error)
      })
      server.listen(door.pathOf(name), () => {
        server.on('error', () => {})
        resolve(new Candidate(folder, name, server, door))
      })
    })
  }

  isStillNamed(): boolean {
    return fs.existsSync(path.join(this.#folder, this.name))
  }

  hold(): DiskLock {
    this.#state = HELD
    // A socket keeps the name that it was given: whoever looks by the folder's path finds it there, or another folder.
    const isInPlace = (): Promise<boolean> => exists(path.join(this.#folder, this.name))
    return { isInPlace, release: () => Promise.resolve(this.leave()) }
  }

  /** Closing removes the name first and the listener with it, in one turn. */
  leave(): void {
    if (!this.#server.listening) return
    this.#server.close()
    this.#door.close()
  }
}

interface Door {
  pathOf(name: string): string
  close(): void
}

/**
 * A socket's path may have 107 bytes. Where it would be longer, a descriptor of the folder stands for its path on Linux;
 * it stays open as long as the listener, which removes its name by the same path when it closes.
 */
function openDoor(folder: string): Door {
  const absolute = path.resolve(folder)
  const isShort = Buffer.byteLength(absolute) <= LONGEST_FOLDER_BYTES
  if (isShort || process.platform !== 'linux') {
    return { pathOf: (name) => path.join(absolute, name), close: () => {} }
  }
  const fd = fs.openSync(folder, fs.constants.O_RDONLY)
  let open = true
  const close = (): void => {
    if (open) fs.closeSync(fd)
    open = false
  }
  return { pathOf: (name) => `/proc/self/fd/${fd}/${name}`, close }
}

/** With a name of at most 30 bytes this stays below macOS's limit of 103, too. */
const LONGEST_FOLDER_BYTES = 72

/** Weaker than sockets in the folder: on Linux, containers with networks of their own do not see each other's names. */
export async function lockByKernelName(folder: string): Promise<DiskLock> {
  await makeFolder(folder)
  const { dev, ino } = fs.statSync(folder, { bigint: true })
  const digest = createHash('sha256').update(`${dev}:${ino}`).digest('hex').slice(0, 32)
  const name = process.platform === 'win32' ? `\\\\.\\pipe\\polylog-${digest}` : `\0polylog-${digest}`
  const server = net.createServer((socket) => socket.destroy())
  server.unref()
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? locked(folder, undefined) : error),
    )
    server.listen(name, resolve)
  })
  const isInPlace = (): Promise<boolean> => isSame(folder, dev, ino)
  return { isInPlace, release: async () => void server.close() }
}

/** What cannot be looked at may be there. */
async function exists(name: string): Promise<boolean> {
  try {
    await fs.promises.lstat(name)
    return true
  } catch (error) {
    return !isMissing(error)
  }
}

async function isSame(folder: string, dev: bigint, ino: bigint): Promise<boolean> {
  try {
    const now = await fs.promises.stat(folder, { bigint: true })
    return now.dev === dev && now.ino === ino
  } catch (error) {
    return !isMissing(error)
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ENOTDIR'
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await fs.promises.mkdir(folder, 0o700)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

function locked(folder: string, pid: number | undefined): DiskError {
  const holder = pid === undefined ? 'another process' : `process ${pid}`
  return new DiskError('locked', folder, `${folder}: locked by ${holder}`, pid === undefined ? {} : { pid })
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs))
}
