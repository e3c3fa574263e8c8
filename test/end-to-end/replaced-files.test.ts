/** A server whose files were taken away after its start, as a new version does that is unpacked in its place. */
import { cp, rename, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Clients } from './clients.ts'
import { repositoryRoot, ServerProcess, withFolder } from './server-process.ts'

test('what is loaded when it is first needed is there without the files', async () => {
  await withFolder(async (folder) => {
    await cp(join(repositoryRoot, 'dist'), join(folder, 'dist'), { recursive: true })
    await cp(join(repositoryRoot, 'package.json'), join(folder, 'package.json'))
    await symlink(join(repositoryRoot, 'node_modules'), join(folder, 'node_modules'))
    const server = await ServerProcess.run([join(folder, 'dist/cli/polylog.js'), 'serve', '--memory', '--port', '0'])
    const clients = new Clients(server.port)
    try {
      await rename(join(folder, 'dist'), join(folder, 'replaced'))
      await rm(join(folder, 'node_modules'))
      const postgres = await clients.postgres()
      const value = async (text: string, values?: unknown[]): Promise<unknown> => {
        return Object.values((await postgres.query<Record<string, unknown>>(text, values)).rows[0]!)[0]
      }
      expect(await value("SELECT length(translate(repeat('x', 1000000), 'x', 'y'))")).toBe(1_000_000)
      expect(await value('SELECT cardinality($1::int[])', [Array.from({ length: 200_000 }, (_, i) => i)])).toBe(200_000)
      // A text that the grammar's thread parses, and texts that end a grammar, which is made anew then.
      expect(await value(`SELECT length('${'x'.repeat(300_000)}')`)).toBe(300_000)
      for (let i = 0; i < 8; i++) {
        await expect(postgres.query(`SELECT ${'NOT '.repeat(15_000)}true`)).rejects.toThrow()
      }
      expect(await value('SELECT 1 + 1')).toBe(2)
      const items = clients.mongo().db('gone').collection('items')
      await items.insertOne({ a: 1 })
      const numbers = { $range: [0, 100_000] }
      const summed = { $sum: { $map: { input: numbers, in: { $size: { $range: [0, 3] } } } } }
      expect(await items.aggregate([{ $project: { _id: 0, summed } }]).toArray()).toEqual([{ summed: 300_000 }])
      // Canceled, so that its thread ends; the next one is a new one.
      const endless = { $map: { input: numbers, in: { $map: { input: numbers, in: numbers } } } }
      await expect(items.aggregate([{ $project: { endless } }], { maxTimeMS: 200 }).toArray()).rejects.toThrow()
      expect(await items.aggregate([{ $project: { _id: 0, summed } }]).toArray()).toEqual([{ summed: 300_000 }])
    } finally {
      await clients.close()
      await server.stop()
    }
  })
})
