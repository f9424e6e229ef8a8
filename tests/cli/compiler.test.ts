import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { inlineMore } from '../../src/cli/compiler.ts'

test('the compiler is told what it knows', () => {
  const flags: string[] = []
  inlineMore((flag) => void flags.push(flag))
  expect(flags).toHaveLength(1)
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, '-e', 'console.log("runs")'], { encoding: 'utf8' })
  expect([stdout, stderr]).toEqual(['runs\n', ''])
})
