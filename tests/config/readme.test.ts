import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { environmentNames, fileKeys, flagName, OPTION_NAMES, optionRow } from '../../config/options.ts'

test('the README has one row for every option, and it says what the table says', () => {
  const code = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ') || '—'
  const rows = OPTION_NAMES.map((name) => {
    const row = optionRow(name)
    const cells = [
      `\`--${flagName(name)}\``,
      row.doc,
      `\`${row.defaultText ?? row.defaultValue}\``,
      row.parser.allowed,
      code(environmentNames(name).slice(1)),
      code(fileKeys(name).slice(1)),
    ]
    return `| ${cells.join(' | ')} |`
  })
  const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8')
  const found = readme.split('\n').filter((line) => line.startsWith('| `--'))
  expect(found).toEqual(rows)
})
