import { DiskError, type DiskErrorCode } from '../host.ts'
import { FileImage, type Losses } from './file-image.ts'
import type { Survival } from './survival.ts'

export interface HeldLock {
  isInPlace(): boolean
  release(): void
}

/**
 * A simulated disk: the tree of names that programs see, and the changes to it that no sync of a folder has made durable.
 *
 * A change (create, rename, link, remove, make a folder) is atomic. A power failure may undo any set of changes that were
 * not synced, in whatever order they were made, with one restriction: a change survives only if all earlier changes of
 * the same name in the same folder do, since it could not have been made without them. In particular
 * - a file whose content was synced is lost where its creation was not,
 * - a rename that replaces a file leaves the old one or the new one, never neither,
 * - a rename between two folders is durable when both have been synced.
 *
 * The root always exists. Paths are split at `/`; a leading `/` means nothing.
 */
export class DiskImage {
  /** Writes that would make the files' lengths exceed this together fail with `no-space`. */
  capacityBytes: number = Infinity
  readonly #root: Folder = new Map()
  #changes: Change[] = []
  #serial = 0
  readonly #locks = new Map<string, { readonly owner: LockOwner }>()
  readonly #tracksUnsynced: boolean

  constructor(options: { tracksUnsynced: boolean } = { tracksUnsynced: true }) {
    this.#tracksUnsynced = options.tracksUnsynced
  }

  openFile(path: string): FileImage {
    const node = this.#find(path)
    if (node === undefined) throw failure('not-found', path)
    if (!(node instanceof FileImage)) throw failure('io', path, 'is a folder')
    return node
  }

  createFile(path: string): FileImage {
    const { folder, name } = this.#place(path)
    if (folder.has(name)) throw failure('exists', path)
    const file = new FileImage({ tracksUnsynced: this.#tracksUnsynced })
    this.#apply([{ folder, name, after: file }])
    return file
  }

  list(path: string): string[] {
    return [...this.#folder(path).keys()].sort()
  }

  makeFolder(path: string): void {
    const { folder, name } = this.#place(path)
    if (folder.has(name)) throw failure('exists', path)
    this.#apply([{ folder, name, after: new Map() }])
  }

  rename(from: string, to: string): void {
    const source = this.#place(from)
    const target = this.#place(to)
    const node = source.folder.get(source.name)
    const replaced = target.folder.get(target.name)
    if (node === undefined) throw failure('not-found', from)
    if (node === replaced) return
    if (node instanceof Map && holds(node, target.folder)) throw failure('io', to, 'lies within what is renamed')
    if (replaced !== undefined) checkReplaceable(node, replaced, to)
    this.#apply([
      { ...source, after: undefined },
      { ...target, after: node },
    ])
  }

  link(from: string, to: string): void {
    const node = this.#find(from)
    if (node === undefined) throw failure('not-found', from)
    if (node instanceof Map) throw failure('access', from, 'is a folder')
    const { folder, name } = this.#place(to)
    if (folder.has(name)) throw failure('exists', to)
    this.#apply([{ folder, name, after: node }])
  }

  remove(path: string): void {
    const { folder, name } = this.#place(path)
    const node = folder.get(name)
    if (node === undefined) throw failure('not-found', path)
    if (node instanceof Map && node.size > 0) throw failure('io', path, 'the folder is not empty')
    this.#apply([{ folder, name, after: undefined }])
  }

  /** Checks that the folder exists and answers with what its sync will do, when it comes to that. */
  prepareSync(path: string): () => void {
    const folder = this.#folder(path)
    const mark = this.#serial
    return () => this.#syncFolder(folder, mark)
  }

  lock(path: string, owner: LockOwner): HeldLock {
    const { folder, name } = this.#place(path)
    const key = split(path).join('/')
    const holder = this.#locks.get(key)?.owner
    if (holder !== undefined) {
      throw new DiskError('locked', path, `${path}: locked by process ${holder.pid}`, { pid: holder.pid })
    }
    if (!folder.has(name)) this.makeFolder(path)
    const hold = { owner }
    this.#locks.set(key, hold)
    const locked = folder.get(name)
    return {
      isInPlace: () => this.#find(path) === locked,
      release: () => {
        if (this.#locks.get(key) === hold) this.#locks.delete(key)
      },
    }
  }

  releaseLocks(owner: LockOwner): void {
    for (const [key, hold] of this.#locks) if (hold.owner === owner) this.#locks.delete(key)
  }

  /** Throws where `bytes` more do not fit. */
  claim(path: string, bytes: number): void {
    if (bytes <= 0 || this.capacityBytes === Infinity) return
    if (this.usedBytes + bytes > this.capacityBytes) throw failure('no-space', path, 'no space is left')
  }

  get usedBytes(): number {
    return this.files().reduce((sum, { file }) => sum + file.size, 0)
  }

  /** All files by path, in the order of their paths; one with two names is there once, under the first. */
  files(): { path: string; file: FileImage }[] {
    const found: { path: string; file: FileImage }[] = []
    const seen = new Set<FileImage>()
    const walk = (folder: Folder, prefix: string): void => {
      for (const name of [...folder.keys()].sort()) {
        const node = folder.get(name)
        if (node instanceof Map) walk(node, `${prefix}${name}/`)
        else if (node !== undefined && !seen.has(node)) {
          seen.add(node)
          found.push({ path: prefix + name, file: node })
        }
      }
    }
    walk(this.#root, '')
    return found
  }

  /** The power failed. */
  lose(survival: Survival): Losses & { readonly namesLost: boolean } {
    const namesLost = this.#loseChanges(survival)
    const losses = this.files().map(({ file }) => file.lose(survival))
    this.#locks.clear()
    return {
      namesLost,
      lost: losses.some((loss) => loss.lost),
      torn: losses.some((loss) => loss.torn),
      shortened: losses.some((loss) => loss.shortened),
    }
  }

  #loseChanges(survival: Survival): boolean {
    const lost: Change[] = []
    const kept: Change[] = []
    for (const change of this.#changes) {
      const possible = !lost.some((earlier) => touchSameName(earlier, change))
      if (possible && survival.keeps()) kept.push(change)
      else lost.push(change)
    }
    for (const change of this.#changes.toReversed()) for (const step of change.steps) bind(step, step.before)
    for (const change of kept) for (const step of change.steps) bind(step, step.after)
    this.#changes = []
    return lost.length > 0
  }

  #syncFolder(folder: Folder, mark: number): void {
    const pending: Change[] = []
    for (const change of this.#changes) {
      if (change.serial <= mark) change.unsynced.delete(folder)
      const waits = change.unsynced.size > 0 || pending.some((earlier) => touchSameName(earlier, change))
      if (waits) pending.push(change)
    }
    this.#changes = pending
  }

  #apply(steps: Omit<Step, 'before'>[]): void {
    const complete = steps.map((step) => ({ ...step, before: step.folder.get(step.name) }))
    for (const step of complete) bind(step, step.after)
    this.#serial += 1
    if (!this.#tracksUnsynced) return
    const unsynced = new Set(complete.map((step) => step.folder))
    this.#changes.push({ serial: this.#serial, steps: complete, unsynced })
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.#root
    for (const part of split(path)) {
      if (!(node instanceof Map)) return undefined
      node = node.get(part)
    }
    return node
  }

  #folder(path: string): Folder {
    const node = this.#find(path)
    if (!(node instanceof Map)) throw failure('not-found', path)
    return node
  }

  #place(path: string): { folder: Folder; name: string } {
    const parts = split(path)
    const name = parts.pop()
    if (name === undefined) throw failure('exists', path)
    return { folder: this.#folder(parts.join('/')), name }
  }
}

export interface LockOwner {
  readonly pid: number
}

type Node = FileImage | Folder
type Folder = Map<string, Node>

/** A name in a folder, what it stood for, and what it stands for now. */
interface Step {
  readonly folder: Folder
  readonly name: string
  readonly before: Node | undefined
  readonly after: Node | undefined
}

interface Change {
  readonly serial: number
  readonly steps: readonly Step[]
  /** The folders whose sync this change still needs. */
  readonly unsynced: Set<Folder>
}

function bind(step: Step, node: Node | undefined): void {
  if (node === undefined) step.folder.delete(step.name)
  else step.folder.set(step.name, node)
}

function touchSameName(one: Change, other: Change): boolean {
  return one.steps.some((a) => other.steps.some((b) => a.folder === b.folder && a.name === b.name))
}

function holds(folder: Folder, searched: Folder): boolean {
  if (folder === searched) return true
  for (const node of folder.values()) if (node instanceof Map && holds(node, searched)) return true
  return false
}

function checkReplaceable(node: Node, replaced: Node, path: string): void {
  if (node instanceof Map !== replaced instanceof Map)
    throw failure('io', path, 'a folder and a file do not replace each other')
  if (replaced instanceof Map && replaced.size > 0) throw failure('io', path, 'the folder is not empty')
}

function split(path: string): string[] {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts
}

const WORDS: Record<DiskErrorCode, string> = {
  'not-found': 'there is no such file or folder',
  exists: 'the name is taken',
  locked: 'locked',
  'no-space': 'no space is left',
  access: 'not permitted',
  io: 'input/output error',
}

export function failure(code: DiskErrorCode, path: string, message: string = WORDS[code]): DiskError {
  return new DiskError(code, path, `${path}: ${message}`)
}
