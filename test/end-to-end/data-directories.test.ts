/** What becomes of a start on data directories of every kind: foreign, damaged, in use, of a newer version. */
import { appendFileSync, chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { countIn, databaseIn, fill, loggedAt, segmentIn, serveOn, tryToServe } from './data-folders.ts'
import { withFolder } from './server-process.ts'

describe('a data directory', () => {
  test('in use by another process is 3, and that process goes on', () =>
    withFolder(async (folder) => {
      const server = await serveOn(folder)
      const { status, stderr } = await tryToServe(folder)
      expect(status).toBe(3)
      expect(stderr).toContain(folder)
      expect(stderr).toContain(String(server.pid))
      expect(await server.stop()).toMatchObject({ status: 0 })
    }))

  test('left by a killed process is free', () =>
    withFolder(async (folder) => {
      const server = await serveOn(folder)
      await server.kill()
      const next = await serveOn(folder)
      expect(await next.stop()).toMatchObject({ status: 0 })
    }))

  test('of a newer format is 1 and stays untouched', () =>
    withFolder(async (folder) => {
      await fill(folder)
      writeFileSync(join(folder, 'FORMAT'), '999\n')
      const before = readFileSync(segmentIn(folder))
      const { status, stderr } = await tryToServe(folder)
      expect(status).toBe(1)
      expect(stderr).toMatch(/999.*newer/)
      expect(readFileSync(segmentIn(folder)).equals(before)).toBe(true)
    }))

  test('whose format is no number is 4', () =>
    withFolder(async (folder) => {
      writeFileSync(join(folder, 'FORMAT'), 'garbage')
      const { status, stderr } = await tryToServe(folder)
      expect(status).toBe(4)
      expect(stderr).toContain('FORMAT')
    }))

  test('with a damaged record in the midst of its log is 4, with the place', () =>
    withFolder(async (folder) => {
      await fill(folder)
      const path = segmentIn(folder)
      const bytes = readFileSync(path)
      const record = bytes.indexOf('value value')
      expect(record).toBeGreaterThan(0)
      bytes[record]! ^= 1
      writeFileSync(path, bytes)
      const { status, stderr } = await tryToServe(folder)
      expect(status).toBe(4)
      expect(stderr).toMatch(/\d{16}\.log\+\d{3,}/)
      expect(stderr).toContain(databaseIn(folder))
      expect(stderr).not.toContain('    at ')
    }))

  test('with a torn last record opens without it', () =>
    withFolder(async (folder) => {
      await fill(folder, 'kill')
      const path = segmentIn(folder)
      const bytes = readFileSync(path)
      const last = bytes.lastIndexOf('value value')
      bytes.fill(0, last - 20, last + 8)
      writeFileSync(path, bytes)
      const { count, stderr } = await countIn(folder)
      expect(count).toBe(19)
      expect(loggedAt('warning', stderr)).toMatchObject([{ database: 'polylog', file: path }])
    }))

  test('with a damaged last record opens without it, and warns of its place and size', () =>
    withFolder(async (folder) => {
      await fill(folder, 'kill')
      const path = segmentIn(folder)
      const bytes = readFileSync(path)
      const last = bytes.lastIndexOf('value value')
      bytes[last]! ^= 1
      writeFileSync(path, bytes)
      const { count, stderr } = await countIn(folder)
      expect(count).toBe(19)
      const [warning, ...more] = loggedAt('warning', stderr)
      expect(more).toEqual([])
      expect(warning).toMatchObject({ database: 'polylog', file: path, message: expect.stringContaining('checksum') })
      expect(warning!['position']).toBeLessThan(last)
      expect(Number(warning!['position']) + Number(warning!['bytes'])).toBeGreaterThan(last)
    }))

  test('with a cut-off last record opens without it, which is no warning', () =>
    withFolder(async (folder) => {
      await fill(folder, 'kill')
      const path = segmentIn(folder)
      const bytes = readFileSync(path)
      const end = bytes.lastIndexOf('value value')
      bytes.fill(0, end - (end % 512))
      writeFileSync(path, bytes)
      const server = await serveOn(folder)
      const { stderr } = await server.stop()
      expect(loggedAt('warning', stderr)).toEqual([])
      expect(loggedAt('info', stderr)).toContainEqual(
        expect.objectContaining({ file: path, message: expect.stringContaining('crash') }),
      )
    }))

  test.each([
    ['FORMAT', 'FORMAT'],
    ['CONTENTS', 'CONTENTS'],
    ['the name of a database', 'name'],
    ['the log of a database', 'log'],
    ['the folder of a database', ''],
  ])('that has lost %s is 4, with the path', (_, name) =>
    withFolder(async (folder) => {
      await fill(folder)
      const isTop = /^[A-Z]/.test(name)
      const path = isTop ? join(folder, name) : join(databaseIn(folder), name)
      rmSync(path, { recursive: true })
      const { status, stderr } = await tryToServe(folder)
      expect(status).toBe(4)
      expect(stderr).toContain(path.replace(/\/$/, ''))
      expect(stderr).toContain('missing')
      expect(stderr).not.toContain('    at ')
    }),
  )

  test('that may not be read is 1 and named', () =>
    withFolder(async (folder) => {
      chmodSync(folder, 0)
      // The superuser may read that one, but not even he makes folders here.
      const path = process.getuid?.() === 0 ? '/sys/polylog-data' : folder
      const { status, stderr } = await tryToServe(path)
      expect(status).toBe(1)
      expect(stderr).toContain(path)
      expect(stderr).not.toContain('    at ')
    }))

  test('that is a file is 1 and named', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'file')
      writeFileSync(path, '')
      const { status, stderr } = await tryToServe(path)
      expect(status).toBe(1)
      expect(stderr).toContain(path)
    }))

  test('whose LOCK is a file is 1, and it is the LOCK that is named', () =>
    withFolder(async (folder) => {
      writeFileSync(join(folder, 'LOCK'), '')
      const { status, stderr } = await tryToServe(folder)
      expect(status).toBe(1)
      expect(stderr).toContain(`${folder}/LOCK is not a folder`)
    }))

  test('that cannot be made is 1, with what the system says', () =>
    withFolder(async (folder) => {
      writeFileSync(join(folder, 'file'), '')
      for (const path of [...(process.platform === 'linux' ? ['/proc/x'] : []), join(folder, 'file', 'data')]) {
        const { status, stderr } = await tryToServe(path)
        expect(status).toBe(1)
        expect(stderr).toMatch(`cannot make the data directory ${path}: `)
        expect(stderr).toMatch(/ENOENT|ENOTDIR|EACCES/)
      }
    }))

  test('below folders that are missing is made', () =>
    withFolder(async (folder) => {
      const server = await serveOn(join(folder, 'a', 'b'))
      expect(await server.stop()).toMatchObject({ status: 0 })
    }))

  test('with foreign files beside its own opens', () =>
    withFolder(async (folder) => {
      mkdirSync(join(folder, 'notes'))
      appendFileSync(join(folder, 'notes', 'x'), 'x')
      const server = await serveOn(folder)
      expect(await server.stop()).toMatchObject({ status: 0 })
    }))
})
