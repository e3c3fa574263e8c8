#!/usr/bin/env node
/** The `polylog` command. */
import { fileURLToPath } from 'node:url'
import { createRealHost } from '../host/real/real-host.ts'
import { readTextFile } from '../host/small-file.ts'
import { parseServe, usage, UsageError } from './arguments.ts'
import { readConfig, readyLine, reportFailure, serve, stopOnSignal } from './serve.ts'

async function version(): Promise<string> {
  const path = fileURLToPath(new URL('../../package.json', import.meta.url))
  const text = await readTextFile(createRealHost().disk, path, 64 * 1024)
  return (JSON.parse(text ?? '{"version":"unknown"}') as { version: string }).version
}

async function main(argv: readonly string[]): Promise<void> {
  const [command, ...rest] = argv
  if (command === '--version') process.stdout.write(`${await version()}\n`)
  else if (command === '--help' || command === 'help' || rest.includes('--help')) process.stdout.write(usage)
  else if (command === 'serve') await runServe(rest)
  else if (command === 'verify') await runVerify(rest)
  else throw new UsageError(command === undefined ? 'a command is needed' : `unknown command "${command}"`)
}

async function runServe(rest: readonly string[]): Promise<void> {
  const args = await parseServe(rest, readConfig)
  const running = await serve(args)
  stopOnSignal(running)
  process.stdout.write(readyLine(running, args))
}

/** Loaded where it is asked for: a server has no use for it. */
async function runVerify(rest: readonly string[]): Promise<void> {
  const { verifyCommand } = await import('./verify.ts')
  await verifyCommand(rest)
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  reportFailure(error)
}
