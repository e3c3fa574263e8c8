import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vitest/config'

/** `*.ci.test.ts` is too long for every day: those files run, and they alone, in continuous integration's second part. */
const isCiOnly = process.env['POLYLOG_CI_ONLY'] === '1'
const suffix = isCiOnly ? 'ci.test.ts' : 'test.ts'

/** `missing`: every database that is opened has a store whose pages are not always resident. */
function storeOfDatabases(): Plugin {
  const isMissing = process.env['POLYLOG_TEST_STORE'] === 'missing'
  const store = fileURLToPath(new URL('test/stores/missing-memory.ts', import.meta.url))
  return {
    name: 'store-of-databases',
    enforce: 'pre',
    resolveId: (source, importer) => {
      const opensDatabases = /\/src\/database\/(?:instance|testing)\.ts$/.test(importer ?? '')
      return isMissing && opensDatabases && source.endsWith('/storage/memory/memory.ts') ? store : undefined
    },
  }
}

export default defineConfig({
  plugins: [storeOfDatabases()],
  test: {
    include: ['src', 'test', 'scripts', 'bench', 'samples'].map((folder) => `${folder}/**/*.${suffix}`),
    exclude: isCiOnly ? [] : ['**/*.ci.test.ts'],
    passWithNoTests: isCiOnly,
    setupFiles: ['test/property-seed.ts', 'test/running-test.ts'],
    testTimeout: isCiOnly ? 600_000 : 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
})
