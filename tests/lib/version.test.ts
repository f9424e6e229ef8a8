import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { leveretVersion } from '../../src/lib/version.ts'

test('the version is the one of the package', () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  expect(leveretVersion()).toBe(version)
})
