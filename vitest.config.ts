import { defineConfig } from 'vitest/config'

/** `*.ci.test.ts` is too long for every day: those files run, and they alone, in continuous integration's second part. */
const isCiOnly = process.env['POLYLOG_CI_ONLY'] === '1'
const suffix = isCiOnly ? 'ci.test.ts' : 'test.ts'

export default defineConfig({
  test: {
    include: ['src', 'test', 'scripts', 'bench', 'samples'].map((folder) => `${folder}/**/*.${suffix}`),
    exclude: isCiOnly ? [] : ['**/*.ci.test.ts'],
    passWithNoTests: isCiOnly,
    setupFiles: ['test/property-seed.ts'],
    testTimeout: isCiOnly ? 600_000 : 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
})
