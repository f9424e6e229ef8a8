import { configDefaults, defineConfig } from 'vitest/config'

// The suites that `npm test` leaves out, chosen by folder on the command line.
export default defineConfig({
  test: {
    include: [
      'tests/browser/**/*.test.ts',
      'tests/interop/**/*.test.ts',
      'tests/package/**/*.test.ts',
      'tests/fuzz/**/*.test.ts',
      'tests/crash/**/*.test.ts',
      'tests/differential/**/*.test.ts',
      'tests/soak/soak.test.ts',
    ],
    // Projects that use the package have tests of their own.
    exclude: [...configDefaults.exclude, 'tests/package/.cache/**'],
    pool: 'forks',
    // As in vitest.config.ts, which says why.
    execArgv: ['--heap-growing-percent=400', '--min-semi-space-size=32', '--single-threaded-gc'],
    experimental: { fsModuleCache: true },
    // They wait for others most of the time.
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 60_000,
  },
})
