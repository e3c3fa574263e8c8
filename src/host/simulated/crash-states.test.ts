import { describe, expect, test } from 'vitest'
import { DiskImage } from './disk-image.ts'
import { FileImage, SECTOR_BYTES } from './file-image.ts'
import { SeededRandom } from './random.ts'
import { seededSurvival } from './survival.ts'

/**
 * For small sequences of changes: the states that a power failure may leave are exactly these. Each sequence is run anew
 * for many seeds, so that what is possible is found, and what is found beyond the legal set is a defect.
 */
const SEEDS = 400

function statesOf(prepare: () => { lose: (seed: number) => void; show: () => string }): string[] {
  const states = new Set<string>()
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { lose, show } = prepare()
    lose(seed)
    states.add(show())
  }
  return [...states].sort()
}

/** Each sector is written with one letter throughout; a file shows as its sectors' letters, `.` for zeros. */
function fileStates(change: (file: FileImage) => void): string[] {
  return statesOf(() => {
    const file = new FileImage({ tracksUnsynced: true })
    change(file)
    return { lose: (seed) => file.lose(seededSurvival(new SeededRandom(seed))), show: () => letters(file) }
  })
}

function letters(file: FileImage): string {
  const bytes = new Uint8Array(file.size)
  file.read(0, bytes)
  let shown = ''
  for (let at = 0; at < bytes.length; at += SECTOR_BYTES) {
    const sector = new Set(bytes.subarray(at, at + SECTOR_BYTES))
    shown += [...sector].map((byte) => (byte === 0 ? '.' : String.fromCharCode(byte))).join('')
  }
  return shown
}

const sectors = (text: string): Uint8Array =>
  Uint8Array.from({ length: text.length * SECTOR_BYTES }, (_, at) => text.charCodeAt(Math.floor(at / SECTOR_BYTES)))

describe('what a power failure leaves of a file', () => {
  test('of a synced file, all', () => {
    const states = fileStates((file) => {
      file.write(0, sectors('ab'))
      file.sync(file.mark)
    })
    expect(states).toEqual(['ab'])
  })

  test('of an overwrite, any of its sectors', () => {
    const states = fileStates((file) => {
      file.write(0, sectors('abc'))
      file.sync(file.mark)
      file.write(0, sectors('XYZ'))
    })
    expect(states).toEqual(['XYZ', 'XYc', 'XbZ', 'Xbc', 'aYZ', 'aYc', 'abZ', 'abc'])
  })

  test('of two writes to a sector, the one, the other or none', () => {
    const states = fileStates((file) => {
      file.write(0, sectors('a'))
      file.sync(file.mark)
      file.write(0, sectors('X'))
      file.write(0, sectors('Y'))
    })
    expect(states).toEqual(['X', 'Y', 'a'])
  })

  test('of two writes to halves of a sector, never the later alone', () => {
    const half = (letter: string): Uint8Array => sectors(letter).subarray(0, SECTOR_BYTES / 2)
    const states = fileStates((file) => {
      file.write(0, sectors('a'))
      file.sync(file.mark)
      file.write(0, half('X'))
      file.write(SECTOR_BYTES / 2, half('Y'))
    })
    expect(states).toEqual(['XY', 'Xa', 'a'])
  })

  test('of a file that grew, nothing, or its length with any of its sectors', () => {
    const states = fileStates((file) => file.write(0, sectors('XY')))
    expect(states).toEqual(['', '..', '.Y', 'X.', 'XY'])
  })

  test('of appends, any length in their order, and any sectors within it', () => {
    const states = fileStates((file) => {
      file.write(0, sectors('X'))
      file.write(SECTOR_BYTES, sectors('Y'))
    })
    expect(states).toEqual(['', '.', '..', '.Y', 'X', 'X.', 'XY'])
  })

  test('a sync covers what was written before it began, and not what came meanwhile', () => {
    const states = fileStates((file) => {
      file.write(0, sectors('ab'))
      const mark = file.mark
      file.write(0, sectors('X'))
      file.sync(mark)
    })
    expect(states).toEqual(['Xb', 'ab'])
  })

  test('a durable write covers its own sectors and the length up to its end, and nothing else', () => {
    const states = fileStates((file) => {
      file.write(0, sectors('a'))
      file.sync(file.mark)
      file.write(0, sectors('X'))
      file.write(2 * SECTOR_BYTES, sectors('Z'))
      file.write(SECTOR_BYTES, sectors('Y'))
      file.syncRange(SECTOR_BYTES, SECTOR_BYTES)
    })
    expect(states).toEqual(['XY', 'XY.', 'XYZ', 'aY', 'aY.', 'aYZ'])
  })

  test('of a truncation, the old length or the new, sectors cut or not', () => {
    const states = fileStates((file) => {
      file.write(0, sectors('ab'))
      file.sync(file.mark)
      file.truncate(SECTOR_BYTES)
    })
    expect(states).toEqual(['a', 'a.', 'ab'])
  })

  test('zeros beyond the end are durable once synced, in whatever order', () => {
    const states = fileStates((file) => {
      file.write(0, new Uint8Array(3 * SECTOR_BYTES))
      file.sync(file.mark)
      file.write(SECTOR_BYTES, sectors('X'))
      file.syncRange(SECTOR_BYTES, SECTOR_BYTES)
    })
    expect(states).toEqual(['.X.'])
  })

  test('after a failed sync no later sync saves what it dropped, but a new write is saved', () => {
    const dropped = fileStates((file) => {
      file.write(0, sectors('ab'))
      file.sync(file.mark)
      file.write(0, sectors('XY'))
      file.abandon(file.mark)
      file.sync(file.mark)
    })
    expect(dropped).toEqual(['XY', 'Xb', 'aY', 'ab'])
    const rewritten = fileStates((file) => {
      file.write(0, sectors('ab'))
      file.sync(file.mark)
      file.write(0, sectors('XY'))
      file.abandon(file.mark)
      file.write(0, sectors('P'))
      file.sync(file.mark)
    })
    expect(rewritten).toEqual(['PY', 'Pb'])
  })
})

/** Names with the content of their files, for example `a=X sub/b=`. */
function diskStates(change: (disk: DiskImage) => void): string[] {
  return statesOf(() => {
    const disk = new DiskImage()
    change(disk)
    return {
      lose: (seed) => disk.lose(seededSurvival(new SeededRandom(seed))),
      show: () =>
        [...disk.files().map(({ path, file }) => `${path}=${letters(file)}`), ...emptyFolders(disk)].join(' '),
    }
  })
}

function emptyFolders(disk: DiskImage): string[] {
  return disk.list('').filter((name) => {
    try {
      return disk.list(name).length === 0
    } catch {
      return false
    }
  })
}

/** Creates a file, writes it and syncs its content, but not its name. */
function place(disk: DiskImage, path: string, text: string): void {
  const file = disk.createFile(path)
  file.write(0, sectors(text))
  file.sync(file.mark)
}

const sync = (disk: DiskImage, folder: string): void => disk.prepareSync(folder)()

describe('what a power failure leaves of names', () => {
  test('a file whose content is synced is lost where its name is not', () => {
    expect(diskStates((disk) => place(disk, 'a', 'X'))).toEqual(['', 'a=X'])
  })

  test('creations in a folder survive independently of each other', () => {
    const states = diskStates((disk) => {
      place(disk, 'a', 'X')
      place(disk, 'b', 'Y')
    })
    expect(states).toEqual(['', 'a=X', 'a=X b=Y', 'b=Y'])
  })

  test('a synced folder keeps all its names', () => {
    const states = diskStates((disk) => {
      place(disk, 'a', 'X')
      place(disk, 'b', 'Y')
      sync(disk, '')
    })
    expect(states).toEqual(['a=X b=Y'])
  })

  test('write beside, sync, rename, sync the folder: old or new until the end, then new', () => {
    const replace = (disk: DiskImage): void => {
      place(disk, 'a', 'O')
      sync(disk, '')
      place(disk, 'a.new', 'N')
      disk.rename('a.new', 'a')
    }
    expect(diskStates(replace)).toEqual(['a=N', 'a=O', 'a=O a.new=N'])
    const replaceAndSync = (disk: DiskImage): void => {
      replace(disk)
      sync(disk, '')
    }
    expect(diskStates(replaceAndSync)).toEqual(['a=N'])
  })

  test('without the sync of the content, the rename may leave an empty or a torn file', () => {
    const states = diskStates((disk) => {
      place(disk, 'a', 'O')
      sync(disk, '')
      disk.createFile('b').write(0, sectors('XY'))
      disk.rename('b', 'a')
      sync(disk, '')
    })
    expect(states).toEqual(['a=', 'a=..', 'a=.Y', 'a=X.', 'a=XY'])
  })

  test('a removal may be undone, and a name used again afterwards is lost with it', () => {
    const states = diskStates((disk) => {
      place(disk, 'a', 'O')
      sync(disk, '')
      disk.remove('a')
      place(disk, 'a', 'N')
    })
    expect(states).toEqual(['', 'a=N', 'a=O'])
  })

  test('a name given away and used anew: the first file is never lost', () => {
    const states = diskStates((disk) => {
      place(disk, 'a', 'O')
      sync(disk, '')
      disk.rename('a', 'b')
      place(disk, 'a', 'N')
    })
    expect(states).toEqual(['a=N b=O', 'a=O', 'b=O'])
  })

  test('a rename between folders is durable when both are synced, and is never half done', () => {
    const prepare = (disk: DiskImage): void => {
      disk.makeFolder('p')
      disk.makeFolder('q')
      place(disk, 'p/a', 'X')
      for (const folder of ['', 'p', 'q']) sync(disk, folder)
      disk.rename('p/a', 'q/b')
    }
    const either = ['p/a=X q', 'q/b=X p']
    const states = (folders: string[]): string[] =>
      diskStates((disk) => {
        prepare(disk)
        for (const folder of folders) sync(disk, folder)
      })
    expect(states([])).toEqual(either)
    expect(states(['q'])).toEqual(either)
    expect(states(['p'])).toEqual(either)
    expect(states(['q', 'p'])).toEqual(['q/b=X p'])
  })

  test('a folder that was not synced into its parent takes what it holds with it', () => {
    const states = diskStates((disk) => {
      disk.makeFolder('sub')
      place(disk, 'sub/a', 'X')
      sync(disk, 'sub')
    })
    expect(states).toEqual(['', 'sub/a=X'])
  })

  test('a sync of a folder covers what was changed before it began', () => {
    const states = diskStates((disk) => {
      place(disk, 'a', 'X')
      const begun = disk.prepareSync('')
      place(disk, 'b', 'Y')
      begun()
    })
    expect(states).toEqual(['a=X', 'a=X b=Y'])
  })

  test('what survived is durable: a second failure takes nothing more', () => {
    const disk = new DiskImage()
    place(disk, 'a', 'X')
    disk.createFile('b').write(0, sectors('Y'))
    disk.lose({ version: (count) => count - 1, keeps: () => true })
    disk.lose({ version: () => 0, keeps: () => false })
    expect(disk.files().map(({ path, file }) => `${path}=${letters(file)}`)).toEqual(['a=X', 'b=Y'])
  })
})
