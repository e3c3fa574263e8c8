/** Where the key of an encrypted directory comes from: a file, or what a command prints. */
import { execFile } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'

/** More than any form of a key takes. */
const mostBytes = 64 * 1024

export interface KeyFile {
  readonly bytes: Uint8Array
  /** Others than its owner may read it or write it. */
  readonly isShared: boolean
}

/** Errors: those of the system. */
export async function readKeyFile(path: string): Promise<KeyFile> {
  const { mode, size } = await stat(path)
  if (size > mostBytes) throw new Error(`${path} has ${size} bytes, which are no key`)
  const isShared = process.platform !== 'win32' && (mode & 0o077) !== 0
  return { bytes: await readFile(path), isShared }
}

/** What the command of a shell prints; it may ask at the terminal. Errors: where it fails. */
export function readKeyOfCommand(command: string): Promise<Uint8Array> {
  const [shell, flag] = process.platform === 'win32' ? ['cmd.exe', '/c'] : ['/bin/sh', '-c']
  return new Promise((resolve, reject) => {
    const options = { encoding: 'buffer', maxBuffer: mostBytes } as const
    const child = execFile(shell, [flag, command], options, (error, output) => {
      // Its message would have the command in it, and that may have a secret.
      if (error !== null) reject(new Error(`the command ended with ${error.code ?? error.signal ?? 'an error'}`))
      else resolve(output)
    })
    child.stderr?.pipe(process.stderr)
  })
}
