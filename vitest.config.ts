import { configDefaults, defineConfig } from 'vitest/config'

// `npm test`: everything that is quick. tests/interop needs other languages, tests/fuzz, tests/crash and the soak take
// minutes; each has its own command.
export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    exclude: [
      ...configDefaults.exclude,
      'tests/interop/**',
      'tests/fuzz/**',
      'tests/crash/**',
      'tests/soak/soak.test.ts',
    ],
    pool: 'forks',
    testTimeout: 15_000,
    hookTimeout: 15_000,
  },
})
