/**
 * psql 15 over a schema that has a little of everything: what it prints here, line by line, beside what it prints of PostgreSQL.
 *
 * `golden/postgresql.txt` is what PostgreSQL 15 said, where the user and the database are called polylog; `golden/differences.txt`
 * is all that is otherwise here. Sizes are bytes of another store, and spaces fill columns: neither is compared.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ServerProcess } from '../../end-to-end/server-process.ts'

const psql = '/usr/lib/postgresql/15/bin/psql'
const golden = join(import.meta.dirname, 'golden')

function run(port: number, script: string): string {
  const args = ['-X', '-q', '-h', '127.0.0.1', '-p', `${port}`, '-U', 'polylog', '-d', 'polylog', '-f', script]
  const { stdout, stderr } = spawnSync('sh', ['-c', `exec ${psql} "$@" 2>&1`, 'psql', ...args], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], PGTZ: 'UTC', LANG: 'C.UTF-8' },
  })
  return stdout + stderr
}

function comparable(text: string): string {
  return text
    .replaceAll(/\b\d+ (bytes|kB)/g, 'N')
    .replaceAll(/ +/g, ' ')
    .replaceAll(/-+/g, '-')
    .replaceAll(/ $/gm, '')
}

/** Lines of the one and of the other, without their numbers. */
function differences(theirs: string, ours: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'polylog-psql-'))
  try {
    writeFileSync(join(folder, 'theirs'), theirs)
    writeFileSync(join(folder, 'ours'), ours)
    const { stdout } = spawnSync('diff', ['theirs', 'ours'], { cwd: folder, encoding: 'utf8' })
    return stdout.replaceAll(/^\d.*$/gm, '')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test.skipIf(!existsSync(psql))('psql prints of Polylog what it prints of PostgreSQL', async () => {
  expect(execFileSync(psql, ['--version'], { encoding: 'utf8' })).toContain(' 15.')
  const server = await ServerProcess.start('--memory')
  try {
    expect(run(server.port, 'schema.sql')).toBe('')
    const printed = comparable(run(server.port, 'commands.psql'))
    const found = differences(comparable(readFileSync(join(golden, 'postgresql.txt'), 'utf8')), printed)
    const file = join(golden, 'differences.txt')
    if (process.env['REWRITE'] === '1') writeFileSync(file, found)
    else expect(found).toBe(readFileSync(file, 'utf8'))
  } finally {
    await server.kill()
  }
})
