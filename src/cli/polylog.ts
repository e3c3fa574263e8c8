#!/usr/bin/env node
/** The `polylog` command. */
import { readFileSync } from 'node:fs'
import { parseServe, usage, UsageError } from './arguments.ts'
import { readConfig, readyLine, reportFailure, serve, stopOnSignal } from './serve.ts'

function version(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

async function main(argv: readonly string[]): Promise<void> {
  const [command, ...rest] = argv
  if (command === '--version') process.stdout.write(`${version()}\n`)
  else if (command === '--help' || command === 'help' || rest.includes('--help')) process.stdout.write(usage)
  else if (command === 'serve') await runServe(rest)
  else throw new UsageError(command === undefined ? 'a command is needed' : `unknown command "${command}"`)
}

async function runServe(rest: readonly string[]): Promise<void> {
  const args = parseServe(rest, readConfig)
  const running = await serve(args)
  stopOnSignal(running)
  process.stdout.write(readyLine(running, args))
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  reportFailure(error)
}
