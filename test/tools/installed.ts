/** The packages of a folder beside this file, installed in a copy of it. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { expect } from 'vitest'

/** The copy's path, which is the caller's to remove. */
export function installedCopy(folder: string): string {
  const copy = mkdtempSync(join(tmpdir(), `polylog-${basename(folder)}-`))
  cpSync(folder, copy, { recursive: true })
  // Not `ci`: a lock may name binaries of an optional part for some platforms alone.
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const { status } = spawnSync('npm', args, { cwd: copy, stdio: ['ignore', 2, 2] })
  expect(status, 'npm installs them').toBe(0)
  return copy
}
