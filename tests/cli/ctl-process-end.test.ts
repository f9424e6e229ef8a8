import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { hasEnded } from '../../src/cli/ctl/process-end.ts'

test('a process has ended once its parent has looked, or even before', async () => {
  expect(hasEnded(process.pid)).toBe(false)
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] })
  await once(child, 'spawn')
  const pid = child.pid as number
  expect(hasEnded(pid)).toBe(false)
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(hasEnded(pid)).toBe(true)
})
