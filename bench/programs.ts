/** Programs that are installed, and running them to their end. */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** The path of a program, or undefined where it is not installed. */
export function findProgram(name: string, folders: readonly string[] = []): string | undefined {
  const path = [...folders, ...(process.env['PATH'] ?? '').split(':')].map((folder) => join(folder, name))
  return path.find((candidate) => existsSync(candidate))
}

export function versionOf(program: string): string {
  const text = execFileSync(program, ['--version'], { encoding: 'utf8' })
  return /(\d+(?:\.\d+)+)/.exec(text)?.[1] ?? text.trim()
}

/** Runs a program to its end; its stdout. */
export async function runProgram(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let errors = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  if (code !== 0) throw new Error(`${program} exited with ${code}: ${errors.slice(-2000)}`)
  return out
}
