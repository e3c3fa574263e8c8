/** Commands between MULTI and EXEC, with copies of their arguments. */
import type { Command } from './command-table.ts'
import type { Arguments } from './wire.ts'

export interface QueuedCommand {
  readonly command: Command
  readonly arguments: Arguments
}

export class QueuedCommands {
  readonly commands: QueuedCommand[] = []
  /** One was refused when it was to be queued: EXEC refuses all. */
  isDoomed = false
  #bytes = 0

  /** False where it would grow beyond `maxBytes`. */
  add(command: Command, args: Arguments, maxBytes: number): boolean {
    this.#bytes += args.sizeBytes()
    if (this.#bytes > maxBytes) return false
    this.commands.push({ command, arguments: args.copy() })
    return true
  }

  get readOnly(): boolean {
    return this.commands.every(({ command }) => command.readOnly)
  }
}
