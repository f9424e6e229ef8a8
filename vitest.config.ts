import { configDefaults, defineConfig } from 'vitest/config'

// `npm test`: everything that is quick. tests/interop needs other languages and tests/fuzz takes a minute;
// both have their own command.
export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    exclude: [...configDefaults.exclude, 'tests/interop/**', 'tests/fuzz/**'],
    pool: 'forks',
    testTimeout: 15_000,
    hookTimeout: 15_000,
  },
})
