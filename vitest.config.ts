import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vitest/config'

/** `*.ci.test.ts` is too long for every day: those files run, and they alone, in continuous integration's second part. */
const isCiOnly = process.env['POLYLOG_CI_ONLY'] === '1'
const suffix = isCiOnly ? 'ci.test.ts' : 'test.ts'

/**
 * Half of what a folder's tests take is loading modules, once for each file. So a file of `src` finds those that are
 * there already, and leaves nothing in them that another could notice. These have modules of their own: they register
 * engines, count what a module does from its first call on, or put something in the place of a part of it.
 */
const withOwnModules = [
  `src/database/**/*.${suffix}`,
  `src/gateway/*/long-turns.${suffix}`,
  // It has a language of its own for the expressions of tables.
  `src/model/table/table.${suffix}`,
  ...['test', 'scripts', 'bench', 'samples'].map((folder) => `${folder}/**/*.${suffix}`),
]

interface StoreOfTests {
  readonly module: URL
  /** Tests of what this store does otherwise on purpose. */
  readonly exclude: readonly string[]
}

/** The kernel's own: they read the newest state in one turn, with nobody there who would wait for a page. */
const readInOneTurn = [
  'src/database/commit/large-commits.test.ts',
  'src/database/commit/pieces.test.ts',
  'src/database/directory/damaged-directory.test.ts',
  'src/database/following/feed.test.ts',
  'src/database/following/follower-notes.test.ts',
  'src/database/following/following-instance.test.ts',
  'src/database/history/change-walk.test.ts',
  'src/database/history/history.test.ts',
  'src/database/instance.test.ts',
  'src/database/prepared/prepared-crash.test.ts',
  'src/database/prepared/prepared-transactions.test.ts',
  'src/session/prepared.test.ts',
  // Rows of the audit are in memory always: nobody makes the server's own collections in an engine.
  'src/server/audit.test.ts',
]

/** They compare a collection of an engine with its twin in memory, and read that in one turn. */
const compareTwins = [
  'src/database/engine-faults.test.ts',
  'src/database/following/engine-crashes.test.ts',
  'src/database/directory/recovery.test.ts',
]

/** They name or damage the files of the memory store's checkpoint, or have a verifier or a follower read them. */
const readCheckpoints = [
  'src/database/engines.test.ts',
  'src/server/damaged-engine.test.ts',
  'src/server/encrypted-directory.test.ts',
]

/** What every database that is opened has in place of the memory store, where the environment names it. */
const stores: Readonly<Record<string, StoreOfTests>> = {
  // Pages that are not always resident.
  missing: {
    module: new URL('test/stores/missing-memory.ts', import.meta.url),
    exclude: [
      ...readInOneTurn,
      ...compareTwins,
      // It loads a catalog anew beside the one that is there, in one turn.
      'src/database/catalog/catalog-model.test.ts',
      // They count in the store itself, which may have to load pages for it, or change its pages.
      'src/query/cardinality.test.ts',
      'src/query/verified-store.test.ts',
      'src/session/canceled-commits.test.ts',
    ],
  },
  // An overlay over a sorted file, of which few blocks are resident. It counts nothing that was written lately, and its
  // checkpoints are not the memory store's.
  sorted: {
    module: new URL('test/stores/sorted-memory.ts', import.meta.url),
    exclude: [
      ...readInOneTurn,
      ...compareTwins,
      ...readCheckpoints,
      // Its overlay copies and looks up more than the counts of a turn are for.
      'src/gateway/redis/long-turns.test.ts',
      'src/language/sql/counted-rows.test.ts',
      // What lies in the file takes no memory, so that nothing has to go.
      'src/gateway/redis/eviction/eviction.test.ts',
      'src/query/verified-store.test.ts',
      'src/session/canceled-commits.test.ts',
      'src/session/verification.test.ts',
    ],
  },
}

const storeName = process.env['POLYLOG_TEST_STORE']
const storeOfTests = storeName === undefined ? undefined : stores[storeName]
if (storeName !== undefined && storeOfTests === undefined) throw new Error(`there is no test store "${storeName}"`)

function storeOfDatabases(): Plugin {
  const store = storeOfTests && fileURLToPath(storeOfTests.module)
  return {
    name: 'store-of-databases',
    enforce: 'pre',
    resolveId: (source, importer) => {
      const opensDatabases = /\/src\/database\/(?:instance|testing)\.ts$/.test(importer ?? '')
      return store !== undefined && opensDatabases && source.endsWith('/storage/memory/memory.ts') ? store : undefined
    },
  }
}

const excluded = [...(isCiOnly ? [] : ['**/*.ci.test.ts']), ...(storeOfTests?.exclude ?? [])]

export default defineConfig({
  plugins: [storeOfDatabases()],
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'shared modules',
          isolate: false,
          include: [`src/**/*.${suffix}`],
          exclude: [...excluded, ...withOwnModules],
        },
      },
      { extends: true, test: { name: 'own modules', include: withOwnModules, exclude: excluded } },
    ],
    passWithNoTests: isCiOnly,
    setupFiles: ['test/property-seed.ts', 'test/running-test.ts'],
    // Only for what hangs: a machine may be slow.
    testTimeout: isCiOnly ? 600_000 : 180_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    maxWorkers: 2,
  },
})
