/** Commands between MULTI and EXEC, with copies of their arguments. */
import type { MemoryAccount } from '../../base/memory-account.ts'
import type { Command } from './command-table.ts'
import type { Arguments } from './wire.ts'

export interface QueuedCommand {
  readonly command: Command
  readonly arguments: Arguments
}

/** What the heap holds for a command beside its arguments. */
const commandBytes = 256

export class QueuedCommands {
  readonly commands: QueuedCommand[] = []
  /** One was refused when it was to be queued: EXEC refuses all. */
  isDoomed = false
  #bytes = 0
  readonly #memory: MemoryAccount

  constructor(session: MemoryAccount) {
    this.#memory = session.child('the commands since MULTI', { quantumBytes: 4096 })
  }

  /** False where it would grow beyond `maxBytes`. Throws `out_of_memory`. */
  add(command: Command, args: Arguments, maxBytes: number): boolean {
    const bytes = args.sizeBytes()
    this.#bytes += bytes
    if (this.#bytes > maxBytes) return false
    this.#memory.charge(bytes + commandBytes)
    this.commands.push({ command, arguments: args.copy() })
    return true
  }

  get sizeBytes(): number {
    return this.#memory.usedBytes
  }

  close(): void {
    this.#memory.close()
  }

  get readOnly(): boolean {
    return this.commands.every(({ command }) => command.readOnly)
  }
}
