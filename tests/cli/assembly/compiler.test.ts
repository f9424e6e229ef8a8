import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { inlineMore } from '../../../src/cli/assembly/compiler.ts'

test('this V8 knows the flags, and allows less by itself', () => {
  const flags: string[] = []
  inlineMore((flag) => flags.push(flag))
  expect(flags.length).toBe(2)
  const options = spawnSync(process.execPath, ['--v8-options'], { encoding: 'utf8' }).stdout
  for (const flag of flags) {
    const [name, value] = flag.split('=')
    const allowed = new RegExp(`${name} \\([^)]*\\)\\s+type: \\w+\\s+default: ${name}=(\\d+)`).exec(options)?.[1]
    expect(Number(allowed)).toBeGreaterThan(0)
    expect(Number(value)).toBeGreaterThan(Number(allowed))
  }
})
