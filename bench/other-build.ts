/** The build of an earlier commit of this repository, in a clone that goes away again. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { scratchFolder } from './processes.ts'

/** The root of the clone. Throws where the commit is not in this repository. */
export function buildOf(commit: string): string {
  const id = commitId(commit)
  const root = scratchFolder('guard')
  const git = (...args: string[]): void => void execFileSync('git', args, { stdio: ['ignore', 'ignore', 'inherit'] })
  git('clone', '--quiet', '--shared', '--no-checkout', '.', root)
  git('-C', root, 'checkout', '--quiet', '--detach', id)
  const lock = (folder: string): string => readFileSync(join(folder, 'package-lock.json'), 'utf8')
  // Else it installs what it wants.
  if (existsSync('node_modules') && lock('.') === lock(root)) {
    symlinkSync(join(process.cwd(), 'node_modules'), join(root, 'node_modules'))
  }
  execFileSync(process.execPath, ['scripts/prepare.mjs'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  return root
}

function commitId(commit: string): string {
  if (commit.endsWith('-dirty')) {
    throw new Error(`the recorded run is of ${commit}: what it measured is in no commit; name one: --guard COMMIT`)
  }
  try {
    const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${commit}^{commit}`]
    return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    throw new Error(`commit ${commit} is not in this repository; name one that is: --guard COMMIT`)
  }
}
