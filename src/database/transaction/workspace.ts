/**
 * What a statement, cursor or portal works with: its account of memory and its temporary files. All of it goes with
 * `close`.
 */
import type { MemoryAccount } from '../../base/memory-account.ts'
import { PolylogError } from '../../base/errors.ts'
import type { SpaceBudget, TemporaryFile, TemporaryFiles } from '../directory/temporary-files.ts'

export interface WorkspaceParts {
  /** Undefined where nothing can be spilled. */
  readonly temporary: TemporaryFiles | undefined
  /** What one operator may keep before it spills, where it can. */
  readonly operatorBytes: number
  readonly statementBytes: number
  /** Whose temporary files they are, where that is limited. */
  readonly space?: SpaceBudget
}

/** What limits a caller beyond what limits everybody. */
export interface CallerLimits {
  workspaces(all: WorkspaceParts): WorkspaceParts
}

export class Workspace {
  readonly memory: MemoryAccount
  readonly operatorBytes: number
  readonly #temporary: TemporaryFiles | undefined
  readonly #space: SpaceBudget | undefined
  readonly #files = new Set<TemporaryFile>()
  #onClose: (() => void)[] = []
  #closed = false

  constructor(name: string, account: MemoryAccount, all: WorkspaceParts, limits?: CallerLimits) {
    const { temporary, operatorBytes, statementBytes, space } = limits?.workspaces(all) ?? all
    this.memory = account.child(name, { limitBytes: statementBytes })
    this.operatorBytes = operatorBytes
    this.#temporary = temporary
    this.#space = space
  }

  get isClosed(): boolean {
    return this.#closed
  }

  get canSpill(): boolean {
    return this.#temporary !== undefined
  }

  /** A file of its own; it goes with the workspace at the latest. */
  async createFile(): Promise<TemporaryFile> {
    if (this.#temporary === undefined) throw new PolylogError('out_of_memory', 'there are no temporary files in memory')
    const file = await this.#temporary.create(this.#space)
    this.#files.add(file)
    // The statement may have been canceled while the file was made.
    if (this.#closed) this.closeFile(file)
    return file
  }

  closeFile(file: TemporaryFile): void {
    this.#files.delete(file)
    file.close()
  }

  /** For what goes with the workspace and is neither memory nor a file. */
  onClose(end: () => void): void {
    if (this.#closed) end()
    else this.#onClose.push(end)
  }

  close(): void {
    this.#closed = true
    for (const end of this.#onClose) end()
    this.#onClose = []
    this.memory.close()
    for (const file of this.#files) file.close()
    this.#files.clear()
  }
}
