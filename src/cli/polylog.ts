#!/usr/bin/env node
/** The `polylog` command. What a command needs is loaded when it is asked for: who wants the version waits for no server. */
import { fileURLToPath } from 'node:url'
import { createRealHost } from '../host/real/real-host.ts'
import { readTextFile } from '../host/small-file.ts'

async function version(): Promise<string> {
  const path = fileURLToPath(new URL('../../package.json', import.meta.url))
  const text = await readTextFile(createRealHost().disk, path, 64 * 1024)
  return (JSON.parse(text ?? '{"version":"unknown"}') as { version: string }).version
}

async function main(argv: readonly string[]): Promise<void> {
  const [command, ...rest] = argv
  if (command === '--version') {
    process.stdout.write(`${await version()}\n`)
    return
  }
  const { usage, UsageError } = await import('./arguments.ts')
  if (command === '--help' || command === 'help' || rest.includes('--help')) process.stdout.write(usage)
  else if (command === 'serve') await runServe(rest)
  else if (command === 'verify') await runVerify(rest)
  else if (command === 'user') await runUser(rest)
  else if (command === 'key') await runKey(rest)
  else if (command === 'import' || command === 'export') await runTransfer(command, rest)
  else throw new UsageError(command === undefined ? 'a command is needed' : `unknown command "${command}"`)
}

async function runServe(rest: readonly string[]): Promise<void> {
  const { parseServe } = await import('./arguments.ts')
  const { readConfig, readyLine, reloadOnSignal, serve, stopOnSignal } = await import('./serve.ts')
  const args = await parseServe(rest, readConfig)
  const running = await serve(args)
  stopOnSignal(running, args.logLiterals)
  reloadOnSignal(running, args)
  process.stdout.write(readyLine(running, args))
}

async function runVerify(rest: readonly string[]): Promise<void> {
  const { verifyCommand } = await import('./verify.ts')
  await verifyCommand(rest)
}

async function runUser(rest: readonly string[]): Promise<void> {
  const { userCommand } = await import('./user.ts')
  await userCommand(rest)
}

async function runTransfer(direction: 'import' | 'export', rest: readonly string[]): Promise<void> {
  const { transferCommand } = await import('./transfer.ts')
  await transferCommand(direction, rest)
}

async function runKey(rest: readonly string[]): Promise<void> {
  const { keyCommand } = await import('./key.ts')
  await keyCommand(rest)
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  const { reportFailure } = await import('./failure.ts')
  reportFailure(error)
}
