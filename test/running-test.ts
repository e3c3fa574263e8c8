/**
 * Notes which test runs, where `POLYLOG_RUNNING_TESTS` names a folder: one that never gives the thread back cannot be
 * stopped by its own time limit, and whoever ends its process tells by this which it was. A file for each process.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'

const folder = process.env['POLYLOG_RUNNING_TESTS']

if (folder !== undefined) {
  const path = join(folder, String(process.pid))
  beforeEach(({ task }) => writeFileSync(path, `${task.file.name} > ${task.fullTestName}`))
  afterEach(() => rmSync(path, { force: true }))
}
