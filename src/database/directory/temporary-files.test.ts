import { describe, expect, it } from 'vitest'
import { MemoryAccount } from '../../base/memory-account.ts'
import { DiskError } from '../../host/host.ts'
import { createMemoryDisk } from '../../host/simulated/memory-disk.ts'
import { TemporaryFiles } from './temporary-files.ts'
import { Workspace } from '../transaction/workspace.ts'

describe('temporary files', () => {
  it('are removed at the next start, whatever lies there', async () => {
    const disk = createMemoryDisk()
    await disk.makeFolder('temporary')
    await (await disk.open('temporary/7', { mode: 'create' })).writeAt(0, new Uint8Array(10))
    await TemporaryFiles.open(disk, 'temporary', 1000)
    expect(await disk.list('temporary')).toEqual([])
  })

  it('give back what was appended', async () => {
    const disk = createMemoryDisk()
    const files = await TemporaryFiles.open(disk, 'temporary', 1000)
    const file = await files.create()
    await file.append(new Uint8Array([1, 2, 3]))
    await file.append(new Uint8Array([4, 5]))
    const bytes = new Uint8Array(3)
    await file.read(2, bytes)
    expect([...bytes]).toEqual([3, 4, 5])
    expect(await disk.list('temporary')).toEqual([])
  })

  it('have a limit together, and give their space back', async () => {
    const files = await TemporaryFiles.open(createMemoryDisk(), 'temporary', 100)
    const one = await files.create()
    const other = await files.create()
    await one.append(new Uint8Array(60))
    await other.append(new Uint8Array(40))
    await expect(other.append(new Uint8Array(1))).rejects.toMatchObject({
      code: 'disk_full',
      detail: { sqlState: '53400' },
    })
    one.close()
    one.close()
    expect(files.usedBytes).toBe(40)
    await other.append(new Uint8Array(60))
    other.close()
    expect(files).toMatchObject({ usedBytes: 0, openFiles: 0 })
  })

  it('make a full disk the error of who writes', async () => {
    const disk = createMemoryDisk()
    const files = await TemporaryFiles.open(disk, 'temporary', 100)
    disk.open = () => Promise.reject(new DiskError('no-space', 'temporary/1', 'no space'))
    await expect(files.create()).rejects.toMatchObject({ code: 'disk_full' })
    expect(files.openFiles).toBe(0)
  })

  it('go with their workspace, also one that is made while it closes', async () => {
    const temporary = await TemporaryFiles.open(createMemoryDisk(), 'temporary', 100)
    const account = new MemoryAccount('process')
    const parts = { temporary, operatorBytes: 10, statementBytes: 100 }
    const workspace = new Workspace('statement', account, parts)
    const file = await workspace.createFile()
    await file.append(new Uint8Array(10))
    workspace.memory.charge(50)
    const late = workspace.createFile()
    workspace.close()
    await late
    expect(temporary).toMatchObject({ usedBytes: 0, openFiles: 0 })
    expect(account.usedBytes).toBe(0)
  })
})
